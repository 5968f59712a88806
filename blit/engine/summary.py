"""What became of a run, in one value."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from blit import errors
from blit.events import ByteCounts, Counts, Seconds, Summary
from blit.worker import tmpname, wire

if TYPE_CHECKING:
    from blit.engine.transfer import Run


def summarise(run: Run) -> Summary:
    ledger, job, ending = run.ledger, run.job, run.ending
    if ending is not None:
        outcome, code, message = ending.outcome, ending.exit_code, str(ending)
    elif ledger.mismatched:
        outcome, code = "mismatch", errors.EXIT_CODES["mismatch"]
        message = f"{_n(ledger.mismatched, 'file')} read back otherwise than written"
    elif ledger.failed:
        what = "1 problem" if ledger.failed == 1 else f"{ledger.failed:,} problems"
        outcome, code, message = "partial", errors.EXIT_CODES["partial"], f"finished with {what}"
        kept = job.mirror and not job.check and ledger.incomplete and not ledger.deleted
        if run.kept_why or kept:
            message += f"; {run.kept_why or 'nothing was deleted'}"
    elif job.check and (found := ledger.changes + len(_special(run))):
        outcome, code = "differs", errors.EXIT_CODES["differs"]
        message = _n(found, "difference")
    else:
        outcome, code, message = "ok", 0, ""
    if ledger.kept:
        message = message.removesuffix("; the same command goes on from there")
        message += ("; " if message else "") + _kept(ledger.kept)
    first = run.pool.counters()[3]  # of another machine's clock, where the worker is there
    return Summary(
        outcome=outcome,
        exit_code=code,
        command=job.command,
        source=job.sources[0],
        destination=run.destination or job.target,
        route=run.route.name if run.route else None,
        files=Counts(
            ledger.files,
            ledger.unchanged,
            ledger.deleted,
            ledger.failed,
            ledger.cloned,
            ledger.trashed,
        ),
        bytes=ByteCounts(ledger.bytes, ledger.cloned_bytes),
        seconds=Seconds(
            time.monotonic() - run.started,
            run.planning_s,
            _since(run.started, first / 1e9),
        ),
        forecast_s=run.forecast.seconds,
        workers=min(run.crew.active, len(run.pool.workers)) or len(run.pool.workers),
        failures=tuple(ledger.failures),
        message=message,
        dry_run=job.dry_run,
        methods={name: n for name, n in zip(wire.METHODS, ledger.methods, strict=True) if n},
        warnings=tuple(_warnings(run)),
        notes=tuple(_notes(run)),
        trash=_trash(run),
        large=dict(run.schedule.large.tried) if run.schedule is not None else {},
    )


def _since(start: float, first: float) -> float | None:
    """Seconds to the first byte; None where there was none, or it cannot be told."""
    return first - start if start <= first <= time.monotonic() else None


def _trash(run: Run) -> str:
    """The folder in which what was deleted or replaced lies; empty where nothing was."""
    if not run.ledger.trashed or run.job.dry_run or not run.roots:
        return ""
    return "/".join((run.roots[0].rstrip("/"), tmpname.TRASH, run.pool.told.words["said"][0]))


def _kept(files: dict[bytes, int]) -> str:
    """What the same command goes on in: three of them by name."""
    named = [
        f"{size / 1e9:.1f} GB of {path.decode('utf-8', 'surrogateescape')}"
        if size >= 1e9
        else f"{size / 1e6:.0f} MB of {path.decode('utf-8', 'surrogateescape')}"
        for path, size in list(files.items())[:3]
    ]
    more = f" and of {len(files) - 3} more" if len(files) > 3 else ""
    return f"kept {', '.join(named)}{more}; the same command goes on there"


def _warnings(run: Run) -> list[str]:
    """What the destination could not take."""
    ledger = run.ledger
    found = []
    if run.short and run.job.dry_run:
        found.append(f"it would not fit: {run.short}")
    if ledger.xattrs_lost:
        what = _n(ledger.xattrs_lost, "extended attribute")
        found.append(f"{what} could not be kept on the destination")
    if ledger.owners_lost:
        found.append(f"the owner of {_n(ledger.owners_lost, 'entry', 'entries')} could not be kept")
    return found


def _notes(run: Run) -> list[str]:
    """What was left out, and why."""
    ledger = run.ledger
    found = []
    # only for who reads it: a nightly run must stay silent though all is well
    seen = run.job.can_ask or run.job.itemize
    if seen and (trash := _trash(run)):
        found.append(f"what was deleted or replaced is in {trash} (blit trash lists it)")
    if ledger.vanished:
        found.append(f"{_n(ledger.vanished, 'source file')} vanished before it could be copied")
    if run.job.itemize:
        found += run.remarks
        trashes = dict.fromkeys(path for path, what in ledger.skipped if what == "trash")
        found += [f"{p.decode('utf-8', 'surrogateescape')}: not copied, a trash" for p in trashes]
    for kind in ("socket", "device"):
        paths = [path for path, what in ledger.skipped if what == kind]
        if paths:
            names = ", ".join(p.decode("utf-8", "surrogateescape") for p in paths[:3])
            more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
            what = "is only in A, or something else in B" if run.job.check else "not copied"
            found.append(f"{_n(len(paths), kind)} {what}: {names}{more}")
    if run.schedule is not None and run.schedule.kept and run.job.mirror:
        kept = _n(run.schedule.kept, "entry", "entries")
        found.append(f"{kept} kept: below a mount point, or the same name in another case")
    schedule = run.schedule
    if seen and schedule is not None and schedule.plan_done and not run.job.selected:
        idle = [p for n, p in enumerate(run.patterns) if n not in schedule.hits]
        idle = idle[sum(n not in schedule.hits for n in range(run.job.lasting)) :]
        if idle:
            more = f" and {len(idle) - 3} more" if len(idle) > 3 else ""
            names = ", ".join(idle[:3])
            found.append(f"{_n(len(idle), 'pattern')} matched nothing: {names}{more}")
    if run.job.workers is not None:
        found.append(f"--workers {run.job.workers} was used")
    return found


def _special(run: Run) -> list[bytes]:
    """What has no copy by its kind: a comparison must not call that the same."""
    return [path for path, what in run.ledger.skipped if what in ("socket", "device")]


def _n(count: int, one: str, many: str = "") -> str:
    return f"1 {one}" if count == 1 else f"{count:,} {many or one + 's'}"
