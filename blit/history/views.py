"""How a record reads: when, what, how fast, how it ended; the same words on every face. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from blit import show
from blit.history.recorder import decode
from blit.history.records import SHORTEST, RunRecord

_SLOW = 1.5  # times its forecast


def when(record: RunRecord) -> str:
    """`2026-11-22 12:47`, local time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(record.at))
    except (OverflowError, ValueError, OSError):
        return "?"


def where(record: RunRecord) -> str:
    """`Photos → /mnt/backup/Photos`: the name of the source, and the place it went to."""
    if not record.sources:
        return f"? → {_place(record)}"
    raw = decode(record.sources[0])
    name = raw.rstrip(b"/").rpartition(b"/")[2] or b"/"
    more = f" +{record.source_count - 1}" if record.source_count > 1 else ""
    return f"{show.path(name)}{more} → {_place(record)}"


def roots(record: RunRecord) -> str:
    """Both roots in full, as text that can be searched."""
    return " ".join([*(show.path(decode(each)) for each in record.sources), _place(record)])


def _place(record: RunRecord) -> str:
    """Where it landed; of several sources, what they landed in."""
    several = record.source_count > 1
    return show.path(decode(record.target if several else record.destination or record.target))


def speed(record: RunRecord) -> str:
    return "" if record.speed is None else show.rate(record.speed)


def moved(record: RunRecord) -> str:
    return show.size(record.bytes.copied) if record.files.copied else "nothing"


def slow(record: RunRecord) -> bool:
    forecast = record.forecast_s
    return forecast is not None and record.seconds.total > max(1.0, _SLOW * forecast)


def result(record: RunRecord) -> str:
    """A sign that says all, and a word where it needs one."""
    match record.outcome:
        case "ok":
            return "▲ slow" if slow(record) else "✓"
        case "partial":
            return f"✗ {record.files.failed:,}"
        case "stalled":
            return "▲ stalled"
        case "interrupted":
            return "■ stopped"
        case "mismatch":
            return "✗ differs"
        case other:
            return f"✗ {show.text(other)}"[:10]


def facts(record: RunRecord) -> list[tuple[str, str]]:
    """The whole record in words: (label, text)."""
    files, seconds = record.files, record.seconds
    found = [("Result", outcome(record)), ("Took", _took(record))]
    copied = f"{files.copied:,}, {show.size(record.bytes.copied)}"
    if files.copied > 1 and record.bytes.copied:
        copied += f", mean {show.size(record.bytes.copied / files.copied)}"
    for number, word in ((files.unchanged, "unchanged"), (files.deleted, "deleted")):
        copied += f", {number:,} {word}" if number else ""
    found.append(("Files", copied))
    if record.speed is not None:
        best = max(record.peak, record.speed)
        found.append(("Speed", f"{speed(record)} mean, {show.rate(best)} at best"))
    if record.silences:
        longest = max(long for _, long in record.silences)
        times = show.count(len(record.silences), "time")
        found.append(("Silent", f"{times}, {show.seconds(longest)} at most"))
    if record.methods:
        most = sorted(record.methods.items(), key=lambda item: -item[1])
        found.append(("Method", ", ".join(f"{show.text(name)} {n:,}" for name, n in most)))
    for number, source in enumerate(record.sources):
        kind = show.text(record.profile.source)
        text = show.path(decode(source))
        found.append(("Source" if not number else "", f"{kind}  {text}" if kind else text))
    kind = show.text(record.profile.destination)
    found.append(("Target", f"{kind}  {_place(record)}" if kind else _place(record)))
    if record.route:
        why = f": {show.text(record.route_why)}" if record.route_why else ""
        several = record.workers and record.route != "direct"  # there one of them does it all
        workers = f", {show.count(record.workers, 'worker')}" if several else ""
        found.append(("Route", show.text(record.route.replace("_", " ")) + workers + why))
    start = []
    if seconds.first_byte is not None:
        start.append(f"first byte after {show.seconds(seconds.first_byte)}")
    if seconds.planning is not None:
        start.append(f"all listed after {show.seconds(seconds.planning)}")
    if start:
        found.append(("Start", ", ".join(start)))
    chosen = [
        name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {value}"
        for name, value in record.options.model_dump().items()
        if value not in (False, None)
    ]
    if chosen:
        found.append(("Options", ", ".join(chosen)))
    return found


def outcome(record: RunRecord) -> str:
    words = {
        "ok": "done", "partial": f"finished, {show.count(record.files.failed, 'problem')}",
        "stalled": "ended because nothing moved", "interrupted": "stopped",
        "mismatch": "--verify found a difference", "refused": "refused for safety",
        "failed": "could not go on",
    }  # fmt: skip
    text = words.get(record.outcome, show.text(record.outcome))
    if record.outcome == "ok" and not record.files.copied and not record.files.deleted:
        text = "nothing to do"
    return text + (", a retry of what had failed" if record.retry else "")


def _took(record: RunRecord) -> str:
    text = show.seconds(record.seconds.total)
    if record.forecast_s is not None:
        text += f" (forecast {show.seconds(record.forecast_s)})"
    return text


# -- many records ---------------------------------------------------------------------------------


class Between(NamedTuple):
    """What the runs between two kinds of places were like."""

    pair: str
    runs: int
    copied: int  # bytes
    speed: float | None  # bytes a second, the median of the runs that moved any
    file_rate: float | None  # files a second, likewise
    first_byte: float | None  # seconds, median
    clone: float  # part of the files that were cloned or copied by the kernel
    stalls: int  # runs that ended so
    silences: int
    troubles: int  # runs that did not end well
    off: float | None  # mean of |forecast - truth| / truth
    bias: float | None  # mean of (forecast - truth) / truth


def between(records: Iterable[RunRecord]) -> list[Between]:
    """By pair of filesystems, those used most first."""
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.pair, []).append(record)
    found = [_between(pair, group) for pair, group in groups.items()]
    return sorted(found, key=lambda each: (-each.runs, each.pair))


def _between(pair: str, group: Sequence[RunRecord]) -> Between:
    speeds = [each.speed for each in group if each.speed is not None]
    rates = [
        each.files.copied / each.seconds.total
        for each in group
        if each.files.copied and each.seconds.total >= SHORTEST
    ]
    first = [s for each in group if (s := each.seconds.first_byte) is not None]
    methods: dict[str, int] = {}
    for each in group:
        for name, number in each.methods.items():
            methods[name] = methods.get(name, 0) + number
    contents = sum(methods.get(name, 0) for name in ("clone", "kernel", "sendfile", "read/write"))
    fast = methods.get("clone", 0) + methods.get("kernel", 0)
    errors = [
        (each.forecast_s - each.seconds.total) / each.seconds.total
        for each in group
        if each.forecast_s is not None and each.outcome == "ok" and each.seconds.total >= SHORTEST
    ]
    return Between(
        pair=pair,
        runs=len(group),
        copied=sum(each.bytes.copied for each in group),
        speed=median(speeds) if speeds else None,
        file_rate=median(rates) if rates else None,
        first_byte=median(first) if first else None,
        clone=fast / contents if contents else 0.0,
        stalls=sum(each.outcome == "stalled" for each in group),
        silences=sum(len(each.silences) for each in group),
        troubles=sum(each.outcome != "ok" for each in group),
        off=sum(map(abs, errors)) / len(errors) if errors else None,
        bias=sum(errors) / len(errors) if errors else None,
    )


# -- tables ---------------------------------------------------------------------------------------


def fit(text: str, width: int) -> str:
    """Exactly so many cells; cut in the middle, since a path's end tells as much as its start."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if width < 8:
        return set_cell_size(text, max(0, width - 1)) + "…" * (width > 0)
    tail = (width - 1) * 3 // 5
    end = text[-tail:]
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(text, width - 1 - tail) + "…" + set_cell_size(end, tail)


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], stretch: int,
    width: int,
) -> list[str]:  # fmt: skip
    """Lines of at most `width` cells: column `stretch` gives way, those in `right` stand right."""
    sizes = [max(cell_len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    room = width - sum(sizes) - 2 * (len(sizes) - 1) + sizes[stretch]
    sizes[stretch] = max(8, min(sizes[stretch], room))
    lines = []
    for row in (head, *rows):
        cells = [
            " " * max(0, size - cell_len(text)) + text if n in right else fit(text, size)
            for n, (text, size) in enumerate(zip(row, sizes, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
