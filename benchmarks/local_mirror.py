"""blit against cp, rsync and rclone, side by side in RAM, as whole processes in paired rounds.

In each round every tool runs once, in rotated order, and blit is divided by each peer of the *same*
round: a machine that slows down slows them all. Targets are judged, not enforced. Exit code 0: it
was measured, and what blit made equals the source; 1: a command failed or the trees differ; 2: it
cannot start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import bench_report as report
from bench_machine import IN_RAM, Memory, describe, shortage
from bench_report import PEERS, spread
from bench_scenarios import BLIT, FILES, LARGE_MIB, NAMES, Scenario, commands, scenarios
from bench_trees import MIB, Group, build, clear, difference

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "snapshots" / "perf" / "local_mirror.jsonl"


class Failure(Exception):
    """What failed, and why."""

    def __str__(self) -> str:
        return ": ".join(self.args)


class Bench:
    """One work folder, and the runs inside it."""

    def __init__(self, work: Path, rounds: int) -> None:
        self.work, self.rounds = work, rounds
        self.source, self.target = work / "source", work / "target"
        self.tree: tuple[Group, ...] = ()
        # its own settings and history, and bytecode kept as an installed blit keeps it
        own = {"BLIT_CONFIG_DIR": str(work / "blit"), "RCLONE_CONFIG": str(work / "rclone.conf")}
        self.env = {**os.environ, **own, "LC_ALL": "C"}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self, command: list[str], memory: Memory | None = None) -> float:
        """Seconds from before the process is made until it has ended; Failure unless it exits 0."""
        with open(self.work / "stdout", "wb") as out, open(self.work / "stderr", "wb") as err:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
            began = time.perf_counter()
            process = subprocess.Popen(command, **streams, env=self.env, start_new_session=True)
            try:
                while memory and process.poll() is None:
                    memory.sample(process.pid)
                    time.sleep(0.02)
                process.wait()
                seconds = time.perf_counter() - began
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
        if process.returncode:
            said = (self.work / "stderr").read_text(errors="replace").splitlines()[-3:]
            why = " / ".join([f"exit code {process.returncode}", *said])
            raise Failure(" ".join(command), why)
        return seconds

    def measure(self, scenario: Scenario) -> dict[str, Any]:
        """A round for memory, which warms all up; the timed rounds; a run that is verified."""
        self._build(scenario)
        asked = commands(scenario.kind, self.source, self.target)
        runs = {tool: what for tool, what in asked.items() if isinstance(what, list)}
        skipped = {tool: what for tool, what in asked.items() if isinstance(what, str)}
        peak = {}
        for tool, command in [*runs.items()]:
            memory = Memory()
            try:
                self._fresh(scenario)
                self.run(command, memory)
                peak[tool] = memory.result()
            except Failure as failure:
                if tool == "blit":
                    raise
                skipped[tool] = failure.args[1]
                del runs[tool]
        seconds: dict[str, list[float]] = {tool: [] for tool in runs}
        for number in range(self.rounds):
            turn = number % len(runs)
            for tool in [*runs][turn:] + [*runs][:turn]:
                self._fresh(scenario)
                seconds[tool].append(self.run(runs[tool]))
        first_byte = self._verify(scenario, runs["blit"])
        ratios = {
            peer: [ours / its for ours, its in zip(seconds["blit"], seconds[peer], strict=True)]
            for peer in PEERS
            if peer in runs
        }
        return {
            "files": sum(group.files for group in scenario.tree),
            "seconds": {tool: spread(values) for tool, values in seconds.items()},
            "ratio": {peer: spread(values) for peer, values in ratios.items()},
            "first_byte_s": first_byte,
            "peak": peak,
            "skipped": skipped,
        }

    def _build(self, scenario: Scenario) -> None:
        clear(self.target)
        if self.tree != scenario.tree:
            clear(self.source)
            build(self.source, scenario.tree)
            self.tree = scenario.tree
        if scenario.kind != "copy":
            build(self.target, scenario.tree)

    def _fresh(self, scenario: Scenario) -> None:
        if scenario.kind == "copy":
            clear(self.target)
            self.target.mkdir()

    def _verify(self, scenario: Scenario, command: list[str]) -> float | None:
        """blit once more, untimed: its own counts and the trees must be right. → the first byte."""
        self._fresh(scenario)
        self.run([*command, "--json"])
        summary = json.loads((self.work / "stdout").read_text().splitlines()[-1])
        count = "copied" if scenario.kind == "copy" else "unchanged"
        files = sum(group.files for group in scenario.tree)
        wanted = {"copied": 0, "unchanged": 0, "deleted": 0, "failed": 0, count: files}
        if not wanted.items() <= summary["files"].items():
            raise Failure(scenario.name, f"{files} should be {count}: {summary['files']}")
        if found := difference(self.source, self.target):
            raise Failure(scenario.name, f"the result differs from the source:\n{found[:2000]}")
        return summary["seconds"]["first_byte"] if scenario.kind == "copy" else None


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="A,B", help=f"of {','.join(NAMES)}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument(
        "--files", type=int, default=FILES, help="of the small tree (default 100000)"
    )
    parser.add_argument("--large-mib", type=int, default=LARGE_MIB, help="default 2048")
    parser.add_argument(
        "--where", type=Path, default=Path("/dev/shm"), metavar="DIR",
        help="make the work folder blit-bench-<pid> in DIR (default /dev/shm)",
    )  # fmt: skip
    parser.add_argument("--no-snapshot", action="store_true", help=f"no new line in {SNAPSHOT}")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",") if options.only else NAMES
    if unknown := set(options.only) - set(NAMES):
        parser.error(
            f"--only: no scenario {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}"
        )
    if min(options.rounds, options.files, options.large_mib) < 1:
        parser.error("--rounds, --files and --large-mib are at least 1")
    if not options.where.is_dir():
        parser.error(f"{options.where} is not a folder: --where names one, best in RAM")
    return options


def main() -> int:
    options = parsed()
    every = scenarios(options.files, options.large_mib)
    chosen = [scenario for scenario in every if scenario.name in options.only]
    work = options.where.resolve() / f"blit-bench-{os.getpid()}"
    need = 2 * max(sum(group.space() for group in each.tree) for each in chosen) + 64 * MIB
    inodes = 2 * max(sum(group.files for group in each.tree) for each in chosen)
    if why := shortage(options.where, need, inodes):
        print(f"local_mirror: {why}", file=sys.stderr)
        return 2
    record = {**describe(options.where, ROOT), "rounds": options.rounds, "blit": BLIT}
    ram = (
        "" if record["filesystem"] in IN_RAM else " (not in RAM: the disk's noise is measured too)"
    )
    print(
        f"{work}: {record['filesystem']}{ram}; python {record['python']}, {record['kernel']}, ",
        end="",
    )
    print(
        f"{record['cpus']} cpus, load {record['load']:.1f}; {options.rounds} paired rounds",
        flush=True,
    )
    results: report.Results = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        work.mkdir()
        bench = Bench(work, options.rounds)
        for scenario in chosen:
            began = time.perf_counter()
            results[scenario.name] = bench.measure(scenario)
            took = time.perf_counter() - began
            print(f"{scenario.name}: measured and verified in {took:.0f} s", file=sys.stderr)
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
    rows = report.verdicts(results)
    print(
        f"\n{report.table(results)}\n\n{report.notes(results)}\n\ntargets:\n{report.judged(rows)}"
    )
    if (options.files, options.large_mib) != (FILES, LARGE_MIB):
        print(f"  (they are meant for {FILES:,} small files and a large one of {LARGE_MIB:,} MiB)")
    if not options.no_snapshot:
        report.append(SNAPSHOT, {**record, "scenarios": results, "targets": rows})
        print(f"one line appended to {SNAPSHOT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
