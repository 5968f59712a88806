"""Everything the engine says, one frozen class each; `Event` is their union.

Paths are bytes, as the filesystem has them. Times are seconds. Nothing is said per byte or per file:
what a batch did is one event. Facts are kept for every subscriber; a `Heartbeat` only replaces the one
before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RunStarted:
    command: str
    sources: tuple[bytes, ...]
    destination: bytes  # where the (first) source lands
    landings: tuple[tuple[bytes, bytes], ...]  # every source and where it lands
    dry_run: bool
    started_at: float  # Unix time


@dataclass(frozen=True, slots=True)
class RouteChosen:
    route: str  # direct, streaming, large_file
    reason: str
    forecast_s: float | None
    workers: int
    filesystems: tuple[str, str]  # types of the source's and the destination's


@dataclass(frozen=True, slots=True)
class BatchPlanned:
    number: int
    what: str  # copy, range, link, delete, finish
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PlanFinished:
    files: int  # to copy, link or mend
    bytes: int
    unchanged: int
    folders: int
    extras: int  # entries that the destination alone has
    seconds: float


@dataclass(frozen=True, slots=True)
class BatchStarted:
    number: int
    worker: int
    what: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Change:
    reason: str  # new, size, mtime, content, type, mode, delete
    path: bytes  # below the destination
    method: str  # clone, kernel, sendfile, read/write, link, symlink, metadata, special


@dataclass(frozen=True, slots=True)
class BatchFinished:
    number: int
    worker: int
    what: str
    files: int
    bytes: int
    seconds: float
    # every change where the job asked for them, else the first few, for a glance
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    path: bytes
    step: str
    errno: int
    message: str


@dataclass(frozen=True, slots=True)
class Activity:
    worker: int
    operation: str
    path: bytes
    size: int  # of the large file in hand, 0 for a small one
    done: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    elapsed: float
    phase: str  # copying, linking, deleting, finishing, flushing
    files: int
    bytes: int
    planned_files: int
    planned_bytes: int
    plan_done: bool
    waiting_batches: int
    waiting_bytes: int
    starved: int  # workers without work
    quiet: float  # seconds since anything moved
    workers: tuple[Activity, ...]


@dataclass(frozen=True, slots=True)
class Stalled:
    operation: str
    path: bytes
    device: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Paused:
    elapsed: float


@dataclass(frozen=True, slots=True)
class Resumed:
    elapsed: float


@dataclass(frozen=True, slots=True)
class DeletionPlanned:
    entries: int
    of: int  # entries that the destination has
    allowed: bool
    asks: bool  # waits for an answer
    reason: str


@dataclass(frozen=True, slots=True)
class MirrorFinished:
    deleted: int
    kept: int


@dataclass(frozen=True, slots=True)
class Flushing:
    destinations: tuple[bytes, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    copied: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    cloned: int = 0


@dataclass(frozen=True, slots=True)
class ByteCounts:
    copied: int = 0
    cloned: int = 0


@dataclass(frozen=True, slots=True)
class Seconds:
    total: float = 0.0
    planning: float | None = None
    first_byte: float | None = None  # since the process started


@dataclass(frozen=True, slots=True)
class Summary:
    outcome: str
    exit_code: int
    command: str
    source: bytes
    destination: bytes
    route: str | None
    files: Counts = Counts()
    bytes: ByteCounts = ByteCounts()
    seconds: Seconds = Seconds()
    forecast_s: float | None = None
    workers: int = 0
    failures: tuple[Failed, ...] = ()
    message: str = ""  # why it ended as it did, in words; empty when all is well
    dry_run: bool = False
    methods: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFinished:
    summary: Summary


Event = (
    RunStarted | RouteChosen | BatchPlanned | PlanFinished | BatchStarted | BatchFinished | Failed
    | Heartbeat | Stalled | Paused | Resumed | DeletionPlanned | MirrorFinished | Flushing | RunFinished
)  # fmt: skip


def type_name(event: object) -> str:
    """`BatchFinished` → `batch_finished`, the name on the bus and in `--json`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()


def plain(value: Any) -> Any:
    """An event as JSON can hold it: bytes as text with `surrogateescape`, so that a script can go back."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    return value
