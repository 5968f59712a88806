"""Nothing outside is read, written or deleted: links swapped in while it runs, planted ones, depths."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Blit, mounted, requires_mounts
from trees import Fifo, File, Folder, Sparse, Symlink, assert_same, make, snapshot

# exchanges each `D/nN` with the link `ASIDE/nN`, as fast as it can: there is always one of the two
RACER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
folder, aside = (os.fsencode(a) for a in sys.argv[1:3])
names = os.listdir(aside)
print("ready", flush=True)
while True:
    for name in names:
        libc.renameat2(-100, folder + b"/" + name, -100, aside + b"/" + name, 2)
"""
SECRET = b"a secret from outside"


def can_exchange(folder: Path) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    (folder / "x").touch()
    (folder / "y").touch()
    code = libc.renameat2(-100, bytes(folder / "x"), -100, bytes(folder / "y"), 2)
    return int(code) == 0


@contextmanager
def racing(folder: Path, aside: Path) -> Iterator[None]:
    command = [sys.executable, "-c", RACER, folder, aside]
    racer = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert racer.stdout is not None and racer.stdout.readline()
        yield
    finally:
        racer.kill()
        racer.communicate()


def leaked(root: Path) -> list[str]:
    found = []
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path) and SECRET in Path(path).read_bytes():
                found.append(path)
    return found


NUMBER = 24
INSIDE = {f"f{k}": b"mine %d" % k for k in range(12)} | {"low": {"f": b"mine"}}
OUTSIDE = {f"f{k}": SECRET for k in range(14)} | {
    "low": {"f": SECRET, "g": SECRET},
    "extra": SECRET,
}


@pytest.mark.parametrize("what", ["source folders", "source files", "folders", "files", "empty"])
def test_nothing_outside_is_touched_by_way_of_swapped_links(
    blit: Blit, ram: Path, what: str
) -> None:
    """Without O_NOFOLLOW in folders.py, or in `open_source` and swift.py, this fails."""
    src, dst, outside, aside = (ram / n for n in ("src", "dst", "outside", "aside"))
    for folder in (src, dst, outside, aside):
        folder.mkdir()
    if not can_exchange(aside):
        pytest.skip("no renameat2 with RENAME_EXCHANGE here")
    for name in "xy":
        (aside / name).unlink()
    make(outside, Folder(OUTSIDE, mode=0o701, mtime=10**18))
    before = snapshot(outside)
    raced = src if what.startswith("source") else dst
    for turn in range(2):
        if what == "empty":  # nothing but the folders' own metadata to set at the end
            make(src, {f"n{k}": Folder({}, mode=0o750, mtime=10**18 + turn) for k in range(99)})
            make(dst, {f"n{k}": {} for k in range(99)})
            target, count = outside, 99
        elif what.endswith("files"):
            make(src, {f"n{k}": b"mine %d %d" % (turn, k) for k in range(300)})
            make(dst, {f"n{k}": b"mine" for k in range(300)})
            target, count = outside / "f1", 300
        else:
            make(src, {f"n{k}": INSIDE for k in range(NUMBER)})
            make(
                dst,
                {f"n{k}": {"extra": b"e", "f13": b"e", "low": {"g": b"e"}} for k in range(NUMBER)},
            )
            target, count = outside, NUMBER
        make(aside, {f"n{k}": Symlink(str(target)) for k in range(count)})
        with racing(raced, aside):
            blit("mirror", "-y", "--max-delete", "9999", f"{src}/", dst, code=None)
            blit("copy", "--checksum", f"{src}/", dst, code=None)
        assert_same(before, outside)
        assert not leaked(dst)
        subprocess.run(["rm", "-rf", src, dst, aside], check=True)
        for folder in (src, dst, aside):
            folder.mkdir()


PLANTER = """
import os, sys
folder, victim, way = sys.argv[1:]
print("ready", flush=True)
while True:
    for name in os.listdir(folder):
        if name.startswith(".blit-"):
            spare = os.path.join(os.path.dirname(folder), "spare")
            try:
                (os.symlink if way == "symlink" else os.link)(victim, spare)
                os.rename(spare, os.path.join(folder, name))
            except OSError:
                pass
"""


@pytest.mark.parametrize("way", ["symlink", "link"])
def test_nothing_is_written_through_what_takes_the_place_of_a_temporary(
    blit: Blit, ram: Path, way: str
) -> None:
    """Without the look at the link count in large.py the second way overwrites the victim."""
    src, dst, victim = ram / "src", ram / "dst", ram / "victim"
    make(src, {"large": Sparse(1 << 30, {n << 27: b"L" * 300_000 for n in range(8)}),
               **{f"f{k}": File(size=200_000, mode=0o600) for k in range(60)},
               **{f"p{k}": Fifo(0o666) for k in range(30)}})  # fmt: skip
    dst.mkdir()
    make(dst, {f"f{k}": b"old" for k in range(0, 60, 2)})
    victim.write_bytes(b"v" * 1000)
    victim.chmod(0o640)
    os.utime(victim, ns=(10**18, 10**18))
    planter = subprocess.Popen(
        [sys.executable, "-c", PLANTER, dst, victim, way], stdout=subprocess.PIPE
    )
    try:
        assert planter.stdout is not None and planter.stdout.readline()
        blit("mirror", "-y", f"{src}/", dst, code=None)
    finally:
        planter.kill()
        planter.communicate()
    info = victim.stat()
    assert victim.read_bytes() == b"v" * 1000
    assert info.st_size == 1000
    if way == "symlink":
        assert (info.st_mode & 0o777, info.st_mtime_ns) == (0o640, 10**18)


def test_planted_links_in_the_way(blit: Blit, ram: Path) -> None:
    """A link where a folder must go is replaced by a mirror, refused by a copy, never entered."""
    src, dst, outside = ram / "src", ram / "dst", ram / "outside"
    make(outside, {"p": b"precious"})
    before = snapshot(outside)
    make(src, {"new": {"p": b"x"}, "file": b"f", "pipe": Fifo(), "link": Symlink("file"), "e": {}})
    planted = {name: Symlink(str(outside)) for name in ("new", "e")}
    planted |= {name: Symlink(str(outside / "p")) for name in ("file", "pipe", "link")}
    make(dst, planted)
    result = blit("copy", f"{src}/", dst, code=3)
    assert sum("a folder must go" in line for line in result.errors) == 2
    assert_same(before, outside)
    blit("mirror", "-y", f"{src}/", dst)
    assert_same(before, outside)
    assert_same(src, dst)
    # where the whole copy lands, a link is not entered either; above that it is the user's own path
    make(ram / "home", {"src": Symlink(str(outside))})
    for command in (("copy",), ("mirror", "-y")):
        blit(*command, src, ram / "home", code=4)
    assert_same(before, outside)


@pytest.mark.root
def test_other_filesystems_below_the_source_are_copied(blit: Blit, ram: Path) -> None:
    requires_mounts()
    make(ram / "src", {"a": b"a", "mnt": {}, "loop": {}})
    with (
        mounted(ram / "src/mnt", "-t", "tmpfs", "tmpfs") as point,
        mounted(ram / "src/loop", "--bind", str(ram / "src")),
    ):
        make(point, {"in": b"i", "sub": {"deep": b"d"}})
        blit("copy", f"{ram}/src/", ram / "dst")
        assert (ram / "dst/mnt/sub/deep").read_bytes() == b"d"
        # a bind mount shows what lies below the mounts, and is no endless tree
        assert sorted(os.listdir(ram / "dst/loop")) == ["a", "loop", "mnt"]
        assert os.listdir(ram / "dst/loop/loop") == []


@pytest.mark.root
def test_a_mount_is_kept_where_there_is_no_proc(blit: Blit, ram: Path) -> None:
    """Without noproc.py deletion fails for another reason, and links and FIFOs are not copied."""
    requires_mounts()
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a", "link": Symlink("a"), "pipe": Fifo(0o622), "ro": Folder({}, mode=0o500)})
    make(dst, {"extra": b"x", "old": {"mnt": {}}})
    make(ram, {"other": {"precious": b"p"}})
    prefix = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
    with mounted(dst / "old/mnt", "--bind", str(ram / "other")):
        result = blit("mirror", "-y", f"{src}/", dst, code=3, prefix=prefix)
        assert any("mounted there: kept" in line for line in result.errors), result
        assert (ram / "other/precious").read_bytes() == b"p"
    blit("mirror", "-y", f"{src}/", dst, prefix=prefix)
    blit("mirror", "-y", f"{src}/", dst)
    assert_same(src, dst)


def down(root: Path, names: list[str], leaf: Callable[[int], None]) -> None:
    """`leaf` is called with the deepest of folders made one in another; deeper than any path."""
    root.mkdir(exist_ok=True)
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for name in names:
        try:
            os.mkdir(name, dir_fd=here)
        except FileExistsError:
            pass
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    leaf(here)
    os.close(here)


@pytest.mark.parametrize("shape", ["12,000 bytes", "2,000 levels"])
def test_trees_deeper_than_a_path_and_than_the_stack(blit: Blit, ram: Path, shape: str) -> None:
    """Whatever joins a path for a system call, or recurses, fails here."""
    src, dst, empty = ram / "src", ram / "dst", ram / "empty"
    names = [f"{n:03}" + "w" * 197 for n in range(60)] if "bytes" in shape else ["d"] * 2_000

    def write(fd: int) -> None:
        os.close(os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
        os.symlink("leaf", "link", dir_fd=fd)

    try:
        down(src, names, write)
        blit("copy", f"{src}/", dst)
        assert blit("mirror", "-y", "-v", "--checksum", f"{src}/", dst).changes == set()
        found: list[str] = []
        down(dst, names, lambda fd: found.extend(os.listdir(fd)))
        assert sorted(found) == ["leaf", "link"]
        make(empty, {"keep": b"k"})
        command = ("mirror", "-y", "-v", "--max-delete", "9999", f"{empty}/", dst)
        planned = blit(*command, "-n")
        assert blit(*command).changes == planned.changes
        assert len([c for c in planned.changes if c[0] == "delete"]) == len(names) + 2
        assert os.listdir(dst) == ["keep"]
    finally:
        subprocess.run(["rm", "-rf", src, dst], check=True)


def test_what_appears_deep_in_the_source_is_noticed(ram: Path) -> None:
    """`os.path.lexists` says no of every path that is too long, and what it asks for is deleted."""
    from blit.worker import status
    from blit.worker.context import Context
    from blit.worker.entries import appeared

    context = Context(status.Page(mmap.mmap(-1, status.PAGE), 0), "token", 0, os.getppid())
    names = ["w" * 200] * 30
    try:
        down(ram / "src", names, lambda fd: os.mkdir("there", dir_fd=fd))
        context.folders.root(str(ram / "src"))
        deep = "/".join([str(ram / "src"), *names])
        assert appeared(context, deep + "/there")
        assert not appeared(context, deep + "/gone")
        assert not appeared(context, str(ram / "src/gone"))
        assert not appeared(context, deep + "/gone/further")
    finally:
        context.folders.close()
        subprocess.run(["rm", "-rf", ram / "src"], check=True)
