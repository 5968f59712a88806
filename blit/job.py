"""A Job is what the user asked for, no more; where it lands is `worker.landing`'s pure rule."""

from __future__ import annotations

from dataclasses import dataclass

from blit.worker import wire


@dataclass(frozen=True, slots=True)
class Job:
    """One transfer. Paths are absolute bytes with the trailing slash as given: it decides."""

    command: str  # "copy" or "mirror"
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
    gitignore: bool = False  # the .gitignore files in the source are obeyed
    delete_excluded: bool = False  # a mirror deletes what is left out too, instead of sparing it
    only: tuple[bytes, ...] = ()  # nothing but these absolute paths, of either side: a retry

    @property
    def mirror(self) -> bool:
        return self.command == "mirror"

    @property
    def filtered(self) -> bool:
        return bool(self.patterns or self.gitignore)

    def options(self) -> int:
        """The job as the number that every task of a worker carries."""
        return (
            wire.DRY * self.dry_run
            | wire.CHECKSUM * self.checksum
            | wire.MIRROR * self.mirror
            | wire.ITEMIZE * self.itemize
            | wire.DURABLE * self.durable
            | wire.VERIFY * self.verify
            | wire.HELD * self.held
        )
