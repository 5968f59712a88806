"""What of a batch takes far longer than planned is given back, for workers that have nothing to do.

Before the first files are copied nobody knows what one costs here, and the first batches hold
hundreds: on a filesystem of 2 ms an operation that is half a minute for one worker, while those
that are started meanwhile find nothing left.
"""

from __future__ import annotations

from time import monotonic

from blit.worker import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blit.worker.copy import Copier

NEVER = float("inf")
# Seconds. The folder in hand is cut only where its rest takes long, and not finely: workers that
# make files in one folder wait for each other, its lock is held while the server answers (FUSE of
# 2 ms an operation, 16 workers: 480 files a second in 16 folders, 130 in few; 2026-11-22).
_LONG, _PART = 4.0, 1.0
_FEW = 8


def may(copier: Copier, done: int, entries: list[Any]) -> bool:
    """Whether `entries`, none of which was begun, may go to others. `done`: not counted yet.

    Not where something was replaced: one sync of the filesystem serves the whole batch, and smaller
    ones would need more of them. And not before anything was done: each batch makes progress.
    """
    if not _done(copier) + done or copier.waiting or copier.dry or copier.linking:
        return False
    return all(isinstance(entry, str) or entry[5] == wire.NEW for entry in entries)


def worth(copier: Copier, done: int, entries: list[Any]) -> bool:
    """Whether the rest of a group that was begun should, because it would take long."""
    return (
        len(entries) > _FEW
        and may(copier, done, entries)
        and len(entries) * _pace(copier, done) > _LONG
    )


def rest(copier: Copier, place: tuple[Any, ...], entries: list[Any]) -> bool:
    """Both: whether it is worth it, and if so done."""
    if found := worth(copier, 0, entries):
        back(copier, place, entries)
    return found


def back(copier: Copier, place: tuple[Any, ...], entries: list[Any]) -> None:
    """After the batch's time: give back entries of one folder."""
    result = copier.result
    by_content = isinstance(entries[0], str)
    pace = _pace(copier, 0)
    count = len(entries)
    if not by_content and count * pace > _LONG:
        count = max(_FEW, int(_PART / pace))
    files, size = result.back or (0, 0)
    for start in range(0, len(entries), count):
        part = entries[start : start + count]
        weight = 0 if by_content else sum(entry[2] for entry in part)
        result.again.append((len(part), weight, wire.dump((*place, part))))
        size += weight
    result.back = (files + len(entries), size)


def _done(copier: Copier) -> int:
    result = copier.result
    return result.files + result.unchanged + len(result.failures) + result.vanished


def _pace(copier: Copier, done: int) -> float:
    """Seconds that an entry takes."""
    return (monotonic() - copier.began) / max(_done(copier) + done, 1)
