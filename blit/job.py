"""A Job is what the user asked for, no more; where it lands is `worker.landing`'s pure rule."""

import os
from typing import NamedTuple

from blit.worker import wire

TRANSFERS = ("copy", "mirror", "move", "check")  # the verbs that are a job for the engine


class Job(NamedTuple):
    """One transfer. Paths are absolute bytes with the trailing slash as given: it decides."""

    command: str  # one of TRANSFERS
    sources: tuple[bytes, ...]
    target: bytes
    dry_run: bool = False
    checksum: bool = False  # decide by content, not by size and time
    verify: bool = False  # read back what was written and compare
    durable: bool = False  # exit 0 means: on disk
    itemize: bool = False  # name every change (-v, -n)
    yes: bool = False  # a mirror may delete without asking
    max_delete: int | None = None  # None: the default guard
    allow_empty_source: bool = False
    can_ask: bool = False  # somebody sits there who can answer
    workers: int | None = None  # debugging only
    held: bool = False  # make the plan, touch nothing, and wait for `Control.go`
    review: bool = False  # a face shows what would be deleted and asks as soon as all is listed
    # what is left out, in gitignore syntax, the last match wins: a str is one line, bytes are the
    # absolute path of a file of such lines
    patterns: tuple[str | bytes, ...] = ()
    lasting: int = 0  # so many of the patterns are those of every run: none need match
    gitignore: bool = False  # the .gitignore files in the source are obeyed
    delete_excluded: bool = False  # a mirror deletes what is left out too, instead of sparing it
    # of regular files: bytes, and Unix times (seconds) of the last change; None is no limit
    min_size: int | None = None
    max_size: int | None = None
    newer: float | None = None
    older: float | None = None
    trash: bool = False  # what is deleted or replaced goes to the destination's trash
    only: tuple[bytes, ...] = ()  # nothing but these absolute paths, of either side: a retry
    # nothing but what a list names below the source: the absolute path of that list, or itself
    files_from: bytes | None = None
    listed: bytes | None = None
    retry_of: str = ""  # the run whose failures they are, see failed.py
    cluster: str = ""  # the address of the Dask scheduler whose workers do it; "": this machine

    @property
    def mirror(self) -> bool:
        """What only the destination has counts too."""
        return self.command in ("mirror", "check")

    @property
    def check(self) -> bool:
        """A dry run of a mirror, told as a comparison: nothing is ever written."""
        return self.command == "check"

    @property
    def move(self) -> bool:
        """The source goes at the end: then `checksum`, `verify` and `durable` are set too."""
        return self.command == "move"

    @property
    def filtered(self) -> bool:
        return bool(self.patterns or self.gitignore or self.limited)

    @property
    def selected(self) -> bool:
        """Whether only some paths are meant, each by its name."""
        return bool(self.only) or self.files_from is not None or self.listed is not None

    @property
    def limited(self) -> bool:
        """Whether files are left out by their size or age."""
        limits = (self.min_size, self.max_size, self.newer, self.older)
        return any(limit is not None for limit in limits)

    def options(self) -> int:
        """The job as the number that every task of a worker carries."""
        return (
            wire.DRY * self.dry_run
            | wire.CHECKSUM * self.checksum
            | wire.MIRROR * self.mirror
            | wire.ITEMIZE * self.itemize
            | wire.DURABLE * self.durable
            | wire.VERIFY * self.verify
            | wire.TRASH * self.trash
            | wire.HELD * self.held
        )


def command_line(job: Job) -> str:
    """The `blit …` line that does the same, for a shell."""
    words = ["blit", job.command]
    for option, given in (
        ("--dry-run", job.dry_run), ("--checksum", job.checksum), ("--verify", job.verify),
        ("--durable", job.durable), ("--trash", job.trash),
        ("--gitignore", job.gitignore), ("--yes", job.yes),
        ("--delete-excluded", job.delete_excluded),
        ("--allow-empty-source", job.allow_empty_source),
    ):  # fmt: skip
        if given:
            words.append(option)
    if job.max_delete is not None:
        words += ["--max-delete", str(job.max_delete)]
    if job.files_from is not None:
        words += ["--files-from", _quoted(job.files_from)]
    elif job.listed is not None:
        words += ["--files-from", "-"]
    if job.cluster:
        words += ["--cluster", _shell(job.cluster)]
    for option, size in (("--min-size", job.min_size), ("--max-size", job.max_size)):
        if size is not None:
            words += [option, str(size)]
    for option, when in (("--newer", job.newer), ("--older", job.older)):
        if when is not None:
            words += [option, f"@{when:.6f}".rstrip("0").rstrip(".")]
    for pattern in job.patterns:
        if isinstance(pattern, bytes):
            words += ["--exclude-from", _quoted(pattern)]
        elif pattern.startswith("!"):
            words.append("--include=" + _shell(pattern[1:]))
        else:
            words.append("--exclude=" + _shell(pattern))
    return " ".join([*words, *map(_quoted, job.sources), _quoted(job.target)])


def _shell(text: str) -> str:
    import shlex  # a copy that asks nobody to repeat it does without

    return shlex.quote(text)


def _quoted(path: bytes) -> str:
    """A path as a shell takes it, on one line of plain text whatever is in it."""
    text = os.fsdecode(path)
    if text.isprintable():
        return _shell(text)
    return "$'" + "".join(_escaped(byte) for byte in path) + "'"


def _escaped(byte: int) -> str:
    if byte in b"'\\":
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
