"""What files and bytes cost, from batches: the truth is found, and nonsense is bounded."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.eta import done_fraction, measured
from blit.events import Heartbeat
from blit.pace import Pace

BATCHES = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 10**9), st.floats(0, 100)), max_size=40
)


def learned(batches: list[tuple[int, int, float]]) -> Pace:
    pace = Pace()
    for each in batches:
        pace = pace.after(*each)
    return pace


def beat(files: int, size: int, of_files: int, of_bytes: int) -> Heartbeat:
    return Heartbeat(10.0, "copying", files, size, of_files, of_bytes, True, 0, 0, 0, 0.0, ())


@given(st.floats(1e-6, 1e-2), st.floats(1e-10, 1e-7))
def test_a_planted_truth_is_found_from_batches_that_differ(
    per_file: float, per_byte: float
) -> None:
    mixed = [
        (n, s * 10**6, n * per_file + s * 10**6 * per_byte)
        for n in (1, 50, 900)
        for s in (2, 90, 400)
    ]
    found = learned(mixed * 10).costs
    for files, size in ((10_000, 10**7), (10, 10**10), (3000, 10**9)):
        truth = files * per_file + size * per_byte
        assert files * found[0] + size * found[1] == pytest.approx(truth, rel=0.25)


@given(BATCHES)
def test_no_cost_is_negative_and_not_both_are_nothing(
    batches: list[tuple[int, int, float]],
) -> None:
    per_file, per_byte = learned(batches).costs
    assert per_file >= 0
    assert per_byte >= 0
    assert math.isfinite(per_file + per_byte)
    assert per_file + per_byte > 0


def test_batches_that_are_all_alike_keep_the_usual_proportion() -> None:
    per_file, per_byte = learned([(100, 10**6, 0.2)] * 20).costs
    assert 100 * per_file + 10**6 * per_byte == pytest.approx(0.2, rel=0.05)
    assert per_file > 0
    assert per_byte > 0


def test_one_large_file_among_ten_thousand_small_ones_does_not_mislead() -> None:
    """3 GB in one file are copied first: files come at 1 a second, and yet it is half done."""
    pace = learned([(0, 64 << 20, 0.04)] * 45 + [(500, 10**6, 0.05)] * 5)
    now = beat(2500, 3_000_000_000, 20_000, 3_040_000_000)
    assert 0.4 < done_fraction(now, pace) < 0.6
    left = measured(now, 300e6, 250, pace)
    assert left == pytest.approx(10, rel=0.5)
    assert measured(now, 300e6, 250, pace) < 17_500 / 250 / 3


def test_nothing_moves_nothing_is_said() -> None:
    assert measured(beat(1, 1, 10, 10), 0.0, 0.0) is None
    assert measured(beat(10, 10, 10, 10), 5.0, 5.0) is None
