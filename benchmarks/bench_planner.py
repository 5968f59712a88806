"""The planner alone, on a tree that is only imagined: what does it cost, and is its memory bounded?

bench_planner.py FILES deep|wide     one JSON line; in a process of its own, for its memory's sake

`deep`: folders of 32 folders, the lowest with 100 files each; `wide`: one folder of them all. The
workers are imagined too, with a clock of their own: an entry takes 4 µs to list, a file 15 µs to
copy. Names, groups and records are bytes of the size that real ones have, none shared.
"""

from __future__ import annotations

import heapq
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench_machine import KIB

from blit.engine.schedule import Schedule
from blit.worker import wire

FOLDER, FAN = 100, 32
LIST_S, COPY_S = 4e-6, 15e-6
WORKERS = 4
ROOTS = ("/media/archive/pictures", "/media/backup/pictures")
ENTRIES = [
    (f"picture-{n:05d}.jpg", 0, 4096 + n, 1_600_000_000_000_000_000 + n, n, 0) for n in range(100)
]
GROUP = wire.dump((*ROOTS, "2019/holiday/best", "2019/holiday/best", None, ENTRIES))
RECORD = (*ROOTS, "2019/holiday/best", "2019/holiday/best", 0o755)


class Imagined:
    """What the workers would answer."""

    def __init__(self, files: int, wide: bool) -> None:
        self.folders = -(-files // FOLDER)
        self.levels = 1
        while not wide and FAN ** (self.levels - 1) < self.folders:
            self.levels += 1
        self.wide = wide
        self.made = 0  # folders with files
        self.left = self.folders if wide else 0  # of the wide folder, not listed yet
        self.lister = -1  # who holds it open

    def token(self, level: int, number: int) -> bytes:
        rel = f"2019/holiday/{number:08d}"
        return wire.dump((*ROOTS, rel, rel, level, 0))

    def scan(self, slot: int, task: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Seconds that a share of the listing takes, and its answer."""
        stack = [wire.load(blob)[4] for blob in task["folders"]]
        entries = files = listed = 0
        found: list[bytes] = []
        groups = []
        most = int(task["budget"] / LIST_S)
        if slot == self.lister:
            count = min(self.left, most)
            self.left -= count
            entries += count
            found = [self.token(1, n) for n in range(self.left, self.left + count)]
        while stack and entries < most:
            level = stack.pop()
            listed += 1
            if level == 0 and self.wide:
                self.lister = slot
                break
            if level < self.levels:
                stack += [level + 1] * FAN
                entries += FAN
            elif self.made < self.folders:
                self.made += 1
                entries += FOLDER
                files += FOLDER
                groups.append((FOLDER, FOLDER * 4096, GROUP + self.made.to_bytes(8, "little")))
        found += [self.token(level, n) for n, level in enumerate(stack)]
        answer = {
            "folders": found, "open": slot == self.lister and self.left > 0, "groups": groups,
            "large": [], "links": [], "extras": b"", "swaps": [], "bare": b"",
            "finish": wire.dump([RECORD] * listed), "files": files, "listed": listed,
        }  # fmt: skip
        return max(entries, 1) * LIST_S, answer


def run(files: int, wide: bool) -> dict[str, Any]:
    imagined = Imagined(files, wide)
    schedule = Schedule([imagined.token(0 if wide else 1, 0)], 0, ((), ()), WORKERS)
    began, clock, turns, tasks, copied = time.perf_counter(), 0.0, 0, 0, 0
    most_open = most_waiting = 0
    peak = memory()
    busy: list[tuple[float, int, dict[str, Any], dict[str, Any]]] = []
    idle = set(range(WORKERS))
    while True:
        for slot in sorted(idle):
            task = schedule.next(slot)
            if task is None:
                continue
            idle.discard(slot)
            tasks += 1
            if task["op"] == "scan":
                seconds, answer = imagined.scan(slot, task)
            else:
                seconds = task["files"] * COPY_S
                answer = {"files": task["files"], "seconds": seconds}
                copied += task["files"]
            heapq.heappush(busy, (clock + seconds, slot, task, answer))
        if not busy:
            break
        clock, slot, task, answer = heapq.heappop(busy)
        schedule.done(slot, task, answer)
        idle.add(slot)
        most_open = max(most_open, len(schedule.open))
        most_waiting = max(most_waiting, schedule.plan.waiting_files)
        turns += 1
        if not turns % 256:
            peak = max(peak, memory())
    peak = max(peak, memory())
    records = sum(len(blob) for blob in reversed(schedule.finish))
    seconds = time.perf_counter() - began
    assert schedule.exhausted and copied == imagined.folders * FOLDER, copied
    return {
        "files": copied, "shape": "wide" if wide else "deep", "seconds": seconds,
        "us_per_1000": 1e9 * seconds / copied, "tasks": tasks, "most_open": most_open,
        "most_waiting": most_waiting, "record_bytes": records, "peak_mb": max(peak, memory()) / 1e6,
    }  # fmt: skip


def memory() -> int:
    """Bytes of this process now, PSS."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIB
    return 0


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2] == "wide")))
