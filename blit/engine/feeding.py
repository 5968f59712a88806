"""Feeds the workers while the program still imports its engine: a copy does not wait for that.

The import takes longer than the first batches do, and two workers that stand still for it would
lose a tenth of a second each. So a thread looks after them; it leaves the pool and the plan to the
engine as soon as that comes up, and by itself when an answer tells of trouble, which the engine is
to meet.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from blit.engine.workers import WorkerDied
from blit.worker import room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blit.engine.schedule import Schedule
    from blit.engine.workers import Pool

    Task = dict[str, Any]

_BUDGET = 0.05  # seconds that a later listing may take: there are few hops to take it by
_WANT = 4096  # entries: the same
_SWITCH = 0.001  # seconds that an import may keep the interpreter from the thread; the usual is 5


class Feeder:
    """`tasks` is what each worker has in hand, by slot; `answers` what the schedule has taken in:
    slot, task, answer.
    """

    def __init__(self, pool: Pool, schedule: Schedule, free: tuple[int, int]) -> None:
        """`free`: bytes and inodes at the destination."""
        self.pool, self.schedule, self.free = pool, schedule, free
        self.tasks: dict[int, Task] = {}
        self.answers: list[tuple[int, Task, Task]] = []
        self.trouble = False
        self._thread: threading.Thread | None = None
        self._told, self._tell = -1, -1
        self._broken: Exception | None = None
        self._signals: Sequence[int] = ()

    def feed(self, seconds: float | None, told: int = -1) -> None:
        """For so long, or until `told` can be read, or there is trouble or nothing to do."""
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while not (self.trouble or self._signals):
                self._give()
                left = None if until is None else until - time.monotonic()
                if not self.tasks or (left is not None and left <= 0) or self._look(left, told):
                    return
        except WorkerDied:
            self.trouble = True  # the crew will find out by itself

    def _look(self, seconds: float | None, told: int) -> bool:
        """Take in what comes within so many seconds; whether `told` can be read."""
        looking = select.poll()  # see wire.ready
        busy = {w.answers: w for w in self.pool.workers if w.slot in self.tasks}
        full = {w.tasks: w for w in self.pool.workers if w.unsent}
        for fd in (*busy, told) if told >= 0 else busy:
            looking.register(fd, select.POLLIN)
        for fd in full:
            looking.register(fd, select.POLLOUT)
        found = [fd for fd, _ in looking.poll(None if seconds is None else seconds * 1000)]
        if told in found:
            return True
        for fd in found:
            if fd in full:
                self.pool.push(full[fd])
            else:
                self._take(busy[fd])
        return False

    def _give(self) -> None:
        for worker in self.pool.workers:
            if worker.slot in self.tasks:
                continue
            task = self.schedule.next(worker.slot)
            if task is not None:
                if task["op"] == "scan" and self.answers:
                    task["budget"], task["want"] = max(task["budget"], _BUDGET), _WANT
                self.tasks[worker.slot] = task  # before: whoever finds it dead does that again
                worker.unsent = self.pool.post(worker, task)

    def _take(self, worker: Any) -> None:
        answer = self.pool.answered(worker)
        if answer is None:
            return  # not to its end
        task = self.tasks.pop(worker.slot)
        self.schedule.done(worker.slot, task, answer)
        self.answers.append((worker.slot, task, answer))
        self.trouble = self.trouble or bool(
            answer.get("fatal") or answer.get("failures") or answer.get("defect")
            # the engine can say so, before the disk is full
            or room.lacking(self.schedule.need, *self.free, True)
        )  # fmt: skip

    # -- beside the imports ------------------------------------------------------------------------

    def go_on(self, signals: Sequence[int] = ()) -> None:
        """In a thread, until `stop`, or until one of `signals` has come: the engine obeys it."""
        self._signals = signals
        self._told, self._tell = os.pipe()
        self._pace = sys.getswitchinterval()
        sys.setswitchinterval(min(self._pace, _SWITCH))
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.feed(None, self._told)
        except Exception as error:  # a defect of ours: the engine's thread says so, in a sentence
            self._broken = error

    def stop(self) -> None:
        """From now on the workers are somebody else's; takes no time. Raises what broke it."""
        if self._thread is None:
            return
        os.write(self._tell, b".")
        self._thread.join()
        self._thread = None
        if threading.current_thread() is threading.main_thread():
            sys.setswitchinterval(self._pace)
        # else the screen is imported beside the engine, which must not wait for that either
        os.close(self._told)
        os.close(self._tell)
        if self._broken is not None:
            raise self._broken
