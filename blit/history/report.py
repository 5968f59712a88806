"""`blit history` and `blit diagnostics perf`: the history as tables and as JSON."""

from __future__ import annotations

import errno
import json
import os
from typing import IO, TYPE_CHECKING, Any

from blit import settings, show
from blit.history import export, jsonl, lessons, predictor, recorder, records, views
from blit.history.memory import Memory

if TYPE_CHECKING:
    from blit.history.records import History, RunRecord

RECENT = 20  # runs that are shown unless --limit says otherwise


def history(limit: int | None, as_json: bool, out: IO[str], err: IO[str], width: int) -> int:
    """Past runs, newest first; 0, or 1 when they cannot be read."""
    found = _read(err)
    if found is None:
        return 1
    if as_json:
        out.write(export.as_json(_newest(found.records, limit)))
        return 0
    shown = _newest(found.records, RECENT if limit is None else limit)
    if not found.records:
        out.write(_nothing() + "\n")
    elif shown:
        out.write("\n".join(runs_table(shown, width)) + "\n")
        if len(shown) < len(found.records):
            more = f"the newest {len(shown):,} of {len(found.records):,}"
            out.write(f"\n{more} (--limit N shows more, --json all)\n")
    _skipped(found, err)
    return 0


def perf(limit: int | None, as_json: bool, out: IO[str], err: IO[str], width: int) -> int:
    """What is recorded, the recent runs, and what runs between two kinds of disk are like."""
    found = _read(err)
    if found is None:
        return 1
    if as_json:
        out.write(json.dumps(_perf_json(found, limit)) + "\n")
        return 0
    lines = _about(found)
    shown = _newest(found.records, 10 if limit is None else limit)
    if shown:
        what = "Recent runs"
        if len(shown) < len(found.records):
            what += f" ({len(shown):,} of {len(found.records):,})"
        lines += ["", what, *_indented(runs_table(shown, width - 2))]
    if found.records:
        pairs = views.between(found.records)
        lines += ["", "Between two kinds of disk (medians)"]
        lines += _indented(pairs_table(pairs, width - 2))
        lines += ["", *_forecasts(pairs)]
        lines += lessons.lines(_learned(), width)
    elif not found.damaged and not found.newer:
        lines += ["", _nothing()]
    out.write("\n".join(lines) + "\n")
    return 0


def clear(out: IO[str], err: IO[str]) -> int:
    try:
        gone = records.clear()
    except OSError as error:
        return _complain(err, f"the history cannot be cleared: {_why(error)}")
    out.write(f"{show.count(gone, 'run')} forgotten\n" if gone else "there was nothing to forget\n")
    return 0


def switch(on: bool, out: IO[str], err: IO[str]) -> int:
    """Remember whether runs are recorded."""
    try:
        settings.save(history=on)
    except OSError as error:
        return _complain(err, f"the choice cannot be kept: {_why(error)}")
    if not on:
        out.write("history is off from now on; what is there stays until --clear\n")
    elif why := settings.no_history():
        out.write(f"history is switched on, but: {show.text(why)}\n")
    else:
        out.write("history is on\n")
    return 0


# -- tables ---------------------------------------------------------------------------------------


def runs_table(shown: list[RunRecord], width: int) -> list[str]:
    rows = [
        (
            views.when(each), each.command, views.where(each), views.moved(each),
            views.speed(each), show.seconds(each.seconds.total), views.result(each),
        )
        for each in shown
    ]  # fmt: skip
    head = ("When", "", "What", "Size", "Speed", "Took", "Result")
    if width < 96:  # the verb and the time give way to the names
        rows = [row[:1] + row[2:5] + row[6:] for row in rows]  # type: ignore[misc]
        return views.table(head[:1] + head[2:5] + head[6:], rows, (2, 3), 1, width)
    return views.table(head, rows, (3, 4, 5), 2, width)


def pairs_table(pairs: list[views.Between], width: int) -> list[str]:
    rows: list[tuple[str, ...]] = [
        (
            show.text(each.pair), f"{each.runs:,}", show.size(each.copied),
            "" if each.speed is None else show.rate(each.speed),
            "" if each.file_rate is None else f"{each.file_rate:,.0f}",
            "" if each.first_byte is None else show.seconds(each.first_byte),
            f"{100 * each.clone:.0f} %", f"{each.stalls}", f"{each.troubles}",
        )
        for each in pairs
    ]  # fmt: skip
    head: tuple[str, ...]
    head = ("Route", "Runs", "Copied", "Speed", "Files/s", "First", "Kernel", "Stalls", "Ill")
    if width < 72:  # what the records and --json say too
        head, rows = head[:5] + head[8:], [row[:5] + row[8:] for row in rows]
    return views.table(head, rows, range(1, len(head)), 0, width)


def _forecasts(pairs: list[views.Between]) -> list[str]:
    known = [each for each in pairs if each.off is not None]
    if not known:
        return ["Forecasts  none yet: no run began with one"]
    return [
        f"Forecast   {show.text(each.pair)}: off by {100 * (each.off or 0):.0f} % "
        f"on average, {'late' if (each.bias or 0) < 0 else 'early'} by "
        f"{100 * abs(each.bias or 0):.0f} %"
        for each in known
    ]


def _about(found: History) -> list[str]:
    lines = [
        f"History    {show.path(recorder.history_file())}",
        f"           {show.count(len(found.records), 'run')}, {show.size(found.size)} of at most "
        f"{show.size(jsonl.CAP)}",
        "           it never leaves this machine",
        f"Recording  {show.text(_recording()[1])}",
    ]
    if found.damaged:
        lines.append(f"Damaged    {show.count(found.damaged, 'line')} skipped")
    if found.newer:
        lines.append(f"Newer      {show.count(found.newer, 'line')} of a newer blit skipped")
    return lines


def _recording() -> tuple[bool, str]:
    why = settings.no_history()
    if why:
        return False, why
    try:
        jsonl.check(recorder.history_file())
    except OSError as error:
        return False, f"nothing can be written: {_why(error)}"
    return True, "on (--disable switches it off)"


def _perf_json(found: History, limit: int | None) -> dict[str, Any]:
    recording, why = _recording()
    return {
        "type": "perf", "schema": 1, "path": recorder.history_file(), "recording": recording,
        "recording_why": why, "records": len(found.records), "damaged": found.damaged,
        "newer": found.newer, "bytes": found.size, "cap": jsonl.CAP,
        "between": [each._asdict() for each in views.between(found.records)],
        "runs": [export.plain(each) for each in _newest(found.records, limit)],
        **lessons.plain(_learned()),
    }  # fmt: skip


# -- reading --------------------------------------------------------------------------------------


def _read(err: IO[str]) -> History | None:
    try:
        return records.read()
    except OSError as error:
        _complain(err, f"the history cannot be read: {_why(error)}")
        return None


def _learned() -> Memory:
    try:
        return predictor.read()
    except OSError:
        return Memory()


def _newest(found: tuple[RunRecord, ...], limit: int | None) -> list[RunRecord]:
    newest = list(reversed(found))
    return newest if limit is None else newest[:limit]


def _nothing() -> str:
    return "No runs yet: each copy and mirror leaves a line here."


def _skipped(found: History, err: IO[str]) -> None:
    if found.damaged:
        _complain(err, f"{show.count(found.damaged, 'damaged line')} skipped")


def _indented(lines: list[str]) -> list[str]:
    return ["  " + line for line in lines]


def _why(error: OSError) -> str:
    words = error.strerror or os.strerror(error.errno or errno.EIO)
    return show.text(f"{error.filename or recorder.history_file()}: {words}")


def _complain(err: IO[str], text: str) -> int:
    err.write(f"blit: {text}\n")
    return 1
