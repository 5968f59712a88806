"""What the benchmark says: medians and spread, the table, the targets, a line of history."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

PEERS = ("cp", "rsync", "rclone")
Results = dict[str, dict[str, Any]]  # by scenario


class Target(NamedTuple):
    scenario: str
    metric: str  # seconds, first_byte_s, peak_mb; or a peer, for blit's seconds ÷ its
    limit: float
    text: str

    def measured(self, results: Results) -> float | None:
        result = results.get(self.scenario, {})
        value: float | None = result.get(self.metric)
        if self.metric in PEERS:
            value = result.get("ratio", {}).get(self.metric, {}).get("median")
        elif self.metric == "seconds":
            value = result.get("seconds", {}).get("blit", {}).get("median")
        elif self.metric == "peak_mb":
            value = (result.get("peak", {}).get("blit") or {}).get("pss_mb")
        return value


TARGETS = (
    Target("small", "cp", 0.85, "× cp -a"),
    Target("small", "rsync", 0.45, "× rsync -a"),
    Target("unchanged", "rsync", 0.75, "× rsync -a --delete"),
    Target("checksum", "rsync", 0.6, "× rsync -ac --delete"),
    Target("large", "cp", 1.05, "× cp -a"),
    Target("small", "first_byte_s", 0.15, "s to the first byte"),
    Target("one", "seconds", 0.2, "s wall"),
    Target("small", "peak_mb", 150, "MB peak"),
)


def spread(values: list[float]) -> dict[str, float]:
    return {"median": median(values), "min": min(values), "max": max(values)}


def short(value: float | None, finest: int = 3) -> str:
    """Two or three digits that count, at most `finest` decimals: 0.012, 1.23, 12.3, 123."""
    if value is None:
        return "-"
    decimals = finest if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


def table(results: Results) -> str:
    """Per scenario the medians, and below them min-max. `×` is blit's seconds ÷ the peer's."""
    widths = (-9, 11, *(11, 9) * len(PEERS), 6, 4)

    def line(*cells: str) -> str:
        return " ".join(
            f"{c:<{-w}}" if w < 0 else f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)
        )

    def columns(of: dict[str, float] | None, finest: int) -> tuple[str, str]:
        if of is None:
            return "-", ""
        return short(of["median"], finest), f"{short(of['min'], finest)}-{short(of['max'], finest)}"

    heads = [head for peer in PEERS for head in (f"{peer} s", f"× {peer}")]
    lines = [line("scenario", "blit s", *heads, "byte s", "MB")]
    lines.append("-" * len(lines[0]))
    for name, result in results.items():
        pairs = [columns(result["seconds"]["blit"], 3)]
        for peer in PEERS:
            pairs.append(columns(result["seconds"].get(peer), 3))
            pairs.append(columns(result["ratio"].get(peer), 2))
        medians, ranges = zip(*pairs, strict=True)
        peak = result["peak"]["blit"]
        memory = f"{peak['pss_mb']:.0f}" if peak else "-"
        lines.append(line(name, *medians, short(result["first_byte_s"]), memory))
        lines.append(line("", *ranges, "", "").rstrip())
    lines.append(
        "second line: min-max; ×: blit's seconds ÷ the peer's; byte: first byte; MB: peak, PSS"
    )
    lines.append("rclone copies without owners, modes and folder times")
    return "\n".join(lines)


def notes(results: Results) -> str:
    """The peers' memory, and who was left out and why."""
    lines = ["peak MB of all processes together, PSS (added high-water marks):"]
    for name, result in results.items():
        each = [
            f"{tool} {peak['pss_mb']:.0f} ({peak['hwm_mb']:.0f})" if peak else f"{tool} -"
            for tool, peak in result["peak"].items()
        ]
        lines.append(f"  {name:<9} {', '.join(each)}")
    skipped: dict[tuple[str, str], list[str]] = {}
    for name, result in results.items():
        for tool, why in result["skipped"].items():
            skipped.setdefault((tool, why), []).append(name)
    lines += [f"skipped: {t} in {', '.join(names)}: {why}" for (t, why), names in skipped.items()]
    return "\n".join(lines)


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Each target with what was measured; `ok` is None where it was not."""
    rows = []
    for target in TARGETS:
        value = target.measured(results)
        ok = None if value is None else value <= target.limit
        rows.append({**target._asdict(), "measured": value, "ok": ok})
    return rows


def judged(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        what = {None: "not measured", True: "ok", False: "MISSED"}[row["ok"]]
        value = "-" if row["ok"] is None else f"{row['measured']:.3g}"
        limit = f"≤ {row['limit']:g} {row['text']}"
        lines.append(f"  {row['scenario']:<9} {limit:<27} {value:>6}  {what}")
    return "\n".join(lines)


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
