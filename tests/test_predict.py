"""Forecasts: never negative, true in the end, calm about outliers, as sure as they may be."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blit.history import habits, predict
from blit.history.predict import Cost, Load, Past

loads = st.builds(
    Load, st.integers(0, 10**7), st.floats(0, 10**7, allow_nan=False), st.integers(0, 10**7)
)
seconds = st.floats(1e-3, 1e6)
runs = st.lists(st.tuples(loads, seconds), max_size=30)


def learned(runs: list[tuple[Load, float]], cost: Cost = predict.STREAMING) -> Cost:
    for load, took in runs:
        cost = cost.learn(load, took)
    return cost


# -- coefficients ---------------------------------------------------------------------------------


@given(runs, loads)
def test_no_forecast_is_negative_or_infinite(runs: list[tuple[Load, float]], load: Load) -> None:
    cost = learned(runs)
    assert all(0 < value < math.inf for value in cost[:4])
    assert 0 < cost.seconds(load) < math.inf


@given(runs, loads, st.integers(0, 10**6), st.floats(0, 10**6))
def test_more_files_or_bytes_never_take_less(
    runs: list[tuple[Load, float]], load: Load, files: int, mib: float
) -> None:
    cost = learned(runs)
    more = load._replace(files=load.files + files, mib=load.mib + mib)
    assert cost.seconds(more) >= cost.seconds(load)


@given(st.integers(0, 2**32))
@settings(max_examples=25)
def test_a_planted_truth_is_found(seed: int) -> None:
    dice = random.Random(seed)
    truth = Cost(
        10 ** dice.uniform(-1.5, 0.5), 10 ** dice.uniform(-5, -2), 10 ** dice.uniform(-4, -1), 1e-6
    )

    def load() -> Load:
        return Load(round(10 ** dice.uniform(1, 5)), 10 ** dice.uniform(-1, 4.5))

    cost = predict.STREAMING
    for _ in range(300):
        each = load()
        cost = cost.learn(each, truth.seconds(each))
    errors = [
        abs(math.log(cost.seconds(x) / truth.seconds(x))) for x in (load() for _ in range(50))
    ]
    assert sum(errors) / len(errors) < 0.25


@given(st.lists(st.tuples(loads, seconds), min_size=3, max_size=20), loads, seconds, loads)
def test_an_outlier_moves_no_forecast_by_more_than_a_bound(
    runs: list[tuple[Load, float]], odd: Load, took: float, load: Load
) -> None:
    before = learned(runs)
    after = before.learn(odd, took)
    assert 1 / 4 < after.seconds(load) / before.seconds(load) < 4


def test_one_outlier_among_good_runs_is_forgotten() -> None:
    load = Load(1000, 100.0)
    cost = learned([(load, 10.0)] * 10)
    assert cost.seconds(load) == pytest.approx(10.0, rel=0.02)
    hurt = cost.learn(load, 1000.0)
    assert hurt.seconds(load) < 21.0
    assert learned([(load, 10.0)] * 4, hurt).seconds(load) == pytest.approx(10.0, rel=0.15)


def test_the_first_run_is_believed_at_once() -> None:
    load = Load(3000, 9.0)
    assert learned([(load, 60.0)]).seconds(load) == pytest.approx(60.0, rel=0.1)


def test_a_misprediction_is_learned_faster() -> None:
    load = Load(1000, 100.0)
    cost = learned([(load, 10.0)] * 10)
    near, far = cost.learn(load, 12.0), cost.learn(load, 14.0)

    def corrected(after: Cost, took: float) -> float:
        return math.log(after.seconds(load) / 10) / math.log(took / 10)

    assert corrected(near, 12.0) == pytest.approx(0.2, abs=0.02)
    assert corrected(far, 14.0) == pytest.approx(0.5, abs=0.02)
    assert (near.misses, far.misses) == (0, 1)
    assert far.learn(load, 14.0).misses == 0  # it is near enough by now


def test_error_and_bias_are_kept() -> None:
    load = Load(1000, 100.0)
    cost = learned([(load, 10.0)] * 10)
    assert abs(cost.bias) < 0.05
    late = cost
    for _ in range(3):
        late = late.learn(load, late.seconds(load) * 2)
    assert late.bias < -0.05  # it expects too little


@given(loads, st.sampled_from([0.0, -1.0]))
def test_a_time_that_cannot_be_teaches_nothing(load: Load, took: float) -> None:
    assert predict.STREAMING.learn(load, took) is predict.STREAMING


# -- forecasts ------------------------------------------------------------------------------------


def past(took: float, files: int = 1000, mib: float = 100.0, **given: Any) -> Past:
    return Past(Load(files, mib), took, **given)


def test_without_history_there_is_no_forecast() -> None:
    assert predict.forecast(None, (), Load(10, 10.0), True) == predict.Forecast()
    assert predict.forecast(predict.STREAMING, (), Load(10, 10.0), True).seconds is None
    assert predict.forecast(learned([(Load(1, 1.0), 1.0)]), (), None, True).seconds is None


def test_between_the_same_roots_it_rests_on_what_they_took() -> None:
    found = predict.forecast(None, [past(10.0), past(11.0), past(10.5)], None, True)
    assert found.seconds == pytest.approx(10.5, rel=0.05)
    assert (found.runs, found.pair) == (3, True)
    assert found.rates[1] == pytest.approx(3000 / 31.5)


def test_elsewhere_it_rests_on_the_kinds_of_places() -> None:
    cost = learned([(Load(1000, 100.0), 10.0)] * 9)
    found = predict.forecast(cost, [past(500.0, files=90_000)], Load(1000, 100.0), True)
    assert found.seconds == pytest.approx(10.0, rel=0.02)
    assert (found.runs, found.pair) == (9, False)


def test_an_empty_destination_is_compared_with_empty_ones() -> None:
    runs = [past(60.0, fresh=True), past(2.0, fresh=False), past(2.1, fresh=False)]
    fresh = predict.forecast(None, runs, None, True)
    again = predict.forecast(None, runs, None, False)
    assert fresh.seconds == pytest.approx(60.0)
    assert again.seconds == pytest.approx(2.05, rel=0.05)
    assert predict.forecast(None, runs[:1], None, False).seconds is None


def test_the_newest_run_counts_most() -> None:
    runs = [past(10.0)] * 5 + [past(30.0)] * 5
    found = predict.forecast(None, runs, None, True)
    assert found.seconds is not None
    assert found.seconds > 20.0


@given(st.lists(seconds, min_size=1, max_size=10))
def test_a_band_holds_its_middle(values: list[float]) -> None:
    found = predict.forecast(None, [past(value) for value in values], None, True)
    assert found.seconds is not None
    assert found.band is not None
    assert 0 < found.band[0] < found.seconds < found.band[1]
    assert min(values) * 0.999 <= found.seconds <= max(values) * 1.001


def inside(noise: float, count: int, by_pair: bool) -> float:
    """How often the truth of a simulated run lies in the band of the forecast before it."""
    dice, hits, total = random.Random(7), 0, 0
    for _ in range(120):
        truth = Cost(
            10 ** dice.uniform(-1, 0), 10 ** dice.uniform(-5, -3), 10 ** dice.uniform(-4, -2), 1e-6
        )
        cost, runs = predict.STREAMING, []
        load = Load(round(10 ** dice.uniform(2, 5)), 10 ** dice.uniform(0, 4))
        for number in range(count):
            if not by_pair:
                size = 10 ** dice.uniform(-0.3, 0.3)
                load = Load(round(load.files * size) or 1, load.mib * size)
            took = truth.seconds(load) * dice.lognormvariate(0, noise)
            found = predict.forecast(cost, runs if by_pair else (), load, True)
            if found.band is not None and number >= 2:
                total += 1
                hits += found.band[0] <= took <= found.band[1]
            cost = cost.learn(load, took)
            runs = [*runs, Past(load, took)][-10:]
    return hits / total


@pytest.mark.parametrize("noise", [0.05, 0.15, 0.4])
@pytest.mark.parametrize("by_pair", [True, False])
def test_about_eight_of_ten_end_within_the_band(noise: float, by_pair: bool) -> None:
    assert 0.7 <= inside(noise, 14, by_pair) <= 0.92


@pytest.mark.parametrize("change", ["drift", "step", "jump back"])
@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_the_band_follows_what_changes(noise: float, change: str) -> None:
    """Of all forecasts from the fourth run on. Without predict._moved the step fails."""
    dice, hits, third = random.Random(3), [], []
    for _ in range(150):
        seconds = 10 ** dice.uniform(0, 2)
        runs: list[Past] = []
        for number in range(20):
            factor = 1.02**number if change == "drift" else 2.0 if number >= 10 else 1.0
            took = seconds * (1 / factor if change == "jump back" else factor)
            took *= dice.lognormvariate(0, noise)
            band = predict.forecast(None, runs[-10:], None, True).band
            if band is not None and number >= 3 and not (change != "drift" and number in (10, 11)):
                hits.append(band[0] <= took <= band[1])
                if number == 12:
                    third.append(hits[-1])
            runs.append(past(took))
    assert 0.65 <= sum(hits) / len(hits) <= 0.95
    # two runs after a step are enough, as long as they tell it from noise
    assert noise > 0.2 or sum(third) / len(third) >= 0.65


# -- workers and deletions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settled", "start"),
    [((), (0, 0)), ((16,), (16, 1)), ((8, 16), (8, 1)), ((16, 32, 16), (16, 2)),
     ((2, 2, 2, 32, 32), (2, 3)), ((2, 2, 32, 32, 32), (32, 3))],
)  # fmt: skip
def test_the_workers_to_start_with(settled: tuple[int, ...], start: tuple[int, int]) -> None:
    assert predict.start(settled) == start


def test_what_mirrors_delete() -> None:
    def mirrors(*deleted: int) -> list[Past]:
        return [past(1.0, deleted=number, mirror=True) for number in deleted]

    assert habits.deletes(mirrors(3, 7)) is None  # two are no habit
    assert habits.deletes(mirrors(3, 7, 0)) == 7
    assert habits.deletes(mirrors(0, 0, 0)) is None
    assert habits.deletes([*mirrors(3, 7), past(1.0)]) is None


def sources(*counts: int, mirror: bool = False) -> list[Past]:
    return [Past(Load(1, 0.0, count - 1), 1.0, 0, mirror) for count in counts]


def test_what_a_source_usually_holds() -> None:
    assert habits.held(sources(500)) == 0  # one run is no habit
    assert habits.held(sources(500, 510, 10)) == 500
    assert habits.held(sources(500, 510, 505, 10, mirror=True)) == 10  # somebody let it pass
    assert habits.held([*sources(500, 510, mirror=True), *sources(10)]) == 500


def test_copies_do_not_make_a_shrunken_source_usual() -> None:
    """With copies among the counts a dozen of them opened the way for the mirror."""
    assert habits.held([*sources(90, 90, 90, mirror=True), *sources(*[40] * 7)]) == 90


def test_a_source_that_comes_and_goes_is_no_alarm() -> None:
    """Without `shrunk` each fourth mirror of a staging folder was refused."""
    assert habits.held(sources(50, 5, 50, mirror=True)) == 5
    assert habits.held(sources(5, 50, 60, 70, mirror=True)) == 50  # it has only grown


@given(st.lists(st.integers(1, 10**6), max_size=10), st.booleans())
def test_a_source_is_never_expected_to_hold_more_than_it_ever_did(
    counts: list[int], mirror: bool
) -> None:
    held = habits.held(sources(*counts, mirror=mirror))
    assert 0 <= held <= max(counts, default=0)
    assert held in (0, *counts)
