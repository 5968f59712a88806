"""New files of folders that nobody else can enter yet have no name until everything of them is right."""

from __future__ import annotations

import errno
import mmap
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import (
    OTHER_USER,
    Blit,
    ordinary,
    requires_linux_backend,
    requires_root,
    requires_strace,
    requires_tool,
)
from trees import File, Folder, assert_same, contents, make, snapshot, temporaries

from blit.worker import metadata, status, swift, system, wire
from blit.worker.context import Context
from blit.worker.copy import Copier

MODES = (0o000, 0o400, 0o444, 0o600, 0o640, 0o644, 0o664, 0o755, 0o777, 0o1644, 0o2755, 0o4755)
MODES += (0o6711, 0o644, 0o000, 0o777, 0o4755, 0o600)
# a worker goes over to nameless files once it has copied 64
FIRST = {f"f{n}": b"first" for n in range(100)}
ONE = ("--workers", "1")
STRACE = ["strace", "-f", "-qq", "-s", "200", "-e", "trace=openat,fchmod,utimensat,linkat,renameat"]


def odd() -> dict[str, File]:
    return {
        f"{mode:04o}-{n}": File(b"%d" % n, mode=mode)
        for n, mode in enumerate(m for m in MODES for _ in range(3))
    }


@pytest.fixture(autouse=True)
def linux() -> None:
    requires_linux_backend("it has no files without a name")


@pytest.mark.parametrize("who", ["root", "anybody"])
@pytest.mark.parametrize("umask", [0o077, 0])
def test_every_mode_is_kept_among_many(blit: Blit, ram: Path, umask: int, who: str) -> None:
    """Without `mode != asked` in swift.py this fails."""
    make(ram / "src", {"a": FIRST, "b": odd(), "c": {"x": b"x"}})
    prefix: tuple[str, ...] = ()
    if who == "anybody":
        prefix = ordinary()
        if prefix == OTHER_USER:
            subprocess.run(["chown", "-R", "65534:65534", ram], check=True)
        for path in (ram / "src/b").iterdir():
            path.chmod(path.stat().st_mode | 0o400)  # who may not read it cannot copy it
    blit(
        "copy", f"{ram}/src/", ram / "dst", *ONE,
        prefix=prefix, preexec=lambda: (os.umask(umask), None)[1],
    )  # fmt: skip
    assert_same(ram / "src", ram / "dst")
    assert not temporaries(ram / "dst")


@pytest.mark.root
def test_owners_are_kept_among_many(blit: Blit, ram: Path) -> None:
    """Without `info.st_uid != born[0]` in swift.py this fails."""
    requires_root()
    make(ram / "src", {"a": FIRST, "b": odd()})
    for number, path in enumerate(sorted((ram / "src/b").iterdir())):
        mode = path.stat().st_mode & 0o7777
        os.chown(path, (0, 1234)[number % 2], (0, 0, 4321)[number % 3])
        path.chmod(mode)
    blit("copy", f"{ram}/src/", ram / "dst", *ONE)
    assert_same(ram / "src", ram / "dst")


@pytest.mark.root
@pytest.mark.parametrize("kind", ["setgid", "default list"])
def test_what_folders_hand_down_is_not_kept(blit: Blit, ram: Path, kind: str) -> None:
    """Without the group that a file is born with (`born` in swift.py) this fails for setgid."""
    requires_root()
    make(ram / "src", {"a": FIRST, "b": odd()})
    (ram / "dst").mkdir()
    if kind == "setgid":
        os.chown(ram / "dst", 0, 4321)
        (ram / "dst").chmod(0o2755)
    else:
        requires_tool("setfacl")
        done = subprocess.run(["setfacl", "-d", "-m", "u:12345:rwx", ram / "dst"], check=False)
        if done.returncode:
            pytest.skip("no access lists here")
    blit("copy", f"{ram}/src/", ram / "dst", *ONE)
    for folder in "ab":
        ours, theirs = snapshot(ram / "src" / folder), snapshot(ram / "dst" / folder)
        ours.pop(b"", None), theirs.pop(b"", None)
        assert ours == theirs


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def copied(src: Path, dst: Path, entries: list[tuple[object, ...]], warm: bool = True) -> Context:
    """As a worker copies them that has copied many before."""
    context = Context(status.Page(mmap.mmap(-1, status.PAGE), 0), "t" * 15, 0, os.getppid())
    context.copied = 64 if warm else 0
    result = Copier(context, 0).run([wire.dump((str(src), str(dst), "", "", None, entries))])
    assert not result.failures
    return context


def listed(folder: Path) -> list[tuple[object, ...]]:
    infos = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    return [(n, wire.FILE, i.st_size, i.st_mtime_ns, i.st_ino, wire.NEW) for n, i in infos]


def test_a_mode_that_changes_after_the_listing(ram: Path, no_umask: None) -> None:
    """Without `mode != asked` in swift.py this fails: all of them get the first one's mode."""
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"x" for n in range(9)})
    dst.mkdir(0o700)
    entries = listed(src)
    for number, path in enumerate(sorted(src.iterdir())):
        path.chmod((0o640, 0o600, 0o4711)[number % 3])
    context = copied(src, dst, entries)
    assert context.nameless is not None
    for path in src.iterdir():
        assert path.stat().st_mode == (dst / path.name).stat().st_mode


def test_a_umask_is_noticed(ram: Path) -> None:
    """Without `_sure` in nameless.py this fails: the last files are born with less than asked."""
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": File(b"x", mode=(0o600, 0o600, 0o666, 0o666)[n]) for n in range(4)})
    dst.mkdir(0o700)
    before = os.umask(0o077)
    try:
        copied(src, dst, listed(src))
    finally:
        os.umask(before)
    assert [(dst / f"f{n}").stat().st_mode & 0o777 for n in range(4)] == [0o600] * 2 + [0o666] * 2


@pytest.mark.parametrize("owned", [False, True])
def test_a_filesystem_that_makes_files_with_another_mode_is_noticed(ram: Path, owned: bool) -> None:
    """Without `not sure`, or `if sure` with another owner, in swift.py the copies stay 0400: some
    network filesystems give a mode of their own, which may be open to all."""
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": File(b"x", mode=0o600) for n in range(4)})
    dst.mkdir(0o700)
    if owned:
        requires_root()
        for path in src.iterdir():
            os.chown(path, 1234, 4321)
    before = os.umask(0o200)  # plays such a filesystem
    try:
        copied(src, dst, listed(src), warm=False)
    finally:
        os.umask(before)
    assert [(dst / f"f{n}").stat().st_mode & 0o7777 for n in range(4)] == [0o600] * 4


@pytest.mark.root
def test_what_the_kernel_takes_away_with_the_owner_is_given_again(ram: Path) -> None:
    """Without `mode_now & 0o6000` in metadata.py the copy loses setuid: a change of owner does."""
    requires_root()
    make(ram, {"source": File(b"x", mode=0o4755), "copy": b"x"})
    os.chown(ram / "source", 1234, 4321)
    (ram / "source").chmod(0o4755)
    (ram / "copy").chmod(0o4755)
    fd = os.open(ram / "copy", os.O_RDWR)
    try:
        metadata.set_owner_and_mode(
            metadata.Identity(), fd, os.stat(ram / "source"), (0, 0), 0o4755, 0
        )
        assert os.fstat(fd).st_uid == 1234
        assert os.fstat(fd).st_mode & 0o7777 == 0o4755
    finally:
        os.close(fd)


@pytest.mark.root
@pytest.mark.parametrize("what", ["group", "list"])
def test_what_the_owner_of_a_folder_makes_it_hand_down_meanwhile_opens_no_copy(
    ram: Path, no_umask: None, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Without `others` in copy.py, or `or inherits` in swift.py (for the group), somebody to whom
    the source is closed reads the copy: whoever owns the folder may change it at any moment."""
    requires_root()
    requires_tool("setfacl")
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": File(b"secret", mode=0o640) for n in range(6)})
    dst.mkdir(0o700)
    os.chown(dst, 1234, 1234)
    real, copies = swift.SWIFT[wire.KERNEL], []

    def change(source: int, target: int, count: int) -> int:
        copies.append(target)
        if len(copies) == 2 and what == "group":
            dst.chmod(0o2700)
        elif len(copies) == 2:
            acl = ["setfacl", "-d", "-m", "u:1234:rwx", dst]
            if subprocess.run(acl, check=False).returncode:
                pytest.skip("no access lists here")
        return real(source, target, count)

    monkeypatch.setitem(swift.SWIFT, wire.KERNEL, change)
    copied(src, dst, listed(src))
    assert len(copies) > 3, "the short path is not taken"
    for path in dst.iterdir():
        info = path.stat()
        assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (0, 0, 0o640)
        assert metadata.ACCESS_ACL not in os.listxattr(path)


def test_no_mount_number_no_nameless_files(
    ram: Path, no_umask: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without OSError being caught in nameless.py the run ends with an internal error."""

    def none(fd: int) -> int:
        raise OSError(errno.ENFILE, "too many open files in system")

    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"x" for n in range(4)})
    dst.mkdir(0o700)
    monkeypatch.setattr(system, "mount_id", none)
    copied(src, dst, listed(src))
    assert contents(dst) == contents(src)


def test_what_appeared_meanwhile_is_replaced_as_ever(ram: Path, no_umask: None) -> None:
    """Without EEXIST left to the careful path (`left` in swift.py) the file would be forgotten."""
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"new" for n in range(5)})
    make(dst, Folder({"f3": b"somebody's"}, mode=0o700))
    context = copied(src, dst, listed(src))
    assert contents(dst) == {f"f{n}": b"new" for n in range(5)}
    assert not temporaries(dst)
    assert context.nameless.can(-1, dst.stat().st_dev), "that says nothing about the filesystem"


def calls(log: Path) -> list[str]:
    return [line.partition(" ")[2].strip() for line in log.read_text().splitlines()]


def test_a_file_gets_its_name_last(blit: Blit, ram: Path) -> None:
    """With the link before `utime` in swift.py, or without `nameless_in`, this fails."""
    requires_strace()
    make(ram / "src", {"a": FIRST, "b": odd(), "c": FIRST, "d": FIRST})
    log = ram / "log"
    blit("copy", f"{ram}/src/", ram / "dst", *ONE, prefix=[*STRACE, "-o", str(log)])
    assert_same(ram / "src", ram / "dst")
    named, given, in_hand = 0, 0, False
    for call in calls(log):
        if "O_TMPFILE" in call and call.startswith("openat"):
            assert not in_hand, "the last one has no name yet"
            in_hand = True
        elif call.startswith("linkat"):
            named, in_hand = named + in_hand, False
        elif call.startswith(("fchmod", "utimensat")) and named:
            given += not in_hand
    assert named >= len(odd())
    assert given <= 2 * 5, "only the folders' own metadata come after the names"
    modes = sum(c.startswith("fchmod") for c in calls(log))
    assert modes <= len(FIRST) + len(odd()) + 8, "a mode that is as the last one costs no call"


def test_in_a_folder_that_others_see_files_are_moved_in(blit: Blit, ram: Path) -> None:
    """Without `0o077` in swift.py this fails: who waits for what is moved in or closed misses it."""
    requires_strace()
    make(ram / "src", {"a": FIRST, "b": {f"g{n}": b"g" for n in range(40)}})
    (ram / "dst/b").mkdir(parents=True)
    (ram / "dst/b").chmod(0o755)
    log = ram / "log"
    blit("copy", f"{ram}/src/", ram / "dst", *ONE, prefix=[*STRACE, "-o", str(log)])
    assert_same(ram / "src", ram / "dst")
    moved = [c for c in calls(log) if c.startswith("renameat") and re.search(r'"g\d+"', c)]
    assert len(moved) == 40


@pytest.mark.parametrize(
    "fault",
    ["linkat:error=EPERM", "linkat:error=ENOENT", "linkat:error=EXDEV:when=9", "linkat:error=EEXIST:when=7+5",
     "linkat:signal=KILL:when=20", "linkat:error=ENOENT:when=2101"],
)  # fmt: skip
def test_where_names_cannot_be_given_all_is_copied(blit: Blit, ram: Path, fault: str) -> None:
    """Without `cannot` in swift.py every file would be tried in vain; without `by_proc` in
    nameless.py the last one fails: an ordinary user's kernel may ask for it."""
    requires_strace()
    many = 24 if "2101" in fault else 3
    make(ram / "src", {f"d{n:02}": FIRST for n in range(many)})
    log = ram / "log"
    prefix = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(log)]
    prefix += ["-e", "trace=linkat", "-e", f"inject={fault}"]
    blit("copy", f"{ram}/src/", ram / "dst", *ONE, prefix=prefix)
    assert_same(ram / "src", ram / "dst")
    assert not temporaries(ram / "dst")
    tried = [c for c in calls(log) if c.startswith("linkat")]
    if fault.endswith(("EPERM", "ENOENT")):
        assert len(tried) == 1
    elif "2101" in fault:
        assert [("/proc/self/fd" in c) for c in tried] == [True] * 2100 + [False] + [True] * 200
