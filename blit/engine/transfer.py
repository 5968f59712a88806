"""The flow of one run, top to bottom: look, list and copy, link, delete, finish, flush, sum up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import anyio

from blit import errors
from blit.engine import endings, moving, probing, review, route, second, space, warmth, watch
from blit.engine.control import Control
from blit.engine.crew import Crew, Listed, Task
from blit.engine.ledger import Ledger
from blit.engine.schedule import Schedule
from blit.engine.spool import Spool
from blit.engine.summary import summarise
from blit.engine.workers import Pool, WorkerDied
from blit.events import (
    Event,
    Flushing,
    Heartbeat,
    MirrorFinished,
    PlanFinished,
    RouteChosen,
    RunFinished,
    RunStarted,
    Summary,
)
from blit.history.predict import Forecast
from blit.job import Job
from blit.worker import status, wire

if TYPE_CHECKING:
    from blit.engine.borders import Known
    from blit.history.predict import Predictor

Publish = Callable[[Event], None]
_TASK_BYTES = 256 << 10  # opaque records that one task of the closing phases carries
_SHARES = 4  # tasks a worker into which the last one goes, so that all end together


async def transfer(
    job: Job,
    pool: Pool,
    publish: Publish,
    control: Control,
    early: probing.Early | None = None,
    started: float | None = None,
    glance: Callable[[Heartbeat], None] | None = None,
    predictor: Predictor | None = None,
) -> Summary:
    """Do the job and return what became of it; raises nothing that is the job's own trouble.

    `early`: what was begun before the engine was imported. `started`: CLOCK_MONOTONIC when the
    process began, for the times in the summary. `glance` is called 4 times a second with a beat
    that is not published: for a face that shows more often than the bus beats. `predictor`: knows
    earlier runs; without one every run begins as the first.
    """
    if early is not None and early.feeder is not None:
        early.feeder.stop()
    run = Run(job, pool, publish, control, started if started is not None else time.monotonic())
    try:
        async with anyio.create_task_group() as group:
            run.group, run.glance, run.predictor = group, glance, predictor
            group.start_soon(watch.watch, run)
            with run.scope:
                try:
                    await run.flow(early)
                except errors.BlitError as error:
                    run.ending = run.ending or error
                except WorkerDied:
                    run.ending = run.ending or errors.Failed(
                        "a worker process died at once: does this Python start with -I -S?"
                    )
            run.crew.catch_up()
            if run.must_clear:
                await run.clear()
            run.ledger.settle()
            run.over = True
            group.cancel_scope.cancel()
    finally:
        control.detach()
    summary = summarise(run)
    publish(RunFinished(summary))
    return summary


class Run:
    """What one transfer knows while it lasts. The phases are its methods, in `flow`'s order."""

    def __init__(
        self, job: Job, pool: Pool, publish: Publish, control: Control, started: float
    ) -> None:
        self.job, self.pool, self.publish = job, pool, publish
        self.control, self.started = control, started
        self.ledger = Ledger(publish)
        self.crew = Crew(pool, self.ledger, publish)
        self.scope = anyio.CancelScope()
        self.schedule: Schedule | None = None
        self.ending: errors.BlitError | None = None
        self.phase = "starting"
        self.route: route.Route | None = None
        self.learned: Known | None = None  # what moves the borders between the routes
        self.destination = b""
        self.planning_s: float | None = None
        self.options = job.options()
        self.roots: list[str] = []
        self.device = (0, "")  # of the destination: number and name
        self.least_writeback: int | None = None  # see watch._flushed
        self.overlap = b""  # where source and destination turned out to overlap
        self.remarks: list[str] = []  # what -v tells of the first look
        self.patterns: list[str] = []  # of the job's filters, as the scanners number them
        self.kept_why = ""  # why a mirror deleted nothing although there was something to delete
        self.over = False
        self.asking = False
        self.swapped = False  # what was built beside its place is in its place
        self.deleting = False  # deletions have begun: places are being emptied
        self.planned = (0, 0)
        self.room = (0, -1, False)  # free at first: bytes, inodes, whether they are all there is
        self.short = ""  # what does not fit
        self.answered = anyio.Event()
        self.group: anyio.abc.TaskGroup
        self.glance: Callable[[Heartbeat], None] | None = None
        self.begun: RunStarted | None = None
        self.since = 0.0  # Unix time of the first look, also of a plan that was held
        self.asked = False  # what would be deleted was shown before the copy was over
        self.told_reply: bool | None = None
        self.predictor: Predictor | None = None
        self.forecast = Forecast()
        self.warm, self.wanted, self.hiring = 0, 0, False  # earlier runs, the workers they say

    @property
    def must_clear(self) -> bool:
        """A large file was left in the middle: its temporary must go, unless the workers hang."""
        schedule = self.schedule
        return (
            not isinstance(self.ending, errors.Stalled) and not self.control.aborted
            and schedule is not None
            and bool(
                schedule.large.active is not None or self.crew.posted
                or (schedule.swaps and not self.swapped)
            )
        )  # fmt: skip

    async def flow(self, early: probing.Early | None) -> None:
        facts = await self.look(early)
        if self.route is not None and self.route.name == "direct":
            await self.direct(
                early.tasks[0] if early and early.tasks else probing.direct_task(facts)
            )
            await second.tries(self, facts)
        else:
            if self.job.move:
                await moving.rename(self, facts)
            await self.stream(facts, early)
            await second.tries(self, facts)
            await self.link()
            if self.job.mirror:
                await self.delete()
            await self.finish()
        if self.ledger.left and not self.crew.stopping:
            raise errors.Failed(f"internal error: {self.ledger.left} entries were left undone")
        await self.flush()
        if self.job.move:
            await moving.retire(self, facts)

    def check(self) -> None:
        """Between two phases: end here if something says so."""
        if self.ledger.defect:
            raise errors.Failed(endings.defect(self.ledger.defect))
        if self.ledger.fatal is not None:
            kind = errors.Refused if self.ledger.fatal.step == "lock" else errors.Failed
            raise kind(endings.fatal(self.ledger.fatal))
        if self.control.stopped_by is not None:
            raise errors.Interrupted(self.left_text(), self.control.stopped_by or 2)
        overlap = self.overlap or (self.schedule.overlap if self.schedule else b"")
        if overlap:
            path = os.fsdecode(overlap)
            raise errors.Refused(f"source and destination overlap at {path}: nothing was deleted")

    def left_text(self) -> str:
        """What an interrupted run leaves to its next time."""
        self.crew.catch_up()
        total = self.totals()[0]
        least = "" if self.schedule is None or self.schedule.plan_done else "at least "
        if self.job.dry_run or not total:
            return "interrupted"
        return (
            f"interrupted: {self.ledger.files:,} of {least}{total:,} files are done; "
            "the same command goes on from there"
        )

    # -- the first look ----------------------------------------------------------------------------

    async def look(self, early: probing.Early | None) -> dict[str, Any]:
        self.phase = "looking"
        if early is not None and early.schedule is not None:
            self.schedule = early.schedule  # workers are at it: known also if the run ends here
            self.crew.posted.update(early.tasks)
            self.crew.early.extend(early.answers)
        facts = await probing.facts(self.pool, self.job, early)
        if "defect" in facts:
            self.ledger.take(facts)
            self.check()
        if "refused" in facts:
            outcome, path, text = facts["refused"]
            raise errors.by_outcome(outcome)(f"{os.fsdecode(path)} {text}")
        self.options, self.roots = facts["options"], facts["roots"]
        self.device = (facts["device"][0], facts["device"][1])
        self.patterns, self.room = facts.get("patterns", []), facts["room"]
        self.ledger.take({"failures": facts.get("failures", ())})
        self.remarks = facts["remarks"]
        self.destination = facts["landings"][0][1]
        landings = tuple((a, b) for a, b in facts["landings"])
        self.since = time.time()
        self.begun = RunStarted(
            self.job.command, self.job.sources, self.destination, landings, self.job.dry_run,
            self.since, facts["free"], self.job.trash,
        )  # fmt: skip
        self.publish(self.begun)
        known = early.known if early is not None else {}
        self.route, self.learned = probing.choose(self.job, facts, known)
        self.forecast = forecast = await warmth.ask(self.predictor, facts, self.route.name)
        why = warmth.warm(self, facts)
        self.publish(
            RouteChosen(
                self.route.name, self.route.reason + why, forecast.seconds,
                max(self.wanted, len(self.pool.workers)), tuple(facts["filesystems"]),
                forecast.band, forecast.runs, forecast.rates, forecast.profile, forecast.fresh,
            )
        )  # fmt: skip
        if not probing.harmless(facts, self.job):
            source = os.fsdecode(self.job.sources[0])
            raise errors.Refused(
                f"{source} is empty and the destination is not: is it mounted? "
                "If it is meant to be empty, say --allow-empty-source"
            )
        self.check()
        return facts

    # -- copying -----------------------------------------------------------------------------------

    async def direct(self, task: Task) -> None:
        self.phase = "copying"
        self.planned = (task["files"], task["bytes"])
        listed: dict[str, Any] = {}
        await self.crew.work(Listed([task], lambda _, answer: listed.update(answer)))
        self.planned = (listed.get("planned_files", 0), listed.get("planned_bytes", 0))
        self.overlap = listed.get("overlap", b"")
        self.plan_finished(listed.get("listed", 0), 0)
        self.check()

    async def stream(self, facts: dict[str, Any], early: probing.Early | None) -> None:
        self.phase = "copying"
        schedule = early.schedule if early else None
        self.crew.catch_up()
        if schedule is None:
            schedule = probing.streaming(facts, len(self.pool.workers), self.job.held)
            assert self.route is not None
            probing.taught(schedule, self.route, self.learned, facts)
        self.schedule = schedule
        warmth.teach(self, schedule)
        self.control.held = schedule.held
        if self.control.released:
            review.release(self)
        self.crew.after_each = self.plan_known
        self.plan_known()  # a small tree was listed before the engine came up
        await self.crew.work(schedule)
        self.control.held = False
        self.plan_known()
        self.check()

    def plan_known(self) -> None:
        """Tell once when the tree is listed to its end."""
        schedule = self.schedule
        space.check(self)
        if self.planning_s is None and schedule is not None and schedule.plan_done:
            self.plan_finished(schedule.folders, schedule.extra_count)
        if self.planning_s is not None:
            review.ask_early(self)

    def plan_finished(self, folders: int, extras: int) -> None:
        self.planning_s = time.monotonic() - self.started
        files, size = self.totals()
        unchanged = self.ledger.unchanged
        known = warmth.known(self, files, size, unchanged)
        self.publish(
            PlanFinished(
                files,
                size,
                unchanged,
                folders,
                extras,
                self.planning_s,
                known.seconds,
                known.band,
                "" if self.ledger.fatal else self.short,
            )
        )

    def totals(self) -> tuple[int, int]:
        schedule = self.schedule
        return self.planned if schedule is None else (schedule.files, schedule.bytes)

    async def link(self) -> None:
        schedule = self.schedule
        assert schedule is not None
        if not schedule.link_names:
            return
        self.phase = "linking"
        tasks = (
            {
                "op": "links",
                "what": "link",
                "parts": list(bucket),
                "options": self.options,
                "files": bucket.count,
            }
            for bucket in schedule.links
            if bucket.count
        )
        await self.crew.work(Listed(tasks, schedule.linked))
        self.check()

    # -- the mirror's deletions --------------------------------------------------------------------

    async def delete(self) -> None:
        """After a complete scan and clean copies only: what was listed, if the guard allows it."""
        schedule, job = self.schedule, self.job
        assert schedule is not None
        extras = schedule.extra_count
        verdict = review.guard(self)
        if not extras and not schedule.swaps:
            self.publish(MirrorFinished(0, schedule.kept))
            return
        if not (self.asked and verdict.asks):
            review.tell(self, verdict)
        allowed = verdict.allowed and (not verdict.asks or await self.answer())
        if self.control.stopped_by is not None:  # that was the answer
            self.check()
        if not allowed:
            self.kept_why = verdict.reason
            if verdict.allowed:
                self.kept_why = "nothing was deleted, as you answered"
            if not self.ledger.incomplete:
                self.ending = errors.Refused(self.kept_why)
            self.publish(MirrorFinished(0, extras))
            await self.swap(undo=True)
            return
        if not job.dry_run:
            await self.sync("everything copied is on disk before anything is deleted")
        self.phase = "deleting"
        self.deleting = True
        await self.crew.work(Listed(self.delete_tasks(schedule.extras, "files")))
        self.check()
        # one after another: a folder can only go when those below it have gone
        for task in self.delete_tasks(schedule.extras, "folders"):
            await self.crew.work(Listed([task]))
        await self.swap(undo=False)
        self.publish(MirrorFinished(self.ledger.deleted, extras - self.ledger.deleted))
        self.check()

    def delete_tasks(self, extras: Spool, what: str) -> Iterator[Task]:
        job, records = self.job, iter(extras) if what == "files" else reversed(extras)
        for blobs in _chunks(records):
            if what == "folders":
                blobs.reverse()  # a task turns its own records round
            yield {
                "op": "delete",
                "what": "delete",
                "extras": blobs,
                "options": self.options,
                "which": what,
                "whole": not job.filtered or job.delete_excluded,
            }

    async def answer(self) -> bool:
        """Wait for the person; the stall clock stands meanwhile."""
        self.asking = self.asked = True
        before, self.phase = self.phase, "asking"
        try:
            while self.control.reply is None and self.control.stopped_by is None:
                await self.answered.wait()
                self.answered = anyio.Event()
        finally:
            self.asking, self.phase = False, before
        return bool(self.control.reply)

    async def swap(self, undo: bool) -> None:
        """Bring what was built beside its place to its place, or remove it again."""
        schedule = self.schedule
        if schedule is None or not schedule.swaps:
            return
        task: Task = {"op": "swap", "what": "delete", "options": self.options}
        task |= {"swaps": schedule.swaps, "undo": undo}

        def done(_: Task, answer: dict[str, Any]) -> None:
            schedule.swaps = []
            self.swapped = not undo

        await self.crew.work(Listed([task], done))

    # -- the end -----------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Folder metadata last: everything before would have changed the times again."""
        schedule = self.schedule
        assert schedule is not None
        if self.job.dry_run or not len(schedule.finish):
            return
        self.phase = "finishing"
        late: list[bytes] = []

        def keep(_: Task, answer: dict[str, Any]) -> None:
            if "late" in answer:
                late.append(answer["late"])

        def task(blobs: list[bytes], last: bool) -> Task:
            return {
                "op": "finish", "what": "finish", "folders": blobs, "options": self.options,
                "swapped": self.swapped, "last": last,
            }  # fmt: skip

        # all folders first: an empty one made later would move the time of its parent again
        make = ({**task(blobs, False), "make": True} for blobs in _chunks(iter(schedule.bare)))
        await self.crew.work(Listed(make))
        self.check()
        share = schedule.finish.size // (_SHARES * self.crew.active)
        parts = _chunks(reversed(schedule.finish), share)
        tasks = (task(blobs[::-1], False) for blobs in parts)
        await self.crew.work(Listed(tasks, keep))
        if late:
            await self.crew.work(Listed([task(late, True)]))
        self.check()

    async def flush(self) -> None:
        if self.job.dry_run or not self.options & wire.DURABLE:
            return
        await self.sync(
            "--durable"
            if self.job.durable
            else "the destination can be unplugged or lies on a network"
        )

    async def sync(self, reason: str) -> None:
        """Everything written so far is on the device when this returns."""
        self.phase = "flushing"
        self.publish(Flushing((self.destination,), reason))
        places = {(root, "") for root in self.roots} | set(self.pool.devices.values())
        task = {"op": "sync", "what": "flush", "places": sorted(places)}
        failed = self.ledger.failed
        await self.crew.work(Listed([task]))
        if self.ledger.fatal:
            self.check()
        if self.ledger.failed > failed:
            raise errors.Failed(
                "the destination could not be flushed to its device: "
                f"{self.ledger.failures[-1].message}: dmesg tells more; when it is sound again, "
                "run the same command with --checksum"
            )

    async def clear(self) -> None:
        """After a stop: what the workers began and will not end is removed, or kept for later."""
        schedule = self.schedule
        assert schedule is not None
        if self.crew.posted:  # it ended before the crew set out
            self.crew.stopping = True
            self.pool.flag(status.STOP)
            with anyio.move_on_after(5):
                await self.crew.work(schedule)
            if isinstance(self.ending, errors.Interrupted):  # more is done by now
                self.ending = errors.Interrupted(self.left_text(), self.ending.signal)
        self.crew.stopping = False
        self.pool.flag(0)
        large = schedule.large.abandon()
        tasks: list[Task] = [large] if large is not None else []
        if schedule.swaps and not self.swapped:
            # once its place may have been emptied the new belongs there, not nothing
            undo = not self.deleting
            task = {"op": "swap", "what": "clear", "swaps": schedule.swaps, "undo": undo}
            tasks.append(task | {"options": self.options})
        with anyio.move_on_after(5):
            await self.crew.work(Listed(tasks))


def _chunks(blobs: Iterator[bytes], most: int = _TASK_BYTES) -> Iterator[list[bytes]]:
    """Of about `most` bytes, if that is less than usual."""
    held: list[bytes] = []
    size = 0
    for blob in blobs:
        held.append(blob)
        size += len(blob)
        if size >= min(most, _TASK_BYTES):
            yield held
            held, size = [], 0
    if held:
        yield held
