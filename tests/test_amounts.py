"""Sizes and moments as people write them."""

from __future__ import annotations

import datetime

import pytest

from blit import amounts


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0), ("500", 500), ("500b", 500), ("64k", 65_536), ("64K", 65_536), ("64KiB", 65_536), ("64kB", 64_000),
        ("10M", 10 << 20), ("1.5G", 3 << 29), ("2 TiB", 2 << 40), ("1MB", 10**6),
    ],
)  # fmt: skip
def test_sizes(text: str, bytes_: int) -> None:
    assert amounts.size(text) == bytes_


@pytest.mark.parametrize("text", ["", "M", "-5", "10X", "1,5G", "10M10", "ten"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        amounts.size(text)


def test_moments() -> None:
    assert amounts.moment("90s", 1000.0) == 910.0
    assert amounts.moment("2h", 10_000.0) == 2800.0
    assert amounts.moment("1.5d", 1e6) == 1e6 - 129_600
    assert amounts.moment("@1234.5") == 1234.5
    assert amounts.moment("2026-11-22") == datetime.datetime(2026, 11, 22).timestamp()
    assert (
        amounts.moment("2026-11-22T14:05+00:00")
        == datetime.datetime(2026, 11, 22, 14, 5, tzinfo=datetime.UTC).timestamp()
    )


@pytest.mark.parametrize(
    "text", ["", "d", "5 parsecs", "2026-13-01", "@", "99999-01-01", "@inf days"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        amounts.moment(text)
