"""Does the history pay? The same run again and again, each with what the earlier ones taught.

For each workload on each filesystem: a fresh config folder, then as many runs as are asked for,
onto a destination that is as it was before the first. Told are the first, the tenth and the
hundredth run, each as a median of many: the config folder is put back to what it was before it, and
the run is made again; three times at least, many more where it is short, since milliseconds drown
in noise. Beside each, right before or after it in turn, another run: beside a first one a run that
keeps no history (what keeping one costs), beside a later one a first run, in a fresh config folder
(what it is worth). The ratio is the median of such pairs: a machine that slows down does not look
like a history that does. Its 95 % interval is that of the order statistics (Conover, Practical
Nonparametric Statistics, 3rd ed., 3.2). Forecast and ETA come from blit's own events.

A hundred thousand files on FUSE take minutes a run: there one pair is made, and what the earlier
runs copied are the small files, not all of these.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench_machine import describe
from bench_places import Place, Unavailable, own_mounts, place
from bench_scenarios import BLIT
from bench_trees import KIB, MIB, Group, build, clear

from blit.events import RunFinished, from_plain
from blit.state import TransferState

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "snapshots" / "perf" / "history_warmup.jsonl"
WORKLOADS = ["one", "eight", "small", "many", "mixed", "large", "unchanged"]
PLACES = ["tmpfs", "ext4", "fuse"]
SERIES, MOST_SERIES = 3, 151  # pairs of which the median is told
FEW = 1  # the same where a run takes minutes
# seconds of them: a difference of milliseconds needs more pairs
ENOUGH_FIRST, ENOUGH, ENOUGH_SLOW = 6.0, 12.0, 12.0


def trees(options: argparse.Namespace, slow: bool) -> dict[str, tuple[Group, ...]]:
    files = options.slow_files if slow else options.files
    large = (options.slow_large if slow else options.large) * MIB
    small = (Group(files, KIB, 10 * KIB, 50),)
    eight = 64 * KIB if slow else MIB
    mixed = (
        Group(max(1, files // 4), KIB, 10 * KIB, 50), Group(2 if slow else 10, MIB, MIB),
        Group(1, large // 8, large // 8),
    )  # fmt: skip
    return {
        "one": (Group(1, 4 * KIB, 4 * KIB),), "eight": (Group(8, eight, eight),), "small": small,
        "many": (Group(options.many, KIB, 10 * KIB),),
        "mixed": mixed, "large": (Group(1, large, large),), "unchanged": small,
    }  # fmt: skip


class Run:
    """One whole process of blit, and what its events say."""

    def __init__(self, source: Path, target: Path, config: Path | None, work: Path) -> None:
        env = {**os.environ, "BLIT_CONFIG_DIR": str(config or work / "none"), "LC_ALL": "C"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [*BLIT, "copy", "--json", f"{source}/", str(target)]
        command += [] if config else ["--no-history"]
        began = time.perf_counter()
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True)
        self.seconds = time.perf_counter() - began
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")
        state, etas = TransferState(), []
        for line in done.stdout.splitlines():
            event = from_plain(json.loads(line))
            if event is None:
                continue
            state = state.after(event)
            if state.eta is not None and not isinstance(event, RunFinished):
                etas.append((state.elapsed, state.eta))
        assert state.summary is not None
        self.summary, self.why = state.summary, state.route_why
        total = self.summary.seconds.total
        guess = self.summary.forecast_s
        self.forecast = None if guess is None else (guess - total) / total
        self.early, self.eta = _eta_error(etas, total, 0.1), _eta_error(etas, total, 0.5)


def _eta_error(etas: list[tuple[float, float]], total: float, part: float) -> float | None:
    """Of the beat nearest to that part of the run, if there was one near it."""
    if not etas:
        return None
    at, eta = min(etas, key=lambda each: abs(each[0] - part * total))
    return (at + eta - total) / total if abs(at - part * total) < 0.15 * total else None


class Bench:
    """One workload in one place."""

    def __init__(
        self, where: Place, workload: str, tree: tuple[Group, ...], work: Path,
        lesson: tuple[Group, ...] = (),
    ) -> None:  # fmt: skip
        self.where, self.workload, self.tree = where, workload, tree
        self.source, self.config, self.none = work / "source", work / "config", work / "none"
        self.fresh, self.saved, self.lesson = work / "fresh", work / "saved", self.source
        slow = where.name == "fuse"
        self.patience = ENOUGH_SLOW if slow else ENOUGH
        self.series = FEW if lesson else SERIES
        self.folder = where.folder / "slow" if slow else where.folder
        self.real = where.folder / "below" if slow else where.folder  # to clear quickly
        clear(self.source, self.config)
        build(self.source, tree)
        if lesson:
            self.lesson = work / "lesson"
            clear(self.lesson)
            build(self.lesson, lesson)
        clear(self.real / "target")
        if workload == "unchanged":
            Run(self.source, self.folder / "target", None, self.none)

    def run(self, config: Path | None, source: Path | None = None) -> Run:
        if self.workload != "unchanged":
            clear(self.real / "target")
        fresh = self.workload != "unchanged"
        self.where.settle(sum(group.space() for group in self.tree) if fresh else 0)
        return Run(source or self.source, self.folder / "target", config, self.none)

    def taught(self) -> Run:
        """The run whose number it is, once more: with what was known before it."""
        clear(self.config)
        if self.saved.exists():
            shutil.copytree(self.saved, self.config)
        return self.run(self.config)

    def beside(self, number: int) -> float:
        """Seconds of a run without a history, or of a first one."""
        clear(self.fresh)
        return self.run(None if number == 1 else self.fresh).seconds

    def told(self, done: int, number: int) -> dict[str, Any]:
        """The run with that number, after so many; the next may go on from there."""
        for _ in range(done, number - 1):
            self.run(self.config, self.lesson)
        clear(self.saved)
        if number > 1:
            shutil.copytree(self.config, self.saved)
        patience = ENOUGH_FIRST if number == 1 else self.patience
        runs: list[Run] = []
        beside: list[float] = []
        while len(runs) < self.series or (len(runs) < MOST_SERIES and sum(beside) < patience):
            if len(runs) % 2:
                runs.append(self.taught())
                beside.append(self.beside(number))
            else:
                beside.append(self.beside(number))
                runs.append(self.taught())
        return self.row(number, runs, beside)

    def row(self, number: int, runs: list[Run], beside: list[float]) -> dict[str, Any]:
        middle = statistics.median
        ratios = [run.seconds / other for run, other in zip(runs, beside, strict=True)]
        last = runs[-1]
        return {
            "place": self.where.name, "workload": self.workload, "run": number, "pairs": len(runs),
            "files": sum(group.files for group in self.tree),
            "wall_s": round(middle(run.seconds for run in runs), 3),
            "beside": "none" if number == 1 else "first", "beside_s": round(middle(beside), 3),
            "ratio": round(middle(ratios), 3), "within": interval(ratios),
            "first_byte_s": _middle(run.summary.seconds.first_byte for run in runs),
            "forecast_error": _middle(run.forecast for run in runs),
            "eta10_error": _middle(run.early for run in runs),
            "eta50_error": _middle(run.eta for run in runs),
            "workers": round(middle(run.summary.workers for run in runs)), "why": last.why,
        }  # fmt: skip


def interval(values: list[float]) -> list[float]:
    """Where their median is, 19 times of 20, by their order alone; all of them where few."""
    ordered = sorted(values)
    out = max(0, math.floor((len(ordered) - 1.96 * math.sqrt(len(ordered))) / 2) - 1)
    return [round(ordered[out], 3), round(ordered[-1 - out], 3)]


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None


HEAD = (
    "| where | workload | run | pairs | wall s | beside | ratio | 95 % | first byte s | forecast "
    "| ETA 10 % | ETA 50 % | workers |\n| --- | --- " + "| ---: " * 11 + "|"
)


def line(row: dict[str, Any]) -> str:
    """A row of the markdown table."""

    def percent(name: str) -> str:
        return "–" if row[name] is None else f"{100 * row[name]:+.0f} %"

    first = "–" if row["first_byte_s"] is None else f"{row['first_byte_s']:.3f}"
    return (
        f"| {row['place']} | {row['workload']} | {row['run']} | {row['pairs']} "
        f"| {row['wall_s']:.2f} | {row['beside_s']:.2f} | {row['ratio']:.2f} "
        f"| {row['within'][0]:.2f}–{row['within'][1]:.2f} | {first} | {percent('forecast_error')} "
        f"| {percent('eta10_error')} | {percent('eta50_error')} | {row['workers']} |"
    )


def newest(path: Path) -> list[dict[str, Any]]:
    """The last row of each place, workload and run, in the order of the table."""
    found: dict[tuple[int, int, int], dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        row = json.loads(text)
        if "within" in row:  # measured as it is now
            key = PLACES.index(row["place"]), WORKLOADS.index(row["workload"]), row["run"]
            found[key] = row
    return [found[key] for key in sorted(found)]


def verdicts(rows: list[dict[str, Any]]) -> list[tuple[str, float, float, str]]:
    """What is wanted, the worst that was measured, the limit, and where that was."""
    later = [row for row in rows if row["run"] > 1]
    tenth = [row for row in later if row["run"] == 10]
    slow = [row for row in tenth if row["place"] == "fuse" and row["workload"] == "small"]
    fast = [row for row in later if row["place"] != "fuse"]
    asked = [
        ("a slow filesystem, 10th run, small files: ratio to a first one", slow, "ratio", 0.8),
        ("a fast filesystem, any later run: ratio to a first one", fast, "ratio", 1.03),
        ("10th forecast against the truth", tenth, "forecast_error", 0.2),
        ("ETA at 50 % of a later run", later, "eta50_error", 0.15),
    ]
    found = []
    for text, among, field, limit in asked:
        known = [(abs(row[field]), row) for row in among if row[field] is not None]
        if known:
            worst, row = max(known, key=lambda each: each[0])
            where = f"{row['place']} {row['workload']}, run {row['run']}"
            found.append((text, worst, limit, where))
    return found


def _runs(text: str) -> list[int]:
    numbers = sorted({int(part) for part in text.split(",")})
    if not numbers or numbers[0] < 1:
        raise ValueError
    return numbers


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", metavar="A,B", help=f"of {','.join(PLACES + WORKLOADS)}")
    add("--runs", type=_runs, default=[1, 10, 100], metavar="N,N", help="told: 1,10,100")
    add("--slow-runs", type=_runs, default=[1, 10, 100], metavar="N,N", help="the same on FUSE")
    add("--files", type=int, default=5000, help="small ones")
    add("--slow-files", type=int, default=600, help="the same on FUSE")
    add("--many", type=int, default=100_000, help="files of that name")
    add("--large", type=int, default=512, metavar="MiB", help="the large file")
    add("--slow-large", type=int, default=4, metavar="MiB", help="the same on FUSE")
    add("--where", type=Path, default=Path("/dev/shm"), metavar="DIR")
    add("--no-snapshot", action="store_true", help=f"no lines in {SNAPSHOT}")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else []
    if unknown := set(wanted) - set(PLACES + WORKLOADS):
        parser.error(f"--only: no {', '.join(sorted(unknown))}")
    options.places = [each for each in PLACES if each in wanted] or PLACES
    options.workloads = [each for each in WORKLOADS if each in wanted] or WORKLOADS
    return options


def measure(options: argparse.Namespace, name: str, work: Path, rows: list[dict[str, Any]]) -> None:
    slow = name == "fuse"
    files = max(options.files, options.many)
    room = (4 * options.large + 64) * MIB + files * 32 * KIB
    with contextlib.ExitStack() as stack:
        try:
            where = stack.enter_context(place(name, work, room))
        except Unavailable as why:
            print(f"history_warmup: no {name}: {why}", file=sys.stderr)
            return
        for workload in options.workloads:
            groups = trees(options, slow)
            lesson = groups["small"] if slow and workload == "many" else ()
            bench = Bench(where, workload, groups[workload], work, lesson)
            done = 0
            for number in [10] if lesson else options.slow_runs if slow else options.runs:
                rows.append(bench.told(done, number))
                print(line(rows[-1]), flush=True)
                done = number


def main() -> int:
    options = parsed()
    own_mounts()
    work = options.where / f"blit-warmup-{os.getpid()}"
    work.mkdir()
    machine = describe(options.where, ROOT)
    print(HEAD)
    rows: list[dict[str, Any]] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        for name in options.places:
            measure(options, name, work, rows)
    except OSError as error:
        print(f"history_warmup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        clear(work)
        if rows and not options.no_snapshot:
            SNAPSHOT.parent.mkdir(parents=True, exist_ok=True)
            with open(SNAPSHOT, "a", encoding="utf-8") as file:
                file.writelines(json.dumps({**machine, **row}) + "\n" for row in rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
