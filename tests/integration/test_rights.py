"""Owners, modes, access lists, capabilities and marks: kept, or what could not be is said."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest
from conftest import (
    OTHER_USER,
    Blit,
    mounted,
    ordinary,
    requires_mounts,
    requires_root,
    requires_strace,
    requires_tool,
)
from trees import File, Folder, assert_same, contents, make, temporaries

T = 1_600_000_000_987_654_321


def command(*words: str | Path) -> None:
    done = subprocess.run([*map(str, words)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"{words[0]} cannot do that here: {done.stderr.decode(errors='replace')}")


def give(folder: Path) -> None:
    """To the user as whom `ordinary()` runs, who may be root himself."""
    if ordinary() == OTHER_USER:
        command("chown", "-R", "65534:65534", folder)


@pytest.mark.parametrize("count", [1, 20])
def test_an_access_list_is_there_before_the_mode(blit: Blit, ram: Path, count: int) -> None:
    """The group bits of its mode are the list's mask: without the list they let the group in.

    With mode before xattrs, as it was, the first fchmod comes before the first fsetxattr.
    """
    requires_tool("setfacl")
    requires_strace()
    make(ram / "src", {f"f{n}": File(b"x", mode=0o640) for n in range(count)})
    for path in (ram / "src").iterdir():
        command("setfacl", "-m", "u:12345:rw,g::---", path)
    log = ram / "log"
    prefix = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=fchmod,fsetxattr,openat,renameat"]
    blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix)
    assert_same(ram / "src", ram / "dst")
    open_mode = [
        line for line in log.read_text().splitlines()
        if "fsetxattr(" in line or ("fchmod(" in line and ", 0660" in line)
    ]  # fmt: skip
    assert sum("fsetxattr(" in line for line in open_mode) == count
    assert not any("fchmod(" in line for line in open_mode[:1]), open_mode


@pytest.mark.root
@pytest.mark.parametrize("count", [1, 20])
def test_what_a_destination_cannot_keep_is_said_once_and_gives_no_rights(
    blit: Blit, ram: Path, count: int
) -> None:
    """ramfs has neither access lists nor attributes.

    Without `group_bits` the owning group may read what the list keeps from it; without `has_room`
    and `is_narrowed` every run mends the same again.
    """
    requires_mounts()
    requires_tool("setfacl")
    make(ram / "src", {"shut": File(b"x", mode=0o640), "noted": File(b"n", xattrs={"user.a": b"1"}),
                       "sub": Folder({f"f{n}": b"x" for n in range(count)})})  # fmt: skip
    command("setfacl", "-m", "u:12345:rw,g::---", ram / "src/shut")
    command("setfacl", "-m", "u:12345:rwx,g::---,d:u:12345:rx", ram / "src/sub")
    with mounted(ram / "mount", "-t", "ramfs", "ramfs") as point:
        result = blit("copy", f"{ram}/src/", point / "dst")
        assert len(result.errors) == 1 and "attribute" in result.errors[0]
        assert stat.S_IMODE((point / "dst/shut").stat().st_mode) == 0o600
        assert stat.S_IMODE((point / "dst/sub").stat().st_mode) == 0o705
        for option in ("-v", "-vc"):
            words = ["-v", "--checksum"] if option == "-vc" else ["-v"]
            assert blit("mirror", "-y", *words, f"{ram}/src/", point / "dst").changes == set()
        os.chown(ram / "src/shut", 12345, 12345)  # another owner is news nevertheless
        assert blit("copy", "-v", f"{ram}/src/", point / "dst").changes == {("mode", "shut")}
        assert (point / "dst/shut").stat().st_uid == 12345


def test_capabilities_are_kept_or_their_loss_is_said(blit: Blit, ram: Path) -> None:
    requires_root()
    requires_tool("setcap")
    make(ram / "src", {"tool": File(b"t", mode=0o755), **{f"f{n}": b"x" for n in range(12)}})
    command("setcap", "cap_net_raw+ep", ram / "src/tool")
    blit("copy", f"{ram}/src/", ram / "dst")
    assert_same(ram / "src", ram / "dst")
    bound = ("setpriv", "--bounding-set", "-setfcap", "--inh-caps", "-all")
    result = blit("copy", f"{ram}/src/", ram / "dst2", code=None, prefix=bound)
    assert any("attribute" in line for line in result.errors), result


def test_an_ordinary_user_keeps_the_attributes_of_read_only_files(blit: Blit, ram: Path) -> None:
    """With mode before xattrs they are refused: who may not write may not attach."""
    prefix = ordinary()
    (ram / "dst").mkdir()
    make(ram / "src", {f"f{n}": File(b"x", mode=0o444, xattrs={"user.a": b"1"}) for n in range(12)})
    for folder in ("src", "dst"):
        give(ram / folder)
    assert blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix).err == b""
    for path in (ram / "src").iterdir():
        os.setxattr(path, "user.a", b"2")
    assert blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix).err == b""
    assert {os.getxattr(path, "user.a") for path in (ram / "dst").iterdir()} == {b"2"}


@pytest.mark.parametrize("count", [2, 20])
def test_read_only_folders_are_no_obstacle_for_their_owner(
    blit: Blit, ram: Path, count: int
) -> None:
    """Without `grant` in folders.py nothing can be made or deleted in them."""
    prefix = ordinary()
    src, dst = ram / "src", ram / "dst"
    dst.mkdir()
    make(src, {"ro": Folder({"f": File(b"1", mode=0o444), "sub": Folder({"g": b"2"}, mode=0o555)}, mode=0o555),
               "none": Folder({}, mode=0o500), **{f"f{n}": b"x" for n in range(count)}})  # fmt: skip
    give(src)
    give(dst)
    blit("copy", f"{src}/", dst, prefix=prefix)
    assert_same(src, dst, ignore=("folder_mtime",))
    make(
        src, {"ro": Folder({"new": b"n", "sub": Folder({"g": b"changed"}, mode=0o555)}, mode=0o555)}
    )
    make(dst, {"ro": Folder({"sub": Folder({"extra": b"x"}, mode=0o555), "old": Folder({"in": b"i"}, mode=0o555)}, mode=0o555)})  # fmt: skip
    os.chmod(dst / "ro/sub", 0o000)
    give(src)
    give(dst)
    blit("mirror", "-y", f"{src}/", dst, prefix=prefix)
    assert_same(src, dst, ignore=("folder_mtime",))
    assert blit("mirror", "-y", "-v", f"{src}/", dst, prefix=prefix).changes == set()


@pytest.mark.parametrize("count", [1, 20])
def test_folders_made_late_move_no_time(blit: Blit, ram: Path, count: int) -> None:
    """An empty folder that is made after its parent's times were set moves them.

    Without the order in finish.py the second run finds the root and `a` changed.
    """
    prefix = ordinary()
    src, dst = ram / "src", ram / "dst"
    dst.mkdir()
    make(src, Folder({"empty": Folder({}, mtime=T), "a": Folder({"ro": Folder({}, mode=0o500, mtime=T)}, mtime=T),
                      **{f"f{n}": b"x" for n in range(count)}}, mtime=T))  # fmt: skip
    give(src)
    give(dst)
    blit("copy", f"{src}/", dst, prefix=prefix)
    assert blit("copy", "-v", f"{src}/", dst, prefix=prefix).changes == set()
    assert dst.stat().st_mtime_ns == (dst / "a").stat().st_mtime_ns == T


@pytest.mark.root
def test_marks_of_chattr_are_named(blit: Blit, ram: Path) -> None:
    """Without why.py it says `Operation not permitted`, and root wonders."""
    requires_root()
    requires_tool("chattr")
    src, dst = ram / "src", ram / "dst"
    names = ("still", "log", "shut", "other")
    make(src, {"still": b"new", "log": b"new", "shut": {"in": b"x"}, "other": b"o"})
    make(dst, {"still": b"old", "log": b"old", "shut": {}, "extra": b"e"})
    make(ram / "empty", {"other": b"o"})
    marked = (("+i", "still"), ("+a", "log"), ("+i", "shut"))
    try:
        for mark, name in marked:
            command("chattr", mark, dst / name)
        summary = blit.json("copy", f"{src}/", dst, code=3).summary
        told = {f["path"]: f["message"] for f in summary["failures"]}
        assert "immutable" in told[f"{dst}/still"] and "chattr -i" in told[f"{dst}/still"]
        assert "append-only" in told[f"{dst}/log"]
        assert "its folder is marked immutable" in told[f"{dst}/shut/in"]
        assert contents(dst) == {"still": b"old", "log": b"old", "other": b"o", "extra": b"e"}
        summary = blit.json("mirror", "-y", "--max-delete=99", f"{ram}/empty/", dst, code=3).summary
        told = {f["path"]: f["message"] for f in summary["failures"]}
        assert "immutable" in told[f"{dst}/still"] and "immutable" in told[f"{dst}/shut"]
        assert not (dst / "extra").exists() and not temporaries(dst)
        assert {f["errno"] for f in summary["failures"]} <= {errno.EPERM, errno.EACCES}
    finally:
        for _, name in marked:
            subprocess.run(["chattr", "-ia", dst / name], check=False, capture_output=True)
    assert names


def test_a_program_that_runs_is_replaced_and_goes_on(blit: Blit, ram: Path) -> None:
    """Written in place it would be ETXTBSY; by rename its process keeps the old file."""
    src, dst = ram / "src", ram / "dst"
    tool = Path("/bin/sleep").read_bytes()
    make(src, {"tool": File(tool + b"\0", mode=0o755), "other": b"o"})
    make(dst, {"tool": File(tool, mode=0o755)})
    running = subprocess.Popen([dst / "tool", "60"])
    try:
        blit("copy", f"{src}/", dst)
        assert_same(src, dst)
        assert running.poll() is None
        blit("copy", dst / "tool", ram / "again")  # and a source that runs is read
    finally:
        running.kill()
        running.wait()
