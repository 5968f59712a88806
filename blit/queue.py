"""The queue of transfers: what each entry is at, who may start, who comes next; pure."""

from __future__ import annotations

from collections.abc import Sequence
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
    answered: bool = False  # what its mirror asks has its answer
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


# -- who may start ---------------------------------------------------------------------------------


class Disks(NamedTuple):
    """What a transfer reads and writes, as far as it matters who may run beside it."""

    pairs: frozenset[tuple[int, int]] = frozenset()  # (source device, destination device)
    heads: frozenset[str] = frozenset()  # disks whose head must move


class Candidate(NamedTuple):
    id: int
    stage: str
    disks: Disks | None  # None: not known yet
    why: str = ""  # why they are not known


def clash(one: Disks, other: Disks) -> bool:
    """Whether two transfers would only slow each other down."""
    return bool(one.pairs & other.pairs or one.heads & other.heads)


def turns(candidates: Sequence[Candidate]) -> tuple[tuple[int, ...], dict[int, str]]:
    """Who may start now, in order; and why each of the others that wait does.

    Nobody overtakes one that waits for the same disks, and nobody starts while those of one that
    runs are still being looked for.
    """
    if any(c.stage == RUNNING and c.disks is None and not c.why for c in candidates):
        return (), {}
    ahead = [c for c in candidates if c.stage == RUNNING and c.disks is not None]
    start, why = [], {}
    for one in candidates:
        if one.stage != WAITING:
            continue
        if one.disks is None:
            why[one.id] = one.why
            continue
        before = next((c for c in ahead if clash(c.disks or Disks(), one.disks)), None)
        ahead.append(one)
        if before is None:
            start.append(one.id)
        else:
            why[one.id] = f"after #{before.id}: same disks"
    return tuple(start), why


def moved(ids: Sequence[int], movable: frozenset[int], id: int, by: int) -> tuple[int, ...]:
    """The order when `id` has changed places with the `by`th movable one above or below it."""
    places = [place for place, one in enumerate(ids) if one in movable]
    order = list(ids)
    if id not in movable:
        return tuple(order)
    at = places.index(ids.index(id))
    to = min(max(at + by, 0), len(places) - 1)
    step = 1 if to > at else -1
    for n in range(at, to, step):
        a, b = places[n], places[n + step]
        order[a], order[b] = order[b], order[a]
    return tuple(order)
