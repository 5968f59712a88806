"""The scenarios of the benchmark, and what each tool is asked to do in them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from bench_places import CLONING
from bench_trees import KIB, MIB, Group

NAMES = ["one", "eight", "mixed", "large", "clone", "small", "unchanged", "checksum", "slow"]
FILES, LARGE_MIB = 100_000, 2048  # what the targets are meant for
SLOW_FILES = 3000  # in 60 folders
PEERS = ("cp", "rsync", "rclone", "tar", "C")
_SCRIPT = Path(sys.executable).with_name("blit")
BLIT = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-P", "-m", "blit"]


class Scenario(NamedTuple):
    name: str
    kind: str  # copy, clone, slow: onto a fresh destination; unchanged, checksum: sides are equal
    tree: tuple[Group, ...]

    @property
    def files(self) -> int:
        return sum(group.files for group in self.tree)

    @property
    def fresh(self) -> bool:
        return self.kind in ("copy", "clone", "slow")


def scenarios(place: str, files: int, large_mib: int) -> list[Scenario]:
    """Those of a place, the same trees one after another."""
    if place == "fuse":
        slow = min(SLOW_FILES, max(files * SLOW_FILES // FILES, 8))
        return [Scenario("slow", "slow", (Group(slow, KIB, 10 * KIB, 50),))]
    small = (Group(files, KIB, 10 * KIB),)
    large = (Group(1, large_mib * MIB, large_mib * MIB),)
    half = min(512, large_mib)
    mixed = (Group(1, half * MIB, half * MIB), Group(min(5000, files), KIB, 60 * KIB))
    return [
        Scenario("one", "copy", (Group(1, 4 * KIB, 4 * KIB),)),
        Scenario("eight", "copy", (Group(8, MIB, MIB),)),
        Scenario("mixed", "copy", mixed),
        Scenario("clone", "clone", large) if place in CLONING else Scenario("large", "copy", large),
        Scenario("small", "copy", small),
        Scenario("unchanged", "unchanged", small),
        Scenario("checksum", "checksum", small),
    ]


def ceiling(work: Path) -> Path | str:
    """benchmarks/limit.c, compiled; or why it is not."""
    compiler = shutil.which("cc")
    if not compiler:
        return "no C compiler"
    made = work / "limit"
    command = [compiler, "-O2", "-o", str(made), str(Path(__file__).with_name("limit.c"))]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return made if not done.returncode else f"does not compile: {done.stderr.strip()[-300:]}"


def workers() -> int:
    """As many processes as blit begins with."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(max(cores or 2, 2), 16)


def commands(
    scenario: Scenario, source: Path, target: Path, limit: Path | str
) -> dict[str, list[str] | str]:
    """What each tool is asked to do; a text instead says why it is not asked."""
    src, dst, kind = f"{source}/", str(target), scenario.kind
    eight = ["--transfers", "8", "--checkers", "8"]
    c = [str(limit), "copy", str(workers()), src, dst]
    asked: dict[str, list[str] | str]
    if kind == "copy":
        pipe = f"tar -C {shlex.quote(src)} -cf - . | tar -C {shlex.quote(dst)} -xf -"
        asked = {
            "blit": [*BLIT, "copy", src, dst],
            "cp": ["cp", "-a", f"{src}.", dst],
            "rsync": ["rsync", "-a", src, dst],
            "rclone": ["rclone", "copy", *eight, src, dst],
            "tar": ["sh", "-c", pipe],
            "C": c if scenario.name != "large" else "of one large file cp is the ceiling",
        }
    elif kind == "clone":
        asked = {
            "blit": [*BLIT, "copy", src, dst],
            "cp": ["cp", "-a", "--reflink=always", f"{src}.", dst],
            **dict.fromkeys(PEERS[1:], "cannot clone"),
        }
    elif kind == "slow":
        many = ["--transfers", "32", "--checkers", "32"]
        asked = {
            "blit": [*BLIT, "copy", src, dst],
            "cp": "takes longer than rsync",
            "rsync": ["rsync", "-a", src, dst],
            "rclone": ["rclone", "copy", *many, src, dst],
            **dict.fromkeys(PEERS[3:], "of a slow filesystem the listing is the work"),
        }
    elif kind == "unchanged":
        asked = {
            "blit": [*BLIT, "mirror", "--yes", src, dst],
            "cp": ["cp", "-au", f"{src}.", dst],
            "rsync": ["rsync", "-a", "--delete", src, dst],
            "rclone": ["rclone", "sync", *eight, src, dst],
            "tar": "cannot compare",
            "C": [c[0], "unchanged", *c[2:]],
        }
    else:
        asked = {
            "blit": [*BLIT, "mirror", "--yes", "--checksum", src, dst],
            "cp": "cannot compare by content",
            "rsync": ["rsync", "-ac", "--delete", src, dst],
            "rclone": ["rclone", "sync", "--checksum", *eight, src, dst],
            "tar": "cannot compare",
            "C": [c[0], "checksum", *c[2:]],
        }
    for peer in PEERS[:-1]:
        if not shutil.which(peer) and isinstance(asked[peer], list):
            asked[peer] = "not installed"
    if isinstance(limit, str) and isinstance(asked["C"], list):
        asked["C"] = limit
    return asked
