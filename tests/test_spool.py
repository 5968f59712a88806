"""Records kept for the end of a run: the same in memory and in a file."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.engine.spool import Spool

IN_FILE, IN_MEMORY = 0, 1 << 20
_PWRITE = os.pwrite


def close(spool: Spool) -> None:
    if spool._file is not None:
        spool._file.close()


@pytest.fixture(params=[IN_MEMORY, 6, IN_FILE], ids=["memory", "half", "file"])
def spool(request: pytest.FixtureRequest) -> Iterator[Spool]:
    made = Spool(request.param)
    yield made
    close(made)


def test_read_forwards_backwards_and_by_number(spool: Spool) -> None:
    for blob in (b"one", b"", b"three", b"4"):
        spool.append(blob)
    assert list(spool) == [b"one", b"", b"three", b"4"]
    assert list(reversed(spool)) == [b"4", b"three", b"", b"one"]
    assert spool[2] == b"three"
    assert len(spool) == 4


def test_count_is_what_the_records_stand_for(spool: Spool) -> None:
    spool.append(b"many", 12)
    spool.append(b"one")
    assert spool.count == 13
    assert len(spool) == 2


def test_the_last_is_taken_away_and_others_come_in_its_place(spool: Spool) -> None:
    """Without `_offsets.pop` a record of the file comes back twice."""
    for blob in (b"one", b"two", b"three"):
        spool.append(blob)
    assert (spool.pop(), spool.pop()) == (b"three", b"two")
    spool.append(b"and another")
    assert list(spool) == [b"one", b"and another"]
    assert spool.count == 2
    assert (spool.pop(), spool.pop(), len(spool)) == (b"and another", b"one", 0)


def test_an_empty_spool(spool: Spool) -> None:
    assert list(spool) == list(reversed(spool)) == []
    assert len(spool) == spool.count == 0


def test_what_is_appended_after_reading_damages_nothing(spool: Spool) -> None:
    spool.append(b"first")
    spool.append(b"second")
    assert spool[0] == b"first"
    spool.append(b"third")
    assert list(spool) == [b"first", b"second", b"third"]


def test_memory_is_freed_when_the_file_takes_over() -> None:
    spool = Spool(10)
    for _ in range(5):
        spool.append(b"123456")
    assert not spool._blobs
    assert list(spool) == [b"123456"] * 5
    close(spool)


@given(st.lists(st.binary(max_size=8)), st.integers(0, 60))
def test_any_records_come_back(blobs: list[bytes], limit: int) -> None:
    spool = Spool(limit)
    for blob in blobs:
        spool.append(blob)
    assert list(spool) == blobs
    assert list(reversed(spool)) == blobs[::-1]
    close(spool)


def test_what_has_no_room_in_a_file_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the look at what was written the last records are cut or an exception."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    blobs = [bytes([n]) * 700 for n in range(20)]
    for room in (None, 0, 1_000, 5_000):
        spool = Spool(2_000)
        if room is None:
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        else:
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
            monkeypatch.setattr("os.pwrite", _full_after(room))
        for blob in blobs:
            spool.append(blob)
        assert list(spool) == blobs and len(spool) == 20
        assert list(reversed(spool)) == blobs[::-1] and spool[7] == blobs[7]
        close(spool)


def _full_after(room: int) -> Callable[[int, bytes, int], int]:
    def write(fd: int, data: bytes, offset: int) -> int:
        if offset >= room:
            raise OSError(errno.ENOSPC, "full")
        return _PWRITE(fd, data[: room - offset], offset)

    return write
