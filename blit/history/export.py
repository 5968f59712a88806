"""Records as JSON and CSV, for scripts and spreadsheets; files are made new, never replaced."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterable
from typing import Any

from blit.history.recorder import decode
from blit.history.records import RunRecord

KINDS = ("csv", "json")
_COLUMNS = (
    "started", "command", "source", "destination", "outcome", "route", "source_fs",
    "destination_fs", "files_copied", "files_unchanged", "files_deleted", "files_failed",
    "bytes_copied", "seconds", "bytes_per_second", "peak", "planning_s", "first_byte_s",
    "forecast_s", "workers",
)  # fmt: skip


def plain(record: RunRecord) -> dict[str, Any]:
    """As JSON can hold it: roots as text, bytes not in UTF-8 as `\\udcXX`, for the way back."""
    found = record.model_dump(mode="json")
    found["sources"] = [_text(source) for source in record.sources]
    found["target"], found["destination"] = _text(record.target), _text(record.destination)
    return found


def as_json(records: Iterable[RunRecord]) -> str:
    """One record a line."""
    return "".join(json.dumps(plain(record)) + "\n" for record in records)


def as_csv(records: Iterable[RunRecord]) -> str:
    """Paths stay percent-encoded, so that no name can break a table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in records:
        files, seconds = each.files, each.seconds
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(each.at, 1e11)))
        speed = "" if each.speed is None else round(each.speed)
        row = (
            started, each.command, " ".join(each.sources), each.destination or each.target,
            each.outcome, each.route, each.profile.source, each.profile.destination, files.copied,
            files.unchanged, files.deleted, files.failed, each.bytes.copied, seconds.total, speed,
            round(each.peak), seconds.planning, seconds.first_byte, each.forecast_s, each.workers,
        )  # fmt: skip
        writer.writerow(row)
    return out.getvalue()


def save(records: Iterable[RunRecord], kind: str, folder: str) -> str:
    """Write `blit-history.csv` or `.json` into a folder, or `blit-history-2.csv`…; its path."""
    content = as_csv(records) if kind == "csv" else as_json(records)
    number = 1
    while True:
        name = "blit-history" + (f"-{number}" if number > 1 else "") + f".{kind}"
        path = os.path.join(folder, name)
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(content)
            return path
        except FileExistsError:
            number += 1


def _text(path: str) -> str:
    return decode(path).decode("utf-8", "surrogateescape")
