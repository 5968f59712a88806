"""What the benchmark says: medians and spread, tables, targets and the gate, lines of history."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench_scenarios import PEERS

TOOLS = ("blit", *PEERS)
Results = dict[str, dict[str, Any]]  # of one place, by scenario
Places = dict[str, Results]


class Target(NamedTuple):
    place: str
    scenario: str
    metric: str  # seconds, first_byte_s, peak_mb; a peer, for blit's seconds ÷ its; "cpu ÷ <peer>"
    limit: float
    text: str
    gate: str = ""  # the line of the gate that it decides

    def measured(self, places: Places) -> float | None:
        result = places.get(self.place, {}).get(self.scenario, {})
        value: float | None = None
        if self.metric in PEERS:
            value = result.get("ratio", {}).get(self.metric, {}).get("median")
        elif self.metric.startswith("cpu ÷ "):
            value = result.get("cpu_ratio", {}).get(self.metric[6:], {}).get("median")
        elif self.metric == "seconds":
            value = result.get("seconds", {}).get("blit", {}).get("median")
        elif self.metric == "peak_mb":
            value = (result.get("peak", {}).get("blit") or {}).get("pss_mb")
        else:
            value = result.get(self.metric)
        return value

    def ok(self, places: Places) -> bool | None:
        """None: not measured."""
        value = self.measured(places)
        return None if value is None else value <= self.limit

    def as_measured(self, places: Places) -> dict[str, Any]:
        return {**self._asdict(), "measured": self.measured(places), "ok": self.ok(places)}


_MANY = "100,000 small files"
TARGETS = (
    Target("tmpfs", "small", "cp", 0.70, f"{_MANY} ÷ cp -a", _MANY),
    Target("tmpfs", "small", "rsync", 0.33, f"{_MANY} ÷ rsync -a", _MANY),
    Target("tmpfs", "small", "C", 1.5, f"{_MANY} ÷ the same system calls in C"),
    Target("ext4", "small", "cp", 0.70, f"{_MANY} ÷ cp -a", _MANY),
    Target("ext4", "small", "rsync", 0.40, f"{_MANY} ÷ rsync -a", _MANY),
    Target("tmpfs", "unchanged", "rsync", 0.6, "nothing changed ÷ rsync -a --delete"),
    Target("tmpfs", "unchanged", "cp", 1.1, "nothing changed ÷ cp -au"),
    Target("tmpfs", "checksum", "rsync", 0.5, "checksum mirror ÷ rsync -ac --delete"),
    Target("tmpfs", "mixed", "cp", 0.9, "0.5 GiB and 5,000 files ÷ cp -a", "mixed"),
    Target("tmpfs", "mixed", "rsync", 0.6, "0.5 GiB and 5,000 files ÷ rsync -a", "mixed"),
    Target("tmpfs", "large", "cp", 1.0, "one file of 2 GiB ÷ cp -a", "large file"),
    Target("ext4", "large", "cp", 1.0, "one file of 2 GiB ÷ cp -a", "large file"),
    Target("xfs", "clone", "seconds", 0.2, "one file of 2 GiB cloned, s", "large file"),
    Target("btrfs", "clone", "seconds", 0.2, "one file of 2 GiB cloned, s", "large file"),
    Target("fuse", "slow", "rsync", 0.2, "2 ms an operation, 3,000 files ÷ rsync -a"),
    Target("fuse", "slow", "rclone", 0.5, "2 ms an operation, 3,000 files ÷ rclone, 32 at once"),
    Target("tmpfs", "one", "seconds", 0.12, "one small file, whole process, s"),
    Target("tmpfs", "one", "first_byte_s", 0.07, "one small file, first byte, s"),
    Target("tmpfs", "small", "peak_mb", 150, f"{_MANY}, peak of all processes, MB", "memory"),
    Target("tmpfs", "small", "cpu ÷ rsync", 1.0, f"{_MANY}, processor time ÷ rsync -a", "CPU"),
)


def spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


def short(value: float | None, finest: int = 3) -> str:
    """Two or three digits that count, at most `finest` decimals: 0.012, 1.23, 12.3, 123."""
    if value is None:
        return "-"
    decimals = finest if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


def _line(widths: tuple[int, ...], *cells: str) -> str:
    return " ".join(
        f"{c:<{-w}}" if w < 0 else f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)
    ).rstrip()


def table(results: Results) -> str:
    """Per scenario the medians of blit's seconds ÷ each peer's, and below them min-max."""
    widths = (-9, 11, *(11,) * len(PEERS), 6)
    lines = [_line(widths, "scenario", "blit s", *(f"× {peer}" for peer in PEERS), "byte s")]
    lines.append("-" * (sum(map(abs, widths)) + len(widths) - 1))
    for name, result in results.items():
        columns = [(result["seconds"]["blit"], 3)]
        columns += [(result["ratio"].get(peer), 2) for peer in PEERS]
        medians = [short(of and of["median"], finest) for of, finest in columns]
        ranges = [
            f"{short(of['min'], finest)}-{short(of['max'], finest)}" if of else ""
            for of, finest in columns
        ]
        lines.append(_line(widths, name, *medians, short(result["first_byte_s"])))
        lines.append(_line(widths, "", *ranges, ""))
    return "\n".join(lines)


def costs(results: Results) -> str:
    """What each tool takes: seconds, processor seconds of all its processes, peak MB (PSS)."""
    widths = (-9, *(14,) * len(TOOLS))
    lines = [_line(widths, "", *TOOLS), _line(widths, "scenario", *("s   cpu  MB",) * len(TOOLS))]
    for name, result in results.items():
        cells = []
        for tool in TOOLS:
            wall = result["seconds"].get(tool)
            cpu = result.get("cpu", {}).get(tool)
            peak = result["peak"].get(tool)
            memory = f"{peak['pss_mb']:.0f}" if peak else "-"
            cell = f"{short(wall and wall['median'], 2)} {short(cpu and cpu['median'], 2):>5}"
            cells.append(f"{cell} {memory:>3}" if wall else "-")
        lines.append(_line(widths, name, *cells))
    return "\n".join(lines)


def skipped(results: Results) -> list[str]:
    """Who was left out, where and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, result in results.items():
        for tool, why in result["skipped"].items():
            found.setdefault((tool, why), []).append(name)
    return [f"without {t} in {', '.join(names)}: {why}" for (t, why), names in found.items()]


LEGEND = """\
×: blit's seconds ÷ the peer's of the same round, below it min-max; byte: first byte; MB: peak of
all processes together, PSS; cpu: processor seconds of all processes. Medians. rclone copies without
owners, modes and folder times, tar times in whole seconds. C: the same system calls, by as many
processes as blit has workers. clone: cp is cp --reflink=always. blit knows no earlier run."""


def judged(places: Places) -> str:
    lines = []
    for target in TARGETS:
        what = {None: "not measured", True: "ok", False: "MISSED"}[target.ok(places)]
        value = target.measured(places)
        got = "-" if value is None else f"{value:.3g}"
        lines.append(f"  {target.place:<6} {target.text:<56} ≤ {target.limit:<4g} {got:>6}  {what}")
    return "\n".join(lines)


def gate(places: Places) -> dict[str, list[Target]]:
    """The targets of each line of the gate."""
    lines: dict[str, list[Target]] = {}
    for target in TARGETS:
        if target.gate:
            lines.setdefault(target.gate, []).append(target)
    return lines


def go(targets: list[Target], places: Places) -> str:
    """GO when all are met, NO-GO when one is missed, else open."""
    oks = [target.ok(places) for target in targets]
    return "NO-GO" if False in oks else "open" if None in oks else "GO"


def append(path: Path, record: dict[str, Any]) -> None:
    """One more line of history, numbers to four decimals."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: rounded(item) for name, item in value.items()}
        if isinstance(value, list):
            return [rounded(item) for item in value]
        return round(value, 4) if isinstance(value, float) else value

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(rounded(record), ensure_ascii=False) + "\n")


def newest(path: Path) -> tuple[Places, dict[str, dict[str, dict[str, Any]]]]:
    """The last result of each scenario at each place, and the line it stands in."""
    places: Places = {}
    lines: dict[str, dict[str, dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        record = json.loads(line)
        name = record.get("place", record["filesystem"])
        places.setdefault(name, {}).update(record["scenarios"])
        lines.setdefault(name, {}).update(dict.fromkeys(record["scenarios"], record))
    return places, lines
