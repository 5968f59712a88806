"""The trees of the benchmark: made from a seed, compared, removed."""

from __future__ import annotations

import filecmp
import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

KIB, MIB = 1 << 10, 1 << 20
_Y2020 = 1_577_836_800 * 10**9  # nanoseconds


class Group(NamedTuple):
    """Files of seeded content, their sizes spread evenly from least to most."""

    files: int
    least: int
    most: int
    per_folder: int = 100

    def space(self) -> int:
        """What they take, with each file's last page."""
        return self.files * ((self.least + self.most) // 2 + 4 * KIB)


def build(folder: Path, tree: tuple[Group, ...]) -> None:
    """The same names, bytes and times on every call: random slices of one pool, times in 2020."""
    dice = random.Random("blit")
    pool = dice.randbytes(16 * MIB)

    def date(path: Path) -> None:
        os.utime(path, ns=(_Y2020, _Y2020 + dice.randrange(10**16)))

    folder.mkdir()
    for number, group in enumerate(tree):
        for index in range(group.files):
            inside = folder / f"{number}-{index // group.per_folder:04d}"
            if index % group.per_folder == 0:
                inside.mkdir()
            left, path = dice.randint(group.least, group.most), inside / f"file-{index:06d}.bin"
            with open(path, "wb", buffering=0) as file:
                while left:
                    start = dice.randrange(8 * MIB)
                    left -= file.write(pool[start : start + min(left, 8 * MIB)])
            date(path)
    for inside in (*sorted(folder.iterdir()), folder):
        date(inside)


def difference(source: Path, target: Path) -> str:
    """What distinguishes the trees, by content and metadata; empty when they are equal."""
    if shutil.which("rsync"):
        options = ["-aHAXcn", "--delete", "-i", "--modify-window=-1"]  # -1: to the nanosecond
        command = ["rsync", *options, f"{source}/", f"{target}/"]
        result = subprocess.run(command, capture_output=True, text=True, errors="replace")
        said = (result.stdout + result.stderr).strip()
        return said or (f"rsync: exit code {result.returncode}" if result.returncode else "")
    filecmp.clear_cache()  # it trusts sizes and times, and every tree here has the same ones
    ours, theirs = (
        {p.relative_to(top): p for p in (top, *top.rglob("*"))} for top in (source, target)
    )
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs:
            return f"{name}: on one side only"
        here, there = ours[name].lstat(), theirs[name].lstat()
        if (here.st_mode, here.st_mtime_ns) != (there.st_mode, there.st_mtime_ns):
            return f"{name}: mode or time"
        if ours[name].is_file() and not filecmp.cmp(ours[name], theirs[name], shallow=False):
            return f"{name}: content"
    return ""


def clear(*folders: Path) -> None:
    """Remove them; a process that was just killed may still be writing there, so try again."""
    for folder in folders:
        for _ in range(20):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)
