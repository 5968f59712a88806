"""What a transfer would do, in words: from the state of its preview."""

from __future__ import annotations

import os

from blit import show
from blit.queue import Entry
from blit.state import TransferState
from blit.tui.widgets.facts import Fact

_WARN, _BAD = "bold $warning", "bold $error"


def ready(state: TransferState) -> bool:
    return state.plan_done and state.summary is None


def plan(entry: Entry) -> tuple[Fact, ...]:
    """What needs attention first."""
    state = entry.state
    if state.summary is not None:
        message = state.summary.message or "there is nothing to do"
        return (Fact("✗ Cannot", show.text(message), _BAD),)
    found = [_lands(entry), _copies(state)]
    if state.replaced:
        files = show.count(state.replaced, "file")
        text = f"{files} with other content under the same name"
        if entry.job.trash:
            found.append(Fact("Replaces", f"{text}; the old go to the trash"))
        else:
            found.append(Fact("Replaces", text, _WARN))
    if entry.job.mirror:
        found.append(_deletes(state, entry.job.trash))
    if entry.job.move:
        found.append(Fact("Removes", "it from the source, when all is compared and on disk", _WARN))
    if state.bytes_total:
        found.append(_space(state))
    if state.last_failure is not None:
        failed, more = state.last_failure, state.failures - 1
        text = f"{show.path(os.path.basename(failed.path))}: {show.text(failed.message)}"
        found.append(Fact("▲ Problems", text + (f" · and {more:,} more" if more else ""), _WARN))
    return tuple(sorted(found, key=lambda fact: fact.label[0] not in "✗▲"))


def counting(state: TransferState) -> str:
    """How far the plan is."""
    if state.summary is not None:
        return ""
    seen = state.files_total + state.unchanged
    if state.plan_done:
        return f"counted {show.count(seen, 'file')}, complete · nothing is changed yet"
    return f"counting… {show.count(seen, 'file')} so far"


def _lands(entry: Entry) -> Fact:
    landings = entry.state.landings
    if not landings:
        return Fact("Lands at", "looking…")
    return Fact("Lands at", show.path(landings[0][1]))


def _copies(state: TransferState) -> Fact:
    least = "" if state.plan_done else "≥ "
    parts = [
        f"{least}{show.count(state.files_total, 'file')}, {least}{show.size(state.bytes_total)}"
    ]
    if state.plan_done and not state.files_total:
        parts = ["nothing"]
    if state.forecast_s is not None and state.files_total:
        parts.append(f"about {show.seconds(state.forecast_s)}")
    if state.unchanged:
        same = "is the same already" if state.unchanged == 1 else "are the same already"
        parts.append(f"{state.unchanged:,} {same}")
    return Fact("Copies", " · ".join(parts))


def _deletes(state: TransferState, trash: bool) -> Fact:
    least = "" if state.plan_done else "≥ "
    if not state.extras:
        return Fact("Deletes", "nothing" if state.plan_done else "nothing so far")
    entries = show.count(state.extras, "entry", "entries")
    where = " to the trash" if trash else ""
    text = f"{least}{entries} that only the destination has{where}; asked again first"
    return Fact("▲ Deletes", text, _BAD)


def _space(state: TransferState) -> Fact:
    if not state.free:
        return Fact("Space", "not known")
    free = show.size(state.free)
    if state.bytes_total > state.free:
        return Fact("▲ Space", f"needs {show.size(state.bytes_total)}, {free} free", _BAD)
    fits = "fits" if state.plan_done else "fits so far"
    return Fact("Space", f"{fits}: {show.size(state.bytes_total)} of {free} free")
