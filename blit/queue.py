"""The queue of transfers: what each entry is at, who may start, who comes next; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from blit.job import Job
from blit.state import TransferState

# stages of an entry's life
PREVIEW = "preview"  # its plan is being made and nobody has confirmed it yet; not in the list
WAITING = "waiting"  # for its turn
PARKED = "parked"  # put aside: left over from an earlier time, or paused before it began
RUNNING = "running"
ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer as a face sees it: an immutable picture of one moment."""

    id: int
    job: Job
    state: TransferState = TransferState()
    stage: str = WAITING
    paused: bool = False  # asked to pause; `state.phase` says when it does
    stopping: bool = False  # asked to stop, and finishing what is in hand
    why: str = ""  # why it waits, or why it could not begin, in words
    added_at: float = 0.0  # Unix time
    ended_at: float = 0.0  # Unix time
    retry_of: int = 0  # the entry whose failed files this one tries again

    @property
    def status(self) -> str:
        """One word: preview, waiting, parked, running, paused, asking, silent, stopping, or how it
        ended: ok, partial, failed, refused, stalled, mismatch, interrupted, usage."""
        if self.stage == ENDED:
            return self.state.summary.outcome if self.state.summary is not None else "failed"
        if self.stage != RUNNING:
            return self.stage
        if self.stopping:
            return "stopping"
        if self.state.phase == "asking":
            return "asking"
        if self.paused:
            return "paused"
        return "silent" if self.state.silent else "running"

    @property
    def active(self) -> bool:
        """It has an engine at work, or could go on with one."""
        return self.stage == RUNNING


class Extra(NamedTuple):
    """Something that a mirror would delete."""

    path: bytes  # below the destination
    folder: bool
    bytes: int  # with all that is in it
    entries: int  # 1 for a file; a folder and all that is in it


class Folders(NamedTuple):
    """The sub-folders of a folder, for pickers and completion."""

    path: str
    names: tuple[str, ...] = ()  # sorted; hidden ones last
    more: int = 0  # left out
    error: str = ""  # why it cannot be listed, in words
