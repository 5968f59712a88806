"""What happened, once a transfer has ended, and where its time went."""

from __future__ import annotations

from blit import chart, show
from blit.queue import Entry
from blit.tui.widgets.panel import Line, Panel, bar, cut, facts

_KINDS = {
    "copy": "copying", "range": "large files", "link": "hard links", "delete": "deleting",
    "finish": "folder times", "compare": "comparing", "sync": "writing to disk",
}  # fmt: skip
_METHODS = {
    "clone": "cloned",
    "kernel": "kernel",
    "sendfile": "sendfile",
    "read/write": "read/write",
}


class Happened(Panel):
    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        state, summary = entry.state, entry.state.summary
        if summary is None:
            return []
        took = show.seconds(summary.seconds.total)
        rows: list[tuple[str, Line]] = []
        guess = summary.forecast_s or state.forecast_s
        against = f"  {_against(summary.seconds.total, guess)}" if guess else ""
        rows.append(("Took", ((took, "strong"), (against, "muted"))))
        methods: list[Line] = [
            ((f"{n:,} {_METHODS.get(name, show.text(name))}", ""),)
            for name, n in sorted(summary.methods.items(), key=lambda m: -m[1])
        ]
        if methods:
            rows.append(("How", facts(methods, width - 9)))
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
            count = f", {show.count(state.batches_done, 'batch', 'batches')}"
            crew = f" to {show.count(summary.workers, 'process', 'processes')}"
            rows.append(("Route", ((route + count + crew, ""),)))
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


def _against(took: float, guess: float) -> str:
    """`forecast 58 s, 5 % quicker`"""
    words = f"forecast {show.seconds(guess)}"
    off = (took - guess) / guess * 100
    if guess < 1 or abs(off) < 3:
        return f"({words})"
    if off > 100:
        return f"({words}, {took / guess:.1f} times as long)"
    return f"({words}, {abs(off):.0f} % {'slower' if off > 0 else 'quicker'})"


class Spending(Panel):
    """Seconds of all processes together, by kind of work."""

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        state = entry.state
        rows = [(_KINDS.get(s.what, show.text(s.what)), s.bytes, s.seconds) for s in state.spent]
        if state.planning_s:
            rows.append(("planning", 0, state.planning_s))
        most = max((seconds for _, _, seconds in rows), default=0.0) or 1.0
        cells = max(4, min(24, width - 36))
        found: list[Line] = []
        for name, moved, seconds in sorted(rows, key=lambda row: -row[2]):
            size = show.size(moved) if moved else "–"
            found.append(
                cut(((f"{name:15} ", ""), *bar(seconds / most, cells),
                     (f" {show.seconds(seconds):>12}", "strong"), (f" {size:>8}", "muted")), width)
            )  # fmt: skip
        return found
