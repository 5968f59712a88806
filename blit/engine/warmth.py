"""What a run takes from earlier ones: its forecast, its workers to start with, its batches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from blit.engine.growth import MOST, at_once
from blit.engine.plan import Cost
from blit.history.predict import Forecast

if TYPE_CHECKING:
    from blit.engine.schedule import Schedule
    from blit.engine.transfer import Run
    from blit.history.predict import Predictor

# seconds: the history may lie on a disk that stands still, and the copy has begun meanwhile
_PATIENCE = 0.25
_STEP, _PAUSE = 2, 0.03  # workers, seconds
_DOUBT = 0.25  # seconds that the answers are listened to when all are there


async def ask(predictor: Predictor | None, facts: dict[str, Any], route: str) -> Forecast:
    """What is known before the run; nothing when the answer does not come at once."""
    if predictor is None:
        return Forecast()
    with anyio.move_on_after(_PATIENCE):
        return await anyio.to_thread.run_sync(predictor.look, facts, route, abandon_on_cancel=True)
    return Forecast()


def warm(run: Run, facts: dict[str, Any]) -> str:
    """Begin with as many workers as earlier runs settled at; why, in words, to add to a reason."""
    forecast, count = run.forecast, min(run.forecast.workers, MOST)
    assert run.route is not None
    shared = min(run.route.workers, MOST)  # a few files: the reason says so already
    if shared:
        count = shared
    pace = facts["pace"] if not count else 0.0
    if pace:
        count = at_once(pace, os.cpu_count() or 1)
    if run.job.workers is not None or facts["rotational"] or count <= len(run.pool.workers):
        return ""
    if run.route.name != "streaming":
        return ""
    run.warm, run.wanted = max(forecast.settled, shared and 1, 1 if pace else 0), count
    run.hiring = True
    run.group.start_soon(_hire, run)
    if shared:
        return ""
    if pace:
        return f"; {count} workers to start with: an entry takes {1000 * pace:.1f} ms to look at"
    runs = "an earlier run" if forecast.settled == 1 else f"{forecast.settled} earlier runs"
    return f"; {count} workers to start with, as settled in {runs}"


async def _hire(run: Run) -> None:
    """A few at a time: all at once would take the cores from those that fetch the first byte.

    A lesson may be a bad one, learned while the place was slow, and too many workers teach
    themselves again: where the first answers say that nobody waits, it goes on as if nothing were
    known.
    """
    crew, cores, few = run.crew, os.cpu_count() or 1, run.crew.active
    patience = _DOUBT
    while patience > 0 and not crew.stopping and not run.over:
        before, schedule = crew.active, run.schedule
        # of more than twice the cores each has so little of them that waiting tells nothing
        if before > cores and crew.waits.compute(min(before, 2 * cores), cores):
            run.warm, run.wanted = 0, few
            crew.resize(few)
            if schedule is not None:
                schedule.workers = few
            break
        if before >= run.wanted:
            patience -= _PAUSE
        elif schedule is None or not schedule.plan_done or schedule.plan.waiting_files:
            crew.resize(min(before + _STEP, run.wanted))
            if crew.active == before:
                run.wanted = before  # the system has no more to give
        await anyio.sleep(_PAUSE)
    run.hiring = False


def teach(run: Run, schedule: Schedule) -> None:
    """Workers, and the cost of a file, so that the first batches have the right size."""
    if run.warm:
        schedule.workers = run.wanted
    assert run.route is not None
    if run.forecast.per_file and not schedule.plan.batches and not run.route.workers:
        schedule.plan.cost = Cost(run.forecast.per_file, run.forecast.per_byte)


def known(run: Run, files: int, size: int, unchanged: int) -> Forecast:
    """The forecast of the whole run, now that the totals are known; for the ETA."""
    if run.predictor is None or not run.forecast.profile:
        return Forecast()
    found = run.predictor.plan(files, size, unchanged)
    if run.job.held and run.forecast.seconds is None:  # nothing has begun
        run.forecast = run.forecast._replace(seconds=found.seconds, band=found.band)
    return found
