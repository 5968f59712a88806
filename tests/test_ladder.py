"""The ways to move bytes: a call that moves less than it was asked for, or nothing, is no end."""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from trees import filler

from blit.worker import ladder, wire
from blit.worker.system import CANNOT

COUNTS = (1, 4_095, 7, 70_000, 12)  # bytes that one call moves at most, again and again


class Page(SimpleNamespace):
    """A status page that wants nothing."""

    def moved(self, done: int, position: int) -> None:
        self.total += done

    def flag(self) -> int:
        return 0


class Short:
    """`os`, where a call on bytes does less than it is asked for."""

    def __init__(self) -> None:
        self.most = itertools.cycle(COUNTS)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pread(self, fd: int, count: int, offset: int) -> bytes:
        return os.pread(fd, min(count, next(self.most)), offset)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        return os.pwrite(fd, data[: next(self.most)], offset)


def moved(
    monkeypatch: pytest.MonkeyPatch, place: Path, data: bytes, rung: int, zero_at: int
) -> bytes:
    """What arrives by `rung` and those below; the kernel moves nothing from `zero_at` on."""
    most = itertools.cycle(COUNTS)

    def some(s: int, d: int, count: int, offset: int) -> int:
        if offset >= zero_at:
            return 0
        part = os.pread(s, min(count, next(most)), offset)
        return os.pwrite(d, part, offset)

    monkeypatch.setattr(ladder, "os", Short())
    monkeypatch.setattr(ladder.system, "copy_range_at", some)
    monkeypatch.setattr(ladder.system, "send", some)
    (place / "s").write_bytes(data)
    s, d = os.open(place / "s", os.O_RDONLY), os.open(place / "d", os.O_RDWR | os.O_CREAT)
    try:
        page = Page(total=0)
        climb = ladder.Ladder(page)  # type: ignore[arg-type]
        climb.rungs[1, 1] = rung
        climb.copy(s, d, 0, len(data), (1, 1), holes=False)
        assert page.total == len(data)
    finally:
        os.close(s)
        os.close(d)
    return (place / "d").read_bytes()


@pytest.mark.parametrize("rung", [wire.KERNEL, wire.SENDFILE, wire.READ_WRITE])
@pytest.mark.parametrize("zero_at", [0, 5_000, 1 << 40])
def test_short_counts_are_continued(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rung: int, zero_at: int
) -> None:
    """Without the loop over `os.pwrite` bytes are left out, and this fails."""
    data = filler(300_001, b"x")
    assert moved(monkeypatch, tmp_path, data, rung, zero_at) == data


def test_a_source_that_ends_early_is_no_success(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "s").write_bytes(b"short")
    s, d = os.open(tmp_path / "s", os.O_RDONLY), os.open(tmp_path / "d", os.O_RDWR | os.O_CREAT)
    climb = ladder.Ladder(Page(total=0))  # type: ignore[arg-type]
    climb.rungs[1, 1] = wire.KERNEL
    with pytest.raises(ladder.Shrunk):
        climb.copy(s, d, 0, 100, (1, 1), holes=False)
    os.close(s)
    os.close(d)


@pytest.mark.parametrize("holes", [False, True])
def test_who_shares_a_file_leaves_the_kernels_copy_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, holes: bool
) -> None:
    """Without `least` in Ladder.copy, at both places, this fails."""

    def never(*_: int) -> int:
        raise AssertionError("no such call where others write into the file")

    for name in ("clone", "copy_range_at", "send"):
        monkeypatch.setattr(ladder.system, name, never)
    data = filler(3 << 20, b"x")
    (tmp_path / "s").write_bytes(data)
    s, d = os.open(tmp_path / "s", os.O_RDONLY), os.open(tmp_path / "d", os.O_RDWR | os.O_CREAT)
    climb = ladder.Ladder(Page(total=0))  # type: ignore[arg-type]
    climb.rungs[1, 1] = wire.KERNEL
    least = ladder.shared(wire.CACHED | wire.PREALLOCATE)
    method = climb.copy(s, d, 0, len(data), (1, 1), holes, least=least)
    os.close(s)
    os.close(d)
    assert method == wire.READ_WRITE and climb.rungs == {(1, 1): wire.KERNEL}
    assert (tmp_path / "d").read_bytes() == data
    assert ladder.shared(wire.PREALLOCATE) == wire.CLONE  # xfs, btrfs: the kernel may clone parts


def test_holes_are_kept_where_nobody_can_ask_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the look for zeros the copy is as long on disk as it says, and this fails."""
    blind = Short()
    blind.most = itertools.repeat(1 << 30)  # type: ignore[assignment]
    monkeypatch.setattr(blind, "lseek", _no_holes, raising=False)
    monkeypatch.setattr(ladder, "os", blind)
    size = 3 << 20
    with open(tmp_path / "s", "wb") as out:
        out.truncate(size)
        os.pwrite(out.fileno(), b"data", 1 << 20)
    s, d = os.open(tmp_path / "s", os.O_RDONLY), os.open(tmp_path / "d", os.O_RDWR | os.O_CREAT)
    os.ftruncate(d, size)
    ladder.Ladder(Page(total=0)).copy(s, d, 0, size, (1, 1), holes=True)  # type: ignore[arg-type]
    os.close(s)
    os.close(d)
    assert (tmp_path / "d").read_bytes() == (tmp_path / "s").read_bytes()
    assert (tmp_path / "d").stat().st_blocks <= 64


def _no_holes(*_: int) -> int:
    assert errno.EINVAL in CANNOT
    raise OSError(errno.EINVAL, "no holes to be seen here")
