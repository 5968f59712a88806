"""Two runs into one destination: the second mirror refuses, the second copy does no harm."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from asking import asking
from conftest import (
    Blit,
    mounted,
    requires_loop,
    requires_tool,
    room_in_ram,
    skip,
    until,
    workers_of,
)
from hurt import fuse
from trees import assert_same, filler, make, temporaries

from blit.engine import probing
from blit.engine.workers import Pool
from blit.job import Job
from blit.worker import holder, lock


def holders(folder: Path) -> list[int]:
    """The processes that hold a lock on a folder."""
    inode = f":{folder.stat().st_ino}"
    with open("/proc/locks", encoding="ascii") as table:
        lines = [line.split() for line in table]
    return [int(f[4]) for f in lines if f[1] == "FLOCK" and f[5].endswith(inode)]


@pytest.fixture
def pair(ram: Path) -> tuple[Path, Path]:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a", "sub": {"b": b"b"}})
    make(dst, {"a": b"old", "sub": {"extra": b"x"}})
    if not Path("/proc/locks").exists():
        skip("there is no /proc/locks")
    return src, dst


def test_a_second_mirror_refuses_and_names_the_first(blit: Blit, pair: tuple[Path, Path]) -> None:
    """Without the lock in opening.py this fails."""
    src, dst = pair
    with asking(blit, f"{src}/", dst) as first:
        second = blit("mirror", "--yes", f"{src}/", dst, code=4)
        assert (dst / "sub" / "extra").exists()
        told = second.errors[-1]
        assert f"process {first.pid}" in told and f"blit mirror {src}/ {dst}" in told, told
        assert "since " in told and str(dst) in told
        assert blit.json("mirror", "-y", f"{src}/", dst, code=4).summary["outcome"] == "refused"
        # neither of these writes what the first one deletes
        blit("mirror", "--dry-run", f"{src}/", dst)
        blit("copy", src / "a", dst / "sub")
        beside = blit("copy", "-v", src / "a", dst / "sub")
        assert any("is being mirrored" in line for line in beside.errors), beside
    # killed: nothing of its lock is left
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(src, dst)


@pytest.mark.parametrize("place", ["dst/sub", "."])
def test_a_mirror_into_what_lies_in_or_around_it_refuses(
    blit: Blit, ram: Path, pair: tuple[Path, Path], place: str
) -> None:
    """Without the locks on the folders above this fails."""
    src, dst = pair
    make(ram / "other", {"c": b"c"})
    with asking(blit, f"{src}/", dst):
        blit("mirror", "-y", "--max-delete", "0", f"{ram / 'other'}/", ram / place, code=4)
        assert not (ram / place / "c").exists()


def test_mirrors_into_two_folders_of_one_place_go_on_side_by_side(
    blit: Blit, ram: Path, pair: tuple[Path, Path]
) -> None:
    src, _ = pair
    make(ram / "disk" / "src", {"extra": b"x"})
    make(ram / "other", {"c": b"c"})
    with asking(blit, src, ram / "disk"):
        blit("mirror", "-y", ram / "other", ram / "disk")
    assert_same(ram / "other", ram / "disk" / "other")


def test_a_mirror_refuses_beside_a_copy(blit: Blit, pair: tuple[Path, Path]) -> None:
    """Without the shared lock of a copy this fails."""
    src, dst = pair
    with pool_of("copy", f"{src}/", dst):
        assert "in use" in blit("mirror", "-y", f"{src}/", dst, code=4).errors[-1]


@contextmanager
def pool_of(command: str, src: Path | str, dst: Path) -> Iterator[Pool]:
    """Workers of which one has taken the first look, and with it the lock."""
    job = Job(command, (os.fsencode(src),), os.fsencode(dst), yes=True)
    pool = Pool(2)
    try:
        pool.post_all(pool.workers[0], probing.probe_task(job, pool))
        facts = pool.answer_now(pool.workers[0])
        assert facts is not None and "refused" not in facts, facts
        yield pool
    finally:
        pool.kill()
        pool.close()
        until(pool.reap, "the workers end")


def test_the_lock_goes_over_to_another_worker_when_its_keeper_dies(
    pair: tuple[Path, Path],
) -> None:
    """Without Told.lost this fails."""
    src, dst = pair
    with pool_of("mirror", f"{src}/", dst) as pool:
        keeper, other = pool.workers
        assert holders(dst) == [keeper.pid]
        os.kill(keeper.pid, signal.SIGKILL)
        pool.replace(keeper)
        until(lambda: not holders(dst), "the lock ends with its keeper")
        pool.post_all(other, {"op": "sync", "what": "flush", "places": []})
        assert pool.answer_now(other) == {}
        assert holders(dst) == [other.pid]


@pytest.mark.root
def test_the_lock_goes_over_once_a_keeper_that_hangs_has_ended(ram: Path) -> None:
    """Without `borrowed` this fails: its successor believed to have the lock, and nobody had it."""
    make(ram / "src", {"a": b"a"})
    mark = ram / "mark"
    with fuse(ram) as faults, pool_of("mirror", f"{ram / 'src'}/", faults.point) as pool:
        keeper, other = pool.workers
        there = os.open(faults.point, os.O_RDONLY)
        assert holder._pids(there) == [keeper.pid]
        faults.hurt({"op": "getattr", "path": "/x", "hang": True, "mark": str(mark)})
        pool.post(keeper, {"op": "folders", "path": str(faults.point / "x")})
        until(mark.exists, "the hang")
        pool.replace(keeper)
        nothing = {"op": "sync", "what": "flush", "places": []}
        pool.post_all(other, nothing)
        assert pool.answer_now(other) == {}
        assert holder._pids(there) == [keeper.pid]
        faults.hurt()
        until(lambda: not holder._pids(there), "the lock ends with its keeper")
        pool.post_all(other, nothing)
        assert pool.answer_now(other) == {}
        assert holder._pids(there) == [other.pid]
        pool.post_all(other, nothing)
        assert pool.answer_now(other) == {}
        assert "lock" not in pool.told.words
        os.close(there)


def test_a_run_that_lost_its_lock_to_another_ends(blit: Blit, pair: tuple[Path, Path]) -> None:
    """Without the `fatal` of Worker.lock this fails."""
    src, dst = pair
    with pool_of("mirror", f"{src}/", dst) as pool:
        keeper, other = pool.workers
        os.kill(keeper.pid, signal.SIGKILL)
        pool.replace(keeper)
        until(lambda: not holders(dst), "the lock ends with its keeper")
        with asking(blit, f"{src}/", dst):
            pool.post_all(other, {"op": "sync", "what": "flush", "places": []})
            answer = pool.answer_now(other)
    assert answer is not None and answer["fatal"][1] == "lock"


def test_the_lock_of_another_program_stops_nobody(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    fd = os.open(dst, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        result = blit("mirror", "-v", "-y", f"{src}/", dst)
    finally:
        os.close(fd)
    assert any("another program" in line for line in result.errors), result
    assert_same(src, dst)


def test_where_folders_take_no_locks_a_file_of_the_user_does(
    ram: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `_file` in lock.py this fails."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(ram))
    real = fcntl.flock

    def no_folders(fd: int, how: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(9, "Bad file descriptor")
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", no_folders)
    _, dst = pair
    contexts = [_context(), _context()]
    assert lock.take(contexts[0], [str(dst)], True) == []
    info = dst.stat()
    note = ram / "blit" / f"{info.st_dev:x}-{info.st_ino:x}.lock"
    assert holders(note) == [os.getpid()]
    # the holder is this very process, which is no blit: that is said, and not waited for
    assert "another program" in lock.take(contexts[1], [str(dst)], True)[0]
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(ram / "none"))
    assert "cannot be locked" in lock.take(_context(), [str(dst)], True)[0]
    for context in contexts:
        for fd in context.locks:
            os.close(fd)


@pytest.mark.root
def test_who_holds_a_lock_is_found_beside_a_run_that_hangs(ram: Path) -> None:
    """The holder may just have left. With a look at what other workers have open this hangs."""
    make(ram / "src", {"a": b"a"})
    (ram / "free").mkdir()
    fd = os.open(ram / "free", os.O_RDONLY)
    with fuse(ram) as faults, pool_of("mirror", f"{ram / 'src'}/", faults.point):
        faults.hurt({"op": "getattr", "hang": True})
        thread = Thread(target=holder.first, args=(_context(), fd), daemon=True)
        thread.start()
        thread.join(10)
        hung = thread.is_alive()
        faults.hurt()
    os.close(fd)
    assert not hung


@pytest.mark.root
def test_a_lock_that_hangs_is_told_by_its_folder(ram: Path) -> None:
    """Without the operation in Worker.lock this fails: a stall would name no operation."""
    make(ram / "src", {"a": b"a"})
    with fuse(ram) as faults, pool_of("mirror", f"{ram / 'src'}/", faults.point) as pool:
        keeper, other = pool.workers
        os.kill(keeper.pid, signal.SIGKILL)
        pool.replace(keeper)
        faults.hurt({"op": "getattr", "hang": True})
        pool.post_all(other, {"op": "sync", "what": "flush", "places": []})
        where = ("list", os.fsencode(faults.point))
        until(lambda: other.view.activity()[:2] == where, "the lock")
        faults.hurt()
        assert pool.answer_now(other) == {}


@pytest.mark.root
def test_who_holds_a_lock_is_found_where_files_tell_another_device(blit: Blit, ram: Path) -> None:
    """Without `_number` in holder.py this fails."""
    requires_loop()
    requires_tool("mkfs.btrfs")
    image = ram / "image"
    image.touch()
    os.truncate(image, 120 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, stderr=subprocess.DEVNULL)
    with mounted(ram / "disk", "-o", "loop", str(image)) as disk:
        make(ram / "src", {"a": b"a"})
        make(disk / "dst", {"extra": b"e"})
        with asking(blit, f"{ram / 'src'}/", disk / "dst") as first:
            second = blit("mirror", "--yes", f"{ram / 'src'}/", disk / "dst", code=4)
    assert f"process {first.pid}" in second.errors[-1], second


def test_a_holder_that_is_just_ending_is_waited_for(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process loses its words before its locks. Without the wait for such a one this fails."""
    _, dst = pair
    theirs = os.open(dst, os.O_RDONLY)
    fcntl.flock(theirs, fcntl.LOCK_EX)

    def ending(pid: int) -> list[bytes]:
        fcntl.flock(theirs, fcntl.LOCK_UN)
        return []

    monkeypatch.setattr(holder, "_command", ending)
    context = _context()
    assert lock.take(context, [str(dst)], True) == []
    with pytest.raises(BlockingIOError):
        fcntl.flock(theirs, fcntl.LOCK_SH | fcntl.LOCK_NB)
    for fd in (theirs, *context.locks):
        os.close(fd)


def _context():  # type: ignore[no-untyped-def]
    import mmap

    from blit.worker import status
    from blit.worker.context import Context

    page = status.Page(mmap.mmap(-1, status.PAGE), 0)
    return Context(page, "token", 0, os.getppid())


def test_two_copies_into_one_folder_leave_each_others_temporaries_alone(
    blit: Blit, ram: Path
) -> None:
    """With a `tmpname.is_dead` that always says yes this fails."""
    room_in_ram(700 << 20)
    src, other, dst = ram / "src", ram / "other", ram / "dst"
    make(src, {"large": filler(200 << 20, b"large"), "small": b"s"})
    make(other, {f"f{n}": b"f" for n in range(40)})
    dst.mkdir()
    for _ in range(5):
        process = blit.start("copy", f"{src}/", dst)
        until(lambda p=process: temporaries(dst) or p.poll() is not None, "a temporary")  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGSTOP)
        if living := temporaries(dst):
            break
        os.killpg(process.pid, signal.SIGCONT)
        process.wait(20)
        (dst / "large").unlink(missing_ok=True)
    else:
        skip("this machine copies too fast to be stopped in between")
    blit("copy", f"{other}/", dst)
    assert temporaries(dst) == living
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(60) == 0
    assert (dst / "large").stat().st_size == 200 << 20
    assert sorted(os.listdir(dst)) == sorted([*os.listdir(src), *os.listdir(other)])


def test_two_copies_of_the_same_files_at_once(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"d{n}": {f"f{m}": b"%d" % m for m in range(60)} for n in range(20)})
    both = [blit.start("copy", f"{src}/", dst) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert_same(src, dst)
    assert not temporaries(dst) and not any(workers_of(p.pid) for p in both)
