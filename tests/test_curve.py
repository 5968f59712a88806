"""The throughput curve: all bytes are in it, whatever the run's length and however it is looked at."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.curve import FIRST_WIDTH, MOST, MOVING, PAUSED, SILENT, Curve

STEPS = st.lists(
    st.tuples(
        st.floats(0.01, 30.0), st.integers(0, 10**9), st.sampled_from((MOVING, SILENT, PAUSED))
    ),
    max_size=60,
)


def drawn(steps: list[tuple[float, int, int]]) -> Curve:
    curve, at, moved = Curve(), 0.0, 0
    for seconds, size, mark in steps:
        at, moved = at + seconds, moved + (size if mark == MOVING else 0)
        curve = curve.after(at, moved, mark)
    return curve


@given(STEPS)
def test_no_byte_is_lost_and_memory_is_constant(steps: list[tuple[float, int, int]]) -> None:
    curve = drawn(steps)
    assert sum(curve.values) == pytest.approx(curve.moved, rel=1e-9, abs=1e-3)
    assert len(curve.values) == len(curve.marks) <= MOST
    assert curve.width * MOST >= curve.at * (1 - 1e-9)
    assert all(value >= 0 for value in curve.values)


@given(STEPS, st.integers(1, 400))
def test_whatever_the_width_it_shows_all_of_the_run(
    steps: list[tuple[float, int, int]], columns: int
) -> None:
    curve = drawn(steps)
    shown = curve.resampled(columns)
    assert len(shown) == (columns if curve.values else 0)
    total = sum(rate for rate, _ in shown) * curve.at / columns
    assert total == pytest.approx(curve.moved if shown else 0, rel=1e-6, abs=1)


def test_a_steady_run_is_a_flat_line() -> None:
    curve = Curve()
    for step in range(1, 400):
        curve = curve.after(step * 0.25, step * 1000)
    assert [rate for rate, _ in curve.resampled(50)] == pytest.approx([4000] * 50, rel=0.01)
    assert curve.rates()[5] == pytest.approx(4000)


def test_a_silence_is_marked_where_it_was_also_when_neighbours_merge() -> None:
    curve = drawn([(10, 1000, MOVING), (5, 0, SILENT), (10, 1000, MOVING)])
    for columns in (25, 100):
        marks = [mark for _, mark in curve.resampled(columns)]
        silent = [i * 25 / columns for i, mark in enumerate(marks) if mark == SILENT]
        assert 9 <= silent[0] <= 10
        assert 14 <= silent[-1] <= 15.3
    long = curve.after(25 + MOST * FIRST_WIDTH * 4, 3000)
    assert long.width > FIRST_WIDTH
    assert SILENT in long.marks


def test_a_pause_disappears_when_it_is_a_part_of_a_bucket_only() -> None:
    curve = drawn([(30, 1000, MOVING), (0.25, 0, PAUSED), (300, 1000, MOVING)])
    assert PAUSED not in curve.marks


def test_time_does_not_run_backwards() -> None:
    curve = Curve().after(2.0, 100)
    assert curve.after(1.0, 200) is curve
    assert curve.after(2.0, 200) is curve


def test_buckets_are_filled_up_to_now_and_in_order() -> None:
    curve = Curve()
    widths = []
    for step in range(1, 2000):
        curve = curve.after(step * 0.3, step)
        widths.append(curve.width)
        assert len(curve.values) == pytest.approx(curve.at / curve.width, abs=1.01)
    assert all(b in (a, 2 * a) for a, b in pairwise(widths))
