"""blit against cp, rsync and rclone, side by side in RAM, as whole processes in paired rounds.

In each round every tool runs once, in rotated order, and blit is divided by each peer of the *same*
round: a machine that slows down slows them all. The targets are judged, not enforced. Exit code 0:
measured, and what blit made equals the source; 1: a command failed or the result differs; 2: cannot start.
"""

from __future__ import annotations

import argparse
import datetime
import filecmp
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "snapshots" / "perf" / "local_mirror.jsonl"
KIB, MIB = 1 << 10, 1 << 20
PEERS = ("cp", "rsync", "rclone")
_SCRIPT = Path(sys.executable).with_name("blit")
BLIT = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-P", "-m", "blit"]
NEW_TREE = "copy"  # the one kind that writes a fresh destination; the others find both sides equal


class Failure(Exception):
    """The benchmark cannot go on; the text says why."""


class Group(NamedTuple):
    """Files of seeded content, their sizes spread evenly from least to most."""

    files: int
    least: int
    most: int
    per_folder: int = 100


class Scenario(NamedTuple):
    name: str
    kind: str  # copy, unchanged, checksum
    tree: tuple[Group, ...]


class Target(NamedTuple):
    scenario: str
    metric: str  # seconds, first_byte_s, peak_mb, or a peer: blit's seconds by the peer's
    limit: float


TARGETS = (
    Target("small", "cp", 0.85), Target("small", "rsync", 0.45), Target("unchanged", "rsync", 0.75),
    Target("checksum", "rsync", 0.6), Target("large", "cp", 1.05), Target("one", "seconds", 0.2),
    Target("small", "first_byte_s", 0.15), Target("small", "peak_mb", 150),
)  # fmt: skip


def scenarios(files: int, large_mib: int) -> list[Scenario]:
    small, large = (Group(files, KIB, 10 * KIB),), (Group(1, large_mib * MIB, large_mib * MIB),)
    mixed = (Group(1, 512 * MIB, 512 * MIB), Group(5000, KIB, 60 * KIB))
    return [
        Scenario("one", "copy", (Group(1, 4 * KIB, 4 * KIB),)),
        Scenario("eight", "copy", (Group(8, MIB, MIB),)),
        Scenario("small", "copy", small), Scenario("mixed", "copy", mixed),
        Scenario("large", "copy", large),
        Scenario("unchanged", "unchanged", small), Scenario("checksum", "checksum", small),
    ]  # fmt: skip


def commands(kind: str, source: Path, target: Path) -> dict[str, list[str] | str]:
    """What each tool is asked to do; a text instead says why it is not asked."""
    src, dst, eight = f"{source}/", str(target), ["--transfers", "8", "--checkers", "8"]
    checksum = kind == "checksum"
    rsync = {"copy": ["-a"], "unchanged": ["-a", "--delete"], "checksum": ["-ac", "--delete"]}[kind]
    rclone = ["copy"] if kind == NEW_TREE else ["sync", *["--checksum"] * checksum]
    blit = ["copy"] if kind == NEW_TREE else ["mirror", "--yes", *["--checksum"] * checksum]
    cp: list[str] | str = ["cp", "-a" if kind == NEW_TREE else "-au", f"{src}.", dst]
    asked: dict[str, list[str] | str] = {
        "blit": [*BLIT, *blit, src, dst],
        "cp": "cp cannot compare by content" if checksum else cp,
        "rsync": ["rsync", *rsync, src, dst],
        "rclone": ["rclone", *rclone, *eight, src, dst],
    }
    for peer in PEERS:
        if not shutil.which(peer):
            asked[peer] = "not installed"
    return asked


def build(folder: Path, tree: tuple[Group, ...]) -> None:
    """The same names, bytes and times on every call: random slices of one pool, times in 2020."""
    dice = random.Random("blit")
    pool = dice.randbytes(16 * MIB)
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
            os.utime(path, ns=(10**9, 1_577_836_800 * 10**9 + dice.randrange(10**16)))
    for inside in (*folder.iterdir(), folder):
        os.utime(inside, ns=(10**9, 1_577_836_800 * 10**9 + dice.randrange(10**16)))


def difference(source: Path, target: Path) -> str:
    """What distinguishes the trees, by content and metadata; empty when they are equal."""
    if shutil.which("rsync"):
        command = ["rsync", "-aHAXcn", "--delete", "-i", "--modify-window=-1", f"{source}/", f"{target}/"]
        result = subprocess.run(command, capture_output=True, text=True, errors="replace")
        return (result.stdout + result.stderr).strip() or "rsync failed" * (result.returncode != 0)

    def paths(root: Path) -> dict[Path, Path]:
        return {path.relative_to(root): path for path in (root, *root.rglob("*"))}

    ours, theirs = paths(source), paths(target)
    for name in ours.keys() | theirs.keys():
        if name not in ours or name not in theirs:
            return f"{name}: on one side only"
        a, b = ours[name].stat(), theirs[name].stat()
        if (a.st_mode, a.st_mtime_ns) != (b.st_mode, b.st_mtime_ns):
            return f"{name}: mode or time"
        if ours[name].is_file() and not filecmp.cmp(ours[name], theirs[name], shallow=False):
            return f"{name}: content"
    return ""


class Memory:
    """The peak of a process and all its descendants together, in MB, from /proc."""

    def __init__(self) -> None:
        self.pss, self._highs = 0, dict[int, int]()

    def sample(self, root: int) -> None:
        pending, total = [root], 0
        while pending:
            pid = pending.pop()
            try:
                total += self._field(f"/proc/{pid}/smaps_rollup", "Pss:")
                self._highs[pid] = self._field(f"/proc/{pid}/status", "VmHWM:")
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
        """`hwm_mb` adds up peaks of different moments and shared pages: an upper bound."""
        high = sum(self._highs.values())
        return {"pss_mb": self.pss / 1e6, "hwm_mb": high / 1e6} if self.pss else None


class Bench:
    """One work folder, and the runs inside it."""

    def __init__(self, work: Path, rounds: int) -> None:
        self.work, self.rounds, self.built = work, rounds, tuple[Group, ...]()
        self.source, self.twin, self.target = work / "source", work / "twin", work / "target"
        # private settings and history, and bytecode as an installed blit has it
        private = {"BLIT_CONFIG_DIR": str(work / "config"), "RCLONE_CONFIG": str(work / "rclone"), "LC_ALL": "C"}
        self.env = {**os.environ, **private}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self, command: list[str], memory: Memory | None = None) -> float:
        """Seconds from before the start of the process until it has ended; Failure unless it exits 0."""
        with open(self.work / "stdout", "wb") as out, open(self.work / "stderr", "wb") as err:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=self.env, start_new_session=True,
            )  # fmt: skip
            try:
                while memory and process.poll() is None:
                    memory.sample(process.pid)
                    time.sleep(0.02)
                process.wait()
                seconds = time.perf_counter() - began
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        if process.returncode:
            said = (self.work / "stderr").read_text(errors="replace").strip().splitlines()[-3:]
            raise Failure(f"{' '.join(command)}: exit code {process.returncode}\n" + "\n".join(said))
        return seconds

    def prepare(self, scenario: Scenario) -> None:
        if self.built != scenario.tree:
            clear(self.source, self.twin)
            build(self.source, scenario.tree)
            self.built = scenario.tree
        if scenario.kind != NEW_TREE and not self.twin.exists():
            build(self.twin, scenario.tree)

    def fresh(self, kind: str) -> None:
        if kind == NEW_TREE:
            clear(self.target)
            self.target.mkdir()

    def measure(self, scenario: Scenario) -> dict[str, Any]:
        """One untimed round for memory (it warms everything up), the timed ones, one to verify."""
        self.prepare(scenario)
        target = self.target if scenario.kind == NEW_TREE else self.twin
        asked = commands(scenario.kind, self.source, target)
        skipped = {tool: why for tool, why in asked.items() if isinstance(why, str)}
        runs = {tool: command for tool, command in asked.items() if isinstance(command, list)}
        peak = {}
        for tool, command in list(runs.items()):
            self.fresh(scenario.kind)
            memory = Memory()
            try:
                self.run(command, memory)
            except Failure as failure:
                if tool == "blit":
                    raise
                skipped[tool] = str(failure)
                del runs[tool]
            peak[tool] = memory.result()
        seconds: dict[str, list[float]] = {tool: [] for tool in runs}
        for number in range(self.rounds):
            turn = number % len(runs)
            for tool in [*runs][turn:] + [*runs][:turn]:
                self.fresh(scenario.kind)
                seconds[tool].append(self.run(runs[tool]))
        self.fresh(scenario.kind)
        first_byte = self.verify(scenario, runs["blit"], target)
        clear(self.target)
        ratios = {
            peer: [a / b for a, b in zip(seconds["blit"], seconds[peer], strict=True)]
            for peer in PEERS if peer in seconds
        }  # fmt: skip
        return {
            "files": sum(group.files for group in scenario.tree),
            "seconds": {tool: spread(values) for tool, values in seconds.items()},
            "ratio": {peer: spread(values) for peer, values in ratios.items()},
            "first_byte_s": first_byte, "peak": peak, "skipped": skipped,
        }  # fmt: skip
