"""Does the history pay? The same run again and again, each with what the earlier ones taught.

For each workload on each filesystem: a fresh config folder, then as many runs as are asked for,
onto a destination that is as it was before the first. Told are the first, the third, the tenth (and
with --long the hundredth) run, each beside runs without a history that were made right before and
after it, so that a machine that slows down does not look like a history that does. Forecast and ETA
come from blit's own events.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench_machine import describe
from bench_scenarios import BLIT
from bench_trees import KIB, MIB, Group, build, clear

from blit.events import RunFinished, from_plain
from blit.state import TransferState

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "snapshots" / "perf" / "history_warmup.jsonl"
WORKLOADS = ["one", "eight", "small", "unchanged", "large"]
PLACES = ["tmpfs", "fuse"]


def trees(files: int, slow: bool) -> dict[str, tuple[Group, ...]]:
    small = (Group(min(files, 3000) if slow else files, KIB, 10 * KIB, 50),)
    large = 16 * MIB if slow else 1024 * MIB
    return {
        "one": (Group(1, 4 * KIB, 4 * KIB),), "eight": (Group(8, MIB, MIB),), "small": small,
        "unchanged": small, "large": (Group(1, large, large),),
    }  # fmt: skip


class Mount:
    """A folder that answers slowly."""

    def __init__(self, work: Path, delay: float) -> None:
        self.point, self.below = work / "slow", work / "below"
        self.point.mkdir()
        self.below.mkdir()
        script = Path(__file__).with_name("slow_fs.py")
        null = subprocess.DEVNULL
        self.server = subprocess.Popen(
            [sys.executable, str(script), str(self.below), str(self.point), str(delay)],
            stdin=null, stdout=null, stderr=null,
        )  # fmt: skip
        end = time.monotonic() + 10
        while not os.path.ismount(self.point):
            if self.server.poll() is not None or time.monotonic() > end:
                raise OSError("FUSE filesystems cannot be mounted here (mfusepy, /dev/fuse, root)")
            time.sleep(0.01)

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.point)], check=False)
        self.server.terminate()
        self.server.wait(10)


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
        self.eta = None
        if etas:  # the beat nearest to the middle of the run, if there was one near it
            at, eta = min(etas, key=lambda each: abs(each[0] - total / 2))
            if abs(at - total / 2) < 0.15 * total:
                self.eta = (at + eta - total) / total


def measure(
    place: str, workload: str, tree: tuple[Group, ...], options: argparse.Namespace, work: Path
) -> list[dict[str, Any]]:
    source, config = work / "source", work / "config"
    clear(source, config)
    build(source, tree)
    folder = work / "slow" if place == "fuse" else work / "fast"
    real = work / "below" if place == "fuse" else work / "fast"  # to clear quickly
    real.mkdir(exist_ok=True)

    def fresh() -> Path:
        if workload != "unchanged":
            clear(real / "target")
        return folder / "target"

    if workload == "unchanged":
        clear(real / "target")
        Run(source, folder / "target", None, work)
    told = [1, 3, 10, *([100] if options.long else [])]
    rows = []
    for number in range(1, told[-1] + 1):
        near = number in told
        before = [Run(source, fresh(), None, work).seconds for _ in range(near * options.beside)]
        run = Run(source, fresh(), config, work)
        after = [Run(source, fresh(), None, work).seconds for _ in range(near * options.beside)]
        if near:
            first = run.summary.seconds.first_byte
            cold = statistics.median(before + after or [run.seconds])
            row = {
                "place": place, "workload": workload, "run": number,
                "files": sum(group.files for group in tree), "wall_s": round(run.seconds, 3),
                "without_s": round(cold, 3), "ratio": round(run.seconds / cold, 3),
                "first_byte_s": None if first is None else round(first, 3),
                "forecast_error": _round(run.forecast), "eta_error": _round(run.eta),
                "workers": run.summary.workers, "why": run.why,
            }  # fmt: skip
            rows.append(row)
            print(line(row), flush=True)
    return rows


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


HEAD = (
    f"{'where':6} {'workload':10} {'run':>4} {'wall s':>8} {'without':>8} {'ratio':>6} "
    f"{'byte s':>7} {'forecast':>9} {'ETA 50 %':>9} {'workers':>8}"
)


def line(row: dict[str, Any]) -> str:
    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:+.0f} %"

    first = "-" if row["first_byte_s"] is None else f"{row['first_byte_s']:.3f}"
    return (
        f"{row['place']:6} {row['workload']:10} {row['run']:4} {row['wall_s']:8.2f} "
        f"{row['without_s']:8.2f} {row['ratio']:6.2f} {first:>7} "
        f"{percent(row['forecast_error']):>9} {percent(row['eta_error']):>9} {row['workers']:8}"
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="A,B", help=f"of {','.join(PLACES + WORKLOADS)}")
    parser.add_argument("--long", action="store_true", help="the 100th run too")
    parser.add_argument("--files", type=int, default=20_000, help="small ones (3,000 on FUSE)")
    parser.add_argument("--delay", type=float, default=0.002, help="seconds an operation on FUSE")
    parser.add_argument("--beside", type=int, default=2, help="runs without history, each side")
    parser.add_argument("--where", type=Path, default=Path("/dev/shm"), metavar="DIR")
    parser.add_argument("--no-snapshot", action="store_true", help=f"no lines in {SNAPSHOT}")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else []
    if unknown := set(wanted) - set(PLACES + WORKLOADS):
        parser.error(f"--only: no {', '.join(sorted(unknown))}")
    options.places = [each for each in PLACES if each in wanted] or PLACES
    options.workloads = [each for each in WORKLOADS if each in wanted] or WORKLOADS
    return options


def main() -> int:
    options = parsed()
    work = options.where / f"blit-warmup-{os.getpid()}"
    work.mkdir()
    machine = describe(options.where, ROOT)
    print(HEAD)
    rows: list[dict[str, Any]] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        for place in options.places:
            mount = None
            if place == "fuse":
                try:
                    mount = Mount(work, options.delay)
                except OSError as error:
                    print(f"history_warmup: {error}", file=sys.stderr)
                    continue
            try:
                for workload in options.workloads:
                    tree = trees(options.files, place == "fuse")[workload]
                    rows += measure(place, workload, tree, options, work)
            finally:
                if mount is not None:
                    mount.close()
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
