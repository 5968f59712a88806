"""The chart as text: shape, scale, marks and axis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit import chart
from blit.curve import MOVING, PAUSED, SILENT

MB = 1e6


def picture(*values: float, marks: str = "", height: int = 5, **options: float) -> list[str]:
    kinds = {" ": MOVING, "s": SILENT, "p": PAUSED}
    points = [(v, kinds[m]) for v, m in zip(values, marks.ljust(len(values)), strict=True)]
    return chart.draw(points, chart.GUTTER + len(points), height, 10.0, **options).lines()


def test_a_slope_in_eighths() -> None:
    drawn = chart.draw(
        [(value * MB, MOVING) for value in (0, 25, 50, 75, 100, 100)], chart.GUTTER + 6, 3, 10.0
    )
    assert drawn.area == ("   ▄██", " ▄████")
    assert drawn.labels == ("100 MB/s ", "       0 ")


def test_the_labels_top_average_and_zero() -> None:
    lines = picture(*[40 * MB] * 30, height=9, mean=20 * MB)
    assert lines[0].split()[:2] == ["40", "MB/s"]
    assert [line[:9].strip() for line in lines[:8]].count("avg") == 1
    assert lines[7].startswith("       0 ")


def test_the_time_axis() -> None:
    drawn = chart.draw([(MB, MOVING)] * 40, chart.GUTTER + 40, 4, 75.0)
    assert drawn.axis.split() == ["0:00", "0:37", "now", "1:15"]
    assert chart.draw([(MB, MOVING)] * 40, 49, 4, 75.0, ended=True).axis.split()[-1] == "1:15"


def test_where_nothing_moved_there_is_a_gap_and_its_reason() -> None:
    lines = picture(MB, 0, 0, 0, MB, marks=" s p ", height=3)
    assert lines[1][chart.GUTTER :] == "█× ‖█"


def test_one_burst_does_not_hide_the_rest() -> None:
    lines = picture(900 * MB, *[80 * MB] * 30, height=6)
    assert lines[0][chart.GUTTER] == chart.MORE
    assert any("█" in line[chart.GUTTER + 1 :] for line in lines[2:4])


def test_a_trickle_is_not_nothing() -> None:
    assert picture(100 * MB, 1.0, 0.0, height=3)[1][chart.GUTTER :] == "█▁ "


@pytest.mark.parametrize("value", [0.0, 1.0, 99.0, 1e3, 12.3e6, 999e6, 7e12])
def test_the_scale_is_round_and_high_enough(value: float) -> None:
    top = chart.scale([value])
    assert value * 0.999 <= top <= max(1.0, value * 1.7)


@given(
    st.lists(st.floats(0, 1e13), max_size=60), st.integers(1, 120), st.integers(1, 30),
    st.floats(0, 1e6), st.floats(0, 1e13),
)  # fmt: skip
def test_always_as_wide_and_as_high_as_asked(
    values: list[float], width: int, height: int, seconds: float, mean: float
) -> None:
    drawn = chart.draw([(v, MOVING) for v in values], width, height, seconds, mean)
    assert len(drawn.lines()) == max(2, height)
    assert {len(line) for line in drawn.lines()} == {max(width, chart.GUTTER)}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3600, "1:00:00")]
)
def test_clock(seconds: float, text: str) -> None:
    assert chart.clock(seconds) == text
