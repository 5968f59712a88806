"""RunRecord: one line of the history, checked; and the history as it can be read today."""

from __future__ import annotations

import json
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from blit.curve import Curve
from blit.history import jsonl, predictor, recorder
from blit.job import Job

NonNegative = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**15)]
SHORTEST = 1e-4  # seconds: what is said to take less is not divided by


class _Part(BaseModel):
    # a newer blit may say more; what is known must be right
    model_config = ConfigDict(frozen=True, extra="ignore")


class Files(_Part):
    planned: Count = 0
    copied: Count = 0
    unchanged: Count = 0
    deleted: Count = 0
    failed: Count = 0
    cloned: Count = 0


class Bytes(_Part):
    planned: Count = 0
    copied: Count = 0
    cloned: Count = 0


class Seconds(_Part):
    total: NonNegative = 0.0
    planning: NonNegative | None = None
    first_byte: NonNegative | None = None
    held: NonNegative = 0.0  # of the total: paused, or waiting for a person


class Spent(_Part):
    """What batches of one kind took together; seconds of workers."""

    files: Count = 0
    bytes: Count = 0
    seconds: NonNegative = 0.0


class Profile(_Part):
    """Between which kinds of places; None where it was not known."""

    source: str = ""
    destination: str = ""
    source_kind: str = ""  # ssd, rotational, removable, network, memory, unknown
    destination_kind: str = ""
    same_device: bool | None = None
    case_rule: str | None = None  # of names at the destination: kept, ignored
    grain: Count | None = None  # of times, in units of 100 ns


class Points(_Part):
    """The throughput of the whole run, in equal parts of its time."""

    seconds: NonNegative = 0.0
    kB_s: tuple[NonNegative, ...] = Field(default=(), max_length=recorder.POINTS)
    marks: str = Field(default="", pattern=f"^[{recorder.MARKS}]*$")

    def curve(self) -> Curve:
        if not self.kB_s or self.seconds < SHORTEST:
            return Curve()
        width = self.seconds / len(self.kB_s)
        moved = tuple(rate * 1000 * width for rate in self.kB_s)
        letters = self.marks.ljust(len(self.kB_s), recorder.MARKS[0])[: len(self.kB_s)]
        marks = bytes(recorder.MARKS.index(letter) for letter in letters)
        return Curve(width, moved, marks, self.seconds, round(sum(moved)))


class Options(_Part):
    checksum: bool = False
    verify: bool = False
    durable: bool = False
    gitignore: bool = False
    delete_excluded: bool = False
    allow_empty_source: bool = False
    max_delete: Count | None = None


class RunRecord(_Part):
    """What blit remembers of one run; see docs/history.md."""

    version: Literal[1]
    id: str = Field(min_length=1, max_length=100)
    at: NonNegative  # Unix time of the start
    blit: str = ""
    command: Literal["copy", "mirror", "move"]
    sources: tuple[str, ...] = ()  # percent-encoded, as they were given, made absolute
    source_count: Count = 1
    target: str
    destination: str = ""  # where the (first) source landed
    options: Options = Options()
    retry: bool = False  # only what had failed before
    filtered: bool = False  # by patterns, which are not kept
    outcome: str
    route: str = ""
    route_why: str = ""
    profile: Profile = Profile()
    fresh: bool | None = None  # nothing was at the destination
    workers: Count = 0
    forecast_s: NonNegative | None = None
    files: Files = Files()
    bytes: Bytes = Bytes()
    seconds: Seconds = Seconds()
    methods: dict[str, Count] = {}
    spent: dict[str, Spent] = {}
    # large files that were free to go either way: split, whole → files, bytes, seconds
    large: dict[str, tuple[Count, Count, NonNegative]] = {}
    peak: NonNegative = 0.0  # bytes a second
    silences: tuple[tuple[NonNegative, NonNegative], ...] = Field(default=(), max_length=100)
    curve: Points = Points()

    @field_validator("sources")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cls._path(each) for each in value)

    @field_validator("target")
    @classmethod
    def _path(cls, value: str) -> str:
        raw = recorder.decode(value)
        if not raw.startswith(b"/") or b"\0" in raw:
            raise ValueError("not an absolute path")
        return value

    @field_validator("destination")
    @classmethod
    def _place(cls, value: str) -> str:
        recorder.decode(value)
        return value

    # -- what follows from it ---------------------------------------------------------------------

    @property
    def speed(self) -> float | None:
        """Bytes a second over the whole run; None where no byte had to move."""
        if not self.bytes.copied or self.seconds.total < SHORTEST:
            return None
        return self.bytes.copied / self.seconds.total

    @property
    def pair(self) -> str:
        """`ext4 → btrfs`."""
        return f"{self.profile.source or '?'} → {self.profile.destination or '?'}"

    @property
    def teaches(self) -> bool:
        """Whether a predictor may learn from it: it went well, and something was copied."""
        return self.outcome == "ok" and self.files.copied > 0 and not self.retry

    @property
    def unrepeatable(self) -> str:
        """Why it cannot be started again from here, in words; empty when it can."""
        if self.filtered:
            return "its filters are not kept: they would name files"
        if not self.sources or len(self.sources) != self.source_count:
            return f"only {len(self.sources)} of its {self.source_count:,} sources are kept"
        return ""

    def job(self) -> Job:
        """The same again. A mirror asks anew before it deletes, whatever was said the last time."""
        options = {name: getattr(self.options, name) for name in recorder.OPTIONS}
        return Job(
            command=self.command,
            sources=tuple(recorder.decode(source) for source in self.sources),
            target=recorder.decode(self.target),
            can_ask=True,
            review=self.command == "mirror",
            **options,
        )


class History(NamedTuple):
    records: tuple[RunRecord, ...] = ()  # oldest first
    damaged: int = 0  # lines that cannot be read
    newer: int = 0  # lines of a version that this blit does not know
    size: int = 0  # bytes
    older: int = 0  # lines that were not looked at


_ADAPTER = TypeAdapter(RunRecord)


def read(path: str = "", newest: int = 0) -> History:
    """All that can be read, or the newest; damaged lines are counted and skipped. OSError."""
    lines = jsonl.lines(path or recorder.history_file())
    older = max(0, len(lines) - newest) if newest else 0
    return parse(lines[older:])._replace(older=older)


def parse(lines: list[bytes]) -> History:
    records, damaged, newer = [], 0, 0
    for line in lines:
        try:
            records.append(_ADAPTER.validate_json(line))
        except ValidationError:
            if _version(line) > recorder.VERSION:
                newer += 1
            else:
                damaged += 1
    records.sort(key=lambda record: record.at)
    return History(tuple(records), damaged, newer, sum(len(line) + 1 for line in lines))


def _version(line: bytes) -> int:
    try:
        version = json.loads(line)["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    return version if isinstance(version, int) else 0


def forget(ids: frozenset[str], path: str = "") -> int:
    """Take these runs out of the history; how many there were. OSError."""
    gone = jsonl.keep(path or recorder.history_file(), lambda line: _id(line) not in ids)
    predictor.forget()  # what was learned is learned anew, from what is left
    return gone


def _id(line: bytes) -> str | None:
    try:
        found = json.loads(line)["id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def clear(path: str = "") -> int:
    """Forget all runs; how many lines there were. OSError."""
    gone = jsonl.keep(path or recorder.history_file(), lambda line: False)
    predictor.forget()
    return gone
