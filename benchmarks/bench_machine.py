"""What the machine tells: a process tree's memory, a filesystem's type and room, what we run on."""

from __future__ import annotations

import datetime
import mmap
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

KIB = 1 << 10
IN_RAM = ("tmpfs", "ramfs")
_MADV_POPULATE_WRITE = 23


class Memory:
    """The peak of a process and all its descendants together, from /proc; elsewhere nothing."""

    def __init__(self) -> None:
        self.pss = 0
        self.highs: dict[int, int] = {}

    def sample(self, root: int) -> None:
        pending, total = [root], 0
        while pending:
            pid = pending.pop()
            try:
                total += self._field(f"/proc/{pid}/smaps_rollup", "Pss:")
                self.highs[pid] = self._field(f"/proc/{pid}/status", "VmHWM:")
                for thread in os.listdir(f"/proc/{pid}/task"):
                    children = Path(f"/proc/{pid}/task/{thread}/children").read_text()
                    pending += map(int, children.split())
            except OSError:  # it has just ended
                continue
        self.pss = max(self.pss, total)

    @staticmethod
    def _field(path: str, name: str) -> int:
        with open(path) as lines:
            return next((int(line.split()[1]) * KIB for line in lines if line.startswith(name)), 0)

    def result(self) -> dict[str, float] | None:
        """`hwm_mb` adds peaks of different moments and shared pages twice: an upper bound."""
        high = sum(self.highs.values())
        return {"pss_mb": self.pss / 1e6, "hwm_mb": high / 1e6} if self.pss else None


def filesystem(folder: Path) -> str:
    """The type of the filesystem that holds the folder, from the longest mount point above it."""
    best, kind = -1, "unknown"
    try:
        mounts = Path("/proc/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return kind
    for mount in mounts:
        _, point, name, *_ = mount.split(" ")
        point = point.replace("\\040", " ")
        if len(point) >= best and folder.resolve().is_relative_to(point):
            best, kind = len(point), name
    return kind


def shortage(folder: Path, need: int, files: int) -> str:
    """Why `need` bytes and `files` files do not fit there; empty when they do."""
    there = os.statvfs(folder)
    free = there.f_bavail * there.f_frsize
    if filesystem(folder) in IN_RAM:  # its limit says nothing about the memory that is left
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = min(free, *(int(x.split()[1]) * KIB for x in lines if x.startswith("MemAvailable:")))
    if free < need:
        return f"{folder} has {free / 1e9:.1f} GB free, {need / 1e9:.1f} GB are needed"
    if there.f_files and there.f_favail < files:
        return f"{folder} has {there.f_favail:,} inodes free, {files:,} are needed"
    return ""


def warm(size: int) -> None:
    """Touch so much free memory, half of what is available at most, and give it back.

    A virtual machine may hand pages that are free for a second or two to its host (free page
    reporting) and pays for each when it is touched again, measured 2 s a GiB: whoever runs first
    in such memory would pay for all. Right before a run it makes all runs alike.
    """
    for line in Path("/proc/meminfo").read_text().splitlines() if size else []:
        if line.startswith("MemAvailable:"):
            size = min(size, int(line.split()[1]) * KIB // 2)
    if not size:
        return
    with mmap.mmap(-1, size) as memory:
        try:
            memory.madvise(_MADV_POPULATE_WRITE)
        except OSError:  # before Linux 5.14
            for offset in range(0, size, 4096):
                memory[offset] = 1


def describe(folder: Path, root: Path) -> dict[str, Any]:
    """Where and on what this was measured, and the commit of the checkout at `root`."""
    git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True).stdout.strip() or None
    except OSError:
        commit = None
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()}",
        "cpus": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load": os.getloadavg()[0],
        "filesystem": filesystem(folder),
    }
