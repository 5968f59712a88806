"""Which way a job takes, and how a large file is cut."""

from __future__ import annotations

from itertools import pairwise

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


def test_filters_always_take_the_planner() -> None:
    route = choose(False, False, (1, 1), 1, filtered=True)
    assert route.name == "streaming" and "filters" in route.reason


@pytest.mark.parametrize(("mirror", "checksum"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("small", "largest"), [((1, 1), 1), (None, 5 * GIB), (None, None)])
def test_a_mirror_and_a_checksum_always_take_the_planner(
    mirror: bool, checksum: bool, small: tuple[int, int] | None, largest: int | None
) -> None:
    assert choose(mirror, checksum, small, largest).name == "streaming"


def test_the_reason_names_what_was_seen() -> None:
    assert choose(False, False, (3, 1 << 20)).reason.startswith("3 files, 1.0 MB")
    assert choose(False, False, (2, 4)).reason.startswith("2 files, 4 B:")  # not 0.0 MB
    assert choose(False, False, (2, 40_000)).reason.startswith("2 files, 40.0 kB:")
    assert choose(False, False, (1, 0)).reason.startswith("1 file,")
    assert "2.0 GiB" in choose(False, False, None, 2 * GIB).reason


def test_a_whole_file_is_cut_into_about_eight_pieces_a_worker() -> None:
    cut = pieces(100 * GIB, workers=2, split=True)
    assert 15 <= len(cut) <= 17
    assert all(start % (1 << 20) == 0 for start, _ in cut)


def test_a_piece_is_never_too_small_to_be_worth_it() -> None:
    cut = pieces(GIB + 5, workers=16, split=True)
    assert min(end - start for start, end in cut) >= SMALLEST_PIECE // 2
    assert cut[0] == (0, SMALLEST_PIECE)


@given(st.integers(1, 200 * GIB), st.integers(1, 64), st.booleans())
def test_pieces_cover_the_file_exactly(size: int, workers: int, split: bool) -> None:
    cut = pieces(size, workers, split)
    assert cut[0][0] == 0
    assert cut[-1][1] == size
    assert all(start < end for start, end in cut)
    assert all(one[1] == other[0] for one, other in pairwise(cut))
    assert len(cut) <= (8 * workers + 1 if split else 1) or size < 2 * 64 * workers * SMALLEST_PIECE


def test_an_empty_file_has_no_pieces() -> None:
    assert pieces(0, workers=4, split=True) == []
