"""blit against cp, rsync, rclone, a tar pipe and C, side by side in RAM, whole processes in pairs.

In each round every tool runs once, in rotated order, and blit is divided by each peer of the *same*
round: a machine that slows down slows them all. rclone, which takes half of the time, has one round
only, but for the slow filesystem. Every run of blit is its first: it knows nothing of earlier ones.
Places: tmpfs; as root ext4, xfs and btrfs on loop devices over RAM; a FUSE filesystem that answers
2 ms late. Targets are judged, not enforced. Exit code 0: it was measured, and what blit made equals
the source; 1: a command failed or the trees differ; 2: it cannot start.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import bench_report as report
from bench_machine import IN_RAM, Memory, describe, filesystem, shortage
from bench_places import PLACES, Place, Unavailable, own_mounts, place
from bench_report import spread
from bench_run import Failure, Ran, Runner
from bench_scenarios import (
    BLIT,
    FILES,
    LARGE_MIB,
    NAMES,
    PEERS,
    Scenario,
    ceiling,
    commands,
    scenarios,
)
from bench_trees import MIB, Group, build, clear, difference

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "snapshots" / "perf" / "local_mirror.jsonl"
QUICK = 0.5  # seconds: of shorter runs the first byte is a median too


class Bench:
    """One place, and the runs in it."""

    def __init__(self, where: Place, runner: Runner, rounds: int, limit: Path | str) -> None:
        self.where, self.runner, self.rounds, self.limit = where, runner, rounds, limit
        self.slow = where.name == "fuse"
        self.source, self.target = where.folder / "source", where.folder / "target"
        self.real = self.source  # where the source can be made and read quickly
        if self.slow:
            self.rounds = min(rounds, 2)
            self.source, self.real = where.folder / "slow/source", where.folder / "below/source"
        self.tree: tuple[Group, ...] = ()
        self.equal = False  # the destination is a verified copy of the tree

    def measure(self, scenario: Scenario) -> dict[str, Any]:
        """A round for memory (of peers only on tmpfs); the timed rounds; a run that is verified."""
        self._build(scenario)
        asked = commands(scenario, self.source, self.target, self.limit)
        runs = {tool: what for tool, what in asked.items() if isinstance(what, list)}
        skipped = {tool: what for tool, what in asked.items() if isinstance(what, str)}
        peak = {}
        ran: dict[str, list[Ran]] = {tool: [] for tool in runs}

        def run(tool: str, memory: Memory | None = None) -> Ran | None:
            """None: it failed, and takes part no more."""
            self._fresh(scenario)
            try:
                return self.runner.run(runs[tool], memory)
            except Failure as failure:
                if tool == "blit":
                    raise
                skipped[tool] = failure.args[1]
                del runs[tool], ran[tool]
                return None

        for tool in [*runs] if self.where.name == "tmpfs" else ["blit"]:
            memory = Memory()
            if run(tool, memory):
                peak[tool] = memory.result()
        for number in range(self.rounds):
            turn = number % len(runs)
            for tool in [*runs][turn:] + [*runs][:turn]:
                if tool == "rclone" and number and not self.slow:
                    continue
                if once := run(tool):
                    ran[tool].append(once)
        quick = scenario.fresh and median(each.seconds for each in ran["blit"]) < QUICK
        firsts = [self._verify(scenario, runs["blit"]) for _ in range(5 if quick else 1)]
        cpu = {tool: _known(each.cpu for each in of) for tool, of in ran.items()}
        ratios, spent = {}, {}
        for peer in (peer for peer in PEERS if peer in runs):
            pairs = [*zip(ran["blit"], ran[peer], strict=False)]
            ratios[peer] = spread([ours.seconds / its.seconds for ours, its in pairs])
            if both := [ours.cpu / its.cpu for ours, its in pairs if ours.cpu and its.cpu]:
                spent[peer] = spread(both)
        return {
            "files": scenario.files,
            "seconds": {tool: spread([each.seconds for each in of]) for tool, of in ran.items()},
            "ratio": ratios,
            "cpu": {tool: spread(values) for tool, values in cpu.items() if values},
            "cpu_ratio": spent,
            "first_byte_s": median(known) if (known := _known(firsts)) else None,
            "peak": peak,
            "skipped": skipped,
        }

    def _build(self, scenario: Scenario) -> None:
        if self.tree == scenario.tree and self.equal and not scenario.fresh:
            return
        clear(self.target)
        self.equal = False
        if self.tree != scenario.tree:
            clear(self.real)
            build(self.real, scenario.tree)
            self.tree = scenario.tree
        if not scenario.fresh:
            build(self.target, scenario.tree)

    def _fresh(self, scenario: Scenario) -> None:
        """The same state before every run: an empty destination, and nothing left to be written."""
        if scenario.fresh:
            clear(self.target)
            self.target.mkdir()
        self.where.settle(sum(group.space() for group in scenario.tree) if scenario.fresh else 0)

    def _verify(self, scenario: Scenario, command: list[str]) -> float | None:
        """blit once more, untimed: its own counts and the trees must be right. → the first byte."""
        self._fresh(scenario)
        self.runner.run([*command, "--json"])
        summary = json.loads((self.runner.work / "stdout").read_text().splitlines()[-1])
        count = "copied" if scenario.fresh else "unchanged"
        wanted = {"copied": 0, "unchanged": 0, "deleted": 0, "failed": 0, count: scenario.files}
        if scenario.kind == "clone":
            wanted["cloned"] = scenario.files
        if not wanted.items() <= summary["files"].items():
            raise Failure(scenario.name, f"{scenario.files} should be {count}: {summary['files']}")
        if found := difference(self.real, self.target):
            raise Failure(scenario.name, f"the result differs from the source:\n{found[:2000]}")
        self.equal = True
        first: float | None = summary["seconds"]["first_byte"]
        return first if scenario.fresh else None


def _known(values: Any) -> list[float]:
    return [value for value in values if value is not None]


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--places", metavar="A,B", help=f"of {','.join(PLACES)}; default: all that can be had"
    )
    parser.add_argument("--only", metavar="A,B", help=f"of {','.join(NAMES)}; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds (default 3)")
    parser.add_argument(
        "--files", type=int, default=FILES, help="of the small tree (default 100000)"
    )
    parser.add_argument("--large-mib", type=int, default=LARGE_MIB, help="default 2048")
    parser.add_argument(
        "--where", type=Path, default=Path("/dev/shm"), metavar="DIR",
        help="make the work folder blit-bench-<pid> in DIR (default /dev/shm)",
    )  # fmt: skip
    parser.add_argument(
        "--no-snapshot", action="store_true",
        help=f"no new lines in {SNAPSHOT} (a run of another size than the targets' makes none)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    for name, known in (("places", PLACES), ("only", NAMES)):
        asked = getattr(options, name)
        setattr(options, name, asked.split(",") if asked else known)
        if unknown := set(getattr(options, name)) - set(known):
            parser.error(f"--{name}: no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    options.insists = bool(options.places != PLACES)
    if min(options.rounds, options.files, options.large_mib) < 1:
        parser.error("--rounds, --files and --large-mib are at least 1")
    if not options.where.is_dir():
        parser.error(f"{options.where} is not a folder: --where names one, best in RAM")
    return options


def measured(name: str, options: argparse.Namespace, runner: Runner, limit: Path | str) -> Any:
    """The results of a place, by scenario, and its filesystem. Unavailable if there is none."""
    every = scenarios(name, options.files, options.large_mib)
    chosen = [scenario for scenario in every if scenario.name in options.only]
    if not chosen:
        raise Unavailable("nothing to measure there")
    size = 2 * max(sum(group.space() for group in each.tree) for each in chosen) + 256 * MIB
    files = 2 * max(each.files for each in chosen)
    # what a loop device holds lies in the page cache once more
    if why := shortage(options.where, 2 * size if name not in ("tmpfs", "fuse") else size, files):
        raise Unavailable(why)
    results: report.Results = {}
    with place(name, runner.work, 2 * size) as where:
        kind = filesystem(where.folder)
        bench = Bench(where, runner, options.rounds, limit)
        for scenario in chosen:
            began = time.perf_counter()
            results[scenario.name] = bench.measure(scenario)
            took = time.perf_counter() - began
            text = f"{name} {scenario.name}: measured and verified in {took:.0f} s"
            print(text, file=sys.stderr, flush=True)
        clear(where.folder / "source", where.folder / "target")
    return results, kind


def told(name: str, results: report.Results) -> str:
    return "\n".join(
        [f"\n{name}", report.table(results), "", report.costs(results), *report.skipped(results)]
    )


def main() -> int:
    options = parsed()
    work = options.where.resolve() / f"blit-bench-{os.getpid()}"
    machine = {**describe(options.where, ROOT), "rounds": options.rounds, "blit": BLIT}
    ram = "" if machine["filesystem"] in IN_RAM else " (not in RAM: a disk's noise is measured too)"
    print(f"{work}: {machine['filesystem']}{ram}")
    print(
        f"python {machine['python']}, {machine['kernel']}, {machine['cpus']} cpus, "
        f"load {machine['load']:.1f}; {options.rounds} paired rounds",
        flush=True,
    )
    full = (options.files, options.large_mib) == (FILES, LARGE_MIB)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    own_mounts()
    places: report.Places = {}
    missing = False
    began = time.monotonic()
    try:
        work.mkdir()
        runner, limit = Runner(work), ceiling(work)
        for name in options.places:
            try:
                results, kind = measured(name, options, runner, limit)
            except Unavailable as why:
                print(f"{name}: left out: {why}", file=sys.stderr, flush=True)
                missing |= options.insists
                continue
            places[name] = results
            print(told(name, results), flush=True)
            if full and not options.no_snapshot:
                load = {"load": os.getloadavg()[0], "filesystem": kind}
                report.append(SNAPSHOT, {**machine, **load, "place": name, "scenarios": results})
    except (Failure, OSError) as failure:
        print(f"local_mirror: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("local_mirror: interrupted", file=sys.stderr)
        return 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        clear(work)
    print(f"\n{report.LEGEND}\n\ntargets:\n{report.judged(places)}\n\ngate:")
    for line, targets in report.gate(places).items():
        print(f"  {line:<20} {report.go(targets, places)}")
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    if not full:
        print(f"(targets are meant for {FILES:,} small files and a large one of {LARGE_MIB:,} MiB)")
    elif not options.no_snapshot:
        import render

        render.main([])
        print(f"a line a place appended to {SNAPSHOT}; {render.DOCUMENT} says the same")
    return 2 if missing or not places else 0


if __name__ == "__main__":
    sys.exit(main())
