"""Ends a run whose plan cannot fit on its destination, before it has filled it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from blit.events import Failed
from blit.worker import room, status

if TYPE_CHECKING:
    from blit.engine.transfer import Run

STEP = "space"  # of the failure that ends the run


def check(run: Run) -> None:
    """After each listing: does what was found so far still fit? Says so once."""
    schedule = run.schedule
    if schedule is None or run.short or run.control.held or schedule.held:
        return
    free, inodes = room_of(run)
    need = schedule.need
    if need[0] <= free and need[1] <= free and (inodes < 0 or need[3] <= inodes):
        return
    text = room.lacking(need, free, inodes, schedule.plan_done)
    if not text:
        return
    extras = schedule.extra_count
    if run.job.mirror and extras:
        text += (
            f". What this mirror would delete ({extras:,} so far) goes only when all is copied, "
            "so it makes no room in time"
        )
    run.short = text
    if run.room[2] and not schedule.twice and not run.job.dry_run:
        run.ledger.end(Failed(run.destination, STEP, errno.ENOSPC, text))
        run.crew.stopping = True
        run.pool.flag(status.STOP)


def room_of(run: Run) -> tuple[int, int]:
    """Bytes and inodes that were free when the run began, or are, with what it has taken since.

    The greater of both: somebody may have made room meanwhile.
    """
    schedule = run.schedule
    free, inodes, certain = run.room
    if schedule is None or schedule.room is None or not certain:
        return free, inodes
    _, files, moved, _ = run.pool.counters()
    in_hand = sum(worker.view.activity()[2] for worker in run.pool.workers)
    now, inodes_now = schedule.room
    free = max(free, now + moved + in_hand)
    return free, max(inodes, inodes_now + files) if inodes >= 0 else -1
