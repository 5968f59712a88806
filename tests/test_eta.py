"""The ETA: a forecast at first, a measurement in the end, and both in between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit import eta
from blit.events import Paused, PlanFinished, Resumed, RouteChosen
from tests.test_state import beat, told

FORECAST = RouteChosen(
    "streaming", "why", 20.0, 4, ("ext4", "nfs"), (15.0, 27.0), 9, (5000.0, 50.0),
    {"source": "ext4"}, True,
)  # fmt: skip
positive = st.floats(0.01, 1e6)
triples = st.lists(positive, min_size=3, max_size=3).map(lambda v: tuple(sorted(v)))


# -- while totals are unknown ---------------------------------------------------------------------


def test_the_forecast_less_what_has_passed() -> None:
    state = told([FORECAST, beat(4.0, plan_done=False, planned_files=0, planned_bytes=0)])
    assert state.eta == pytest.approx(16.0)
    assert state.eta_band == pytest.approx((11.0, 23.0))


def test_there_is_one_from_the_first_beat_on() -> None:
    assert told([FORECAST, beat(0.5, plan_done=False)]).eta == pytest.approx(19.5)


def test_never_less_than_what_is_found_already_takes() -> None:
    story = [FORECAST, beat(2.0, plan_done=False),
             beat(4.0, files=10, bytes=10**8, planned_bytes=4 * 10**9, plan_done=False)]  # fmt: skip
    state = told(story)
    assert state.eta == pytest.approx(3900 / 25, rel=0.01)
    assert state.eta_band is not None
    assert state.eta_band[0] >= 3900 / 25 * 0.99


def test_a_forecast_that_was_outlasted_says_nothing() -> None:
    state = told([FORECAST, beat(28.0, plan_done=False)])
    assert (state.eta, state.eta_band) == (None, None)
    late = told([FORECAST, beat(23.0, plan_done=False)])
    assert late.eta == pytest.approx(2.0)  # later than expected, and still within the band


@given(triples, st.floats(0, 1e6))
def test_what_is_left_of_a_forecast(expected: eta.Told, elapsed: float) -> None:
    left = eta.remaining(expected, elapsed)
    if left is None:
        assert elapsed >= expected[2]
    else:
        assert 0 <= left[0] <= left[1] <= left[2]


# -- when they are known --------------------------------------------------------------------------


def test_both_agree() -> None:
    middle, band = eta.blended(10.0, (8.0, 12.0), (8.0, 10.0, 12.0))
    assert middle == pytest.approx(10.0)
    assert band is not None
    assert 8.0 < band[0] < 10.0 < band[1] < 12.0  # two that agree are surer than one


def test_the_surer_one_counts_more() -> None:
    sure = eta.blended(10.0, (9.9, 10.1), (10.0, 12.0, 14.0))[0]
    unsure = eta.blended(10.0, (5.0, 20.0), (11.9, 12.0, 12.1))[0]
    assert sure is not None and unsure is not None
    assert sure == pytest.approx(10.0, abs=0.2)
    assert unsure == pytest.approx(12.0, abs=0.2)


def test_a_forecast_that_is_contradicted_loses() -> None:
    middle, _ = eta.blended(100.0, (80.0, 125.0), (8.0, 10.0, 12.0))
    assert middle == pytest.approx(100.0, rel=0.05)


@given(positive, positive, triples)
def test_the_blend_lies_between_the_two(value: float, width: float, foreseen: eta.Told) -> None:
    middle, band = eta.blended(value, (max(0.0, value - width), value + width), foreseen)
    assert middle is not None and band is not None
    low, high = sorted((value, foreseen[1]))
    assert low * 0.999 - 1e-6 <= middle <= high * 1.001 + 1e-6
    assert 0 <= band[0] <= middle <= band[1]


def test_the_plan_makes_a_forecast_where_there_was_none() -> None:
    plan = PlanFinished(100, 1000, 0, 2, 0, 0.5, 10.0, (8.0, 12.0))
    state = told([FORECAST._replace(forecast_s=None, forecast_band=None), plan])
    assert (state.forecast_s, state.forecast_band, state.usual) == (
        10.0,
        (8.0, 12.0),
        (100.0, 10.0),
    )
    kept = told([FORECAST, plan])
    assert kept.forecast_s == 20.0  # what was said before it began is kept for comparison
    assert kept.after(beat(1.0)).eta == pytest.approx(9.0)


def test_a_pause_takes_nothing_from_the_forecast() -> None:
    listing = {"plan_done": False}
    story = [FORECAST, beat(1.0, **listing), Paused(1.0), beat(11.0, phase="paused"), Resumed(11.0)]
    assert told([*story, beat(12.0, **listing)]).eta == pytest.approx(18.0)


def test_when_all_is_copied_the_forecast_is_over() -> None:
    assert told([FORECAST, beat(3.0, files=100, bytes=1000)]).eta is None


# -- slower than usual ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "file_rate", "elapsed", "slow"),
    [(2000.0, 20.0, 6.0, True), (2000.0, 20.0, 4.9, False), (2600.0, 20.0, 6.0, False),
     (2000.0, 26.0, 6.0, False), (0.0, 0.0, 6.0, True)],
)  # fmt: skip
def test_slower_than_usual(rate: float, file_rate: float, elapsed: float, slow: bool) -> None:
    assert eta.slower((5000.0, 50.0), rate, file_rate, elapsed) is slow
    assert not eta.slower((0.0, 0.0), rate, file_rate, elapsed)


def test_the_state_says_so_while_it_copies() -> None:
    beats = [beat(float(t), files=t, bytes=10 * t) for t in range(1, 9)]
    assert told([FORECAST, *beats]).slow
    assert not told(beats).slow
    assert not told([FORECAST, *beats, beat(9.0, files=8, bytes=80, phase="deleting")]).slow
    assert not told([FORECAST, *beats, beat(9.0, files=100, bytes=1000)]).slow
