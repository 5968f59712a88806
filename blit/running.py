"""One transfer at work: its workers, its handle, its board, from the first process to the last."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from blit import console
from blit.board import Board
from blit.engine import probing
from blit.engine.control import Control
from blit.engine.transfer import transfer
from blit.engine.workers import Pool, WorkerDied
from blit.errors import EXIT_CODES
from blit.events import RunFinished, Summary
from blit.job import Job
from blit.queue import Disks, Entry

if TYPE_CHECKING:
    from blit.history.predict import Predictor

_COLLECT_EVERY = 0.05  # seconds
_FRESH = 30.0  # seconds that a plan is as good as new, or as long as it took to make
_COLLECT_FOR = 5.0  # seconds; who has not ended by then hangs in the kernel, and is left behind


class Running:
    """Made when a transfer begins; lives in the engine's loop, except `board.state` and `ended`."""

    def __init__(
        self, job: Job, workers: int, predictor: Predictor | None = None, awake: bool = True
    ) -> None:
        """`awake`: the machine does not fall asleep while it lasts."""
        self.job, self.predictor, self._awake = job, predictor, awake
        self.board = Board()
        self.control = Control()
        self.ended = threading.Event()
        self._made = time.monotonic()
        self._workers = job.workers or workers
        self._pool: Pool | None = None
        self._early: probing.Early | None = None
        self._started: float | None = None
        self._broken = False  # it ended by an error of ours: what the workers do is not known

    def adopt(self, pool: Pool, early: probing.Early | None, started: float) -> None:
        """The first steps were taken before: go on from there."""
        self._pool, self._early, self._started = pool, early, started

    @property
    def fresh(self) -> bool:
        """Whether its plan still tells what is on the disks, as far as any listing does."""
        state = self.board.state
        if not state.plan_done:
            return True  # it is being made
        took = state.planning_s or 0.0
        return time.monotonic() - self._made - took <= max(_FRESH, took)

    async def run(self, over: Callable[[], Awaitable[None]]) -> None:
        """To the end, whatever happens: the story always ends with a summary; then `over()`."""
        try:
            if self._pool is None:
                self._started = (
                    time.monotonic()
                )  # the first byte may leave before the engine begins
                await anyio.to_thread.run_sync(self._begin)
            assert self._pool is not None
            async with anyio.create_task_group() as group:
                if self._awake:
                    group.start_soon(console.stay_awake, self.job.command)
                await transfer(
                    self.job, self._pool, self.board.publish, self.control, self._early,
                    self._started, self.board.glance, self.predictor,
                )  # fmt: skip
                group.cancel_scope.cancel()
        except Exception as error:
            self._broken = True
            self.fail(_words(error))
        finally:
            self._kill()
            self.board.close()
            await over()
            self.ended.set()
            await self._end()

    def _begin(self) -> None:
        """Takes about 50 ms, hence not in the loop."""
        if self.job.cluster:
            from blit.cluster.pool import ClusterPool

            self._pool = ClusterPool(self.job.cluster, self.job.workers)
            return  # nothing is begun early: each step is a way across the network
        self._pool = Pool(self._workers)
        routes = self.predictor.routes if self.predictor is not None else dict
        self._early = probing.start(self._pool, self.job, routes)

    def fail(self, message: str) -> None:
        if self.board.state.summary is None:
            job, code = self.job, EXIT_CODES["failed"]
            summary = Summary("failed", code, job.command, job.sources[0], job.target, None)
            summary = summary._replace(message=message, dry_run=job.dry_run)
            self.board.publish(RunFinished(summary))

    def _kill(self) -> None:
        """Workers that hang, or are still at something, do not outlive an end that was no good."""
        summary = self.board.state.summary
        bad = summary is None or summary.outcome in ("stalled", "interrupted")
        if self._pool is not None and (bad or self._broken):
            self._pool.kill()

    async def _end(self) -> None:
        """No process of an ended transfer stays."""
        pool, self._pool, self._early = self._pool, None, None
        if pool is None:
            return
        pool.close()
        with anyio.move_on_after(_COLLECT_FOR):
            while not pool.reap():
                await anyio.sleep(_COLLECT_EVERY)


class Held:
    """One entry, and what is behind it."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.running: Running | None = None
        self.disks: Disks | None = None
        self.why = ""
        self.looking = False
        self.restored = False  # from an earlier session

    @property
    def id(self) -> int:
        return self.entry.id

    def change(self, **changes: object) -> None:
        self.entry = replace(self.entry, **changes)  # type: ignore[arg-type]

    def picture(self) -> Entry:
        if self.running is not None and self.running.board.state is not self.entry.state:
            self.change(state=self.running.board.state)
        return self.entry


def _words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):  # a task group wraps what was raised in it
        error = error.exceptions[0]
    if isinstance(error, WorkerDied):
        return "a worker process died at once: does this Python start with -I -S?"
    if isinstance(error, OSError):
        return f"no worker process could be started: {error.strerror or error}"
    if os.environ.get("BLIT_DEBUG"):
        return "".join(traceback.format_exception(error))
    name = type(error).__name__
    return f"internal error ({name}: {error}); BLIT_DEBUG=1 shows where, please report it"
