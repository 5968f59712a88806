"""What the screens say about a transfer, in words for people; pure."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from blit import show
from blit.job import Job
from blit.queue import ENDED, PARKED, PREVIEW, RUNNING, WAITING, Entry
from blit.state import TransferState

clock = time.time
SIGNS = {
    "running": "▶", "waiting": "◦", "preview": "◦", "parked": "‖", "paused": "‖", "stopping": "■",
    "asking": "▲", "silent": "▲", "ok": "✓", "interrupted": "■",
}  # fmt: skip
ROLES = {
    "running": "main", "waiting": "muted", "preview": "muted", "parked": "muted", "paused": "warn",
    "stopping": "warn", "asking": "warn", "silent": "warn", "ok": "good", "interrupted": "warn",
}  # fmt: skip
_PHASES = {
    "starting": "Starting", "looking": "Looking at both sides", "copying": "Copying",
    "counting": "Counting", "ready": "Ready", "linking": "Making hard links",
    "asking": "Waiting for your answer", "deleting": "Deleting", "finishing": "Finishing folders",
    "flushing": "Writing to the disk", "paused": "Paused", "stalled": "No progress",
    "finished": "Finished",
}  # fmt: skip
OUTCOMES = {
    "ok": "done", "partial": "done", "failed": "failed", "refused": "refused",
    "stalled": "stalled", "mismatch": "differs", "interrupted": "stopped", "usage": "refused",
}  # fmt: skip


def sign(entry: Entry) -> tuple[str, str]:
    """The sign of an entry and its role."""
    status = "asking" if asks(entry) else "ok" if kept(entry) else entry.status
    return SIGNS.get(status, "✗"), ROLES.get(status, "bad")


def asks(entry: Entry) -> bool:
    """A question of its mirror stands open, whether or not it still copies."""
    state = entry.state
    if not entry.active or entry.answered or state.phase in ("deleting", "finishing", "flushing"):
        return False
    return state.asking or state.phase == "asking"


def kept(entry: Entry) -> bool:
    """All was copied, and what the mirror would have deleted stays because somebody said so."""
    deletion = entry.state.deletion
    return (
        entry.status == "refused" and deletion is not None and not deletion.allowed
        and entry.answered and not entry.state.failures
    )  # fmt: skip


def name(raw: bytes) -> str:
    """The last part of a path, safe to show."""
    return show.path(os.path.basename(raw.rstrip(b"/")) or raw)


def source(job: Job) -> str:
    """`Photos`, `Photos/ (contents)`, `Photos and 2 more`."""
    first = job.sources[0] if job.sources else b""
    text = name(first) + ("/" if first.endswith(b"/") and first != b"/" else "")
    return text + (f" and {len(job.sources) - 1} more" if len(job.sources) > 1 else "")


def target(entry: Entry) -> str:
    landings = entry.state.landings
    return show.path(landings[0][1] if len(landings) == 1 else entry.job.target)


def options(job: Job) -> list[str]:
    """What is special about it."""
    found = (
        ("only a try", job.dry_run), ("compared by content", job.checksum),
        ("read back", job.verify), ("synced to disk", job.durable),
        ("what goes is kept in the trash", job.trash), ("filtered", job.filtered),
        ("only what failed before", bool(job.only)),
    )  # fmt: skip
    return [word for word, given in found if given]


def phase(entry: Entry) -> tuple[str, str]:
    """The word for what goes on, and what there is to add to it."""
    state = entry.state
    if entry.stage in (WAITING, PARKED, PREVIEW):
        return ("Waiting", entry.why) if entry.stage != PARKED else ("Put aside", entry.why)
    if entry.status == "stopping":
        return "Stopping", "the files in hand are finished"
    if entry.status == "silent":
        return "No progress", ""
    if entry.paused and state.phase != "paused":
        return "Pausing", "after the pieces in hand"
    if state.phase == "paused":
        return "Paused", "space goes on"
    word = _PHASES.get(state.phase, show.text(state.phase).capitalize())
    if state.phase == "flushing" and state.flushing:
        return word, show.text(state.flushing)
    if state.phase == "copying" and not state.plan_done:
        return word, "while still counting"
    return word, "only a try: nothing is changed" if state.dry_run else ""


def left(state: TransferState) -> str:
    """`about 25 s left`, `20–30 s left`, rounded as people would."""
    if state.eta_band is None:
        return ""
    low, high = (_rounded(value) for value in state.eta_band)
    if high <= 5:
        return "a few seconds left"
    if low == high:
        return f"about {_span(high)} left"
    if high < 90 or low >= 90:
        return (
            f"{_span(low).rsplit(' ', 1)[0]}–{_span(high)} left" if high < 90 else _long(low, high)
        )
    return f"{_span(low)} to {_span(high)} left"


def _long(low: float, high: float) -> str:
    if high < 5400:
        return f"{low / 60:.0f}–{high / 60:.0f} min left" if low // 60 < high // 60 else (
            f"about {high / 60:.0f} min left"
        )  # fmt: skip
    return f"{_span(low)} to {_span(high)} left"


def _rounded(value: float) -> float:
    for limit, step in ((60, 5), (90, 10), (600, 60), (5400, 60)):
        if value < limit:
            return round(value / step) * step
    return round(value / 600) * 600


def _span(value: float) -> str:
    if value < 90:
        return f"{value:.0f} s"
    if value < 5400:
        return f"{value / 60:.0f} min"
    return f"{value // 3600:.0f} h {value % 3600 / 60:02.0f} min"


def forecast(state: TransferState) -> str:
    return f"forecast {show.seconds(state.forecast_s)}" if state.forecast_s else ""


def guess(state: TransferState) -> str:
    """`48 s to 62 s, as in 9 earlier runs`."""
    if not state.forecast_band or not state.forecast_runs:
        return forecast(state)
    low, high = (show.seconds(value) for value in state.forecast_band)
    text = low if low == high else f"{low} to {high}"
    runs = "an earlier run" if state.forecast_runs == 1 else f"{state.forecast_runs} earlier runs"
    return f"{text}, as in {runs}"


def of_total(state: TransferState) -> str:
    """`12.4 GB of 21.3 GB`; `≥` while the total may grow."""
    if state.plan_done and not state.files_total and not state.bytes_total and not state.files:
        return "nothing to copy"
    least = "" if state.plan_done else "≥ "
    return f"{show.size(state.bytes)} of {least}{show.size(max(state.bytes_total, state.bytes))}"


def files_of_total(state: TransferState) -> str:
    least = "" if state.plan_done else "≥ "
    return f"{state.files:,} of {least}{max(state.files_total, state.files):,} files"


def ended_at(entry: Entry) -> str:
    """`17:08` of today, `Nov 21` of another day."""
    if not entry.ended_at:
        return ""
    then, now = time.localtime(entry.ended_at), time.localtime(clock())
    if then[:3] == now[:3]:
        return time.strftime("%H:%M", then)
    day = time.strftime("%b %d", then).replace(" 0", " ")
    return day if then[0] == now[0] else f"{day}, {then[0]}"


def outcome(entry: Entry) -> str:
    summary = entry.state.summary
    if kept(entry):
        return "done"
    return OUTCOMES.get(summary.outcome, summary.outcome) if summary is not None else "failed"


def deed(entry: Entry) -> str:
    """`1.2 GB in 8.0 s`, of one that has ended."""
    summary = entry.state.summary
    if summary is None:
        return show.text(entry.why)
    took = show.seconds(summary.seconds.total)
    if not summary.files.copied and not summary.bytes.copied:
        if summary.files.deleted:
            gone = "to the trash" if summary.files.trashed else "deleted"
            return f"{summary.files.deleted:,} {gone} in {took}"
        return "nothing to do" if summary.outcome == "ok" else f"after {took}"
    return f"{show.size(summary.bytes.copied)} in {took}"


def overall(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """1 running, 2 waiting, ✗ 3, for the line above everything; each with its role."""
    shown = [e for e in entries if e.stage != PREVIEW]
    parts: list[tuple[str, str]] = []
    for word in ("running", "silent", "asking", "paused", "stopping"):
        count = sum(1 for e in shown if e.stage == RUNNING and _kind(e) == word)
        said = {"silent": "▲ no progress", "asking": "▲ needs an answer"}.get(
            word, f"{count} {word}"
        )
        if count:
            parts.append((said, ROLES[word]))
    if count := sum(1 for e in shown if e.stage == WAITING):
        parts.append((f"{count} waiting", "muted"))
    if not parts and (last := max((e for e in shown if e.stage == ENDED), key=_when, default=None)):
        parts.append((f"{outcome(last)} {ended_at(last)}".strip(), sign(last)[1]))
    if failures := sum(e.state.failures for e in shown):
        parts.append((f"✗ {failures:,}", "bad"))
    return parts or [("nothing running", "muted")]


def _when(entry: Entry) -> float:
    return entry.ended_at


def _kind(entry: Entry) -> str:
    return "asking" if asks(entry) else entry.status
