"""One whole process, timed: seconds, processor time and peak memory, with all that it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench_machine import Memory
from bench_trees import clear

_PR_SET_CHILD_SUBREAPER = 36
_LEFT_ALONE = 10.0  # seconds that what a process leaves behind may take to end


class Failure(Exception):
    """What failed, and why."""

    def __str__(self) -> str:
        return ": ".join(self.args)


class Ran(NamedTuple):
    seconds: float  # from before the process is made until it has ended
    cpu: float | None  # user and system seconds of all its processes; None: cannot be told here


def adopt() -> bool:
    """Whoever is left behind by a process of ours becomes our child: its time counts for it too.

    Without it the time of blit's workers, which leave without being waited for, would be lost.
    """
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def children() -> set[int]:
    """Process numbers of our own children, the dead that nobody has waited for among them."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            found.update(map(int, Path(f"/proc/self/task/{thread}/children").read_text().split()))
    return found


def reap(known: set[int]) -> None:
    """Wait for the children that are not `known`; kill what will not end."""
    until = time.monotonic() + _LEFT_ALONE
    while left := children() - known:
        for pid in left:
            with contextlib.suppress(ChildProcessError, ProcessLookupError):
                if time.monotonic() > until:
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watch(process: subprocess.Popen[bytes], memory: Memory, every: float) -> None:
    """Sample its memory until it has ended, and return at once then: its time is being taken."""
    if sys.platform != "linux":  # nor is there a /proc to look into
        return
    ended = select.poll()
    with os.fdopen(os.pidfd_open(process.pid)) as handle:
        ended.register(handle, select.POLLIN)
        while True:
            memory.sample(process.pid)
            if ended.poll(1000 * every):
                return


class Runner:
    """Runs commands with settings of their own below a work folder."""

    def __init__(self, work: Path) -> None:
        self.work, self.config = work, work / "blit"
        own = {"BLIT_CONFIG_DIR": str(self.config), "RCLONE_CONFIG": str(work / "rclone.conf")}
        self.env = {**os.environ, **own, "LC_ALL": "C"}
        # bytecode kept as an installed blit keeps it
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)
        self.adopts = adopt()

    def run(self, command: list[str], memory: Memory | None = None, every: float = 0.02) -> Ran:
        """Run it to its end; Failure unless it exits 0. `every`: seconds between looks at memory.

        Every run of blit is its first: no history of earlier ones.
        """
        clear(self.config)
        known = children()
        with open(self.work / "stdout", "wb") as out, open(self.work / "stderr", "wb") as err:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
            spent, began = _spent(), time.perf_counter()
            process = subprocess.Popen(command, **streams, env=self.env, start_new_session=True)
            try:
                if memory:
                    watch(process, memory, every)
                process.wait()
                seconds = time.perf_counter() - began
                reap(known)
                cpu = _spent() - spent if self.adopts else None
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                for pid in children() - known:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                reap(known)
                raise
        if process.returncode:
            said = (self.work / "stderr").read_text(errors="replace").splitlines()[-3:]
            why = " / ".join([f"exit code {process.returncode}", *said])
            raise Failure(" ".join(command), why)
        return Ran(seconds, cpu)
