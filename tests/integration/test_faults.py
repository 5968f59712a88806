"""Trouble with the disk, the source and the arguments: said in one line, nothing partial, nothing lost."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Blit, inject, mounted, ordinary, requires_mounts, requires_strace
from trees import File, Sparse, assert_same, contents, filler, make, snapshot, temporaries

READS = "read,pread64,copy_file_range,sendfile"


# -- the destination ------------------------------------------------------------------------------


@contextmanager
def full(ram: Path, more: str = "") -> Iterator[Path]:
    """2 MiB that are filled to the last: what is mounted below makes it uncertain beforehand."""
    requires_mounts()
    with (
        mounted(ram / "dst", "-t", "tmpfs", "-o", f"size=2m{more}", "tmpfs") as dst,
        mounted(dst / "other", "-t", "tmpfs", "-o", "size=64k", "tmpfs"),
    ):
        yield dst


@pytest.mark.root
@pytest.mark.parametrize("files", [3, 400])
def test_a_full_destination_ends_the_run_with_one_message(
    blit: Blit, ram: Path, files: int
) -> None:
    requires_mounts()
    make(ram / "src", {f"f{n:03}": File(size=(4 << 20) // files) for n in range(files)})
    with full(ram) as dst:
        result = blit("copy", f"{ram}/src/", dst, code=1)
        assert not temporaries(dst)
        want = contents(ram / "src")
        found = contents(dst)
        assert all(found[name] == want[name] for name in found), "a file is there in part"
    assert "space" in result.errors[-1] and str(dst) in result.errors[-1]
    assert len(result.errors) == 1, "one message, not one a file: " + str(result)


@pytest.mark.root
def test_a_full_destination_keeps_the_old_files_and_deletes_nothing(blit: Blit, ram: Path) -> None:
    requires_mounts()
    make(ram / "src", {"a": File(size=1_500_000), "b": File(size=1_500_000)})
    with full(ram) as dst:
        make(dst, {"a": b"old a", "b": b"old b", "extra": b"x"})
        blit("mirror", "--yes", f"{ram}/src/", dst, code=1)
        found, want = contents(dst), contents(ram / "src")
        assert found["extra"] == b"x"
        assert found["a"] in (b"old a", want["a"]) and found["b"] in (b"old b", want["b"])
        assert not temporaries(dst)


@pytest.mark.root
def test_no_inodes_left_is_a_full_destination(blit: Blit, ram: Path) -> None:
    requires_mounts()
    make(ram / "src", {f"f{n}": b"x" for n in range(60)})
    with full(ram, ",nr_inodes=20") as dst:
        blit("copy", f"{ram}/src/", dst, code=1)
        assert not temporaries(dst)
        assert set(contents(dst).values()) <= {b"x"}


@pytest.mark.root
def test_a_read_only_destination(blit: Blit, ram: Path) -> None:
    requires_mounts()
    make(ram / "src", {f"f{n}": b"x" for n in range(60)})
    with mounted(ram / "dst", "-t", "tmpfs", "-o", "ro", "tmpfs") as dst:
        result = blit("copy", f"{ram}/src/", dst, code=1)
    assert len(result.errors) == 1 and "read-only" in result.errors[0].lower(), result


def test_a_destination_without_the_right_to_write(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"a": b"a", "b": b"b"})
    (ram / "dst").mkdir(mode=0o555)
    who = ordinary()
    os.chown(ram / "dst", 12345, 12345) if os.geteuid() == 0 else None
    result = blit("copy", f"{ram}/src/", ram / "dst", code=None, prefix=who)
    assert result.code in (1, 3), str(result)
    assert any(f"{ram}/dst" in line and "denied" in line for line in result.errors)
    assert contents(ram / "dst") == {}


# -- the source -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5, 200])
@pytest.mark.parametrize("size", [3, 3_000_000])
def test_a_file_that_cannot_be_read_is_named_and_the_rest_copied(
    blit: Blit, ram: Path, count: int, size: int
) -> None:
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"ok %d" % n for n in range(count)})
    make(src, {"bad": File(size=size)})
    make(dst, {"bad": b"old content"})
    prefix = inject(src / "bad", READS, "error=EIO")
    result = blit.json("copy", f"{src}/", dst, code=3, prefix=prefix)
    failures = result.summary["failures"]
    assert [f["path"] for f in failures] == [f"{src}/bad"]
    assert failures[0]["errno"] == errno.EIO
    assert result.summary["files"]["failed"] == 1
    assert (dst / "bad").read_bytes() == b"old content"
    assert all((dst / f"f{n}").read_bytes() == b"ok %d" % n for n in range(count))
    assert not temporaries(dst)


@pytest.mark.parametrize("when", ["1", "2+", "1+"])
@pytest.mark.parametrize("size", [500, 5_000_000])
def test_a_kernel_copy_that_ends_early_does_not_truncate(
    blit: Blit, ram: Path, when: str, size: int
) -> None:
    requires_strace()
    make(ram / "src", {f"f{n}": File(size=size + n) for n in range(4)})
    for call in ("copy_file_range", "copy_file_range,sendfile"):
        prefix = inject(ram / "src/f1", call, f"retval=0:when={when}")
        blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix)
        assert_same(ram / "src", ram / "dst")
        for name in os.listdir(ram / "dst"):
            os.unlink(ram / "dst" / name)


def test_a_short_write_is_continued(blit: Blit, ram: Path) -> None:
    requires_strace()
    make(ram / "src", {"a": File(size=300_000)})
    prefix = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=copy_file_range,sendfile", "-e",
              "inject=copy_file_range,sendfile:error=ENOSYS"]  # fmt: skip
    blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix)
    assert_same(ram / "src", ram / "dst")


@pytest.mark.parametrize(
    ("calls", "fault"),
    [
        ("fchmod", "error=EIO"), ("utimensat", "error=EIO"), ("renameat,renameat2,rename", "error=EIO"),
        ("close", "error=EIO"), ("syncfs,fsync,fdatasync", "error=EIO"), ("openat", "error=EIO"),
        ("ftruncate,fallocate", "error=EIO"), ("unlinkat,unlink", "error=EIO"), ("mkdirat,mkdir", "error=EIO"),
    ],
)  # fmt: skip
def test_whatever_fails_a_final_name_holds_old_or_new(
    blit: Blit, ram: Path, calls: str, fault: str
) -> None:
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": filler(3_000 + n, b"new") for n in range(12)})
    make(src, {"sub": {"x": b"new x"}, "fresh": File(b"new", mode=0o600)})
    make(dst, {f"f{n}": filler(2_000 + n, b"old") for n in range(12)})
    make(dst, {"extra": b"x"})
    old, new = contents(dst), contents(src)
    target = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
              f"inject={calls}:{fault}"]  # fmt: skip
    if calls in ("close", "openat"):
        # names are opened below an open folder: strace knows the name for openat, the path for close
        target[5:5] = [
            w
            for n in range(12)
            for w in ("-P", f"f{n}" if calls == "openat" else str(src / f"f{n}"))
        ]
    result = blit("mirror", "--yes", f"{src}/", dst, code=None, prefix=target)
    found = {n: d for n, d in contents(dst).items() if not os.path.basename(n).startswith(".blit-")}
    for name, data in found.items():
        assert data in (old.get(name), new.get(name)), f"{name} holds neither ({calls}: {result})"
    assert found.keys() >= old.keys() - {"extra"}
    equal = found == new
    assert equal or result.code != 0, (
        f"{calls} failed, the copy is incomplete and the exit code is 0"
    )
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(src, dst)
    assert not temporaries(dst)


@pytest.mark.parametrize("replaces", [False, True])
def test_a_source_that_changes_while_it_is_copied_is_reported(
    blit: Blit, ram: Path, replaces: bool
) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"busy": File(size=250 << 20), "quiet": b"q"})
    if replaces:
        make(dst, {"busy": b"old content"})
    stop = threading.Event()

    def write() -> None:
        fd = os.open(src / "busy", os.O_WRONLY)
        turn = 0
        while not stop.is_set():
            os.pwrite(fd, b"%d" % turn, turn * 4096 % (250 << 20))
            turn += 1
            stop.wait(0.001)
        os.close(fd)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        result = blit("copy", f"{src}/", dst, code=3)
    finally:
        stop.set()
        writer.join()
    assert any(f"{src}/busy" in line and "change" in line for line in result.errors), result
    assert contents(dst) == {"quiet": b"q", **({"busy": b"old content"} if replaces else {})}
    assert not temporaries(dst)
    blit("copy", f"{src}/", dst)
    assert_same(src, dst)


def test_a_source_that_shrinks_while_it_is_copied_is_not_padded(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"log": File(size=200 << 20)})
    stop = threading.Event()

    def cut() -> None:
        size = 200 << 20
        while not stop.is_set() and size > 1 << 20:
            size -= 65536
            os.truncate(src / "log", size)
            stop.wait(0.001)

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        result = blit("copy", f"{src}/", dst, code=None)
    finally:
        stop.set()
        cutter.join()
    assert result.code == 3, str(result)
    assert contents(dst) == {}


def test_a_source_that_vanishes_meanwhile_only_warns(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"x" for n in range(20)})
    requires_strace()
    prefix = inject("f7", "openat", "error=ENOENT")  # opened below its open folder
    result = blit("copy", f"{src}/", dst, prefix=prefix)
    assert len(list(dst.iterdir())) == 19
    assert len(result.errors) == 1 and "vanished" in result.errors[0]


def test_what_an_ordinary_user_cannot_read_is_listed(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a", "closed": File(b"c", mode=0), "sub": {"closed": File(b"c", mode=0), "b": b"b"},
               "locked": {"in": b"i"}})  # fmt: skip
    (src / "locked").chmod(0)
    dst.mkdir()
    dst.chmod(0o777)
    result = blit.json("copy", f"{src}/", dst, code=3, prefix=ordinary())
    failures = result.summary["failures"]
    assert {f["path"] for f in failures} == {f"{src}/closed", f"{src}/sub/closed", f"{src}/locked"}
    assert {f["errno"] for f in failures} == {errno.EACCES}
    assert (dst / "a").read_bytes() == b"a" and (dst / "sub/b").read_bytes() == b"b"


def test_setuid_goes_where_the_owner_cannot_be_kept(blit: Blit, ram: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    make(ram / "src", {"tool": File(b"t", mode=0o4755)})
    os.chown(ram / "src/tool", 12345, 12345)
    os.chmod(ram / "src/tool", 0o4755)
    prefix = ("setpriv", "--bounding-set", "-chown", "--inh-caps", "-all")
    blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix, code=None)
    there = (ram / "dst/tool").stat()
    assert there.st_uid == 0 and there.st_mode & 0o6000 == 0, oct(there.st_mode)


# -- the arguments --------------------------------------------------------------------------------

BAD = {
    "a missing source": (("copy", "missing", "dst"), 1, "missing"),
    "a missing source of several": (("copy", "a", "missing", "dst"), 1, "missing"),
    "a missing source of a mirror": (("mirror", "-y", "missing/", "dst"), 1, "missing"),
    "a file with a trailing slash": (("copy", "a/", "dst"), 1, "a/"),
    "an unknown option": (("copy", "--bogus", "a", "dst"), 2, "--bogus"),
    "an abbreviated option": (("copy", "--dry", "a", "dst"), 2, "--dry"),
    "no destination": (("copy", "a"), 2, "DST"),
    "an unknown command": (("carry", "a", "dst"), 2, "carry"),
    "two sources of a mirror": (("mirror", "a", "b", "dst"), 2, "dst"),
    "a bad number": (("mirror", "--max-delete", "-3", "sub/", "dst"), 2, "--max-delete"),
    "a word for a number": (("mirror", "--max-delete=many", "sub/", "dst"), 2, "many"),
    "an empty source": (("copy", "", "dst"), 2, "empty"),
    "an empty destination": (("copy", "a", ""), 2, "empty"),
    "a mirror of a file": (("mirror", "-y", "a", "dst"), 2, "a"),
    "a file where a folder must be": (("copy", "sub", "a"), 4, "a"),
    "a file above the destination": (("copy", "sub", "a/b/c"), 4, "a"),
    "a file for two sources": (("copy", "sub", "b", "a"), 4, "a"),
    "a file onto a folder": (("copy", "b", "holds/../holds"), 4, "holds"),
    "a file onto itself": (("copy", "a", "a"), 4, "a"),
    "a file onto itself, by its folder": (("copy", "a", "."), 4, "a"),
    "two sources for one name": (("copy", "a", "sub/a", "dst"), 2, "a"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_answered_with_one_sentence(blit: Blit, ram: Path, bad: str) -> None:
    arguments, code, word = BAD[bad]
    make(ram, {"a": b"a", "b": b"b", "sub": {"a": b"x"}, "holds": {"b": {"c": b"c"}}})
    before = snapshot(ram)
    result = blit(*arguments, code=code, cwd=ram)
    assert result.out == b""
    sentences = [line for line in result.errors if not line.startswith("try: ")]
    assert len(sentences) == 1, result
    assert sentences[0].startswith("blit: ") and word in sentences[0]
    assert_same(before, ram)


def test_a_name_with_control_bytes_is_inert_in_messages(blit: Blit, ram: Path) -> None:
    result = blit("copy", b"no\x1b[31m\nsuch\xff", ram / "dst", code=1, cwd=ram)
    assert len(result.errors) == 1
    assert b"\x1b" not in result.err and b"\\x1b" in result.err and b"\\xff" in result.err


def test_an_impossible_holey_source_is_no_excuse_for_a_full_disk(blit: Blit, ram: Path) -> None:
    """A sparse file larger than the destination fits, because its holes stay holes."""
    requires_mounts()
    make(ram / "src", {"sparse": Sparse(1 << 33, {0: b"start", 1 << 32: b"middle"})})
    with mounted(ram / "dst", "-t", "tmpfs", "-o", "size=2m", "tmpfs") as dst:
        blit("copy", f"{ram}/src/", dst)
        assert_same(ram / "src", dst)
