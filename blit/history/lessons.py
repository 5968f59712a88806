"""What was learned, for `blit diagnostics perf`: coefficients, workers, repeated mispredictions."""

from __future__ import annotations

import time
from math import exp
from typing import Any

from blit import show
from blit.history import predict, views
from blit.history.memory import Entry, Memory
from blit.history.predict import Cost


def lines(memory: Memory, width: int) -> list[str]:
    """A table with a row for each profile and route, and the diagnostic entries."""
    rows = [
        (
            f"  {show.text(way)}", f"{cost.runs:,}", show.seconds(cost.base),
            _time(cost.per_file), _time(cost.per_mib), workers, _off(cost),
        )
        for place, way, cost, workers in _costs(memory)
    ]  # fmt: skip
    if not rows:
        return []
    head = ("What is expected", "Runs", "Start", "A file", "A MiB", "Workers", "Off")
    found = ["", "Learned costs (a run = start + files + MiB)"]
    first, *table = views.table(head, rows, range(1, len(head)), 0, width - 2)
    found.append("  " + first)
    before = None
    for (place, *_), line in zip(_costs(memory), table, strict=True):
        if place != before:
            found.append("  " + views.fit(show.text(place), width - 2).rstrip())
        found.append("  " + line)
        before = place
    if memory.entries:
        found += ["", "Mispredictions, three in a row and more than 25 % off"]
        found += [
            "  " + views.fit(line, width - 2).rstrip()
            for each in memory.entries
            for line in _entry(each)
        ]
    return found


def plain(memory: Memory) -> dict[str, Any]:
    """The same for `--json`."""
    return {
        "learned": [
            {
                "profile": place, "way": way, "base_s": cost.base, "per_file_s": cost.per_file,
                "per_mib_s": cost.per_mib, "per_unchanged_s": cost.per_unchanged,
                "runs": cost.runs, "off": exp(cost.spread) - 1, "bias": cost.bias,
                "misses": cost.misses, "workers": list(memory.profiles[place].workers),
            }
            for place, way, cost, _ in _costs(memory)
        ],
        "mispredictions": [each._asdict() for each in memory.entries],
    }  # fmt: skip


def _costs(memory: Memory) -> list[tuple[str, str, Cost, str]]:
    """The places used most first; the workers stand with the route that they are for."""
    found = []
    runs = {
        place: sum(cost.runs for cost in known.ways.values())
        for place, known in memory.profiles.items()
    }
    for place, known in memory.profiles.items():
        count, _ = predict.start(known.workers)
        for way, cost in known.ways.items():
            workers = str(count) if count and way.startswith("streaming") else ""
            found.append((place, way, cost, workers))
    return sorted(found, key=lambda each: (-runs[each[0]], each[0], -each[2].runs, each[1]))


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else show.seconds(seconds)


def _off(cost: Cost) -> str:
    return f"{100 * (exp(cost.spread) - 1):.0f} %" if cost.runs > 1 else ""


def _entry(entry: Entry) -> tuple[str, str]:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(min(entry.at, 1e11)))
    expected, took = show.seconds(entry.expected), show.seconds(entry.took)
    told = f"{when}  {show.text(entry.way)}: expected {expected}, took {took}"
    return told, " " * len(when) + "  " + show.text(entry.profile)
