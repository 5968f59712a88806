"""--retry-failed: what failed in a run, alone; and the second try that a run makes by itself."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Blit
from hurt import fuse
from trees import File, assert_same, make, temporaries

BAD = b"b\xffd \xe4"  # no UTF-8
TREE: dict[Any, Any] = {
    "good": b"good", os.fsdecode(BAD): b"bad", "sub": {"worse": b"worse", "fine": b"fine"},
}  # fmt: skip


def _lists(blit: Blit) -> list[Path]:
    return sorted((Path(blit.environment["BLIT_CONFIG_DIR"]) / "failed").glob("*.json"))


def _block(dst: Path) -> None:
    """Folders where files must go: two failures that nothing but we can mend."""
    make(dst, {os.fsdecode(BAD): {}, "sub": {"worse": {}}})


def _unblock(dst: Path) -> None:
    (dst / os.fsdecode(BAD)).rmdir()
    (dst / "sub" / "worse").rmdir()


def test_the_failed_alone_are_copied(blit: Blit, ram: Path) -> None:
    """Names are bytes. Without the list in failed.py nothing of this works."""
    src, dst = ram / "src", ram / "dst"
    make(src, TREE)
    _block(dst)
    result = blit("copy", f"{src}/", dst, code=3)
    (kept,) = _lists(blit)
    again = f"2 failed; again: blit copy --retry-failed={kept.stem}"
    assert any(again in line for line in result.errors), result
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o777 == 0o700
    _unblock(dst)
    (src / "good").write_bytes(b"newer, and not asked for")
    done = blit("copy", "--retry-failed", "-v", cwd=ram)
    assert {path for _, path in done.changes if not path.endswith("/")} == {
        r"b\xffd \xe4", "sub/worse",
    }  # fmt: skip
    assert (dst / "good").read_bytes() == b"good"
    assert not _lists(blit)
    (src / "good").write_bytes(b"good")
    blit("copy", f"{src}/", dst)
    assert_same(src, dst)


def test_which_run_is_meant(blit: Blit, ram: Path) -> None:
    one, two = ram / "one", ram / "two"
    for src in (one, two):
        make(src, TREE)
        _block(ram / "to" / src.name)
        blit("copy", f"{src}/", ram / "to" / src.name, code=3)
        _unblock(ram / "to" / src.name)
    first, second = (path.stem for path in sorted(_lists(blit), key=os.path.getmtime))
    blit("copy", "--retry-failed", f"{one}/", ram / "to" / "one")
    assert [path.stem for path in _lists(blit)] == [second]
    assert_same(one, ram / "to" / "one")
    assert "no failures of a run" in blit("copy", f"--retry-failed={first}", code=2).errors[0]
    assert "blit copy" in blit("mirror", f"--retry-failed={second}", code=2).errors[0]
    wrong = blit("copy", f"--retry-failed={second}", f"{one}/", ram / "to" / "one", code=2)
    assert "other places" in wrong.errors[0]
    blit("copy", f"--retry-failed={second}")
    assert_same(two, ram / "to" / "two")
    nothing = blit("copy", "--retry-failed")
    assert "nothing to try again" in nothing.errors[0]
    assert blit.json("copy", "--retry-failed").summary["outcome"] == "ok"
    assert "SRC and DST, or neither" in blit("copy", "--retry-failed", one, code=2).errors[0]


def test_what_fails_again_is_remembered_again(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, TREE)
    _block(dst)
    blit("copy", f"{src}/", dst, code=3)
    assert len(_lists(blit)) == 1
    (dst / os.fsdecode(BAD)).rmdir()
    blit("copy", "--retry-failed", code=3)
    (second,) = _lists(blit)
    assert len(json.loads(second.read_text())["paths"]) == 1
    assert len(json.loads(second.read_text())["sources"]) == 1


@pytest.mark.parametrize("off", ["option", "variable"])
def test_no_names_are_kept_where_nothing_is_to_be_remembered(
    blit: Blit, ram: Path, off: str
) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, TREE)
    _block(dst)
    options = ["--no-history"] if off == "option" else []
    env = {"BLIT_DISABLE_LOCAL_TELEMETRY": "1"} if off == "variable" else {}
    result = blit("copy", *options, f"{src}/", dst, code=3, env=env)
    assert not _lists(blit)
    assert any("their names are not kept" in line for line in result.errors), result
    if env:
        assert "not kept" in blit("copy", "--retry-failed", code=2, env=env).errors[0]


def test_twenty_runs_are_remembered(blit: Blit, ram: Path) -> None:
    folder = Path(blit.environment["BLIT_CONFIG_DIR"]) / "failed"
    folder.mkdir()
    for number in range(25):
        (folder / f"old-{number}.json").write_text("damaged")
        os.utime(folder / f"old-{number}.json", ns=(number, number))
    make(ram / "src", TREE)
    _block(ram / "dst")
    blit("copy", f"{ram}/src/", ram / "dst", code=3)
    assert len(_lists(blit)) == 20
    assert not (folder / "old-5.json").exists() and (folder / "old-6.json").exists()
    _unblock(ram / "dst")
    blit("copy", "--retry-failed")
    blit("copy", "--retry-failed=old-9", code=2)  # damaged
    assert_same(ram / "src", ram / "dst")


# -- the second try -------------------------------------------------------------------------------

ONCE = [
    {"op": "open", "path": "/src/sub/f3", "errno": 5, "to": 1},
    {"op": "read", "path": "/src/f1", "errno": 110, "to": 1},
    {"op": "readdir", "path": "/src/sub/deep", "errno": 5, "to": 1},
    {"op": "rename", "path": "*/.blit-*", "errno": 16, "to": 1},
]


def _files(count: int) -> dict[str, Any]:
    return {f"f{n}": File(size=5_000) for n in range(count)} | {
        "sub": {f"f{n}": b"%d" % n for n in range(4)} | {"deep": {"x": b"x", "y": {"z": b"z"}}},
    }


@pytest.mark.root
@pytest.mark.parametrize("rule", ONCE, ids=lambda rule: str(rule["op"]))
@pytest.mark.parametrize("count", [2, 40], ids=["direct", "streaming"])
def test_what_fails_once_is_done_at_the_end_and_a_mirror_may_delete(
    blit: Blit, ram: Path, rule: dict[str, Any], count: int
) -> None:
    """Without engine/second.py this fails: exit code 3, and nothing is deleted."""
    with fuse(ram) as disk:
        src, dst = disk.point / "src", disk.point / "dst"
        make(disk.below / "src", _files(count))
        make(disk.below / "dst", {"f0": b"old", "sub": {"deep": {"extra": b"only here"}}})
        disk.hurt(rule)
        command = ("mirror", "--yes") if count > 8 else ("copy",)
        result = blit.json(*command, f"{src}/", dst)
        assert result.summary["outcome"] == "ok", result
        assert result.summary["files"]["failed"] == 0
        assert not [event for event in result.events if event["type"] == "failed"]
        if count > 8:
            assert result.summary["files"]["deleted"] == 1
            assert result.summary["files"]["copied"] == count + 6
        else:
            (disk.below / "dst" / "sub" / "deep" / "extra").unlink()
        disk.hurt()
        blit(*command, f"{src}/", dst)
        assert_same(disk.below / "src", disk.below / "dst")
        assert disk.hits(rule) >= 1, "the fault never came"


@pytest.mark.root
def test_what_fails_twice_has_failed_and_is_told_once(blit: Blit, ram: Path) -> None:
    with fuse(ram) as disk:
        src = disk.point / "src"
        make(disk.below / "src", _files(40))
        disk.hurt({"op": "open", "path": "/src/f1", "errno": 5})
        make(ram / "dst", {"extra": b"only here"})
        result = blit.json("mirror", "--yes", f"{src}/", ram / "dst", code=3)
        told = [event["path"] for event in result.events if event["type"] == "failed"]
        assert told == [f"{src}/f1"]
        assert result.summary["files"]["failed"] == 1
        assert (ram / "dst" / "extra").exists()
        disk.hurt()
        assert blit.json("mirror", "--retry-failed").summary["files"]["copied"] == 1
        assert (ram / "dst" / "extra").exists(), "a retry deletes nothing"
        assert not temporaries(ram / "dst")


@pytest.mark.root
def test_a_file_that_changes_for_a_while_is_copied_at_the_end(blit: Blit, ram: Path) -> None:
    """Both tries of the first pass meet a change. Without engine/second.py this fails."""
    with fuse(ram) as disk:
        busy = disk.below / "src" / "busy"
        make(disk.below / "src", _files(12) | {"busy": File(size=3_000_000)})
        rule = {"op": "read", "path": "/src/busy", "delay": 0.02, "to": 36}
        disk.hurt(rule)
        process = blit.start("copy", f"{disk.point}/src/", ram / "dst", stderr=subprocess.PIPE)
        moment = busy.stat().st_mtime_ns
        while disk.hits(rule) < 36 and process.poll() is None:
            moment += 1_000_000
            os.utime(busy, ns=(moment, moment))
            time.sleep(0.002)
        result = blit.finish(process)
        assert disk.hits(rule) >= 36
        assert result.code == 0, result
        assert_same(disk.below / "src", ram / "dst")
