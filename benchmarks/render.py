"""Writes what was measured last into docs/performance.md, between its markers: no table by hand.

render.py           write it
render.py --check   exit code 1 if the document does not say what the snapshots say
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import bench_report as report
import history_warmup
from bench_places import PLACES
from growth import billion, planner_table, tree_table
from growth import verdicts as growth_verdicts

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
PERF = ROOT / "snapshots" / "perf"


def main(arguments: list[str]) -> int:
    said = DOCUMENT.read_text(encoding="utf-8")
    wanted = rendered(said)
    if arguments == ["--check"]:
        if said != wanted:
            print(f"{DOCUMENT} differs from the snapshots: run benchmarks/render.py")
        return said != wanted
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    DOCUMENT.write_text(wanted, encoding="utf-8")
    return 0


def rendered(text: str) -> str:
    """The document with each marked part made anew. ValueError: a marker is missing."""
    places, lines = report.newest(PERF / "local_mirror.jsonl")
    grown = _last(PERF / "growth.jsonl")
    parts = {
        "targets": targets(places),
        "gate": gate(places, grown),
        "tables": tables(places, lines),
        "growth": growth(grown),
        "history": history(history_warmup.newest(PERF / "history_warmup.jsonl")),
    }
    for name, part in parts.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{DOCUMENT}: no part {name}")
        text = f"{before}{begin}\n{part}\n\n{end}{after}"
    return text


def targets(places: report.Places) -> str:
    rows = ["| on | work | wanted | got | |", "| --- | --- | --- | --- | --- |"]
    for target in report.TARGETS:
        verdict = {None: "not measured", True: "reached", False: "**not reached**"}
        value = report.short(target.measured(places))
        ok = verdict[target.ok(places)]
        rows.append(f"| {target.place} | {target.text} | ≤ {target.limit:g} | {value} | {ok} |")
    return "\n".join(rows)


def gate(places: report.Places, grown: dict[str, Any] | None) -> str:
    rows = ["| line | verdict | by |", "| --- | --- | --- |"]
    for line, decides in report.gate(places).items():
        verdict = report.go(decides, places)
        by = [
            f"{t.place}: {t.text}: {report.short(t.measured(places))} (≤ {t.limit:g})"
            for t in decides
        ]
        if line == "memory":
            peaks = [row for row in growth_verdicts(grown) if "MB" in row[0]] if grown else []
            by += [
                f"{text}, up to a million files: {mb:.0f} (≤ {most:g})" for text, mb, most in peaks
            ]
            if any(mb > most for _, mb, most in peaks):
                verdict = "NO-GO"
            elif not peaks and verdict == "GO":
                verdict = "open"
        rows.append(f"| {line} | **{verdict}** | {'; '.join(by)} |")
    return "\n".join(rows)


def tables(places: report.Places, lines: dict[str, dict[str, dict[str, Any]]]) -> str:
    blocks = [f"```\n{report.LEGEND}\n```"]
    for name in [*PLACES, *sorted(places.keys() - set(PLACES))]:
        if name in places:
            results = places[name]
            blocks += [
                f"### {name}",
                _made(lines[name]),
                f"```\n{report.table(results)}\n\n{report.costs(results)}\n```",
                "\n".join(f"- {why}" for why in report.skipped(results)),
            ]
    return "\n\n".join(filter(None, blocks))


def _made(lines: dict[str, dict[str, Any]]) -> str:
    """When and on what each scenario was measured: once for those of the same run."""
    runs: dict[str, list[str]] = {}
    for scenario, record in lines.items():
        told = (
            f"{record['date'][:16].replace('T', ' ')} UTC, {record['commit']}, {record['kernel']}, "
            f"Python {record['python']}, {record['cpus']} cores, load {record['load']:.1f}, "
            f"{record['rounds']} paired rounds"
        )
        runs.setdefault(told, []).append(scenario)
    if len(runs) == 1:
        return next(iter(runs)) + "."
    return "\n".join(f"- {', '.join(names)}: {told}" for told, names in runs.items())


def _last(path: Path) -> dict[str, Any] | None:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return json.loads(lines[-1]) if lines else None


def growth(record: dict[str, Any] | None) -> str:
    if record is None:
        return "Not measured yet: `python benchmarks/growth.py`."
    about = (
        f"{record['date'][:16].replace('T', ' ')} UTC, {record['commit']}, {record['kernel']}, "
        f"{record['cpus']} cores, load {record['load']:.1f}."
    )
    table = f"```\n{tree_table(record)}\n\n{planner_table(record)}\n```"
    return "\n\n".join([about, table, "A billion files, on paper:", billion(record)])


def history(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "Not measured yet: `scripts/bench_history_warmup`."
    judged = ["| wanted | at most | worst | where | |", "| --- | ---: | ---: | --- | --- |"]
    for text, worst, limit, where in history_warmup.verdicts(rows):
        verdict = "reached" if worst <= limit else "**not reached**"
        judged.append(f"| {text} | {limit:g} | {worst:.2f} | {where} | {verdict} |")
    runs = dict.fromkeys((row["date"], row["commit"], row["load"]) for row in rows)
    made = "; ".join(
        f"{date[:16].replace('T', ' ')} UTC, {commit}, load {load:.1f}"
        for date, commit, load in runs
    )
    lines = [history_warmup.HEAD, *map(history_warmup.line, rows)]
    return "\n\n".join([f"{made}.", "\n".join(judged), "\n".join(lines)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
