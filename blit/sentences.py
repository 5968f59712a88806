"""A failure, and what became of a run, as one line each."""

from __future__ import annotations

from collections.abc import Iterable
from errno import EACCES, EPERM
from os.path import dirname

from blit import show
from blit.events import Change, Failed, RouteChosen, Summary


def failure_line(failure: Failed) -> str:
    code = f" (errno {failure.errno})" if failure.errno else ""
    return f"{show.path(failure.path)}: {failure.step}: {failure.message}{code}"


def denied(failures: Iterable[Failed]) -> list[str]:
    """What to do where permission was denied: a sentence a kind, with the first such folder."""
    first: dict[str, Failed] = {}
    for failure in failures:
        if failure.errno in (EACCES, EPERM):
            from blit import advice  # what a run without such a failure does not need

            first.setdefault(advice.advise(failure).do, failure)
    where = {do: show.path(dirname(failure.path) or b".") for do, failure in first.items()}
    return [f"permission was denied in {where[do]}: {do[0].lower()}{do[1:]}" for do in first]


# what a change would do to B says how the two differ; eight columns, as for a dry run
CHECKED = {"new": "only A", "delete": "only B"}


def change_line(change: Change, command: str) -> str:
    """`new     photos/a.jpg`: why, and where below the destination."""
    reason = CHECKED.get(change.reason, change.reason) if command == "check" else change.reason
    return f"{reason:<8}{show.path(change.path)}"


def _compared(summary: Summary) -> str:
    files = summary.files
    same = (
        f"{show.count(files.unchanged, 'file')} {'is' if files.unchanged == 1 else 'are'} the same"
    )
    verdict = f"{show.text(summary.message)}, " if summary.message else ""
    return f"{verdict}{same}, compared in {show.seconds(summary.seconds.total)}"


def summary_line(summary: Summary, held: float = 0.0) -> str:
    """`held`: seconds that it was paused or waited for a person; no part of the rate."""
    if summary.command == "check":
        return _compared(summary)
    files, moved, total = summary.files, summary.bytes.copied, summary.seconds.total
    busy = total - held
    moves = summary.command == "move"
    did = ("would move", "moved") if moves else ("would copy", "copied")
    would = did[not summary.dry_run]
    parts = []
    # a folder goes by one rename, whatever is in it
    if renamed := summary.methods.get("rename", 0) if moves else 0:
        parts.append(f"renamed {show.count(renamed, 'entry', 'entries')}")
    if files.copied > renamed or not renamed:
        parts.append(f"{would} {show.count(files.copied - renamed, 'file')}, {show.size(moved)}")
    if files.unchanged:
        parts.append(f"{files.unchanged:,} unchanged")
    if files.deleted:
        gone = "removed from the source" if moves else "deleted"
        parts.append(f"{files.deleted:,} {'to delete' if summary.dry_run else gone}")
    if files.trashed:
        parts.append(f"{files.trashed:,} to the trash")
    if files.failed:
        parts.append(f"{files.failed:,} failed")
    line = ", ".join(parts) + f" in {show.seconds(total)}"
    return line + (
        f" ({show.rate(moved / busy)})" if moved and busy > 0 and not summary.dry_run else ""
    )


def forecast_line(event: RouteChosen) -> str:
    """`48 s to 62 s, as in 9 earlier runs`, or that nothing is known."""
    if event.forecast_s is None or event.forecast_band is None:
        return "no history yet of such a run"
    low, high = (show.seconds(value) for value in event.forecast_band)
    runs = "an earlier run" if event.forecast_runs == 1 else f"{event.forecast_runs} earlier runs"
    return f"{low if low == high else f'{low} to {high}'}, as in {runs}"
