"""Looks at the status pages while a run lasts: heartbeats, the stall rule, a face's commands."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import anyio

from blit import errors
from blit.engine import review
from blit.engine.growth import Growth
from blit.engine.pulse import LOOK, Pulse
from blit.events import Activity, Heartbeat, Paused, Resumed, Stalled
from blit.worker import status
from blit.worker.system import mount_of, unwritten, written_to

if TYPE_CHECKING:
    from blit.engine.transfer import Run
    from blit.engine.workers import Worker

# seconds that a first Ctrl-C waits for workers that do not move before it becomes a second one
_STOP_PATIENCE = 2.0
_AT_DESTINATION = {"sync", "create", "metadata", "rename", "link", "delete", "mkdir"}
_TELL_DEVICE = 2.5  # seconds of quiet from which a worker's device is told too


async def watch(run: Run) -> None:
    """Runs beside the flow; cancelled at its end."""
    command = anyio.Event()

    def heard() -> None:
        command.set()

    run.control.attach(heard)
    pulse = Pulse(time.monotonic())
    growth: Growth | None = None
    last_ticks: dict[int, tuple[int, float]] = {}
    patience = skips = 0
    stopped, last_moment = 0.0, False
    control = run.control
    if control.stopped_by is not None or control.released or control.paused:  # said before
        command.set()
    while not run.over:
        with anyio.move_on_after(LOOK):
            await command.wait()
        if command.is_set():
            command = anyio.Event()
            _obey(run)
            if patience != run.control.patience:
                patience = run.control.patience
                pulse.be_patient()
            if skips != run.control.skips:
                skips = run.control.skips
                review.skip(run, last_ticks, time.monotonic())
        now = time.monotonic()
        schedule = run.schedule
        signs = (run.pool.counters()[0], run.crew.numbers, _flushed(run), run.pool.steps())
        held = run.crew.paused or run.asking or _ready(run)
        beat = pulse.look(now, signs, bool(run.crew.idle), held)
        _note(run, last_ticks, now)
        if schedule is not None and schedule.split and run.phase == "copying" and not held:
            crew = run.crew
            if growth is None and not run.hiring:  # warmth has started all that it will
                growth = Growth(now, crew.active, os.cpu_count() or 1, warm=run.warm)
                growth.settled = growth.settled or run.job.workers is not None
            if growth is not None:
                count = growth.look(now, signs[0], _spare_seconds(), crew.idle, crew.waits.pace)
                if count != crew.active and not crew.stopping:
                    schedule.workers = count
                    crew.resize(count)
        if run.glance is not None:
            run.glance(_heartbeat(run, now, pulse, last_ticks))
        if beat:
            run.publish(_heartbeat(run, now, pulse, last_ticks))
            run.crew.wake()  # whatever the plan holds goes to whoever is hungry
        if run.control.stopped_by is not None:  # what was quiet before gets its time too
            stopped = stopped or now
            last_moment = now - stopped > _STOP_PATIENCE and pulse.quiet > _STOP_PATIENCE
        if last_moment and not held:
            _end_now(run, errors.Interrupted(run.left_text(), run.control.stopped_by or 2))
        elif pulse.stalled:
            _stall(run, last_ticks, now, pulse.quiet)


def _obey(run: Run) -> None:
    """Do what the face has asked for."""
    control, crew, pool = run.control, run.crew, run.pool
    if control.aborted:
        _end_now(run, errors.Interrupted(run.left_text(), control.stopped_by or 2))
    elif control.stopped_by is not None and not crew.stopping:
        crew.stopping = True
        crew.paused = False  # or who hangs would be waited for without end
        pool.flag(status.STOP)
    elif control.paused != crew.paused and not crew.stopping:
        crew.paused = control.paused
        pool.flag(status.PAUSE if control.paused else status.RUN)
        elapsed = time.monotonic() - run.started
        run.publish(Paused(elapsed) if control.paused else Resumed(elapsed))
    if control.released:
        review.release(run)
    review.tell_reply(run)
    review.answer_questions(run)
    run.answered.set()
    crew.wake()


def _end_now(run: Run, error: errors.BlitError) -> None:
    """Leave everything as it is: processes that hang in the kernel are left behind."""
    run.ending = run.ending or error
    run.control.aborted = True
    run.pool.flag(status.ABORT)
    run.pool.kill()
    run.scope.cancel()


def _stall(run: Run, last: dict[int, tuple[int, float]], now: float, quiet: float) -> None:
    """End the run and say where it stands still: at the worker that has been silent longest."""
    busy = [w for w in run.pool.workers if w.task is not None] or run.pool.workers
    worst = min(busy, key=lambda w: last.get(w.slot, (0, now))[1])
    operation, path, _, _ = worst.view.activity()
    path = path or run.destination or run.job.target  # none: it has not even begun
    device = _device(path)
    idle = operation == status.OPERATIONS[status.IDLE]
    doing = "a worker process to begin at" if idle else operation
    what = f"{doing} {os.fsdecode(path)} on {device}"
    if operation in ("copy", "compare"):  # one call on both sides: either may be the one that hangs
        other = worst.view.other_side()
        kind, name = mount_of(os.fsdecode(other))
        what += f", or {os.fsdecode(other)} on {name} ({kind})"
    run.publish(Stalled(operation, path, device, quiet))
    run.ending = errors.Stalled(
        f"nothing moved for {quiet:.0f} s while blit waited for: {what}. "
        "Check that the device and its mount answer (ls, dmesg), then run the same command again"
    )
    run.pool.kill()
    run.scope.cancel()


def _note(run: Run, last: dict[int, tuple[int, float]], now: float) -> None:
    for worker in run.pool.workers:
        ticks = worker.view.counters()[0]
        if last.get(worker.slot, (-1, 0.0))[0] != ticks:
            last[worker.slot] = (ticks, now)


def _ready(run: Run) -> bool:
    """The plan is made and waits for somebody to confirm it."""
    schedule = run.schedule
    return schedule is not None and schedule.held and schedule.plan_done


def _phase(run: Run) -> str:
    if run.crew.paused:
        return "paused"
    if run.job.held and (run.schedule is None or run.schedule.held):
        return "ready" if _ready(run) else "counting"
    return run.phase


def _activity(worker: Worker, quiet: float) -> Activity:
    """What a worker has in hand, and how far it is with it."""
    operation, path, size, done = worker.view.activity()
    task = worker.task or {}
    _, files, moved, _ = worker.view.counters()
    return Activity(
        worker.slot, operation, path, size, done, task.get("number", 0), task.get("what", ""),
        files - worker.base[0], task.get("files", 0), moved - worker.base[1], task.get("bytes", 0),
        quiet, _device(path) if quiet >= _TELL_DEVICE and path else "",
    )  # fmt: skip


def _device(path: bytes) -> str:
    kind, name = mount_of(os.fsdecode(path))
    return f"{name} ({kind})" if kind else "unknown device"


def _heartbeat(run: Run, now: float, pulse: Pulse, last: dict[int, tuple[int, float]]) -> Heartbeat:
    _, files, moved, _ = run.pool.counters()
    schedule = run.schedule
    plan_done, batches, waiting = True, 0, 0
    if schedule is not None:
        plan_done = schedule.plan_done
        batches = schedule.plan.waiting_batches() + len(schedule.large.waiting)
        waiting = schedule.plan.waiting_bytes + sum(large.size for large in schedule.large.waiting)
    planned_files, planned_bytes = run.totals()
    activities = [
        _activity(worker, now - last.get(worker.slot, (0, now))[1])
        for worker in run.pool.workers
        if worker.task is not None
    ]
    phase = _phase(run)
    return Heartbeat(
        elapsed=0.0 if phase in ("counting", "ready") else now - run.started,
        phase=phase,
        files=files,
        bytes=moved,
        planned_files=planned_files,
        planned_bytes=planned_bytes,
        plan_done=plan_done and run.phase != "looking",
        waiting_batches=batches,
        waiting_bytes=waiting,
        starved=run.crew.idle,
        quiet=pulse.quiet,
        workers=tuple(activities),
        unchanged=run.ledger.unchanged,
        replaced=schedule.replaced if schedule is not None else 0,
        extras=schedule.extra_count if schedule is not None else 0,
        deleted=run.ledger.deleted,
        limit=pulse.limit,
    )


def _spare_seconds() -> float:
    """Time that this machine's cores have had nothing to do since it started, all together."""
    try:
        with open("/proc/stat", "rb") as table:
            fields = table.readline().split()
        return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _flushed(run: Run) -> object:
    """While a worker waits for the destination alone: what its device has written.

    It moves as long as the device lives: a rename may wait for all that is still to be written.
    Where there is no block device (a network or FUSE filesystem) only unwritten pages that become
    fewer than ever since count, since other disks raise and lower them too.
    """
    at = {w.view.activity()[0] for w in run.pool.workers if w.task is not None}
    written = written_to(*run.device) if at & _AT_DESTINATION else None
    if written is not None:
        return written
    if "sync" not in at:
        run.least_writeback = None
        return None
    now = unwritten()
    run.least_writeback = now if run.least_writeback is None else min(now, run.least_writeback)
    return run.least_writeback
