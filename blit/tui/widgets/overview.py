"""What the chosen transfer is at: phase, one bar, how much of what, how fast, how long still."""

from __future__ import annotations

from blit import show
from blit.queue import ENDED, Entry
from blit.state import TransferState
from blit.tui import words
from blit.tui.widgets.panel import Line, Panel, bar, cut, facts, spread
from blit.tui.widgets.queue import both


class Overview(Panel):
    def draw(self) -> None:
        if self.entry is not None and self.size.width:
            self.heads(*self._title(self.entry))
        super().draw()

    def _title(self, entry: Entry) -> tuple[str, str]:
        job = entry.job
        room = max(20, self.size.width - 8)
        source = show.path(job.sources[0]) if job.sources else ""
        if len(job.sources) > 1:
            source += f" and {len(job.sources) - 1} more"
        target = words.target(entry)
        return both(source, target, room), " · ".join(words.options(job))

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        if entry.stage == ENDED:
            return headline(entry, width)
        return [first(entry, width), middle(entry, width), third(entry, width)]


def first(entry: Entry, width: int) -> Line:
    """`Copying 58%                                              12.4 GB of 21.3 GB`"""
    state = entry.state
    word, more = words.phase(entry)
    role = words.sign(entry)[1]
    percent = f"  {state.percent:.0f}%" if state.plan_done and entry.active else ""
    left: Line = ((word, f"{role} strong"), (percent, "strong"))
    if more:
        left = (*left, (f"  {more}", "muted"))
    if not entry.active:
        return cut(left, width)
    right: Line = ((words.of_total(state), ""),)
    if state.phase == "deleting":
        right = ((f"{state.deleted:,} of {state.extras:,} deleted", ""),)
    elif not state.bytes_total and not state.files_total and not state.plan_done:
        right = (("nothing found yet", "muted"),)
    elif not state.plan_done:
        right = (*right, (" found so far" if width >= 60 else "", "muted"))
    return spread(left, right, width)


def middle(entry: Entry, width: int) -> Line:
    state = entry.state
    if not entry.active:
        return (("·" * width, "track"),)
    if state.phase == "deleting":
        return bar(state.deleted / max(1, state.extras), width)
    if state.plan_done:
        return bar(state.percent / 100, width)
    return counting(state, width)


def counting(state: TransferState, width: int) -> Line:
    """█ done ▒ found · unknown: what is found takes half the room as long as there may be more."""
    found = width // 2 if state.bytes_total else 0
    done = min(found, int(found * state.bytes / max(1, state.bytes_total)))
    return (("█" * done, "main"), ("▒" * (found - done), "muted"), ("·" * (width - found), "track"))


def third(entry: Entry, width: int) -> Line:
    """What matters most comes first: the rest goes where there is no room."""
    state = entry.state
    if not entry.active:
        can = "enter starts it now · x removes it"
        return cut(((can, "muted"),), width)
    if not state.files_total and not state.plan_done:
        return ()
    files: Line = ((words.files_of_total(state), "muted"),) if state.files_total else ()
    failed: Line = ((f"✗ {state.failures:,} failed", "bad"),) if state.failures else ()
    if entry.status == "silent":
        still: Line = ((f"nothing moved for {state.quiet:.0f} s", "warn"),)
        return facts([files, still, failed], width)
    if state.phase in ("paused", "asking"):
        mean: Line = ((f"{show.rate(state.mean)} average", ""),)
        return facts([files, failed, mean if state.bytes else ()], width)
    now: Line = ((f"{show.rate(state.rate)} now", "main"),)
    average: Line = ((f"{show.rate(state.mean)} average", ""),)
    left: Line = ((words.left(state), "strong"),)
    forecast: Line = ((words.forecast(state), "muted"),)
    if state.elapsed < 1.0:
        now = average = ()
    chosen = [files, now, left, failed, average, forecast]
    kept = set(facts(chosen, width))
    order = [files, now, average, left, failed, forecast]
    return facts([part for part in order if set(part) <= kept], width)


# -- ended ----------------------------------------------------------------------------------------


def headline(entry: Entry, width: int) -> list[Line]:
    """Three lines: what was done, what went wrong, what is the same; and what to press."""
    state, summary = entry.state, entry.state.summary
    sign, role = words.sign(entry)
    again = "enter runs it again · x removes it"
    if summary is None:
        why = show.text(entry.why) or "it could not begin"
        return [
            cut(((f"{sign} Not begun  ", f"{role} strong"), (why, "")), width),
            (),
            cut(((again, "muted"),), width),
        ]
    counts, took = summary.files, show.seconds(summary.seconds.total)
    head: list[Line] = []
    if not counts.copied and not counts.deleted and summary.outcome == "ok":
        head = [
            (
                (f"{sign} Nothing to do", f"{role} strong"),
                (f"  everything is the same, looked at in {took}", ""),
            )
        ]
    elif not counts.copied and summary.outcome == "ok":  # a mirror that only deletes
        said = f"{show.count(counts.deleted, 'entry', 'entries')} deleted, nothing to copy"
        head = [facts([((f"{sign} ", f"{role} strong"), (said, "strong")), ((took, ""),)], width)]
    elif counts.copied or summary.outcome in ("ok", "partial"):
        verb = "Moved" if entry.job.move else "Copied"
        verb = "Would copy" if summary.dry_run else verb
        renamed = summary.methods.get("rename", 0) if entry.job.move else 0
        files = show.count(counts.copied - renamed, "file")
        what = f"{verb} {show.size(summary.bytes.copied)} in {files}"
        if renamed:  # a folder goes by one rename, whatever is in it
            also = f", {what[0].lower()}{what[1:]}" if counts.copied > renamed else ""
            what = f"Renamed {show.count(renamed, 'entry', 'entries')}{also}"
        rest: Line = ((took, ""),)
        rate: Line = (
            ((f"{show.rate(state.mean)} average", ""),) if counts.copied and state.mean else ()
        )
        head = [facts([((f"{sign} ", f"{role} strong"), (what, "strong")), rest, rate], width)]
    else:
        head = [
            (
                (f"{sign} {words.outcome(entry).capitalize()}", f"{role} strong"),
                (f" after {took}", ""),
            )
        ]
    if summary.message:
        head.append(((show.text(summary.message), role),))
    if counts.failed:
        they = "file could not be copied" if counts.failed == 1 else "files could not be copied"
        failed: Line = ((f"✗ {counts.failed:,} {they}", "bad"),)
        head.append(
            facts([failed, (("p shows them", "muted"),), (("r tries again", "muted"),)], width)
        )
    same: Line = ((f"{counts.unchanged:,} already the same", ""),) if counts.unchanged else ()
    went = "removed from the source" if entry.job.move else "deleted"
    gone: Line = ((f"{counts.deleted:,} {went}", ""),) if counts.deleted and counts.copied else ()
    head.append(facts([gone, same, ((again, "muted"),)], width))
    return [cut(line, width) for line in head]
