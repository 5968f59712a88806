"""What a move must leave in the source, however alike it looks to something at the destination."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Blit, requires_root, until
from trees import File, Hard, contents, make

from integration.test_commands import job, running

OLD = 10**18


def test_what_a_gitignore_hides_stays_in_the_folders_below_too(blit: Blit, ram: Path) -> None:
    """Where retire.py removes the .gitignore with the files beside it, `hidden` goes unread."""
    below = {"hidden.o": File(b"ours", mtime=OLD), "shown": b"s", "deep": {"hidden.o": b"d"}}
    make(
        ram / "src",
        {".gitignore": b"*.o\n", "below": below, "all": {".gitignore": b"x", "f": b"f"}},
    )
    make(ram / "dst", {"below": {"hidden.o": File(b"THEM", mtime=OLD)}})
    for _ in range(2):  # the second finds the same patterns
        blit("move", "--gitignore", f"{ram}/src/", ram / "dst")
        assert contents(ram / "src") == {
            ".gitignore": b"*.o\n", "below/hidden.o": b"ours", "below/deep/hidden.o": b"d",
        }  # fmt: skip
    assert contents(ram / "dst") == {
        ".gitignore": b"*.o\n", "below/hidden.o": b"THEM", "below/shown": b"s", "all/.gitignore": b"x",
        "all/f": b"f",
    }  # fmt: skip
    os.unlink(ram / "src" / "below" / "hidden.o")
    os.unlink(ram / "src" / "below" / "deep" / "hidden.o")
    blit("move", "--gitignore", f"{ram}/src/", ram / "dst")
    assert os.listdir(ram / "src") == []


def test_a_folder_that_is_mounted_on_both_sides_is_not_emptied(blit: Blit, tmp_path: Path) -> None:
    """With a look at the inodes alone the file of two names goes from both sides."""
    requires_root()
    make(
        tmp_path, {"src": {"sub": {"two": b"t"}}, "dst": {"sub": {}}, "other": Hard("src/sub/two")}
    )
    subprocess.run(["mount", "--bind", tmp_path / "src/sub", tmp_path / "dst/sub"], check=True)
    try:
        result = blit("move", f"{tmp_path}/src/", tmp_path / "dst", code=3)
        assert b"the same folder on both sides" in result.err
        assert contents(tmp_path / "src") == {"sub/two": b"t"}
    finally:
        subprocess.run(["umount", tmp_path / "dst/sub"], check=True)


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_a_source_is_not_copied_over_itself(blit: Blit, ram: Path, verb: str) -> None:
    """dst/sub/sub would land in dst/sub: without the look at the sources in scan.py it does."""
    tree = {"sub": {"a": b"outer", "sub": {"a": b"inner", "sub": {"c": b"c"}}}}
    tree["sub"] |= {f"f{n}": b"" for n in range(20)}
    make(ram / "dst", tree)
    blit(verb, f"{ram}/dst/sub/", ram / "dst", code=4)
    found = contents(ram / "dst")
    assert found["sub/a"] == b"outer" and found["sub/sub/a"] == b"inner"
    assert "sub/c" not in found


def test_what_was_not_copied_by_its_kind_stays_and_is_no_failure(blit: Blit, ram: Path) -> None:
    """Without the look at the kind in retire.py each of them is told as a copy that is missing."""
    make(
        ram, {"src": {"f": b"f", "d": {"g": b"g"}, ".blit-trash": {"run": {"t": b"t"}}}, "dst": {}}
    )
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.fspath(ram / "src" / "d" / "socket"))
    result = blit("move", f"{ram}/src/", ram / "dst")
    assert b"1 socket" in result.err and b"was copied" not in result.err
    assert sorted(os.listdir(ram / "src")) == [".blit-trash", "d"]
    assert os.listdir(ram / "src" / "d") == ["socket"]
    assert contents(ram / "src")[".blit-trash/run/t"] == b"t"
    assert contents(ram / "dst") == {"f": b"f", "d/g": b"g"}


def test_of_several_files_those_that_were_renamed_have_not_vanished(blit: Blit, ram: Path) -> None:
    """With all names of a folder copied when one has no free place, `a` is told as vanished."""
    make(ram, {"a": b"a", "b": b"b", "c": b"c", "dst": {"b": b"old"}})
    result = blit("move", ram / "a", ram / "b", ram / "c", ram / "dst")
    assert b"vanished" not in result.err
    assert contents(ram / "dst") == {"a": b"a", "b": b"b", "c": b"c"}
    assert os.listdir(ram) == ["dst"]


def test_what_comes_while_a_plan_waits_stays(ram: Path) -> None:
    """With the time of the confirmation in moving.py it goes, never compared with its namesake."""
    make(ram, {"src": {"a": b"a"}, "dst": {"late": File(b"THEM", mtime=OLD)}})
    safe = {"checksum": True, "verify": True, "durable": True}
    with running(job("move", ram / "src", ram / "dst", held=True, **safe)) as run:
        run.ready()
        make(ram / "src", {"late": File(b"OURS", mtime=OLD)})
        changed = (ram / "src" / "late").stat().st_ctime
        until(lambda: time.time() > changed + 0.05, "the clock")
        run.control.go()
        assert run.end().outcome == "partial"
    assert contents(ram / "src") == {"late": b"OURS"}
    assert contents(ram / "dst") == {"late": b"THEM", "a": b"a"}
