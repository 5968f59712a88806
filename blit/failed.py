"""The failed files of past runs by name, for --retry-failed: a small file a run, for its owner.

The history holds no names, so they lie apart from it, in `failed/` of the config folder; they obey
the same switches. Nothing here may fail a copy.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, NamedTuple

from blit import settings
from blit.events import Summary
from blit.job import Job

MOST_RUNS = 20
MOST_BYTES = 1 << 20  # of names that one list holds
_KIND = ".json"


class Nothing(LookupError):
    """There is no such list, in one sentence; `code`: 0 where that means that nothing failed."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Run(NamedTuple):
    """What one run left undone. Paths are absolute, of either side."""

    id: str
    command: str
    sources: tuple[bytes, ...]
    target: bytes
    paths: tuple[bytes, ...]
    more: int  # failed too, and not named
    patterns: tuple[str | bytes, ...]
    options: dict[str, Any]  # that it had, as fields of a job


_OPTIONS = (
    "checksum", "verify", "durable", "gitignore", "min_size", "max_size", "newer", "older",
)  # fmt: skip


def keep(job: Job, summary: Summary, enabled: bool = True) -> str:
    """Keep the list of a run that has ended; the sentence that says how to try again, or "".

    A list that was tried again is gone, whatever came of it; what failed again has one of its own.
    """
    again = _read(job.retry_of) if job.retry_of else None
    if job.dry_run or job.move or summary.outcome not in ("ok", "partial", "mismatch"):
        return ""
    if job.retry_of:
        _remove(job.retry_of)
    paths = dict.fromkeys(f.path for f in summary.failures if f.path and f.step != "delete")
    if not paths:
        return ""
    count = summary.files.failed
    why = settings.no_history() if enabled else "--no-history"
    if why:
        return (
            f"{count:,} failed; their names are not kept ({why}): "
            "the same command tries them again, with all the rest"
        )
    command = again.command if again is not None else job.command
    try:
        run = _write(command, job, list(paths), count)
    except OSError as error:
        return f"the list of what failed could not be kept: {error.strerror or error}"
    some = f" (the first {len(run.paths):,})" if run.more else ""
    return f"{count:,} failed; again{some}: blit {command} --retry-failed={run.id}"


def find(command: str, run: str, pair: tuple[tuple[bytes, ...], bytes] | None) -> Run:
    """The list of the run `run`, or of the last one of this command (between these two places).

    Raises Nothing.
    """
    off = settings.no_history()
    why = f"; names are not kept while the history is {off}" if off else ""
    if run:
        found = _read(run)
        if found is None:
            text = f"no failures of a run {run} are remembered, only those of the last {MOST_RUNS}"
            raise Nothing(text + why, 2)
        if found.command != command:
            raise Nothing(f"{run} was a run of blit {found.command}: ask that to retry it", 2)
        if pair is not None and pair != (found.sources, found.target):
            raise Nothing(f"{run} was a run between other places: leave out SRC and DST", 2)
        return found
    for id in _ids():
        found = _read(id)
        if found is None or found.command != command:
            continue
        if pair is None or pair == (found.sources, found.target):
            return found
    where = " between these places" if pair is not None else ""
    text = f"nothing to try again: no failures of a blit {command}{where} are remembered"
    raise Nothing(text + why, 2 if off else 0)


def _folder() -> str:
    return os.path.join(settings.config_folder(), "failed")


def _path(id: str) -> str:
    return os.path.join(_folder(), id + _KIND)


def _ids() -> list[str]:
    """The newest first."""
    found = []
    try:
        with os.scandir(_folder()) as listing:
            for entry in listing:
                if entry.name.endswith(_KIND) and entry.is_file(follow_symlinks=False):
                    at = entry.stat(follow_symlinks=False).st_mtime_ns
                    found.append((at, entry.name.removesuffix(_KIND)))
    except OSError:
        return []
    return [id for _, id in sorted(found, reverse=True)]


def _remove(id: str) -> None:
    try:
        os.unlink(_path(id))
    except OSError:
        pass


def _write(command: str, job: Job, paths: list[bytes], count: int) -> Run:
    held, size = [], 0
    for path in paths:
        size += len(path)
        if size > MOST_BYTES:
            break
        held.append(path)
    more = max(0, count - len(held))
    facts: dict[str, Any] = {
        "version": 1, "command": command, "sources": [_text(s) for s in job.sources],
        "target": _text(job.target), "paths": [_text(path) for path in held], "more": more,
        "patterns": [p if isinstance(p, str) else {"file": _text(p)} for p in job.patterns],
        "options": {n: value for n in _OPTIONS if (value := getattr(job, n)) not in (None, False)},
    }  # fmt: skip
    os.makedirs(_folder(), mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        id = f"{stamp}-{number}" if number > 1 else stamp
        try:
            fd = os.open(_path(id), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            break
        except FileExistsError:
            continue
    else:
        raise FileExistsError(17, "too many at once")
    try:
        with open(fd, "w", encoding="ascii") as file:
            json.dump(facts, file)
    except OSError:
        _remove(id)  # half a list would be worse than none
        raise
    for old in _ids()[MOST_RUNS:]:
        _remove(old)
    return _run(id, facts)


def _read(id: str) -> Run | None:
    """None where there is none, or it is damaged."""
    if not id or "/" in id or "\0" in id or id.startswith("."):
        return None
    try:
        fd = os.open(_path(id), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, encoding="ascii") as file:
            return _run(id, json.load(file))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _run(id: str, facts: dict[str, Any]) -> Run:
    return Run(
        id, facts["command"], tuple(_raw(s) for s in facts["sources"]), _raw(facts["target"]),
        tuple(_raw(path) for path in facts["paths"]), int(facts["more"]),
        tuple(p if isinstance(p, str) else _raw(p["file"]) for p in facts["patterns"]),
        {name: value for name, value in facts["options"].items() if name in _OPTIONS},
    )  # fmt: skip


def _text(path: bytes) -> str:
    """JSON writes what is no UTF-8 as an escape, and gives it back."""
    return path.decode("utf-8", "surrogateescape")


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
