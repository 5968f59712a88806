"""What happened, once a transfer has ended, and where its time went."""

from __future__ import annotations

import textwrap

from blit import chart, show
from blit.queue import ENDED, Entry
from blit.state import TransferState
from blit.tui import words
from blit.tui.widgets.panel import Line, Panel, bar, cut, facts
from blit.tui.widgets.rows import fit

_KINDS = {
    "copy": "copying", "direct": "copying", "range": "large files", "large_begin": "large files",
    "large_range": "large files", "large_end": "large files", "large_abandon": "large files",
    "link": "hard links", "delete": "deleting", "finish": "folder times", "compare": "comparing",
    "sync": "writing to disk", "flush": "writing to disk", "list": "listing",
}  # fmt: skip
_METHODS = {
    "clone": "cloned", "kernel": "by the kernel", "sendfile": "sent by the kernel",
    "read/write": "read and written", "link": "hard links", "symlink": "symbolic links",
    "metadata": "times and rights only", "special": "special files", "rename": "renamed",
}  # fmt: skip


class Happened(Panel):
    def show(self, entry: Entry | None) -> None:
        if entry is not None:
            begun = entry.state.summary is not None
            titles = {True: "What it was to do", False: "What it is to do"}
            self.heads("What happened" if begun else titles[entry.stage == ENDED])
        super().show(entry)

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        return happened(entry, width)


def happened(entry: Entry, width: int) -> list[Line]:
    """The more important rows first: not all of them fit everywhere."""
    state, summary = entry.state, entry.state.summary
    if summary is None:
        return intended(entry, width)
    total, held = summary.seconds.total, state.held_s
    rows: list[tuple[str, Line]] = []
    guess = summary.forecast_s or state.forecast_s
    if summary.outcome not in ("ok", "partial", "mismatch"):
        guess = None  # it is not what the forecast was for
    against = f"  {_against(total - held, guess)}" if guess else ""
    if held >= 1:
        against = f", {show.seconds(held)} of it paused or waiting for you{against}"
    if len(summary.message) > width - 6:  # too long for the line above
        lines = textwrap.wrap(show.text(summary.message), max(20, width - 9))
        rows += [("Why" * (n == 0), ((line, "strong"),)) for n, line in enumerate(lines[:4])]
    rows.append(("Took", ((show.seconds(total), "strong"), (against, "muted"))))
    methods: list[Line] = [
        ((f"{n:,} {_METHODS.get(name, show.text(name))}", ""),)
        for name, n in sorted(summary.methods.items(), key=lambda m: -m[1])
    ]
    if methods:
        rows.append(("How", facts(methods, width - 9)))
    if summary.files.trashed:
        kept = f"{show.count(summary.files.trashed, 'entry', 'entries')} to the trash: "
        where = show.path(summary.trash.rpartition("/")[2]) or "only a try"
        rows.append(("Kept", ((kept + where, ""),)))
    for warning in summary.warnings:
        rows.append(("Lost", ((f"▲ {show.text(warning)}", "warn"),)))
    if state.silences:
        waited = sum(seconds for _, seconds in state.silences)
        at = ", ".join(chart.clock(begin) for begin, _ in state.silences[:4])
        rows.append(("Waited", ((f"{show.seconds(waited)} without progress at {at}", "warn"),)))
    for note in summary.notes:
        rows.append(("Note", ((show.text(note), ""),)))
    if state.route:
        route = state.route.replace("_", " ")
        if state.batches_done:
            route += f", {show.count(state.batches_done, 'batch', 'batches')}"
            route += f" to {show.count(summary.workers, 'process', 'processes')}"
        rows.append(("Route", ((route, ""),)))
    if summary.seconds.planning is not None:
        first = summary.seconds.first_byte
        after = f", first byte after {show.seconds(first)}" if first is not None else ""
        rows.append(("Planning", ((show.seconds(summary.seconds.planning) + after, ""),)))
    if summary.files.unchanged:
        how = "by content" if entry.job.checksum else "by size and time"
        rows.append(("Same", ((f"{summary.files.unchanged:,} skipped {how}", ""),)))
    if state.filesystems[0]:
        disks = " → ".join(show.text(name) for name in state.filesystems)
        rows.append(("Disks", ((disks, ""),)))
    return [cut(((f"{name:9}", "muted"), *line), width) for name, line in rows]


def intended(entry: Entry, width: int) -> list[Line]:
    """What one that has not begun is to do."""
    job = entry.job
    rows = [("From", show.path(source)) for source in job.sources]
    rows.append(("To", words.target(entry)))
    what = "copies; deletes nothing"
    if job.mirror:
        what = "copies, then deletes what exists only there"
        if job.trash:
            what = "copies, then moves what exists only there to the trash"
    elif job.move:
        what = "copies and verifies, then removes it from the source"
    rows.append(("How", ", ".join([what, *words.options(job)])))
    if entry.why:
        rows.append(("Why", show.text(entry.why)))
    return [
        ((f"{name:9}", "muted"), (fit(text, width - 9), "strong" * (name == "Why")))
        for name, text in rows
    ]


def _against(took: float, guess: float) -> str:
    """`forecast 58 s, 5 % quicker`"""
    said = f"forecast {show.seconds(guess)}"
    off = (took - guess) / guess * 100
    if guess < 1 or abs(off) < 3:
        return f"({said})"
    if off > 100:
        return f"({said}, {took / guess:.1f} times as long)"
    if off < -90:
        return f"({said}, much quicker)"
    return f"({said}, {abs(off):.0f} % {'slower' if off > 0 else 'quicker'})"


class Spending(Panel):
    """Seconds of all processes together, by kind of work."""

    def show(self, entry: Entry | None) -> None:
        self.heads("Where the time went", "all processes together")
        super().show(entry)

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        rows = spent(entry.state)
        most = max((seconds for _, _, seconds in rows), default=0.0) or 1.0
        names = max((len(name) for name, _, _ in rows), default=0)
        times = max((len(show.seconds(seconds)) for _, _, seconds in rows), default=0)
        sizes = [show.size(moved) if moved else "–" for _, moved, _ in rows]
        last = max(map(len, sizes), default=0)
        cells = max(3, min(24, width - names - times - last - 5))
        return [
            cut(((f"{name:{names}}  ", ""), *bar(seconds / most, cells),
                 (f"  {show.seconds(seconds):>{times}}", "strong"), (f" {size:>{last}}", "muted")),
                width)
            for (name, _, seconds), size in zip(rows, sizes, strict=True)
        ]  # fmt: skip


def spent(state: TransferState) -> list[tuple[str, int, float]]:
    """(kind of work, bytes, seconds), the longest first."""
    found: dict[str, tuple[int, float]] = {}
    for one in state.spent:
        name = _KINDS.get(one.what, show.text(one.what.replace("_", " ")))
        moved, seconds = found.get(name, (0, 0.0))
        found[name] = (moved + one.bytes, seconds + one.seconds)
    if state.planning_s:
        found["planning"] = (0, state.planning_s)
    rows = [(name, moved, seconds) for name, (moved, seconds) in found.items()]
    return sorted(rows, key=lambda row: -row[2])
