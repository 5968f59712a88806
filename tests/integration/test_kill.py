"""Killed at any instant: old or new content under every final name, and a rerun makes it whole."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from conftest import Blit, room_in_ram, until, workers_of
from trees import assert_same, contents, filler, temporaries

ROUNDS = 20
FILES = 900


def _fill(root: Path, word: bytes, size: int, extras: int = 0) -> None:
    root.mkdir()
    for number in range(FILES):
        folder = root / f"d{number % 12}"
        folder.mkdir(exist_ok=True)
        length = size * (1 + number % 7) if number % 100 else 1_000_000 + size
        (folder / f"f{number}").write_bytes(filler(length, b"%s %d" % (word, number)))
    for number in range(extras):
        (root / f"d{number % 12}" / f"extra{number}").write_bytes(b"only here")


def _check_old_or_new(dst: Path, old: dict[str, bytes], new: dict[str, bytes], moment: str) -> None:
    found = {
        name: data
        for name, data in contents(dst).items()
        if not os.path.basename(name).startswith(".blit-")
    }
    for name, data in new.items():
        assert name in found or name not in old, f"killed {moment}: {name} is gone"
        if name in found:
            assert found[name] in (data, old.get(name)), (
                f"killed {moment}: {name} holds neither the old nor the new content "
                f"({len(found[name])} bytes)"
            )
    gone = old.keys() - found.keys()
    if gone:
        late = [name for name, data in new.items() if found.get(name) != data]
        assert not late, f"killed {moment}: {len(gone)} deleted before {late[:3]} was copied"
    assert found.keys() <= old.keys() | new.keys(), f"killed {moment}: unknown names"


def test_kill_9_of_everything_at_twenty_moments_of_an_overwriting_mirror(
    blit: Blit, ram: Path
) -> None:
    src, pristine, dst = ram / "src", ram / "pristine", ram / "dst"
    _fill(src, b"new", 7_000)
    _fill(pristine, b"old", 5_000, extras=60)
    old, new = contents(pristine), contents(src)
    command = ("mirror", "--yes", f"{src}/", str(dst))
    chance = random.Random(20261122)

    shutil.copytree(pristine, dst)
    began = time.monotonic()
    blit(*command)
    whole = time.monotonic() - began
    assert_same(src, dst)

    midway = 0
    for number in range(ROUNDS):
        shutil.rmtree(dst)
        shutil.copytree(pristine, dst)
        delay = whole * (number + chance.random()) / ROUNDS
        process = blit.start(*command)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        moment = f"after {delay:.3f} of {whole:.3f} s"
        _check_old_or_new(dst, old, new, moment)
        now = contents(dst)
        midway += any(now.get(n) == new[n] for n in new) and any(now.get(n) != new[n] for n in new)
        if number % 4 == 0 or temporaries(dst):
            blit(*command)
            assert not temporaries(dst), f"killed {moment}: temporaries stay after the rerun"
            assert_same(src, dst)
    assert midway >= 3, "the moments were badly chosen: hardly one was in the middle of the copying"


def test_kill_9_of_the_program_alone_stops_its_workers(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    _fill(src, b"new", 9_000)
    shutil.copytree(src, ram / "src2")
    process = blit.start("copy", src, ram / "src2", dst)
    until(lambda: next(dst.rglob("f*"), None) or process.poll() is not None, "the first file")
    workers = workers_of(process.pid)
    process.kill()
    process.wait(10)
    until(
        lambda: not any(Path(f"/proc/{pid}/cmdline").exists() and _alive(pid) for pid in workers),
        "the workers end with their program",
    )
    before = sorted(str(p) for p in dst.rglob("*"))
    blit("copy", src, ram / "src2", dst)
    assert len(before) <= len(list(dst.rglob("*")))
    assert not temporaries(dst)
    assert_same(src, dst / "src")


def _alive(pid: int) -> bool:
    try:
        return b"blit.worker.main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.slow
def test_kill_9_inside_a_large_file_that_replaces_a_small_one(blit: Blit, ram: Path) -> None:
    room_in_ram(2 << 30)
    src, dst = ram / "src", ram / "dst"
    src.mkdir()
    block = filler(32 << 20, b"large")
    with open(src / "big", "wb") as out:
        for _ in range(33):
            out.write(block)
    size = (src / "big").stat().st_size
    for number in range(4):
        dst.mkdir(exist_ok=True)
        (dst / "big").write_bytes(b"old content")
        process = blit.start("copy", f"{src}/", dst)

        def written() -> int:
            found = temporaries(dst)
            try:
                return os.stat(found[0]).st_blocks * 512 if found else 0
            except FileNotFoundError:
                return 0

        want = 1 + number * size // 5
        until(partial(_reached, process, written, want), "the temporary")
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
        now = (dst / "big").stat().st_size
        assert now in (11, size), f"the final name holds {now} bytes"
    blit("copy", f"{src}/", dst)
    assert not temporaries(dst)
    assert_same(src, dst)


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_the_run_and_leaves_no_temporary(
    blit: Blit, ram: Path, signals: tuple[signal.Signals, int]
) -> None:
    number, code = signals
    src, dst = ram / "src", ram / "dst"
    src.mkdir()
    dst.mkdir()
    for part in range(12):
        _fill(src / f"part{part}", b"new", 4_000)
    _fill(dst / "part0", b"old", 3_000)
    old = contents(dst)
    process = blit.start("copy", f"{src}/", dst, stderr=subprocess.PIPE)
    until(lambda: next(dst.rglob("part[123]/d*/f*"), None), "a file")
    process.send_signal(number)
    result = blit.finish(process)
    assert result.code == code, str(result)
    assert len(result.errors) >= 1, "nothing was said about what is left"
    assert not temporaries(dst)
    assert len(contents(dst)) < len(contents(src)), "the signal came too late to test anything"
    _check_old_or_new(dst, old, contents(src), f"by signal {number}")
    blit("copy", f"{src}/", dst)
    assert_same(src, dst)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_program_still_starts(
    blit: Blit, ram: Path, number: signal.Signals
) -> None:
    """A script that sends a signal right after starting blit gets the same exit code."""
    src, dst = ram / "src", ram / "dst"
    _fill(src, b"new", 3_000)
    process = blit.start("copy", src, dst, stderr=subprocess.PIPE)
    until(lambda: workers_of(process.pid) or process.poll() is not None, "the first worker")
    process.send_signal(number)
    result = blit.finish(process)
    assert result.code in (0, 128 + number), str(result)
    assert b"Traceback" not in result.err
    until(lambda: not temporaries(dst) if dst.exists() else True, "temporaries are removed", 3)


def test_a_second_ctrl_c_ends_at_once(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    src.mkdir()
    for part in range(4):
        _fill(src / f"part{part}", b"new", 3_000)
    process = blit.start("copy", src, dst)
    until(lambda: next(dst.rglob("f*"), None) or process.poll() is not None, "a file")
    process.send_signal(signal.SIGINT)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    assert blit.finish(process, 5).code == 130
    blit("copy", src, dst)
    assert not temporaries(dst)
    assert_same(src, dst / "src")


def test_killed_workers_are_replaced_and_nothing_is_missing(blit: Blit, ram: Path) -> None:
    """Several folders that are listed at once, workers shot one after another: still complete."""
    src, dst = ram / "src", ram / "dst"
    for folder in range(6):
        (src / f"d{folder}").mkdir(parents=True)
        for number in range(5_000):
            (src / f"d{folder}" / f"f{number}").write_bytes(b"%d %d" % (folder, number))
    want = {p.relative_to(src) for p in src.rglob("*")}
    shots = 0
    for number in range(8):
        process = blit.start("copy", f"{src}/", dst, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for least in (1 + 300 * number, 4_000 + 1_500 * number):
            until(partial(_reached, process, partial(_count, dst), least), "some files")
            alive = workers_of(process.pid)
            if process.poll() is None and alive:
                os.kill(alive[number % len(alive)], signal.SIGKILL)
                shots += 1
        result = blit.finish(process)
        assert b"Traceback" not in result.err
        missing = want - {p.relative_to(dst) for p in dst.rglob("*")}
        assert result.code == 0, f"round {number}: {result}"
        assert not missing, (
            f"round {number}: {len(missing)} files are missing and the exit code is 0"
        )
        assert not temporaries(dst), f"round {number}"
        shutil.rmtree(dst)
    assert shots >= 8, "hardly a worker was still there to be killed"


def _reached(process: subprocess.Popen[bytes], number: Callable[[], int], least: int) -> bool:
    return process.poll() is not None or number() >= least


def _count(folder: Path) -> int:
    try:
        return sum(len(os.listdir(sub.path)) for sub in os.scandir(folder) if sub.is_dir())
    except FileNotFoundError:
        return 0
