"""The first steps of a run, before the engine is imported: look, choose the route, post a task.

Importing the engine takes longer than all of this. A worker that has its first task by then has the
first files copied, or the first folders listed, when the engine comes up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from blit.engine import route
from blit.engine.workers import Pool, Worker, WorkerDied
from blit.history import profile
from blit.job import Job, command_line
from blit.worker.wire import SLOW, ready

if TYPE_CHECKING:
    from blit.engine.borders import Known
    from blit.engine.feeding import Feeder
    from blit.engine.schedule import Schedule

# seconds to wait for the first look, and the first listing, before the imports go on beside them
_PATIENCE = 0.03
# what chooses and prepares the route; the first only where something was learned
_NEEDED = ("blit.engine.borders", "blit.engine.schedule", "blit.engine.feeding")
_SET_OUT = 0.015
_GROUP = 16  # files, where each takes long: a folder for several, and none has much left at the end

Task = dict[str, Any]


class Early(NamedTuple):
    """What was done before the engine was imported."""

    facts: dict[str, Any] | None = None  # None: the probe is still under way
    route: route.Route | None = None
    schedule: Schedule | None = None
    tasks: Mapping[int, Task] = MappingProxyType({})  # posted to workers, by slot
    answers: Sequence[tuple[int, Task, Task]] = ()  # slot, task and answer, already in the schedule
    known: Mapping[str, Any] = MappingProxyType({})  # of earlier runs, by profile: history.routes
    feeder: Feeder | None = None  # whoever still imports lets it go on, whoever goes on stops it


def probe_task(job: Job, pool: Pool) -> Task:
    if job.trash:  # told with every task: who deletes or replaces something must know where to
        stamp = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
        pool.told.words["said"] = (f"{stamp}-{os.urandom(2).hex()}", command_line(job))
    return {
        "op": "probe",
        "sources": [wire_text(s) for s in job.sources],
        "target": wire_text(job.target),
        "options": job.options(),
        "only": [wire_text(path) for path in job.only],
        "files_from": None if job.files_from is None else wire_text(job.files_from),
        "listed": job.listed,
        "filters": filters(job),
        "check": job.check,
    }


def filters(job: Job) -> tuple[Any, ...] | None:
    """What workers need to filter (see filters.prepare): they start without site-packages."""
    if not job.filtered:
        return None
    times = [None if when is None else round(when * 10**9) for when in (job.newer, job.older)]
    limits = (job.min_size, job.max_size, *times) if job.limited else None
    from importlib.util import find_spec

    found = find_spec("pathspec")
    home = os.path.dirname(os.path.dirname(found.origin)) if found and found.origin else ""
    return home, job.patterns, job.gitignore, not job.delete_excluded, limits


def wire_text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def start(
    pool: Pool, job: Job, routes: Callable[[], Mapping[str, Any]] = MappingProxyType({}).copy
) -> Early:
    """Post the probe and, if its answer is quick and harmless, the first task of the route.

    `routes` reads what earlier runs say about routes; while the worker looks it costs no time.
    """
    worker = pool.workers[0]
    _post(pool, worker, probe_task(job, pool))
    known = routes()
    for name in _NEEDED[not known :]:
        if not ready(worker.answers, 0):
            import_module(name)  # that passes the time
    if not ready(worker.answers, _PATIENCE):
        return Early(known=known)
    facts = pool.answer_now(worker)
    if facts is None or job.move or not harmless(facts, job):
        return Early(facts, known=known)
    chosen, learned = choose(job, facts, known)
    if chosen.name == "direct":
        task = direct_task(facts)
        _post(pool, worker, task)
        return Early(facts, chosen, None, {worker.slot: task}, known=known)
    schedule = streaming(facts, len(pool.workers), job.held)
    taught(schedule, chosen, learned, facts)
    from blit.engine.feeding import Feeder

    feeder = Feeder(pool, schedule, facts["room"][:2])
    feeder.feed(_SET_OUT)
    return Early(facts, chosen, schedule, feeder.tasks, feeder.answers, known, feeder)


def _post(pool: Pool, worker: Worker, task: Task) -> None:
    """A worker that is dead by now is found so by who waits for its answer, and replaced."""
    try:
        pool.post_all(worker, task)
    except WorkerDied:
        pass


def go_on(early: Early, signals: Sequence[int] = ()) -> None:
    """Keep the workers fed beside the imports until the engine comes up, or a signal has come."""
    if early.feeder is not None:
        early.feeder.go_on(signals)


def choose(
    job: Job, facts: Mapping[str, Any], known: Mapping[str, Any]
) -> tuple[route.Route, Known | None]:
    """The route, and what was measured between such places, if anything was."""
    learned = few = None
    small = facts["small"]
    if known and (found := known.get(profile.key(profile.of_facts(facts)))) is not None:
        from blit.engine import borders
        from blit.history.predict import FEW

        options = {name: getattr(job, name) for name in profile.DEARER}
        ways = (profile.way("direct", options), profile.way(FEW, options))
        learned = borders.known_of(found, *ways)
        few = borders.few(learned, *small) if small is not None else None
    chosen = route.choose(job.mirror, job.checksum, small, facts["largest"], job.filtered, few)
    if learned is None or (facts["largest"] or 0) < route.SPLIT_BYTES:
        return chosen, learned
    if why := borders.large(learned, not facts["rotational"]).why:
        seen = f"one file of {facts['largest'] / (1 << 30):.1f} GiB"
        chosen = chosen._replace(reason=f"{seen}: {why}")
    return chosen, learned


def taught(
    schedule: Schedule, chosen: route.Route, learned: Known | None, facts: Mapping[str, Any]
) -> None:
    """What was measured between such places: costs, whether to split, how finely to share."""
    if learned is None:
        return
    from blit.engine import borders
    from blit.engine.plan import Cost

    if learned.batch.runs:
        schedule.plan.cost = Cost(learned.batch.per_file, learned.batch.per_mib / (1 << 20))
    schedule.large.choice = borders.large(learned, not facts["rotational"])
    if chosen.workers and facts["small"] is not None:
        schedule.group = max(1, facts["small"][0] // chosen.workers)
        serial = learned.serial
        if serial is not None:
            schedule.plan.cost = Cost(serial.per_file, serial.per_mib / (1 << 20))


async def facts(pool: Pool, job: Job, early: Early | None) -> dict[str, Any]:
    """The answer to the probe; a worker that dies over it is replaced once. Raises WorkerDied."""
    if early is not None and early.facts is not None:
        return early.facts
    worker = pool.workers[0]
    try:
        if early is not None:
            return await pool.answer(worker)
        return await pool.ask(worker, probe_task(job, pool))
    except WorkerDied:
        other = pool.replace(worker)
        if other is None:
            raise
        return await pool.ask(other, probe_task(job, pool))


def harmless(facts: dict[str, Any], job: Job) -> bool:
    """Nothing speaks against going on: what does is said by the engine, which can publish it."""
    if "refused" in facts or "defect" in facts:
        return False
    return not (job.mirror and facts["empty"] and not job.allow_empty_source)


def direct_task(facts: dict[str, Any]) -> Task:
    files, size = facts["small"]
    return {
        "op": "direct", "what": "direct", "folders": facts["folders"], "options": facts["options"],
        "same": facts["same"], "files": files, "bytes": size, "room": facts["room"],
    }  # fmt: skip


def streaming(facts: dict[str, Any], workers: int, held: bool = False) -> Schedule:
    from blit.engine.schedule import Schedule

    schedule = Schedule(
        facts["folders"],
        facts["options"],
        facts["same"],
        workers,
        not facts["rotational"],
        held,
        facts.get("filters", b""),
    )
    if facts["pace"] >= SLOW:
        schedule.slow, schedule.group = True, _GROUP
    return schedule
