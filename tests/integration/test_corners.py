"""Corners in which a file was once lost, stale or unsynced without a word."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import Blit, mounted, requires_loop, requires_strace, until, workers_of
from trees import File, Hard, Sparse, Symlink, assert_same, contents, make, temporaries

STRACE = ["strace", "-f", "-qq"]


def test_a_dry_run_leaves_large_files_alone(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"large": Sparse(200 << 20, {5: b"x"}), **{f"f{n}": b"x" for n in range(12)}})
    make(ram / "dst", {"large": b"old"})
    result = blit("copy", "-n", f"{ram}/src/", ram / "dst")
    assert ("size", "large") in result.changes
    assert contents(ram / "dst") == {"large": b"old"}


def test_sources_that_lie_in_one_another(blit: Blit, ram: Path) -> None:
    make(ram, {"a": {"x": b"1", "b": {"y": b"2", "c": {"z": b"3"}}}})
    blit("copy", ram / "a/b", ram / "a", ram / "dst")
    assert contents(ram / "dst/a") == contents(ram / "a")
    assert contents(ram / "dst/b") == contents(ram / "a/b")


def test_two_sources_that_land_in_one_place_are_refused(blit: Blit, ram: Path) -> None:
    make(ram, {"a": {"sub": {"f": b"1"}}, "b": {"sub": {"f": b"2"}, "other": b"3"}})
    result = blit("copy", f"{ram}/a/", ram / "b/sub", ram / "dst", code=2)
    assert "one after the other" in result.errors[0]
    assert not (ram / "dst").exists()
    blit("copy", f"{ram}/a/", ram / "b/other", ram / "dst")
    assert contents(ram / "dst") == {"sub/f": b"1", "other": b"3"}


@pytest.mark.parametrize(("error", "code"), [("EIO", 3), ("EINVAL", 0)])
def test_data_that_cannot_be_sought_is_no_hole(
    blit: Blit, ram: Path, error: str, code: int
) -> None:
    requires_strace()
    make(ram, {"sparse": Sparse(1 << 20, {500_000: b"data"})})
    prefix = [*STRACE, "-o", "/dev/null", "-P", str(ram / "sparse"), "-e", "trace=lseek"]
    prefix += ["-e", f"inject=lseek:error={error}"]
    blit("copy", ram / "sparse", ram / "dst", code=code, prefix=prefix)
    if code == 0:
        assert (ram / "dst").read_bytes() == (ram / "sparse").read_bytes()
    else:
        assert not (ram / "dst").exists()


@pytest.mark.parametrize("number", range(1, 45, 4))
def test_what_is_missing_at_the_destination_has_not_vanished_from_the_source(
    blit: Blit, ram: Path, number: int
) -> None:
    requires_strace()
    make(ram / "src", {f"f{n}": b"x" for n in range(20)})
    make(ram / "dst", {"extra": b"x"})
    names = [w for n in range(60) for w in ("-P", f"f{n}")]
    prefix = [*STRACE, "-o", "/dev/null", *names, "-e", "trace=renameat,openat"]
    prefix += ["-e", f"inject=renameat,openat:error=ENOENT:when={number}"]
    result = blit("mirror", "--yes", f"{ram}/src/", ram / "dst", code=None, prefix=prefix)
    missing = contents(ram / "src").keys() - contents(ram / "dst").keys()
    if missing:  # by an error of the source's open it may count as vanished, and is told
        assert result.code != 0 or "vanished" in str(result.errors), result


def test_a_source_edited_between_the_scan_and_the_mending_is_copied(blit: Blit, ram: Path) -> None:
    """Equal size, another content: giving the copy the new time would hide it for ever."""
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"old" for n in range(20_000)})
    blit("copy", f"{src}/", dst)
    for path in src.iterdir():
        path.chmod(0o600)
    paths = sorted(src.iterdir(), reverse=True)
    process = blit.start("copy", f"{src}/", dst)
    until(lambda: any(p.stat().st_mode & 0o77 == 0 for p in dst.iterdir()), "the first mending")
    for path in paths:
        path.write_bytes(b"new")
    blit.finish(process)
    blit("copy", f"{src}/", dst)
    assert contents(dst) == contents(src)


def test_a_copy_that_shares_its_inode_is_not_mended_through_it(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"x", "b": Hard("a")})
    blit("copy", f"{src}/", dst)
    (src / "b").unlink()
    shutil.copy2(src / "a", src / "b")
    (src / "b").chmod(0o600)
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(src, dst)


def test_a_hard_link_takes_the_place_of_a_file_only_when_it_is_on_disk(
    blit: Blit, ram: Path
) -> None:
    requires_strace()
    make(ram / "src", {"a": b"new", "b": Hard("a")})
    make(ram / "dst", {"b": b"old"})
    log = ram / "log"
    prefix = [*STRACE, "-o", str(log), "-e", "trace=fsync,syncfs,linkat"]
    blit("copy", f"{ram}/src/", ram / "dst", prefix=prefix)
    calls = [c for line in log.read_text().splitlines() for c in ("sync", "linkat") if c in line]
    assert calls[0] == "sync" and "linkat" in calls


def test_durable_flushes_although_nothing_is_copied_this_time(blit: Blit, ram: Path) -> None:
    requires_strace()
    make(ram / "src", {"a": b"x"})
    blit("copy", f"{ram}/src/", ram / "dst")
    log = ram / "log"
    prefix = [*STRACE, "-o", str(log), "-e", "trace=syncfs"]
    blit("copy", "--durable", f"{ram}/src/", ram / "dst", prefix=prefix)
    assert "syncfs" in log.read_text()


def test_one_link_that_cannot_be_read_does_not_stop_its_folder(blit: Blit, ram: Path) -> None:
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {f"l{n}": Symlink("x") for n in range(20)})
    blit("copy", f"{src}/", dst)
    make(src, {f"f{n}": b"x" for n in range(20)})
    prefix = [*STRACE, "-o", "/dev/null", "-e", "trace=readlinkat"]
    prefix += ["-e", "inject=readlinkat:error=EACCES:when=5"]
    blit("copy", f"{src}/", dst, code=3, prefix=prefix)
    assert contents(dst).keys() >= {f"f{n}" for n in range(20)}


@pytest.mark.root
def test_times_are_the_same_within_what_the_destination_keeps(blit: Blit, ram: Path) -> None:
    requires_loop()
    image = ram / "image"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    # 128-byte inodes have no room for nanoseconds
    subprocess.run(["mkfs.ext4", "-q", "-F", "-I", "128", image], check=True, capture_output=True)
    make(ram / "src", {"a": File(b"x", mtime=1_500_000_001_123_456_789), "b": {}})
    with mounted(ram / "mount", "-o", "loop", image) as dst:
        blit("copy", f"{ram}/src/", dst / "copy")
        summary = blit.json("copy", f"{ram}/src/", dst / "copy").summary
        assert summary["files"]["copied"] == 0


@pytest.mark.slow
def test_a_worker_that_comes_late_is_not_led_elsewhere(blit: Blit, ram: Path) -> None:
    """The destination's path is swapped for a link while it runs; a new worker must not follow it."""
    src, dst, victim = ram / "src", ram / "dst", ram / "victim"
    make(src, {"keep": b"k"})
    tree = {f"d{k}": {f"f{n}": b"x" for n in range(300)} for k in range(20)}
    make(dst, tree)
    make(victim, tree)
    command = ("mirror", "--yes", "--max-delete", "999999", "--workers", "4")
    process = blit.start(*command, f"{src}/", dst)
    until(
        lambda: sum(len(files) for *_, files in os.walk(dst)) < 5_900 or process.poll() is not None,
        "deletions",
    )
    os.rename(dst, ram / "elsewhere")
    dst.symlink_to(victim)
    for pid in workers_of(process.pid)[:2]:
        os.kill(pid, signal.SIGKILL)
    blit.finish(process)
    assert contents(victim).keys() == {f"d{k}/f{n}" for k in range(20) for n in range(300)}
    assert not temporaries(victim)


def test_a_destination_that_cannot_be_made_is_said_once(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(30)})
    (ram / "dangling").symlink_to("nowhere")
    result = blit("copy", f"{ram}/src/", ram / "dangling", code=1)
    assert len(result.errors) == 1
    assert "symlink" in result.errors[0]


@pytest.mark.parametrize("words", [("host:/etc", "b"), ("a", "me@host:b")])
def test_another_machine_is_not_taken_for_a_folder(
    blit: Blit, ram: Path, words: tuple[str, str]
) -> None:
    make(ram, {"a": b"x"})
    result = blit("copy", *words, code=2, cwd=ram)
    assert "another machine" in result.errors[0]
    assert [p.name for p in ram.iterdir()] == ["a"]


@pytest.mark.parametrize("line", ["history", "config", "completions bash", "diagnostics perf"])
def test_a_table_that_a_full_disk_does_not_take_is_said_in_words(blit: Blit, line: str) -> None:
    """Without the look at ENOSPC in console.py it is an internal error."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            blit.command(*line.split()),
            stdout=full, stderr=subprocess.PIPE, env=blit.environment, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert b"standard output" in done.stderr and b"internal" not in done.stderr


def test_output_that_a_full_disk_does_not_take_is_no_success(blit: Blit, ram: Path) -> None:
    make(ram, {"a": b"x"})
    for option in ("--json", "-n"):
        command = blit.command("copy", option, ram / "a", ram / "b")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 1
        assert b"standard output" in done.stderr
