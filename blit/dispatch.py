"""Who runs when: starts, ends and keeps the transfers of a session, in the engine's own loop.

The engine runs in a thread and loop of its own. The list is changed under a lock, from any thread;
what concerns a running transfer is done in the loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

from blit import queue
from blit.asking import Asker, NoAnswer
from blit.job import Job
from blit.queue import ENDED, PARKED, PREVIEW, RUNNING, WAITING, Entry
from blit.running import Held, Running

if TYPE_CHECKING:
    from blit.bus import Mailbox
    from blit.engine.control import Control
    from blit.engine.probing import Early
    from blit.engine.workers import Pool
    from blit.history.predict import Predictor
    from blit.state import TransferState
    from blit.store import Store

MOST_ENDED = 200
_ASK_AGAIN = 10.0  # seconds until the disks of a waiting transfer are looked for once more
_SAVE_AFTER = 0.3  # seconds: several changes make one write

Record = Callable[[Job, "TransferState"], object]  # told of every transfer that has ended
Predict = Callable[[Job], "Predictor"]  # knows the earlier runs of such a job
Follow = Callable[["Mailbox"], object]  # is handed a story as it begins


class Dispatcher:
    """What `Manager` stands on: the list, the loop, the turns."""

    def __init__(
        self, workers: int, record: Record | None = None, predict: Predict | None = None
    ) -> None:
        self._workers = workers
        self._record = record
        self._predict = predict
        self._store: Store | None = None  # once it is read: nothing is written over what is not
        self._lock = threading.RLock()
        self._saving = threading.Lock()
        self._held: list[Held] = []
        self._ids = 0
        self._shown: tuple[Entry, ...] = ()
        self._closing = False
        self._unsaved = False
        self.codes: dict[int, int] = {}  # exit codes of the transfers that ended, in that order
        self._asker, self._pickers = Asker(), Asker()
        self._context: AbstractContextManager[BlockingPortal] = start_blocking_portal()
        self._portal = self._context.__enter__()
        self._tasks: TaskGroup
        self._loop: asyncio.AbstractEventLoop
        self._served, _ = self._portal.start_task(self._serve)

    async def _serve(self, *, task_status: TaskStatus[None]) -> None:
        async with anyio.create_task_group() as self._tasks:
            self._loop = asyncio.get_running_loop()
            task_status.started()
            await anyio.sleep_forever()

    # -- the picture -------------------------------------------------------------------------------

    def entries(self) -> tuple[Entry, ...]:
        with self._lock:
            now = tuple(held.picture() for held in self._held)
            if len(now) != len(self._shown) or any(
                a is not b for a, b in zip(now, self._shown, strict=True)
            ):
                self._shown = now
            return self._shown

    # -- for who started the session ---------------------------------------------------------------

    def adopt(
        self, job: Job, pool: Pool, early: Early | None, started: float,
        follow: Follow | None = None,
    ) -> tuple[int, Mailbox]:  # fmt: skip
        """Run what was begun before there was a manager; its id and its whole story, twice."""
        running = self._running(job)
        running.adopt(pool, early, started)
        _, mailbox = running.board.join()  # nothing has been said yet
        if follow:
            follow(running.board.join()[1])
        with self._lock:
            held = self._held_new(job, RUNNING)
            held.running = running
        self._soon(self._start, held, running)
        self._soon(self._turn)
        return held.id, mailbox

    def join(self, id: int) -> tuple[TransferState, Mailbox]:
        """What a transfer's story was so far, and a mailbox for the rest of it."""
        running = self._known(id).running
        assert running is not None
        return self._portal.call(running.board.join)

    def ended(self, id: int, timeout: float | None = None) -> bool:
        """Wait for the end of a transfer that has begun."""
        running = self._known(id).running
        return running is None or running.ended.wait(timeout)

    def remember(self, store: Store) -> None:
        """Bring back what an earlier session left, and keep what this one will."""
        self._soon(lambda: self._tasks.start_soon(self._keep, store))

    def close(self) -> None:
        """Write the queue, forget the previews, end the loop; the transfers must have ended."""
        with self._lock:
            self._closing = True
            for held in list(self._held):
                if held.entry.stage == PREVIEW:
                    self._drop(held)
        self._asker.close()
        self._pickers.close()
        if self._store is not None:
            self._save(self._store)

    def join_loop(self) -> None:
        """After `close`: wait until the engine's thread has ended."""
        self._served.cancel()
        self._context.__exit__(None, None, None)

    # -- within ------------------------------------------------------------------------------------

    def _new(self, job: Job, stage: str, retry_of: int = 0) -> int:
        if job.mirror and not job.yes and not job.dry_run:
            job = job._replace(can_ask=True, review=not job.only)  # somebody sits before the screen
        with self._lock:
            held = self._held_new(job._replace(held=False), stage)
            held.change(retry_of=retry_of)
            if stage == PREVIEW:
                held.running = self._running(job._replace(held=True))
                self._soon(self._start, held, held.running)
        self._soon(self._turn)
        return held.id

    def _running(self, job: Job) -> Running:
        return Running(job, self._workers, self._predict(job) if self._predict else None)

    def _held_new(self, job: Job, stage: str) -> Held:
        self._ids += 1
        held = Held(Entry(self._ids, job, stage=stage, added_at=time.time()))
        self._held.append(held)
        return held

    def _find(self, id: int) -> Held | None:
        return next((held for held in self._held if held.id == id), None)

    def _known(self, id: int) -> Held:
        held = self._find(id)
        if held is None:
            raise KeyError(id)
        return held

    def _command(self, id: int, change: Callable[[Held], None]) -> None:
        with self._lock:
            held = self._find(id)
            if held is not None:
                change(held)
        self._soon(self._turn)

    def _tell(self, held: Held, command: Callable[[Control], object]) -> None:
        if held.running is not None:
            self._soon(command, held.running.control)

    def _abort(self, held: Held) -> None:
        """A plan that was made and is not wanted: nothing was changed by it."""
        self._tell(held, lambda control: control.abort())
        if held.running is not None:
            held.running = None

    def _drop(self, held: Held) -> None:
        self._held.remove(held)
        if held.running is not None and not held.running.ended.is_set():
            self._abort(held)

    def _soon(self, do: Callable[..., object], *arguments: object) -> None:
        """In the engine's loop, soon; returns at once. Nothing happens there after its end."""
        try:
            self._loop.call_soon_threadsafe(do, *arguments)
        except RuntimeError:
            pass

    # -- in the engine's loop ----------------------------------------------------------------------

    def _turn(self) -> None:
        """Start who may, look for the disks of who needs it, tell the others why they wait."""
        with self._lock:
            if not self._closing:
                for held in self._held:
                    wanted = held.entry.stage in (WAITING, RUNNING) and held.disks is None
                    if wanted and not held.looking:
                        self._look(held)
                start, why = queue.turns(
                    [queue.Candidate(h.id, h.entry.stage, h.disks, h.why) for h in self._held]
                )
                for held in self._held:
                    if held.id in start:
                        self._begin(held)
                    elif held.entry.stage == WAITING and held.entry.why != why.get(held.id, ""):
                        held.change(why=why.get(held.id, ""))
        self._unsaved = True

    def _begin(self, held: Held) -> None:
        """Its turn has come. Under the lock, in any thread."""
        held.change(stage=RUNNING, why="")
        held.restored = False  # whoever left it, it is this session's now
        if held.running is not None and held.running.fresh:  # its plan is made
            self._tell(held, lambda control: control.go())
            return
        self._abort(held)  # the disks may look otherwise by now: its plan is made anew
        held.running = self._running(held.entry.job)
        self._soon(self._start, held, held.running)

    def _start(self, held: Held, running: Running) -> None:
        if held.running is running:  # and not dropped since
            self._tasks.start_soon(self._run, held, running)

    async def _run(self, held: Held, running: Running) -> None:
        async def over() -> None:
            if held.running is not running or held.entry.stage == PREVIEW:
                return  # a plan that nobody wanted, or may still want
            if self._record is not None:
                await anyio.to_thread.run_sync(self._record, running.job, running.board.state)
            with self._lock:
                held.picture()
                held.change(stage=ENDED, paused=False, stopping=False, ended_at=time.time())
                summary = held.entry.state.summary
                self.codes[held.id] = summary.exit_code if summary is not None else 1
                ended = [h for h in self._held if h.entry.stage == ENDED]
                for old in ended[:-MOST_ENDED]:
                    self._held.remove(old)
            self._turn()

        await running.run(over)

    def _look(self, held: Held) -> None:
        held.looking = True
        self._tasks.start_soon(self._find_disks, held)

    async def _find_disks(self, held: Held) -> None:
        """Until they are known; a disk that does not answer is asked again."""
        job = held.entry.job
        while held in self._held and held.disks is None and held.entry.stage != ENDED:
            try:
                held.disks = await anyio.to_thread.run_sync(
                    self._asker.disks, job.sources, job.target
                )
            except NoAnswer as error:
                held.why = str(error)
                self._turn()
                await anyio.sleep(_ASK_AGAIN)
        held.looking = False
        self._turn()

    # -- the queue file ----------------------------------------------------------------------------

    async def _keep(self, store: Store) -> None:
        left = await anyio.to_thread.run_sync(store.load)
        with self._lock:
            for place, (job, state, ended_at) in enumerate(left):
                held = self._held_new(job, PARKED if state is None else ENDED)
                held.restored = True
                if state is None:
                    held.change(why="left over from an earlier time")
                else:
                    held.change(state=state, ended_at=ended_at)
                self._held.insert(place, self._held.pop())  # what is new stands below
            self._store = store
        while not self._closing:
            if self._unsaved:
                self._unsaved = False
                await anyio.to_thread.run_sync(self._save, store)
            await anyio.sleep(_SAVE_AFTER)

    def _save(self, store: Store) -> None:
        """One after another, and what is written last is the newest: both threads come here."""
        with self._saving:
            store.save(self._to_keep())

    def _to_keep(self) -> list[Entry]:
        with self._lock:
            self.entries()
            return [held.entry for held in self._held if held.entry.stage != PREVIEW]
