"""Which way a job takes, and how a large file is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.engine.route import SMALLEST_PIECE, choose, pieces

MB, GIB = 10**6, 1 << 30


@pytest.mark.parametrize(
    ("small", "largest", "name"),
    [
        ((0, 0), None, "direct"),
        ((1, 5), 5, "direct"),
        ((8, 100 * MB), None, "direct"),
        ((9, 9), None, "streaming"),
        ((8, 105 * MB), None, "streaming"),
        (None, None, "streaming"),
        (None, GIB, "large_file"),
        (None, GIB - 1, "streaming"),
    ],
)
def test_size_decides(small: tuple[int, int] | None, largest: int | None, name: str) -> None:
    route = choose(False, False, small, largest)
    assert route.name == name
    assert route.reason


@pytest.mark.parametrize(("mirror", "checksum"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("small", "largest"), [((1, 1), 1), (None, 5 * GIB), (None, None)])
def test_a_mirror_and_a_checksum_always_take_the_planner(
    mirror: bool, checksum: bool, small: tuple[int, int] | None, largest: int | None
) -> None:
    assert choose(mirror, checksum, small, largest).name == "streaming"


def test_the_reason_names_what_was_seen() -> None:
    assert choose(False, False, (3, 1 << 20)).reason.startswith("3 files, 1.0 MiB")
    assert choose(False, False, (1, 0)).reason.startswith("1 file,")
    assert "2.0 GiB" in choose(False, False, None, 2 * GIB).reason


def test_a_whole_file_is_cut_into_about_eight_pieces_a_worker() -> None:
    cut = pieces([(0, 100 * GIB)], workers=2, split=True)
    assert 15 <= len(cut) <= 17
    assert all(start % (1 << 20) == 0 for start, _ in cut)


def test_a_piece_is_never_too_small_to_be_worth_it() -> None:
    cut = pieces([(0, GIB)], workers=16, split=True)
    assert min(end - start for start, end in cut) >= SMALLEST_PIECE // 2
    assert cut[0] == (0, SMALLEST_PIECE)


def test_holes_stay_holes() -> None:
    assert pieces([(0, 10), (500, 600)], workers=4, split=True) == [(0, 10), (500, 600)]
    assert pieces([], workers=4, split=True) == []


spans = st.lists(st.integers(1, 40 * GIB), min_size=0, max_size=12, unique=True).map(
    lambda edges: [(a, b) for a, b in zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False)]
)


@given(spans, st.integers(1, 64), st.booleans())
def test_pieces_cover_every_span_exactly(
    spans: list[tuple[int, int]], workers: int, split: bool
) -> None:
    cut = pieces(spans, workers, split)
    assert all(start < end for start, end in cut)
    joined: list[tuple[int, int]] = []
    starts = {start for start, _ in spans}
    for start, end in cut:
        if joined and joined[-1][1] == start and start not in starts:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    assert joined == spans
    if not split:
        assert cut == spans
    else:
        assert len(cut) <= 8 * workers * 2 + len(spans)
