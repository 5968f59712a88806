"""`blit move`: nothing leaves the source before its copy is there, compared, and on disk."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from conftest import Blit, inject, mounted, requires_loop, requires_strace, until
from trees import File, Hard, Sparse, Symlink, contents, make, snapshot

TREE = {
    "a": b"a", "sub": {"deep": {"c": b"c"}, "e": File(b"e", mode=0o640), "empty": {}}, "link": Symlink("a"),
    "one": File(size=3000), "two": Hard("one"), "holes": Sparse(1 << 20, {8192: b"x"}), b"raw\xff": b"r",
}  # fmt: skip


@pytest.fixture
def other(tmp_path: Path, ram: Path) -> Path:
    """A place on another filesystem than `ram`."""
    if os.stat(tmp_path).st_dev == os.stat(ram).st_dev:
        pytest.skip("there is no second filesystem here")
    return tmp_path


def test_a_folder_goes_to_another_filesystem_whole(blit: Blit, ram: Path, other: Path) -> None:
    make(ram / "src", TREE)
    make(other / "kept", TREE)
    before = snapshot(ram / "src")
    blit("move", ram / "src", other / "dst")
    assert not (ram / "src").exists()
    assert snapshot(other / "dst" / "src") == before


def test_the_contents_of_a_folder_leave_it_empty(blit: Blit, ram: Path, other: Path) -> None:
    make(ram / "src", TREE)
    before = contents(ram / "src")
    blit("move", f"{ram}/src/", other / "dst")
    assert os.listdir(ram / "src") == []
    assert contents(other / "dst") == before
    assert blit("move", f"{ram}/src/", other / "dst").code == 0


def test_on_the_same_filesystem_it_is_one_rename_where_the_place_is_free(
    blit: Blit, ram: Path
) -> None:
    make(ram / "src", TREE)
    make(ram, {"file": b"f", "dst": {}})
    inode = (ram / "src" / "a").stat().st_ino
    summary = blit.json("move", ram / "src", ram / "file", ram / "dst").summary
    assert (ram / "dst" / "src" / "a").stat().st_ino == inode
    assert sorted(os.listdir(ram)) == ["dst"]
    assert summary["methods"] == {"rename": 2}


def test_what_is_there_already_is_compared_byte_by_byte(blit: Blit, ram: Path) -> None:
    """With size and time alone (no checksum in request.py) the newer content would be lost."""
    make(ram / "src", {"same": File(b"one", mtime=10**18), "new": b"n"})
    make(ram / "dst", {"src": {"same": File(b"two", mtime=10**18)}})
    blit("move", ram / "src", ram / "dst")
    assert contents(ram / "dst") == {"src/same": b"one", "src/new": b"n"}
    assert not (ram / "src").exists()


def test_a_file_is_never_put_over_another_by_rename(blit: Blit, ram: Path) -> None:
    make(ram, {"f": b"new", "dst": {"f": b"old"}})
    summary = blit.json("move", ram / "f", ram / "dst").summary
    assert contents(ram / "dst") == {"f": b"new"}
    assert not (ram / "f").exists()
    assert "rename" not in summary["methods"]


def test_one_failure_and_nothing_leaves_the_source(blit: Blit, ram: Path, other: Path) -> None:
    """Without the look at `incomplete` in moving.py everything else is removed."""
    requires_strace()
    make(ram / "src", TREE)
    before = snapshot(ram / "src")
    broken = inject(ram / "src" / "sub" / "e", "read,copy_file_range,sendfile", "error=EIO")
    result = blit("move", ram / "src", other / "dst", prefix=broken, code=3)
    assert b"nothing was removed from the source" in result.err
    assert snapshot(ram / "src") == before


def test_what_changes_behind_the_copy_stays(blit: Blit, ram: Path, other: Path) -> None:
    """Without `since` in retire.py the touched file goes. The flush is where there is time for it."""
    requires_strace()
    make(ram / "src", {"a": b"a", "b": b"b", "c": b"c"})
    slow = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=syncfs:delay_enter=1500000"]
    process = blit.start("move", ram / "src", other / "dst", prefix=slow)
    there = other / "dst" / "src"
    until(lambda: all((there / name).exists() for name in "abc"), "the copy of all")
    times = (ram / "src" / "a").stat()
    (ram / "src" / "a").write_bytes(b"A")
    os.utime(ram / "src" / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    (ram / "src" / "late").write_bytes(b"l")
    result = blit.finish(process)
    assert result.code == 3
    assert contents(ram / "src") == {"a": b"A", "late": b"l"}


@pytest.mark.parametrize("moment", [0.15, 0.3, 0.6])
def test_killed_at_any_moment_each_file_is_on_one_side_at_least(
    blit: Blit, ram: Path, other: Path, moment: float
) -> None:
    tree = {f"d{n}": {f"f{k}": File(b"%d-%d" % (n, k)) for k in range(40)} for n in range(40)}
    make(ram / "src", tree)
    wanted = contents(ram / "src")
    process = blit.start("move", f"{ram}/src/", other / "dst")
    until(lambda: (other / "dst").exists(), "its beginning")
    time.sleep(moment)  # where it is by then is what chance decides
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    here, there = contents(ram / "src"), contents(other / "dst")
    assert {**here, **there} | wanted == {**here, **there}
    blit("move", f"{ram}/src/", other / "dst")
    assert os.listdir(ram / "src") == []
    assert contents(other / "dst") == wanted


def test_what_filters_leave_out_stays_where_it_is(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"a.o": b"o", "a": b"a", "sub": {"b.o": b"o"}, "gone": {"c": b"c"}})
    blit("move", "--exclude=*.o", f"{ram}/src/", ram / "dst")
    assert contents(ram / "src") == {"a.o": b"o", "sub/b.o": b"o"}
    assert contents(ram / "dst") == {"a": b"a", "gone/c": b"c"}
    assert not (ram / "src" / "gone").exists()


def test_a_dry_run_moves_nothing(blit: Blit, ram: Path) -> None:
    make(ram / "src", TREE)
    before = snapshot(ram)
    result = blit("move", "-n", ram / "src", ram / "dst")
    assert snapshot(ram) == before
    assert ("new", "src/a") in result.changes or ("new", "a") in result.changes
    assert result.lines[-1].startswith("would move")


def test_into_itself_is_refused(blit: Blit, ram: Path) -> None:
    make(ram / "src", TREE)
    before = snapshot(ram)
    blit("move", ram / "src", ram / "src" / "sub", code=4)
    blit("move", f"{ram}/src/", ram / "src", code=4)
    assert snapshot(ram) == before


def test_onto_a_real_disk(blit: Blit, ram: Path, tmp_path: Path) -> None:
    requires_loop()
    image, point = tmp_path / "image", tmp_path / "disk"
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    assert os.system(f"mkfs.ext4 -q -F {image}") == 0
    make(ram / "src", TREE)
    kept = contents(ram / "src")
    with mounted(point, "-o", "loop", str(image)):
        before = snapshot(ram / "src")
        blit("move", f"{ram}/src/", point / "dst")
        assert os.listdir(ram / "src") == []
        after = snapshot(point / "dst")
        assert before.keys() == after.keys()
        blit("move", f"{point}/dst", ram / "back")
        assert contents(ram / "back" / "dst") == kept


def test_what_the_destination_cannot_keep_keeps_the_source(
    blit: Blit, ram: Path, other: Path
) -> None:
    """Without the look at `xattrs_lost` in moving.py the attribute is lost with the source."""
    requires_strace()
    make(other / "src", {"a": b"a"})
    try:
        os.setxattr(other / "src" / "a", "user.colour", b"blue")
    except OSError:
        pytest.skip("no user attributes here")
    refused = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "inject=setxattr,fsetxattr:error=EOPNOTSUPP",
    ]
    result = blit("move", f"{other}/src/", ram / "dst", prefix=refused, code=4)
    assert b"cannot keep its extended attributes" in result.err
    assert contents(other / "src") == {"a": b"a"}
