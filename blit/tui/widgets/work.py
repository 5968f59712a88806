"""Batches, health and the latest files: what is done, by whom, and whether it goes on."""

from __future__ import annotations

import textwrap

from rich.cells import cell_len

from blit import show
from blit.events import Activity, Change, Failed
from blit.queue import Entry
from blit.state import TransferState
from blit.tui import words
from blit.tui.widgets.panel import Line, Panel, bar, cut, facts, spread
from blit.tui.widgets.rows import fit

_WHAT = {
    "": "", "copy": "copy", "range": "part", "list": "list", "link": "link", "delete": "delete",
    "finish": "finish", "compare": "compare",
}  # fmt: skip
_METHODS = {
    "clone": "clone",
    "kernel": "kernel",
    "sendfile": "sendfile",
    "read/write": "read/write",
}


class Batches(Panel):
    """`118 done · 4 running · 41 waiting (7.9 GB)`, and what every process has in hand."""

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        state = entry.state
        found = [totals(state, width)]
        busy = [a for a in state.running if a.what or a.path]
        rows = height - 1
        if len(busy) > rows > 1:
            more = f"and {len(busy) - rows + 1} more at work"
            return [*found, *(worker(a, width) for a in busy[: rows - 1]), ((more, "muted"),)]
        return [*found, *(worker(a, width) for a in busy)]


def totals(state: TransferState, width: int) -> Line:
    at_work = sum(1 for a in state.running if a.what or a.path)
    waiting = f"{state.waiting_batches:,} waiting"
    if state.waiting_bytes:
        waiting += f" ({show.size(state.waiting_bytes)})"
    return facts(
        [
            ((f"{state.batches_done:,} done", "good"),),
            ((f"{at_work} running", "main" if at_work else "muted"),),
            ((waiting, ""),),
        ],
        width,
    )


def worker(activity: Activity, width: int) -> Line:
    """`#159  process 1  copy  ████▉░░░  61%  48.0 MB  IMG_2204.jpg`"""
    number = f"#{activity.batch}" if activity.batch else "–"
    process = f"process {activity.worker + 1}" if width >= 66 else f"p{activity.worker + 1}"
    doing = _WHAT.get(activity.what) or show.text(activity.operation)
    head: Line = (
        (number.ljust(6), "muted"), (process.ljust(len(process) + 1), ""),
        (fit(doing, 7) + " ", "muted"),
    )  # fmt: skip
    fraction, total = progress(activity)
    if fraction is None:
        gauge: Line = ((" " * 22 if width >= 66 else " " * 20, ""),)
    else:
        size = show.size(total) if total else ""
        cells = 8 if width >= 66 else 6
        gauge = (
            *bar(fraction, cells), (f" {min(99, int(fraction * 100)):2d}%", "strong"),
            (size.rjust(9) + " ", "muted"),
        )  # fmt: skip
    room = width - sum(len(text) for text, _ in (*head, *gauge))
    path = words.name(activity.path) if activity.path else ""
    return (*head, *gauge, (fit(path, max(0, room)), ""))


def progress(activity: Activity) -> tuple[float | None, int]:
    """The part that is done, and the bytes in all; None where nothing can be said."""
    if activity.size and activity.what != "copy":
        return activity.done / activity.size, activity.size
    if activity.bytes_total:
        return (activity.bytes + 0.0) / activity.bytes_total, activity.bytes_total
    if activity.files_total:
        return activity.files / activity.files_total, 0
    if activity.size:
        return activity.done / activity.size, activity.size
    return None, 0


# -- health ---------------------------------------------------------------------------------------


class Health(Panel):
    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        state = entry.state
        rows: list[tuple[str, Line]] = [("Plan", plan(state))]
        if state.failures:
            rows.append(("Failed", ((f"{state.failures:,}", "bad"), (" · p shows them", "muted"))))
        if state.extras and entry.job.mirror:
            rows.append(("Extra", extras(entry)))
        if state.unchanged:
            rows.append(("Same", ((f"{state.unchanged:,} already up to date, skipped", ""),)))
        if state.route:
            route = state.route.replace("_", " ")
            why = textwrap.wrap(f"{route}: {show.text(state.route_why)}", max(20, width - 7))
            most = max(1, height - 3 - len(rows) - 1)
            why = [*why[: most - 1], " ".join(why[most - 1 :])]
            rows += [("Route" * (n == 0), ((line, ""),)) for n, line in enumerate(why) if line]
        if state.filesystems[0]:
            disks = " → ".join(show.text(name) for name in state.filesystems)
            free = f" · {show.size(state.free)} free" if state.free else ""
            rows.append(("Disks", ((disks, ""), (free, "muted"))))
        if state.forecast_s:
            slow = " · slower than usual here" if state.slow else ""
            rows.append(("Guess", ((words.guess(state), ""), (slow, "warn"))))
        elif state.route:
            rows.append(("Guess", (("no history yet of such a run", "muted"),)))
        first = cut((("Pulse  ", "muted"), *pulse(entry, max(5, min(30, width - 24)))), width)
        return [first, *(cut(((f"{name:7}", "muted"), *line), width) for name, line in rows)]


def pulse(entry: Entry, most: int) -> Line:
    """`●●●●●●○○  silent 2 s`"""
    state = entry.state
    beats = "".join("●" if beat else "○" for beat in state.pulses[-most:])
    if entry.status == "silent":
        role, word = "warn", f"silent {state.quiet:.0f} s"
    elif state.phase == "paused":
        role, word = "warn", "paused"
    elif state.phase == "asking":
        role, word = "warn", "waits for you"
    elif state.beat is None:
        role, word = "muted", "starting"
    elif state.quiet >= 1:
        role, word = "", f"quiet for {state.quiet:.0f} s"
    else:
        role, word = "good", "moving"
    return ((beats, role), ("  " if beats else "", ""), (word, role))


def plan(state: TransferState) -> Line:
    files = max(state.files_total, state.files)
    found = f"{show.count(files, 'file')} to copy" if files else "nothing to copy"
    if state.plan_done:
        return ((f"{found}, ", ""), ("complete", "good"))
    reading = next((a.path for a in state.running if a.what == "list" and a.path), b"")
    more = f", reading {words.name(reading)}" if reading else ", still looking"
    return ((found if files else "nothing to copy yet", ""), (more, "muted"))


def extras(entry: Entry) -> Line:
    state = entry.state
    if state.deleted:
        return ((f"{state.deleted:,} of {state.extras:,} deleted", ""),)
    if words.asks(entry):
        return (
            (f"{state.extras:,} only at the destination", "warn"),
            (" · enter", "muted"),
        )
    return ((f"{state.extras:,} only at the destination", ""), (", deleted last", "muted"))


class Pulse(Panel):
    """One line of health where there is no room for more."""

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        state = entry.state
        left: Line = (("Pulse ", "muted"), *pulse(entry, max(5, min(30, width - 50))))
        waiting = f"{state.batches_done:,} batches done, {state.waiting_batches:,} waiting"
        if state.unchanged:
            waiting = f"{state.unchanged:,} already the same"
        right: Line = ((waiting, "muted"),)
        if not entry.active:
            return []
        return [spread(left, right if width >= 70 and entry.status != "silent" else (), width)]


# -- latest files ---------------------------------------------------------------------------------


class Latest(Panel):
    """The newest first, with what was done; failures among them."""

    def show(self, entry: Entry | None) -> None:
        count = entry.state.failures if entry is not None else 0
        self.heads("Latest files", f"✗ {count:,} failed · p" if count else "")
        super().show(entry)

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        newest = entry.state.recent[::-1][:height]
        if not newest and entry.state.files:
            return [cut((("files are named as their batch is done", "muted"),), width)]
        return [self._line(one, width) for one in newest]

    @staticmethod
    def _line(one: Change | Failed, width: int) -> Line:
        if isinstance(one, Failed):
            message = show.text(one.message)
            message = fit(message, min(cell_len(message), width // 2))
            room = width - 3 - cell_len(message)
            left: Line = (("✗ ", "bad"), (fit(show.path(one.path), room), ""))
            return spread(left, ((message, "bad"),), width)
        reason, path, method, size = one
        sign: Line = (("- ", "warn"),) if reason in ("delete", "trash") else (("✓ ", "good"),)
        gone = {"delete": "deleted", "trash": "to the trash"}
        done = gone.get(reason) or f"{show.size(size)}  {method:>10}"
        named = fit(show.path(path), width - 3 - len(done))
        return spread((*sign, (named, "")), ((done, "muted"),), width)
