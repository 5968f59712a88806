"""Small new files take the short path whichever way moves their bytes, and it trusts none of them."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Blit, mounted, requires_mounts, requires_strace
from trees import File, Sparse, assert_same, contents, filler, make, temporaries

from blit.worker import status, swift, system, wire
from blit.worker.context import Context, Result
from blit.worker.copy import Copier

WAYS = [wire.KERNEL, wire.SENDFILE, wire.READ_WRITE]
Entries = list[tuple[object, ...]]
pytestmark = [pytest.mark.parametrize("way", WAYS, ids=[wire.METHODS[w] for w in WAYS])]


def listed(folder: Path) -> Entries:
    infos = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    return [(n, wire.FILE, i.st_size, i.st_mtime_ns, i.st_ino, wire.NEW) for n, i in infos]


class Batch:
    """Copies as a worker does for which `way` is the best that works; `careful`: what took care."""

    def __init__(self, src: Path, dst: Path, way: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.src, self.dst, self.way = src, dst, way
        self.careful: list[str] = []
        usual = Copier._careful

        def careful(copier: Copier, sfd: int, dfd: int, name: str, *rest: object) -> object:
            self.careful.append(name)
            return usual(copier, sfd, dfd, name, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(Copier, "_careful", careful)

    def copy(self, entries: Entries) -> Result:
        page = status.Page(mmap.mmap(-1, status.PAGE), 0)
        context = Context(page, "t" * 15, 0, os.getppid())
        context.ladder.rungs[self.src.stat().st_dev, self.dst.stat().st_dev] = self.way
        blob = wire.dump((str(self.src), str(self.dst), "", "", None, entries))
        return Copier(context, 0).run([blob])


@pytest.fixture
def batch(ram: Path, way: int, monkeypatch: pytest.MonkeyPatch) -> Batch:
    if way < wire.READ_WRITE and system.send_from_start.__module__.endswith("portable"):
        pytest.skip("the portable backend: it only reads and writes")
    (ram / "dst").mkdir(mode=0o700)
    return Batch(ram / "src", ram / "dst", way, monkeypatch)


def test_they_are_copied_by_the_short_path(batch: Batch) -> None:
    """Without that way in SWIFT (swift.py), or with another method counted, this fails."""
    make(batch.src, {f"f{n}": File(size=n * 517, mode=0o640) for n in range(30)})
    make(batch.src, {"empty": b"", os.fsdecode(b"\xff\xfe"): File(b"1", xattrs={"user.a": b"b"})})
    result = batch.copy(listed(batch.src))
    assert not result.failures
    assert batch.careful == []
    assert result.methods[batch.way] == result.files == 32
    assert result.bytes == sum(map(len, contents(batch.src).values()))
    (batch.dst).chmod(batch.src.stat().st_mode & 0o777)
    os.utime(batch.dst, ns=(0, batch.src.stat().st_mtime_ns))
    assert_same(batch.src, batch.dst)


def grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more" * 700)


def shrink(path: Path) -> None:
    os.truncate(path, 900)


def replace(path: Path) -> None:
    info = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"2" * info.st_size)
    os.utime(other, ns=(info.st_atime_ns, info.st_mtime_ns))
    other.rename(path)


@pytest.mark.parametrize("change", [grow, shrink, replace])
@pytest.mark.parametrize("when", ["listed", "opened", "read"])
def test_a_source_that_changes_is_left_to_all_care(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], when: str
) -> None:
    """Without the size and mtime of `info`, or without its inode (replaced), this fails."""
    make(batch.src, {f"f{n}": filler(3000, b"%d" % n) for n in range(7)})
    entries, real = listed(batch.src), swift.SWIFT[batch.way]
    calls = 0

    def moving(source: int, target: int, count: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 4 and when == "opened":
            change(batch.src / "f3")
        moved = real(source, target, count)
        if calls == 4 and when == "read":
            change(batch.src / "f3")
        return moved

    monkeypatch.setitem(swift.SWIFT, batch.way, moving)
    if when == "listed":
        change(batch.src / "f3")
    result = batch.copy(entries)
    if change is replace and when != "listed":  # what was opened was whole, and it was the one
        assert batch.careful == []
        assert (batch.dst / "f3").read_bytes() == filler(3000, b"3")
    else:
        assert batch.careful == ["f3"]
        assert contents(batch.dst) == contents(batch.src)
    assert not result.failures and result.files == 7
    assert not temporaries(batch.dst)


@pytest.mark.parametrize("lost", [1, 2500, 3000])
def test_a_short_write_is_no_copy(batch: Batch, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    """Without `moved == size` in swift.py this fails."""
    make(batch.src, {f"f{n}": filler(3000, b"%d" % n) for n in range(4)})
    real = swift.SWIFT[batch.way]

    def short(source: int, target: int, count: int) -> int:
        return real(source, target, count - lost) if count > lost else 0

    monkeypatch.setitem(swift.SWIFT, batch.way, short)
    result = batch.copy(listed(batch.src))
    assert batch.careful == [f"f{n}" for n in range(4)]
    assert not result.failures and result.files == 4
    assert contents(batch.dst) == contents(batch.src)
    assert not temporaries(batch.dst)


def test_where_all_have_holes_few_are_read_twice(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `wasted` in swift.py this fails: each is copied, thrown away and copied again."""
    make(batch.src, {f"f{n:02}": Sparse(9000, {8190: b"data"}) for n in range(40)})
    real, calls = swift.SWIFT[batch.way], []

    def counted(source: int, target: int, count: int) -> int:
        calls.append(count)
        return real(source, target, count)

    monkeypatch.setitem(swift.SWIFT, batch.way, counted)
    result = batch.copy(listed(batch.src))
    assert contents(batch.dst) == contents(batch.src) and result.files == 40
    assert len(calls) == 5
    calls.clear()
    make(batch.src, {f"e{n:02}": b"whole" for n in range(40)})
    for path in batch.dst.iterdir():
        path.unlink()
    batch.copy(listed(batch.src))
    assert len(calls) == 80, "a few of many are no reason"


@pytest.mark.root
def test_a_disk_that_fills_up_in_the_middle_of_a_file(batch: Batch) -> None:
    """Without `moved == size` in swift.py this fails: the last file is there in part."""
    requires_mounts()
    make(batch.src, {f"f{n}": filler(50_000, b"%d" % n) for n in range(9)})
    want = contents(batch.src)
    with mounted(batch.dst, "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs"):
        result = batch.copy(listed(batch.src))
        assert contents(batch.dst) == {f"f{n}": want[f"f{n}"] for n in range(2)}
        assert result.files == 2 and result.left == 6
        assert result.fatal is not None and "space" in result.fatal[3]
        assert os.statvfs(batch.dst).f_bfree > 0, "what was begun is gone"


def test_the_summary_tells_the_way(blit: Blit, ram: Path, way: int) -> None:
    """With KERNEL counted for all in swift.py this fails."""
    make(ram / "src", {f"d{d}": {f"f{n}": File(size=700 + n) for n in range(50)} for d in range(4)})
    prefix: list[str] = []
    if os.environ.get("BLIT_BACKEND") == "portable":
        way = wire.READ_WRITE
    elif way > wire.KERNEL:
        requires_strace()
        calls = "copy_file_range" if way == wire.SENDFILE else "copy_file_range,sendfile"
        prefix = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={calls}",
                  "-e", f"inject={calls}:error=EXDEV"]  # fmt: skip
    result = blit.json("copy", f"{ram}/src/", ram / "dst", prefix=prefix)
    assert result.summary["methods"] == {wire.METHODS[way]: 200}
    assert_same(ram / "src", ram / "dst")
