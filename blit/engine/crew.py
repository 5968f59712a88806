"""All workers pull tasks from one source until it is empty; the dead are replaced, tasks redone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import anyio

from blit.engine.growth import Waits
from blit.engine.ledger import Ledger, changes
from blit.engine.workers import Pool, Worker, WorkerDied
from blit.events import BatchFinished, BatchPlanned, BatchStarted, Event, Failed

Task = dict[str, Any]


# nothing can go on without these
_ALONE = frozenset(("roots", "sync"))
# seconds that a face's question may take: less than the stall rule gives the copy behind it
_QUESTION = 8.0


class Source(Protocol):
    """Where tasks come from. `next` may say None for now; `exhausted`: none will ever come."""

    @property
    def exhausted(self) -> bool: ...
    def next(self, slot: int) -> Task | None: ...
    def done(self, slot: int, task: Task, answer: dict[str, Any]) -> None: ...
    def lost(self, slot: int, task: Task, skip: bytes = b"") -> bool: ...
    def holds(self, slot: int) -> bool:
        """Whether this worker has something open that only it can go on with."""
        ...


class Listed:
    """A source of tasks that are known beforehand; one that is lost is done again once."""

    def __init__(
        self, tasks: Iterable[Task], absorb: Callable[[Task, dict[str, Any]], None] | None = None
    ) -> None:
        self._tasks = iter(tasks)
        self._ahead: Task | None = next(self._tasks, None)
        self._redo: list[Task] = []
        self._running = 0
        self._absorb = absorb

    @property
    def exhausted(self) -> bool:
        return self._ahead is None and not self._redo and not self._running

    def next(self, slot: int) -> Task | None:
        if self._redo:
            task: Task | None = self._redo.pop()
        else:
            task, self._ahead = self._ahead, next(self._tasks, None)
        if task is not None:
            self._running += 1
        return task

    def done(self, slot: int, task: Task, answer: dict[str, Any]) -> None:
        self._running -= 1
        if self._absorb is not None:
            self._absorb(task, answer)

    def holds(self, slot: int) -> bool:
        return False

    def lost(self, slot: int, task: Task, skip: bytes = b"") -> bool:
        self._running -= 1
        if skip and task["op"] == "direct":  # it holds other files too
            skips = [*task.get("skip", ()), skip]
            self._redo.append({**task, "skip": skips, "dead": slot + 1})
            return True
        if task.get("again") or skip:
            return False
        self._redo.append({**task, "again": True, "dead": slot + 1})
        return True


class Crew:
    def __init__(self, pool: Pool, ledger: Ledger, publish: Callable[[Event], None]) -> None:
        self.pool, self.ledger, self.publish = pool, ledger, publish
        self.stopping = False
        self.paused = False
        self.idle = 0
        self.numbers = 0
        self.waits = Waits()
        self.after_each: Callable[[], None] = lambda: None
        # what workers were given before the crew set out, and what was done by then: see catch_up
        self.posted: dict[int, Task] = {}
        self.early: deque[tuple[int, Task, dict[str, Any]]] = deque()
        self.active = len(pool.workers)
        self._hire: Callable[[Worker], None] | None = None
        self._wake = anyio.Event()
        self._scopes: dict[int, anyio.CancelScope] = {}  # what waits for a worker's answer, by slot
        self._given_up: dict[int, bytes] = {}  # the path that a worker hangs at, by slot
        self._free = anyio.Lock()  # held while the workers are at work, or one is asked alone
        self._questions: deque[tuple[Task, Callable[[Task], None]]] = deque()

    def wake(self) -> None:
        """Something changed: whoever waits asks for a task again."""
        self._wake.set()
        self._wake = anyio.Event()

    async def work(self, source: Source) -> None:
        """Returns when the source is exhausted, or the run is stopping and every hand is empty."""
        try:
            async with self._free, anyio.create_task_group() as group:

                def hire(worker: Worker) -> None:
                    group.start_soon(self._serve, worker, source)

                self._hire = hire
                for worker in list(self.pool.workers):
                    hire(worker)
        finally:
            self._hire = None
            while self._questions:
                self._questions.popleft()[1]({})

    async def ask_alone(self, task: Task, answered: Callable[[Task], None]) -> None:
        """The same while nobody works: between two phases, or while a reply is waited for."""
        async with self._free:
            if self.pool.workers:
                await self._put(self.pool.workers[0], task, answered)
            else:
                answered({})

    async def _put(
        self, worker: Worker, question: Task, answered: Callable[[Task], None]
    ) -> Worker | None:
        """Have it answered; the worker to go on with: another one if it dies over it, or hangs."""
        answer: Task | None = None
        try:
            with anyio.move_on_after(_QUESTION):
                answer = await self.pool.ask(worker, question)
        except WorkerDied:
            pass
        finally:
            answered(answer or {})
        return worker if answer is not None else self.pool.replace(worker)

    def ask(self, task: Task, answered: Callable[[Task], None]) -> bool:
        """Have a question of a face answered before other work; False while nobody works."""
        if self._hire is None:
            return False
        self._questions.append((task, answered))
        self.wake()
        return True

    def give_up(self, slot: int, path: bytes) -> bool:
        """Leave a worker that hangs at a path to its fate; the rest of its task goes to others."""
        scope = self._scopes.get(slot)
        if scope is None:
            return False
        self._given_up[slot] = path
        scope.cancel()
        return True

    def resize(self, count: int) -> None:
        """Let `count` workers work from now on: start what is missing, park what is too many."""
        self.active = count
        while len(self.pool.workers) < count:
            try:
                worker = self.pool.start()
            except OSError:
                self.active = len(self.pool.workers)
                break
            if self._hire is not None:
                self._hire(worker)
        self.wake()

    def _parked(self, worker: Worker, source: Source) -> bool:
        return (
            len(self.pool.workers) > self.active
            and worker in self.pool.workers[self.active :]
            and not source.holds(worker.slot)
        )

    async def _serve(self, worker: Worker, source: Source) -> None:
        while True:
            # what was given before is answered all the same, and only its own source knows it
            if self.stopping and worker.slot not in self.posted:
                return
            if self._questions and not source.holds(worker.slot):
                replacement = await self._put(worker, *self._questions.popleft())
                if replacement is None:
                    return
                worker = replacement
                continue
            task = self.posted.pop(worker.slot, None)
            parked = self._parked(worker, source)
            if task is None and not self.paused and not parked:
                task = source.next(worker.slot)
            if task is None:
                if source.exhausted:
                    self.wake()
                    return
                self.idle += not parked
                try:
                    await self._wake.wait()
                finally:
                    self.idle -= not parked
                continue
            replacement = await self._one(worker, source, task)
            if replacement is None:
                return
            worker = replacement

    async def _one(self, worker: Worker, source: Source, task: Task) -> Worker | None:
        """Have a task done; the worker to go on with, None when there is none."""
        self._given(worker.slot, task)
        began = time.monotonic()
        answer: dict[str, Any] | None = None
        with anyio.CancelScope() as scope:
            self._scopes[worker.slot] = scope
            try:
                answer = await self.pool.ask(worker, task)
            except WorkerDied:
                pass
        self._scopes.pop(worker.slot, None)
        skip = self._given_up.pop(worker.slot, b"")
        if answer is None:
            return self._bury(worker, source, task, skip)
        # what was posted early may have been done long before anybody asked
        answer["seconds"] = answer.get("took", time.monotonic() - began)
        self._taken(worker.slot, task, answer)
        source.done(worker.slot, task, answer)
        self.after_each()
        self.wake()
        return worker

    def catch_up(self) -> None:
        """Take in what was done, and told to its source, before the crew set out; once."""
        while self.early:
            slot, task, answer = self.early.popleft()
            self._given(slot, task)
            self._taken(slot, task, answer)

    def _given(self, slot: int, task: Task) -> None:
        if task["what"] == "list":
            return
        self.numbers += 1
        task["number"] = self.numbers
        files, size = task.get("files", 0), task.get("bytes", 0)
        self.publish(BatchPlanned(self.numbers, task["what"], files, size))
        self.publish(BatchStarted(self.numbers, slot, task["what"], files, size))

    def _taken(self, slot: int, task: Task, answer: dict[str, Any]) -> None:
        found, seconds = changes(answer), answer.get("seconds", answer.get("took", 0.0))
        if task["what"] == "list":
            self.ledger.take_scan(answer)
            if "waited" in answer:  # for contents that were compared in a share of a huge folder
                self.waits.take(*answer["waited"])
            if found:  # a listing is no batch, but it may have named changes
                self.publish(BatchFinished(0, slot, "list", 0, 0, seconds, found))
        else:
            self.ledger.take(answer)
            self.waits.add(task, answer)
            files = answer.get("files", 0) + answer.get("deleted", 0)
            size = answer.get("bytes", 0)
            number, what = task["number"], task["what"]
            self.publish(BatchFinished(number, slot, what, files, size, seconds, found))
        if "defect" in answer:
            self.ledger.incomplete = True
            self.stopping = True
        if self.ledger.fatal is not None:
            self.stopping = True

    def _bury(self, worker: Worker, source: Source, task: Task, skip: bytes = b"") -> Worker | None:
        """Replace a worker that died, or that hangs at `skip`; what it had in hand is done again,
        without that path."""
        operation, path, _, _ = worker.view.activity()
        replacement = self.pool.replace(worker)
        done_again = source.lost(worker.slot, task, skip)
        if skip:
            known = any(failure.path == skip for failure in self.ledger.failures)
            if not known:
                self.ledger.fail(Failed(skip, operation, 0, "skipped: it did not answer"))
        elif not done_again:
            files = task.get("files", 0)
            text = f"a worker process died over this work ({files} files were in its hands)"
            if task["op"] in _ALONE:
                self.ledger.end(Failed(path, operation, 0, text))
                self.stopping = True
            else:
                self.ledger.fail(Failed(path, operation, 0, text))
        if replacement is None and not self.pool.workers:
            self.stopping = True
            self.ledger.defect = self.ledger.defect or "all worker processes died"
        self.wake()
        return replacement
