"""What is said of a transfer, and how the rows of the screen are shared out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.events import DeletionPlanned
from blit.state import TransferState
from blit.tui import words
from blit.tui.widgets import room
from blit.tui.widgets.panel import bar, cut, facts, length, spread

from .stories import STORIES


@pytest.mark.parametrize(
    ("band", "said"),
    [
        (None, ""),
        ((1.0, 3.0), "a few seconds left"),
        ((22.6, 25.9), "about 25 s left"),
        ((19.0, 31.0), "20–30 s left"),
        ((2.0, 12.0), "0–10 s left"),
        ((55.0, 130.0), "55 s to 2 min left"),
        ((100.0, 130.0), "about 2 min left"),
        ((170.0, 320.0), "3–5 min left"),
        ((4000.0, 9000.0), "67 min to 2 h 30 min left"),
    ],
)
def test_time_left(band: tuple[float, float] | None, said: str) -> None:
    assert words.left(TransferState(eta_band=band)) == said


@given(st.floats(0, 1e6), st.floats(1, 5))
def test_time_left_is_always_a_sentence(low: float, factor: float) -> None:
    said = words.left(TransferState(eta_band=(low, low * factor)))
    assert said.endswith(" left") and len(said) < 40


@pytest.mark.parametrize(
    ("band", "runs", "said"),
    [
        (None, 0, "forecast 55 s"),
        ((48.0, 62.0), 9, "48 s to 62 s, as in 9 earlier runs"),
        ((54.6, 55.4), 1, "55 s, as in an earlier run"),
    ],
)
def test_a_forecast_says_what_it_rests_on(
    band: tuple[float, float] | None, runs: int, said: str
) -> None:
    state = TransferState(forecast_s=55.0, forecast_band=band, forecast_runs=runs)
    assert words.guess(state) == said


@pytest.mark.parametrize(
    ("story", "sign", "word"),
    [
        ("running", "▶", "Copying"), ("paused", "‖", "Paused"), ("stopping", "■", "Stopping"),
        ("silent", "▲", "No progress"), ("asking", "▲", "Waiting for your answer"),
        ("asked-early", "▲", "Copying"), ("deleting", "▶", "Deleting"),
        ("flushing", "▶", "Writing to the disk"), ("waiting", "◦", "Waiting"),
        ("parked", "‖", "Put aside"), ("counting", "▶", "Copying"),
    ],
)  # fmt: skip
def test_signs_and_phases(story: str, sign: str, word: str) -> None:
    entry = STORIES[story][0]
    assert (words.sign(entry)[0], words.phase(entry)[0]) == (sign, word)


@pytest.mark.parametrize(
    ("story", "sign"),
    [("done", "✓"), ("partial", "✗"), ("interrupted", "■"), ("refused", "✗"), ("stalled", "✗")],
)
def test_signs_of_the_end(story: str, sign: str) -> None:
    assert words.sign(STORIES[story][0])[0] == sign


def test_keeping_what_a_mirror_would_delete_is_no_failure() -> None:
    refused = STORIES["refused"][0]
    answered = DeletionPlanned(4, 90, False, False, "kept, as you answered")
    kept = replace(refused, answered=True, state=refused.state.after(answered))
    assert (words.sign(kept), words.outcome(kept)) == (("✓", "good"), "done")
    guarded = replace(kept, answered=False)
    assert words.sign(guarded)[0] == "✗"


def test_a_pause_that_has_not_come_yet_says_so() -> None:
    entry = replace(STORIES["running"][0], paused=True)
    assert words.phase(entry) == ("Pausing", "after the pieces in hand")


# -- lines ----------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(categories=["L", "N", "P"]), max_size=40)
LINES = st.lists(st.tuples(TEXTS, st.sampled_from(["", "muted", "bad"])), max_size=5).map(tuple)


@given(LINES, LINES, st.integers(1, 120))
def test_lines_are_never_too_long(left: tuple, right: tuple, width: int) -> None:
    assert length(cut(left, width)) <= width
    if length(right) < width:
        assert length(spread(left, right, width)) <= width
    assert length(facts([left, right], width)) <= max(width, length(left), length(right))


@given(st.floats(-1, 2), st.integers(0, 200))
def test_a_bar_is_as_wide_as_asked(fraction: float, width: int) -> None:
    assert length(bar(fraction, width)) == width


# -- room -----------------------------------------------------------------------------------------


@given(
    st.integers(60, 300), st.integers(15, 100), st.integers(1, 50), st.booleans(),
    st.integers(0, 16), st.integers(0, 12), st.booleans(),
)  # fmt: skip
def test_the_rows_are_all_given_out_and_none_twice(
    width: int, height: int, entries: int, banner: bool, workers: int, report: int, chart: bool
) -> None:
    got = room.share(width, height, entries, banner, workers, report, chart)
    assert min(got) >= 0
    assert sum(got) <= height - 2
    if chart:
        assert sum(got) == height - 2
        frame = 2 if height >= room.FRAMED else 0
        assert got.speed >= 3 + frame or (banner and height < 24)


def test_what_is_shown_at_the_sizes_that_count() -> None:
    assert room.share(80, 24, 4, False, 4) == room.Room(6, 0, 5, 10, 0, 1, 0)
    assert room.share(120, 36, 4, False, 4) == room.Room(6, 0, 5, 9, 8, 0, 6)
    assert room.share(60, 15, 1, False, 2).speed >= 4
