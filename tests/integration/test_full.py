"""A full disk: seen before it is filled where that is certain, else one sentence and nothing partial."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Blit, mounted, requires_loop, requires_mounts, requires_tool
from trees import File, Hard, Sparse, assert_same, contents, filler, make, temporaries

from integration.test_commands import job, running

pytestmark = [pytest.mark.root]


@contextmanager
def small(ram: Path, size: str = "8m", **options: str) -> Iterator[Path]:
    requires_mounts()
    more = "".join(f",{name}={value}" for name, value in options.items())
    with mounted(ram / "full", "-t", "tmpfs", "-o", f"size={size}{more}", "tmpfs") as point:
        yield point


# -- seen beforehand ------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [4, 60])
def test_what_cannot_fit_is_refused_before_the_disk_is_full(
    blit: Blit, ram: Path, files: int
) -> None:
    """Without engine/space.py (60 files), and the look in worker/direct.py (4), this fails."""
    make(ram / "src", {f"f{n}": File(size=12_000_000 // files) for n in range(files)})
    with small(ram) as dst:
        result = blit.json("copy", f"{ram}/src/", dst, code=1)
        left = os.statvfs(dst)
        assert left.f_bavail * left.f_frsize > 2_000_000, "it was filled first"
        assert not temporaries(dst)
        found, want = contents(dst), contents(ram / "src")
        assert all(found[name] == want[name] for name in found)
    assert result.summary["outcome"] == "failed"
    assert [f["step"] for f in result.summary["failures"]] == ["space"]
    message = result.summary["message"]
    assert f"{dst}: needs 12.0 MB, 8.4 MB free: make room for 3.6 MB more" in message


def test_a_mirror_is_told_that_its_deletions_make_no_room(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": File(size=100_000) for n in range(60)})
    with small(ram) as dst:
        make(dst, {"old": File(size=4_000_000)})
        result = blit("mirror", "--yes", f"{ram}/src/", dst, code=1)
        assert contents(dst)["old"]
    assert len(result.errors) == 1 and "needs 6.0 MB, 4.4 MB free" in result.errors[0]
    assert "would delete (1 so far) goes only when all is copied" in result.errors[0]


def test_a_replacement_needs_its_place_beside_the_old_file(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"big": File(size=5_000_000)})
    with small(ram) as dst:
        make(dst, {"big": File(size=5_100_000)})
        old = contents(dst)
        result = blit("copy", f"{ram}/src/", dst, code=1)
        assert contents(dst) == old
    assert len(result.errors) == 1
    assert "needs 5.0 MB beside the file that is replaced" in result.errors[0]


def test_too_few_inodes_are_seen_beforehand(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(90)})
    with small(ram, nr_inodes="50") as dst:
        result = blit("copy", f"{ram}/src/", dst, code=1)
        room = os.statvfs(dst)
    assert len(result.errors) == 1 and "inodes, " in result.errors[0], result
    assert room.f_ffree > 0


def test_what_fits_because_nothing_is_counted_twice_is_copied(blit: Blit, ram: Path) -> None:
    """Hard links once, holes not at all, replaced files by their growth, what is there not."""
    block = File(size=1_000_000)
    src = ram / "src"
    make(src, {"a": block, "a2": Hard("a"), "a3": Hard("a"), "a4": Hard("a"), "a5": Hard("a")})
    make(src, {f"same{n}": File(size=900_000) for n in range(3)})
    make(src, {f"grows{n}": filler(950_000, b"new") for n in range(2)})
    make(src, {"holes": Sparse(1 << 30, {0: b"start", 1 << 29: b"middle"})})
    make(src, {f"small{n}": b"x" * 100 for n in range(20)})
    with small(ram) as dst:
        blit("copy", f"{src}/", dst)
        make(src, {f"grows{n}": filler(1_000_000, b"newer") for n in range(2)})
        make(src, {"more": File(size=1_000_000)})
        blit("copy", f"{src}/", dst)
        assert_same(src, dst)


def test_files_that_fit_only_one_after_the_other_are_replaced_so(blit: Blit, ram: Path) -> None:
    """Without the flush in Copier when the disk is full this fails: all wait for one sync."""
    make(ram / "src", {f"f{n}": filler(700_000, b"new %d" % n) for n in range(9)})
    with small(ram) as dst:
        make(dst, {f"f{n}": filler(750_000, b"old %d" % n) for n in range(9)})
        blit("copy", f"{ram}/src/", dst)
        assert_same(ram / "src", dst)


def test_a_clone_needs_no_room(blit: Blit, ram: Path) -> None:
    """Without the look at what can clone in worker/room.py this fails."""
    requires_loop()
    requires_tool("mkfs.xfs")
    image = ram / "image"
    with open(image, "wb") as out:
        out.truncate(300 << 20)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True, timeout=60)
    with mounted(ram / "xfs", "-o", "loop", str(image)) as point:
        make(point / "src", {f"f{n}": File(size=20_000_000) for n in range(9)})
        result = blit.json("copy", "-v", f"{point}/src/", point / "dst")
        assert result.summary["files"]["cloned"] == 9
        plan = next(e for e in result.events if e["type"] == "plan_finished")
        assert plan["short"].startswith("needs 180 MB, ")
        assert_same(point / "src", point / "dst")


def test_what_lies_below_another_mount_is_not_counted_against_this_one(
    blit: Blit, ram: Path
) -> None:
    make(ram / "src", {"sub": {f"f{n}": File(size=200_000) for n in range(60)}})
    with small(ram) as dst, mounted(dst / "sub", "-t", "tmpfs", "-o", "size=40m", "tmpfs"):
        blit("copy", f"{ram}/src/", dst)
        assert_same(ram / "src/sub", dst / "sub")


def test_a_dry_run_says_that_it_would_not_fit(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": File(size=200_000) for n in range(60)})
    with small(ram) as dst:
        result = blit("copy", "-n", f"{ram}/src/", dst)
    assert any("would not fit: needs 12.0 MB, 8.4 MB free" in line for line in result.errors)


def test_a_held_plan_that_cannot_fit_ends_when_it_is_confirmed(ram: Path) -> None:
    make(ram / "src", {f"f{n}": File(size=200_000) for n in range(60)})
    with small(ram) as dst, running(job("copy", ram / "src", dst, held=True)) as run:
        run.ready()
        run.control.go()
        summary = run.end()
        assert (summary.outcome, summary.files.copied) == ("failed", 0)
    assert "needs 12.0 MB, 8.4 MB free" in summary.message
