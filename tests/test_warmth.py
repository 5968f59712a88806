"""Workers to begin with: what the first look timed asks for them, a rotational disk forbids them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from blit.engine import warmth
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
        group=SimpleNamespace(start_soon=lambda *_: None), warm=0, wanted=0,
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
