"""The queue file: what waited or ran when a session ended, and what its last transfers came to.

Names of any bytes survive, percent-encoded: JSON takes text alone. Whatever is wrong
with the file or its folder costs the memory of the queue, never a transfer.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import quote_from_bytes, unquote_to_bytes

from blit import settings
from blit.events import ByteCounts, Counts, Seconds, Summary
from blit.job import Job
from blit.queue import ENDED, Entry
from blit.state import TransferState
from blit.strict import checked

MOST_ENDED = 200
MOST_BYTES = 8 << 20  # a larger file is not ours

Left = tuple[Job, TransferState | None, float]  # job, how it ended if it did, and when


_Command = Literal["copy", "mirror", "move"]  # a check leaves nothing behind


class _Job(NamedTuple):
    command: _Command
    sources: tuple[str, ...]
    target: str
    only: tuple[str, ...] = ()
    files_from: str | None = None
    listed: str | None = None
    min_size: int | None = None
    max_size: int | None = None
    newer: float | None = None
    older: float | None = None
    patterns: tuple[tuple[Literal["line", "file"], str], ...] = ()
    lasting: int = 0
    retry_of: str = ""
    gitignore: bool = False
    delete_excluded: bool = False
    checksum: bool = False
    verify: bool = False
    durable: bool = False
    trash: bool = False
    itemize: bool = False
    dry_run: bool = False
    yes: bool = False
    max_delete: int | None = None
    allow_empty_source: bool = False
    can_ask: bool = False
    review: bool = False
    workers: int | None = None
    cluster: str = ""


class _Ended(NamedTuple):
    outcome: str
    exit_code: int
    message: str
    route: str | None
    landings: tuple[tuple[str, str], ...]
    destination: str
    started_at: float
    ended_at: float
    files: int
    bytes: int
    files_total: int
    bytes_total: int
    unchanged: int
    deleted: int
    failed: int
    cloned: int
    cloned_bytes: int
    seconds: float
    forecast_s: float | None
    workers: int


class _Entry(NamedTuple):
    job: _Job
    ended: _Ended | None = None  # None: it waited or ran


class _Queue(NamedTuple):
    entries: list[_Entry]
    version: Literal[1] = 1


_PLAIN = set(_Job._fields) - {"sources", "target", "only", "patterns", "files_from", "listed"}


class Store:
    """One process at a time owns the file; another one's queue lives in its memory alone."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock: int | None = None
        self.notice = ""  # what is worth a sentence when the screen has been left

    @property
    def kept(self) -> bool:
        """Whether this process is the one that writes the file."""
        return self._lock is not None

    def load(self) -> list[Left]:
        """What was left, in its order; [] where there is nothing, or nothing that can be read."""
        try:
            folder = self._folder = self._folder or settings.state_dir()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(folder / "queue.lock")
            if self._lock is None:
                return []
            path = folder / "queue.json"
            try:
                if path.stat().st_size > MOST_BYTES:
                    raise ValueError("too large")
                found = checked(_Queue, json.loads(path.read_bytes()))
                return [_left(entry) for entry in found.entries]
            except FileNotFoundError:
                return []
            except (ValueError, RecursionError):
                aside = folder / "queue.json.damaged"
                path.replace(aside)
                self.notice = f"the queue file was damaged; it is kept as {aside}"
                return []
        except (OSError, RuntimeError):
            return []  # unwritable, or no home: the queue is not remembered

    def save(self, entries: Sequence[Entry]) -> None:
        """Atomically, or not at all."""
        if self._lock is None or self._folder is None:
            return
        ended = [entry.id for entry in entries if entry.stage == ENDED]
        dropped = set(ended[:-MOST_ENDED])
        dropped |= {entry.id for entry in entries if entry.job.command not in get_args(_Command)}
        new = self._folder / "queue.json.new"
        try:
            text = _text_of([_entry(entry) for entry in entries if entry.id not in dropped])
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._folder / "queue.json")
        except (OSError, ValueError):  # or what no JSON can hold
            pass

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _text_of(kept: list[_Entry]) -> str:
    """Short enough to be read again: a retry of very many files becomes one of the whole job."""
    while True:
        table = {"version": 1, "entries": [_brief(entry) for entry in kept]}
        text = json.dumps(table, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        longest = max(kept, key=lambda entry: len(entry.job.only), default=None)
        if len(text) <= MOST_BYTES or longest is None or not longest.job.only:
            return text
        whole = longest._replace(job=longest.job._replace(only=()))
        kept = [whole if entry is longest else entry for entry in kept]


def _brief(part: Any) -> Any:
    """As a table without the fields that have their default."""
    if not hasattr(part, "_asdict"):
        return part
    usual = part._field_defaults
    return {
        name: _brief(value)
        for name, value in part._asdict().items()
        if name not in usual or value != usual[name]
    }


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock; None when another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _text(path: bytes) -> str:
    return quote_from_bytes(path)


def _maybe(path: bytes | None) -> str | None:
    return None if path is None else _text(path)


def _entry(entry: Entry) -> _Entry:
    job = entry.job
    plain = {name: getattr(job, name) for name in _PLAIN}
    record = _Job(
        sources=tuple(map(_text, job.sources)), target=_text(job.target),
        only=tuple(map(_text, job.only)), files_from=_maybe(job.files_from),
        listed=_maybe(job.listed),
        patterns=tuple(
            ("file", _text(one)) if isinstance(one, bytes) else ("line", _text(os.fsencode(one)))
            for one in job.patterns
        ),
        **plain,
    )  # fmt: skip
    return _Entry(job=record, ended=_ended(entry) if entry.stage == ENDED else None)


def _ended(entry: Entry) -> _Ended | None:
    state, summary = entry.state, entry.state.summary
    if summary is None:
        return None
    return _Ended(
        outcome=summary.outcome, exit_code=summary.exit_code,
        # a message may name paths of any bytes
        message=summary.message.encode("utf-8", "backslashreplace").decode(),
        route=summary.route, destination=_text(summary.destination),
        landings=tuple((_text(a), _text(b)) for a, b in state.landings),
        started_at=state.started_at, ended_at=entry.ended_at, files=summary.files.copied,
        bytes=summary.bytes.copied, files_total=state.files_total, bytes_total=state.bytes_total,
        unchanged=summary.files.unchanged, deleted=summary.files.deleted,
        failed=summary.files.failed, cloned=summary.files.cloned,
        cloned_bytes=summary.bytes.cloned, seconds=summary.seconds.total,
        forecast_s=summary.forecast_s, workers=summary.workers,
    )  # fmt: skip


def _left(entry: _Entry) -> Left:
    record = entry.job
    if not record.sources:
        raise ValueError("no source")
    plain = {name: getattr(record, name) for name in _PLAIN}
    job = Job(
        sources=tuple(map(unquote_to_bytes, record.sources)),
        target=unquote_to_bytes(record.target),
        only=tuple(map(unquote_to_bytes, record.only)),
        files_from=None if record.files_from is None else unquote_to_bytes(record.files_from),
        listed=None if record.listed is None else unquote_to_bytes(record.listed),
        patterns=tuple(
            unquote_to_bytes(text) if kind == "file" else os.fsdecode(unquote_to_bytes(text))
            for kind, text in record.patterns
        ),
        **plain,
    )  # fmt: skip
    was = entry.ended
    if was is None:
        return job, None, 0.0
    summary = Summary(
        was.outcome, was.exit_code, job.command, job.sources[0],
        unquote_to_bytes(was.destination), was.route,
        Counts(was.files, was.unchanged, was.deleted, was.failed, was.cloned),
        ByteCounts(was.bytes, was.cloned_bytes), Seconds(was.seconds), was.forecast_s, was.workers,
        message=was.message, dry_run=job.dry_run,
    )  # fmt: skip
    state = TransferState(
        command=job.command, dry_run=job.dry_run, started_at=was.started_at, phase="finished",
        landings=tuple((unquote_to_bytes(a), unquote_to_bytes(b)) for a, b in was.landings),
        route=was.route or "", forecast_s=was.forecast_s, elapsed=was.seconds, files=was.files,
        bytes=was.bytes, files_total=was.files_total, bytes_total=was.bytes_total,
        plan_done=True, unchanged=was.unchanged, deleted=was.deleted, failures=was.failed,
        percent=100.0 if was.outcome == "ok" else 0.0,
        mean=was.bytes / was.seconds if was.seconds > 0 else 0.0, summary=summary,
    )  # fmt: skip
    return job, state, was.ended_at
