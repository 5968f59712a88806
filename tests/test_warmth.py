"""Workers to begin with: what the first look timed asks for them, a rotational disk forbids them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from blit.engine import warmth
from blit.engine.growth import Waits
from blit.history.predict import Forecast
from blit.worker import latency


def begin(
    pace: float, rotational: bool = False, workers: int | None = None,
    forecast: Forecast = Forecast(),  # noqa: B008
) -> Any:  # fmt: skip
    """The run, and why it begins with more, after a first look that took `pace` an entry."""
    run: Any = SimpleNamespace(
        forecast=forecast, route=SimpleNamespace(name="streaming", workers=0),
        job=SimpleNamespace(workers=workers), pool=SimpleNamespace(workers=[1, 2]),
        group=SimpleNamespace(start_soon=lambda *_: None), warm=0, wanted=0, hiring=False,
    )  # fmt: skip
    run.why = warmth.warm(run, {"pace": pace, "rotational": rotational})
    return run


def test_a_slow_look_begins_with_many() -> None:
    run = begin(0.05)
    assert run.wanted > 2 and run.warm == 1
    assert f"{run.wanted} workers to start with: an entry takes 50.0 ms to look at" in run.why


@pytest.mark.parametrize("pace", [0.0, 1e-5, 2e-4])
def test_a_fast_one_with_no_more_than_usual(pace: float) -> None:
    run = begin(pace)
    assert (run.wanted, run.warm, run.why) == (0, 0, "")


def test_a_rotational_disk_stays_low() -> None:
    assert begin(0.05, rotational=True).wanted == 0


def test_a_number_that_was_asked_for_is_kept() -> None:
    assert begin(0.05, workers=2).wanted == 0


def test_earlier_runs_know_better() -> None:
    known = Forecast(workers=6, settled=3)
    run = begin(0.05, forecast=known)
    assert (run.wanted, run.warm) == (6, 3)


def test_one_slow_look_among_many_tells_nothing() -> None:
    """A machine with much to do: the median counts."""
    assert latency.of([1e-5] * 6 + [0.02] * 3, []) < 1e-4
    assert latency.of([0.02] * 3, []) == 0.0
    assert latency.of([], [0.004] * 9) == 0.004
    assert latency.of([0.004] * 4, [1e-6] * 60) == 0.004


class Crew:
    """Counts workers; the first answers come when there are some more than in the beginning."""

    def __init__(self, worked: float) -> None:
        self.active, self.stopping, self.waits, self.worked = 2, False, Waits(), worked

    def resize(self, count: int) -> None:
        self.active = count
        if not self.waits.files:
            self.waits.add({"files": 100}, {"took": 1.0, "worked": self.worked, "bytes": 100})


@pytest.mark.parametrize(("worked", "workers", "warm"), [(0.8, 2, 0), (0.05, 32, 5)])
async def test_a_bad_lesson_is_dropped_by_what_the_first_answers_say(
    worked: float, workers: int, warm: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `compute` a run of two seconds kept 32 workers on a quick disk, and taught it again."""
    run = begin(0.0, forecast=Forecast(workers=32, settled=5))
    run.crew, run.over, run.schedule = Crew(worked), False, None
    monkeypatch.setattr(warmth.os, "cpu_count", lambda: 2)
    await warmth._hire(run)
    assert (run.crew.active, run.warm, run.hiring) == (workers, warm, False)
