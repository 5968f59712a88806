"""One run → one line in the history, at its end: a plain dict and standard JSON, about 3 ms.

What the line holds is described in docs/history.md; `records.RunRecord` reads it. Nothing here may
fail a copy.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blit.curve import Curve
    from blit.job import Job
    from blit.state import TransferState

VERSION = 1
POINTS = 60  # of the throughput curve
_PATIENCE = 1.0  # seconds, with a disk that stands still
_MOST_SOURCES = 16  # named; more are counted, and such a run cannot be started again
_MOST_LINE = 32 << 10  # bytes
MARKS = ".xp"  # moving, silent, paused: as in blit.curve
OPTIONS = (
    "checksum", "verify", "durable", "gitignore", "delete_excluded", "allow_empty_source",
    "max_delete",
)  # fmt: skip


def record(job: Job, state: TransferState, enabled: bool = True) -> bool:
    """Leave a line for a run that has ended, unless nobody wants it; whether there is one now."""
    try:
        if not enabled or not counts(job, state):
            return False
        from blit import settings

        if settings.no_history():
            return False
        path = history_file()
        facts = facts_of(job, state)
        line = _line(facts)
        if state.summary is not None and state.summary.outcome == "stalled":
            return _from_aside(path, line)
        from blit.history import jsonl, predictor

        first = jsonl.append(path, line)
        predictor.learn(facts, anew=first)
        return True
    except Exception:  # the copy is done and well; no history is worth a word about it here
        if os.environ.get("BLIT_DEBUG"):
            raise
        return False


def counts(job: Job, state: TransferState) -> bool:
    """Real runs that have begun: no dry run, no wrong path, no plan that was thrown away."""
    summary = state.summary
    if summary is None or job.dry_run or summary.dry_run:
        return False
    return state.started_at > 0 and summary.outcome != "usage"


def history_file() -> str:
    from blit import settings

    return os.path.join(settings.config_folder(), "perf_local.jsonl")


def line_of(job: Job, state: TransferState) -> bytes:
    return _line(facts_of(job, state))


def _line(facts: dict[str, Any]) -> bytes:
    import json

    while True:
        line = json.dumps(facts, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        if len(line) <= _MOST_LINE or not facts["sources"]:
            return line
        facts["sources"] = facts["sources"][: len(facts["sources"]) // 2]


def facts_of(job: Job, state: TransferState) -> dict[str, Any]:
    """The record as plain data; counts and roots, and never the name of a file below them."""
    from blit import __version__

    summary = state.summary
    assert summary is not None
    options = {name: getattr(job, name) for name in OPTIONS}
    return {
        "version": VERSION,
        "id": f"{int(state.started_at * 1000):x}-{os.getpid():x}-{_next()}",
        "at": round(state.started_at, 3),
        "blit": __version__,
        "command": summary.command,
        "sources": [encode(source) for source in job.sources[:_MOST_SOURCES]],
        "source_count": len(job.sources),
        "target": encode(job.target),
        "destination": encode(summary.destination),
        "options": {name: value for name, value in options.items() if value not in (False, None)},
        "retry": bool(job.only),
        "filtered": bool(
            job.patterns or job.limited or job.files_from or job.listed
        ),  # names: they are not kept
        "outcome": summary.outcome,
        "route": summary.route or state.route,
        "route_why": state.route_why,
        "profile": {"source": state.filesystems[0], "destination": state.filesystems[1]}
        | dict(state.profile),
        "fresh": state.fresh,
        "workers": summary.workers,
        "forecast_s": None if summary.forecast_s is None else round(summary.forecast_s, 3),
        "files": summary.files._asdict() | {"planned": state.files_total},
        "bytes": summary.bytes._asdict() | {"planned": state.bytes_total},
        "seconds": {
            name: None if value is None else round(value, 3)
            for name, value in summary.seconds._asdict().items()
        }
        | {"held": round(state.held_s, 3)},
        "methods": dict(summary.methods),
        "spent": {
            s.what: {"files": s.files, "bytes": s.bytes, "seconds": round(s.seconds, 3)}
            for s in state.spent
        },
        "large": {
            how: [files, size, round(seconds, 3)]
            for how, (files, size, seconds) in summary.large.items()
        },
        "peak": round(state.peak),
        "silences": [[round(at, 1), round(long, 1)] for at, long in state.silences],
        "curve": curve_of(state.curve),
    }


def curve_of(curve: Curve) -> dict[str, Any]:
    """At most `POINTS` points, kB/s each, with a letter a point where any did not move."""
    points = curve.resampled(min(POINTS, len(curve.values)))
    marks = "".join(MARKS[mark] for _, mark in points)
    return {
        "seconds": round(curve.at, 3),
        "kB_s": [round(rate / 1000) for rate, _ in points],
        "marks": marks if marks.strip(MARKS[0]) else "",
    }


# -- names as text that JSON and pydantic can hold, whatever their bytes are ----------------------

_PLAIN = bytes(b for b in range(0x20, 0x7F) if b != ord("%"))


def encode(path: bytes) -> str:
    """Percent-encoded where it is not printable ASCII: every name survives the way back."""
    if not path.translate(None, _PLAIN):
        return path.decode("ascii")
    return "".join(chr(b) if b in _PLAIN else f"%{b:02X}" for b in path)


def decode(text: str) -> bytes:
    """The way back. ValueError where it is not what `encode` makes."""
    first, *rest = text.encode("ascii").split(b"%")
    if any(len(part) < 2 for part in rest):
        raise ValueError("two hexadecimal digits are missing")
    return first + b"".join(bytes([int(part[:2], 16)]) + part[2:] for part in rest)


_made = 0


def _next() -> int:
    global _made
    _made += 1
    return _made


def _from_aside(path: str, line: bytes) -> bool:
    """After a stall: the history may lie on what stands still, and then this process must not
    touch it, or it could not leave. A small process writes the line, and is left behind if need be.
    """
    import subprocess

    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = (
        f"import sys; sys.path.append({here!r}); from blit.history import jsonl\n"
        f"jsonl.append({path!r}, sys.stdin.buffer.read())"
    )
    null = subprocess.DEVNULL
    helper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", code],
        stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True,
    )  # fmt: skip
    try:
        helper.communicate(line, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return helper.returncode == 0
