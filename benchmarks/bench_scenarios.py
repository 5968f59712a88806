"""The scenarios of the benchmark, and what each tool is asked to do in them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from bench_report import PEERS
from bench_trees import KIB, MIB, Group

NAMES = ["one", "eight", "mixed", "large", "small", "unchanged", "checksum"]
FILES, LARGE_MIB = 100_000, 2048  # what the targets are meant for
_SCRIPT = Path(sys.executable).with_name("blit")
BLIT = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-P", "-m", "blit"]


class Scenario(NamedTuple):
    name: str
    kind: str  # copy: onto a fresh destination; unchanged, checksum: both sides are equal
    tree: tuple[Group, ...]


def scenarios(files: int, large_mib: int) -> list[Scenario]:
    small = (Group(files, KIB, 10 * KIB),)
    mixed = (Group(1, 512 * MIB, 512 * MIB), Group(5000, KIB, 60 * KIB))
    return [
        Scenario("one", "copy", (Group(1, 4 * KIB, 4 * KIB),)),
        Scenario("eight", "copy", (Group(8, MIB, MIB),)),
        Scenario("mixed", "copy", mixed),
        Scenario("large", "copy", (Group(1, large_mib * MIB, large_mib * MIB),)),
        Scenario("small", "copy", small),  # before those that need the same tree
        Scenario("unchanged", "unchanged", small),
        Scenario("checksum", "checksum", small),
    ]


def commands(kind: str, source: Path, target: Path) -> dict[str, list[str] | str]:
    """What each tool is asked to do; a text instead says why it is not asked."""
    src, dst, eight = f"{source}/", str(target), ["--transfers", "8", "--checkers", "8"]
    asked: dict[str, list[str] | str]
    if kind == "copy":
        asked = {
            "blit": [*BLIT, "copy", src, dst],
            "cp": ["cp", "-a", f"{src}.", dst],
            "rsync": ["rsync", "-a", src, dst],
            "rclone": ["rclone", "copy", *eight, src, dst],
        }
    elif kind == "unchanged":
        asked = {
            "blit": [*BLIT, "mirror", "--yes", src, dst],
            "cp": ["cp", "-au", f"{src}.", dst],
            "rsync": ["rsync", "-a", "--delete", src, dst],
            "rclone": ["rclone", "sync", *eight, src, dst],
        }
    else:
        asked = {
            "blit": [*BLIT, "mirror", "--yes", "--checksum", src, dst],
            "cp": "cannot compare by content",
            "rsync": ["rsync", "-ac", "--delete", src, dst],
            "rclone": ["rclone", "sync", "--checksum", *eight, src, dst],
        }
    for peer in PEERS:
        if not shutil.which(peer):
            asked[peer] = "not installed"
    return asked
