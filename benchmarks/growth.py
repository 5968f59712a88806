"""Does blit cost the same a file, and the same memory, however large the tree is?

Trees of 1,000 to 1,000,000 empty files, and one folder of as many, are copied and then mirrored
with nothing to do, in RAM. The start is measured for itself and taken off. Then the planner alone,
on trees of 10 and 100 million files that are only imagined. About 3 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import bench_report as report
from bench_machine import Memory, describe, shortage, warm
from bench_run import Failure, Runner
from bench_scenarios import BLIT
from bench_trees import clear

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "snapshots" / "perf" / "growth.jsonl"
SIZES = [1_000, 10_000, 100_000, 1_000_000]
TIMES = {1_000: 9, 10_000: 21, 100_000: 7}  # as often each, alternating with a start; once else
PLANNER = [(10_000_000, "deep"), (100_000_000, "deep"), (100_000_000, "wide")]
FOLDER = 100  # files each
BYTES = 1600  # of memory that an empty file in RAM takes, about
MOST_MB, MOST_PLANNER_MB, FLAT = 250, 100, 1.2


def make(top: Path, files: int, folder: int) -> None:
    """Empty files, so many a folder."""
    top.mkdir()
    for first in range(0, files, folder):
        below = top / f"folder-{first // folder:06d}"
        below.mkdir()
        fd = os.open(below, os.O_RDONLY)
        for n in range(first, min(first + folder, files)):
            os.close(os.open(f"file-{n:07d}.dat", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))
        os.close(fd)


class Growth:
    def __init__(self, work: Path) -> None:
        self.runner = Runner(work)
        self.source, self.target, self.few = work / "source", work / "target", work / "few"
        make(self.few, 9, FOLDER)  # one more than the direct route takes

    def measure(self, files: int, folder: int) -> dict[str, Any]:
        """Medians over some rounds: seconds with the start taken off, and the highest memory."""
        self._remove(self.source)
        make(self.source, files, folder)
        memory, took = Memory(), {"copy": [], "unchanged": []}  # type: dict[str, list[float]]
        peaks = {}
        for _ in range(TIMES.get(files, 1)):
            for kind, verb in (("copy", ["copy"]), ("unchanged", ["mirror", "--yes"])):
                start = self._start(verb)
                if kind == "copy":
                    self._remove(self.target)
                    warm(files * BYTES)
                memory = Memory()
                command = [*BLIT, *verb, f"{self.source}/", str(self.target)]
                took[kind].append(self.runner.run(command, memory, 0.1).seconds - start)
                peak = memory.result()
                peaks[kind] = max(peaks.get(kind, 0.0), peak["pss_mb"] if peak else 0.0)
        found = sum(len(names) for _, _, names in os.walk(self.target))
        if found != files:
            raise Failure("growth", f"{found} of {files} files were copied")
        self._remove(self.target)
        return {
            "files": files, "folder": folder,
            **{f"{kind}_s": median(values) for kind, values in took.items()},
            **{f"{kind}_us": 1e6 * median(values) / files for kind, values in took.items()},
            **{f"{kind}_mb": value for kind, value in peaks.items()},
        }  # fmt: skip

    def _start(self, verb: list[str]) -> float:
        """Seconds of the same command with nine files, right now, watched in the same way."""
        target = self.few.with_name("few-target")
        if verb == ["copy"]:
            self._remove(target)
        command = [*BLIT, *verb, f"{self.few}/", str(target)]
        return median(self.runner.run(command, Memory(), 0.1).seconds for _ in range(3))

    @staticmethod
    def _remove(folder: Path) -> None:
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False)
        clear(folder)


def planner(files: int, shape: str) -> dict[str, Any]:
    script = Path(__file__).with_name("bench_planner.py")
    done = subprocess.run(
        [sys.executable, str(script), str(files), shape], capture_output=True, text=True
    )
    if done.returncode:
        raise Failure("bench_planner.py", done.stderr[-1000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def verdicts(record: dict[str, Any]) -> list[tuple[str, float, float]]:
    """What, how much it is, and how much it may be."""
    rows = record["trees"]
    many = [row for row in rows if row["folder"] == FOLDER]
    judged = [row for row in many if row["files"] >= 10_000] or many
    found = []
    for kind in ("copy", "unchanged"):
        each = [row[f"{kind}_us"] for row in judged]
        found.append(
            (f"{kind}: dearest size ÷ cheapest, from 10,000 files", max(each) / min(each), FLAT)
        )
    most = max(max(row["copy_mb"], row["unchanged_mb"]) for row in rows)
    found.append(("peak memory of all processes, MB", most, MOST_MB))
    plans = record["planner"]
    if plans:
        found.append(
            ("peak of the planner alone, MB", max(p["peak_mb"] for p in plans), MOST_PLANNER_MB)
        )
    return found


def tree_table(record: dict[str, Any]) -> str:
    lines = [
        "      files  a folder   copy s  µs a file   MB   nothing changed s  µs a file   MB",
    ]
    for row in record["trees"]:
        lines.append(
            f"{row['files']:>11,} {row['folder']:>9,} {row['copy_s']:>8.2f} "
            f"{row['copy_us']:>10.1f} "
            f"{row['copy_mb']:>4.0f} {row['unchanged_s']:>19.2f} {row['unchanged_us']:>10.1f} "
            f"{row['unchanged_mb']:>4.0f}"
        )
    for text, value, limit in verdicts(record):
        what = "ok" if value <= limit else "MISSED"
        lines.append(f"{text:<52} ≤ {limit:<5g} {value:>6.2f}  {what}")
    return "\n".join(lines)


def planner_table(record: dict[str, Any]) -> str:
    lines = ["planner alone: files  tree    s   µs per 1,000  tasks  folders waiting   MB"]
    for row in record["planner"]:
        lines.append(
            f"{row['files']:>20,}  {row['shape']} {row['seconds']:>5.1f} "
            f"{row['us_per_1000']:>13.0f} "
            f"{row['tasks']:>7,} {row['most_open']:>15,} {row['peak_mb']:>5.0f}"
        )
    return "\n".join(lines)


def billion(record: dict[str, Any]) -> str:
    """What the measured rates come to for a thousand million files, in folders of a hundred."""
    n = 10**9
    tree = max((r for r in record["trees"] if r["folder"] == FOLDER), key=lambda r: r["files"])
    rows = [
        ("copied, empty files in RAM", f"{tree['copy_us']:.1f} µs a file",
         _hours(n * tree["copy_us"])),
        ("listed and compared, nothing to do", f"{tree['unchanged_us']:.1f} µs a file",
         _hours(n * tree["unchanged_us"])),
    ]  # fmt: skip
    if record["planner"]:
        plan = max(record["planner"], key=lambda r: (r["files"], r["shape"]))
        deep = [r for r in record["planner"] if r["shape"] == "deep"] or [plan]
        each = max(deep, key=lambda r: r["files"])
        rows += [
            ("the planner's own time", f"{plan['us_per_1000']:.0f} µs per 1,000 files",
             _hours(n * plan["us_per_1000"] / 1000)),
            ("tasks sent to workers and answered, 0.2 ms each",
             f"{each['tasks'] / each['files'] * 1e6:.0f} per million files",
             _hours(n * each["tasks"] / each["files"] * 200)),
            ("records of folders, in a temporary file",
             f"{plan['record_bytes'] / plan['files'] * FOLDER:.0f} bytes a folder",
             f"{n * plan['record_bytes'] / plan['files'] / 1e9:.1f} GB"),
            ("memory of the planner, the same for 10 and 100 million",
             f"{max(r['peak_mb'] for r in record['planner']):.0f} MB", "the same"),
        ]  # fmt: skip
    lines = ["| what | measured | a billion |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {what} | {rate} | {total} |" for what, rate, total in rows)])


def _hours(microseconds: float) -> str:
    seconds = microseconds / 1e6
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=SIZES[-1], help="files (default 1000000)")
    parser.add_argument("--planned", type=int, default=PLANNER[-1][0], help="default 100000000")
    parser.add_argument("--where", type=Path, default=Path("/dev/shm"), metavar="DIR")
    parser.add_argument("--no-snapshot", action="store_true", help=f"no new line in {SNAPSHOT}")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    full = (options.most, options.planned) == (SIZES[-1], PLANNER[-1][0])
    if why := shortage(options.where, options.most * 4096, options.most * 2 + 10_000):
        print(f"growth: {why}", file=sys.stderr)
        return 2
    work = options.where.resolve() / f"blit-growth-{os.getpid()}"
    record: dict[str, Any] = {**describe(options.where, ROOT), "trees": [], "planner": []}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    try:
        work.mkdir()
        growth = Growth(work)
        for files in [size for size in SIZES if size <= options.most]:
            record["trees"].append(growth.measure(files, FOLDER))
            print(f"{files:,} files: {time.monotonic() - began:.0f} s", file=sys.stderr)
        record["trees"].append(growth.measure(options.most, options.most))
        clear(work)
        for files, shape in PLANNER:
            record["planner"].append(planner(min(files, options.planned), shape))
    except (Failure, OSError) as failure:
        print(f"growth: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("growth: interrupted", file=sys.stderr)
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        subprocess.run(["rm", "-rf", "--", str(work)], check=False)
        clear(work)
    print(f"{tree_table(record)}\n\n{planner_table(record)}\n\n{billion(record)}")
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    if full and not options.no_snapshot:
        report.append(SNAPSHOT, record)
        import render

        render.main([])
        print(f"one line appended to {SNAPSHOT}; {render.DOCUMENT} says the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
