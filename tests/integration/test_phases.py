"""Workers killed, stopped or hanging in each phase, and what is only slow: no gap, no false stall.

Most of these wait 10 s or more for something that does not move, so all wait together.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import (
    Blit,
    Result,
    mounted,
    ram_folder,
    requires_fuse,
    requires_loop,
    requires_strace,
    until,
    workers_of,
)
from hurt import fuse
from trees import differences, filler, make, temporaries

from integration.test_commands import job, running

pytestmark = [pytest.mark.root, pytest.mark.slow]

# the phase → the side that is hurt, the rule
PHASES: dict[str, tuple[str, dict[str, Any]]] = {
    "the first look": ("src", {"op": "getattr", "path": "/src"}),
    "the free space": ("dst", {"op": "statfs"}),
    "listing the source": ("src", {"op": "readdir", "path": "/src/sub"}),
    "listing the destination": ("dst", {"op": "readdir", "path": "/dst/sub"}),
    "reading": ("src", {"op": "read", "path": "/src/big"}),
    "writing": ("dst", {"op": "write"}),
    "renaming": ("dst", {"op": "rename"}),
    "syncing": ("dst", {"op": "fsync"}),
    "deleting": ("dst", {"op": "unlink", "path": "/dst/sub/extra"}),
    "removing a folder": ("dst", {"op": "rmdir", "path": "/dst/gone"}),
    "a folder's times": ("dst", {"op": "utimens", "path": "/dst/sub"}),
}
STOPPED = ("listing the source", "reading", "renaming", "deleting", "a folder's times")


class Ran(NamedTuple):
    first: Result
    again: Result
    mount: Path
    wrong: list[str]  # what differs after the first run, and after the second
    left: list[str]


def _run(blit: Blit, ram: Path, side: str, rule: dict[str, Any], hit: int | None) -> Ran:
    """A mirror that meets the rule; `hit`: the signal that its workers get there, None: it hangs."""
    tree = {"big": filler(1_200_000), "sub": {f"f{n}": filler(500 + n) for n in range(30)},
            "one": b"1", "new": {"x": b"x"}}  # fmt: skip
    mark = ram / "mark"
    with fuse(ram) as faults:
        src = (faults.below if side == "src" else ram) / "src"
        dst = (faults.below if side == "dst" else ram) / "dst"
        make(src, tree)
        make(dst, {"big": b"old", "sub": {"f1": b"old", "extra": b"e"}, "gone": {"y": b"y"}})
        seen = {"src": src, "dst": dst} | {side: faults.point / side}
        how = {"hang": True} if hit is None else {"delay": 1.2}
        faults.hurt({**rule, **how, "mark": str(mark)})
        words = ("mirror", "--yes", f"{seen['src']}/", seen["dst"])
        process = blit.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        began = time.monotonic()
        until(mark.exists, "the phase", 40)
        if hit is not None:
            for worker in workers_of(process.pid):
                os.kill(worker, hit)
            faults.hurt()
        first = replace(blit.finish(process, 60), seconds=time.monotonic() - began)
        faults.hurt()
        try:
            wrong = differences(src, dst)
        except FileNotFoundError:  # what hung was carried out as we looked
            wrong = differences(src, dst)
        again = blit(*words, code=None)
        left = [*temporaries(dst), *differences(src, dst)]
        return Ran(first, again, faults.point, wrong, left)


# -- what is only slow ----------------------------------------------------------------------------


def _slow(files: dict[str, Any], *rules: dict[str, Any]) -> Callable[[Blit, Path], Result]:
    def run(blit: Blit, ram: Path) -> Result:
        with fuse(ram) as faults:
            make(faults.below / "src", files)
            faults.hurt(*rules)
            result = blit("copy", f"{faults.point}/src/", ram / "dst", code=None, timeout=170)
            faults.hurt()
            assert result.code or not differences(faults.below / "src", ram / "dst")
            return result

    return run


def _deep(levels: int) -> dict[str, Any]:
    """Folders in folders: however many workers there are, they are listed one after another."""
    return {"x": b"x", "d": _deep(levels - 1)} if levels else {}


def _slow_target(blit: Blit, ram: Path) -> Result:
    make(ram / "src", {f"f{n}": filler(500 + n) for n in range(3)})
    with fuse(ram) as faults:
        faults.hurt({"op": "getattr", "delay": 1.0})
        result = blit("copy", ram / "src", faults.point, code=None, timeout=170)
        faults.hurt()
        assert result.code or not differences(ram / "src", faults.below / "src")
        return result


def _stopped_oneself(blit: Blit, ram: Path) -> Result:
    make(ram / "src", {f"d{m}": {f"f{n}": b"x" * 50 for n in range(500)} for m in range(12)})
    process = blit.start(
        "copy", f"{ram}/src/", ram / "dst", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until(lambda: next(ram.glob("dst/d*/f*"), None) or process.poll() is not None, "a file")
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(14)
    os.killpg(process.pid, signal.SIGCONT)
    result = blit.finish(process)
    assert result.code or not differences(ram / "src", ram / "dst")
    return result


def _slow_flush(blit: Blit, ram: Path) -> Result:
    requires_loop()
    make(ram / "src", {f"f{n}": filler(100_000, b"%d" % n) for n in range(24)})
    with fuse(ram) as faults:
        with open(faults.below / "image", "wb") as out:
            out.truncate(32 << 20)
        subprocess.run(
            ["mkfs.ext4", "-q", "-F", str(faults.below / "image")], check=True, timeout=60
        )
        image = str(faults.point / "image")
        with mounted(ram / "disk", "-o", "loop,nodiscard", image) as point:
            # small requests, so that the device's counter can rise while it is slow
            device = point.stat().st_dev
            queue = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/queue")
            try:
                (queue / "max_sectors_kb").write_text("16")
            except OSError:
                pytest.skip("the size of requests cannot be set here")
            faults.hurt({"op": "write", "delay": 0.02})
            result = blit("copy", "--durable", f"{ram}/src/", point / "dst", code=None, timeout=170)
            faults.hurt()
            assert result.code or not differences(ram / "src", point / "dst")
            return result


SLOW: dict[str, tuple[float, Callable[[Blit, Path], Result]]] = {  # at least so many seconds
    "reads of 3 s": (
        12,
        _slow({"slow": filler(700_000), "b": b"b"}, {"op": "read", "path": "/src/slow", "delay": 3}),
    ),
    "a large file with reads of 3 s": (
        12,
        _slow({"slow": filler(1_300_000)}, {"op": "read", "path": "/src/slow", "delay": 3}),
    ),
    "stats of 1 s in one folder": (
        12,
        _slow(
            {"many": {f"f{n}": b"x" for n in range(14)}, **{f"g{n}": b"" for n in range(9)}},
            {"op": "getattr", "path": "/src/many/*", "delay": 1},
        ),
    ),
    "stats of 1 s of few files": (
        8, _slow({f"f{n}": b"x" for n in range(5)}, {"op": "getattr", "delay": 0.8}),
    ),
    "listings of 1 s": (
        12, _slow(_deep(13), {"op": "readdir", "delay": 1}),
    ),
    "a destination with stats of 1 s": (10, _slow_target),
    "stopped oneself for 14 s": (14, _stopped_oneself),
    "a flush while the device writes": (10, _slow_flush),
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Any]]]:
    """All at once."""
    requires_fuse()
    blit = Blit(tmp_path_factory.mktemp("config"))
    with ram_folder() as ram, ThreadPoolExecutor(64) as threads:
        runs: dict[str, Future[Any]] = {}

        def submit(name: str, work: Callable[..., Any], *arguments: Any) -> None:
            place = ram / name.replace(" ", "_").replace("'", "")
            place.mkdir()
            runs[name] = threads.submit(work, blit, place, *arguments)

        for name, (_, work) in SLOW.items():
            submit(name, work)
        for name, (side, rule) in PHASES.items():
            submit(f"hang {name}", _run, side, rule, None)
        for name in STOPPED:
            submit(f"stop {name}", _run, *PHASES[name], signal.SIGSTOP)
        for run in runs.values():
            run.exception(170)
        for name, (side, rule) in PHASES.items():
            submit(f"kill {name}", _run, side, rule, signal.SIGKILL)
        yield runs
        blit.clean_up()


@pytest.mark.parametrize("phase", PHASES)
def test_what_hangs_is_a_stall_in_every_phase(ran: dict[str, Future[Ran]], phase: str) -> None:
    run = ran[f"hang {phase}"].result(170)
    assert run.first.code == 5, str(run.first)
    assert run.first.seconds < 60, "the terminal came back late"
    assert len(run.first.errors) == 1 and "nothing moved for 1" in run.first.errors[0], run.first
    assert str(run.mount) in run.first.errors[0]
    assert run.again.code == 0 and not run.left, f"{run.again}\n{run.left[:5]}"


@pytest.mark.parametrize("phase", STOPPED)
def test_a_stopped_worker_is_a_stall(ran: dict[str, Future[Ran]], phase: str) -> None:
    """SIGSTOP, as a debugger or a container's freezer does it: never a gap without a word."""
    run = ran[f"stop {phase}"].result(170)
    assert run.first.code == 5 or not run.wrong, str(run.first)
    assert run.again.code == 0 and not run.left, f"{run.again}\n{run.left[:5]}"


@pytest.mark.parametrize("phase", PHASES)
def test_killed_workers_leave_no_silent_gap(ran: dict[str, Future[Ran]], phase: str) -> None:
    """As the kernel does it when memory is short. Without the second asking in probing.facts the
    first of these fails; without the redoing in crew._bury nearly all."""
    run = ran[f"kill {phase}"].result(170)
    assert run.first.code == 0, str(run.first)
    assert not run.wrong, f"exit code 0 and not the same: {run.wrong[:5]}"
    assert run.again.code == 0 and not run.left, f"{run.again}\n{run.left[:5]}"


@pytest.mark.parametrize("what", SLOW)
def test_slow_but_living_is_no_stall(ran: dict[str, Future[Result]], what: str) -> None:
    result = ran[what].result(170)
    assert result.code == 0, str(result)
    assert result.seconds > SLOW[what][0] or "oneself" in what, "it was not slow"


def test_a_worker_killed_over_each_sync_ends_the_run_before_anything_is_deleted(
    blit: Blit, ram: Path
) -> None:
    """The sync before the deletions. Without `_ALONE` in crew.py this deletes."""
    requires_strace()
    make(ram / "src", {"a": b"a"})
    make(ram / "dst", {"a": b"a", "extra": b"e"})
    os.utime(ram / "src/a", ns=(0, (ram / "dst/a").stat().st_mtime_ns))
    prefix = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=syncfs", "-e",
              "inject=syncfs:signal=SIGKILL"]  # fmt: skip
    result = blit("mirror", "--yes", f"{ram}/src/", ram / "dst", code=1, prefix=prefix)
    assert (ram / "dst/extra").exists()
    assert len(result.errors) == 1 and "a worker process died" in result.errors[0], result


def test_a_worker_killed_while_it_makes_the_destination_of_a_held_plan(ram: Path) -> None:
    """Without the redoing of `roots` in schedule.lost this stands still until it is a stall."""
    make(ram / "src", {f"f{n}": b"x" for n in range(20)})
    with fuse(ram) as faults:
        mark = ram / "mark"
        with running(job("copy", ram / "src", faults.point / "new", held=True)) as run:
            run.ready()
            faults.hurt({"op": "mkdir", "path": "/new", "delay": 1, "mark": str(mark)})
            run.control.go()
            until(mark.exists, "the folder is being made")
            for worker in list(run.pool.workers):
                os.kill(worker.pid, signal.SIGKILL)
            faults.hurt()
            summary = run.end()
        assert (summary.outcome, summary.files.copied) == ("ok", 20), summary.message
