"""The pool of worker processes: started at once, asked over pipes, watched through shared pages.

Imported before anything heavy, so that the workers boot while the program still imports; therefore
no module here may import more than the standard library's cheap ones at the top.
"""

from __future__ import annotations

import os

from blit.engine import spawning
from blit.engine.told import Told
from blit.worker import status, tmpname, wire
from blit.worker.signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Task = dict[str, Any]

MOST_WORKERS = 64
# pools of this process are told apart in the names of temporaries; by then one of long ago is gone
_SERIES = 20
_pools = 0


class WorkerDied(Exception):
    """The process has ended with a task in hand."""


def usual_count() -> int:
    """As many as there are cores, and two at least; more are started while they only wait."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    )
    return min(max(cores, 2), 16)


class Worker:
    """One process and the three things that are shared with it."""

    __slots__ = ("answers", "base", "parts", "pid", "slot", "task", "tasks", "unsent", "view")

    def __init__(self, slot: int, pid: int, tasks: int, answers: int, view: status.View) -> None:
        self.slot, self.pid, self.tasks, self.answers, self.view = slot, pid, tasks, answers, view
        self.task: Task | None = None  # what it is doing
        self.unsent = b""  # of its task, see feeding.py
        self.parts = bytearray()  # of an answer that is not whole yet
        self.base = (0, 0)  # files and bytes on its page when it began the task


class Pool:
    """Starts workers and carries tasks to them. Slots are never reused by two living workers."""

    most = MOST_WORKERS  # slots

    def __init__(self, count: int) -> None:
        self._shared, self.map = spawning.pages(self.most)
        self.token = tmpname.run_token(os.getpid())
        self.first = _reserve(self.most)
        self.workers: list[Worker] = []
        self.roots: dict[str, tuple[int, int]] = {}  # (dev, ino) of source and destination roots
        self.devices: dict[int, tuple[str, str]] = {}  # written to, with a folder on each
        self.lost = (0, 0)  # files and bytes that dead workers had counted and that are done again
        self.told = Told()
        self.retired: list[Worker] = []
        self._leaving: list[int] = []  # told to go, and not collected yet
        for _ in range(count):
            try:
                self.start()
            except OSError:  # no more processes for this user: fewer do it too
                if not self.workers:
                    raise
                self._make_room()
                break

    def _make_room(self) -> None:
        """Let half of the workers go, for the program's own threads count as processes too."""
        for worker in self.workers[(len(self.workers) + 1) // 2 :]:
            os.close(worker.tasks)
            os.close(worker.answers)
            os.kill(worker.pid, signal.SIGKILL)
            os.waitpid(worker.pid, 0)
            self.workers.remove(worker)
            self.retired.append(worker)

    def start(self) -> Worker:
        """One more worker, in a fresh slot. OSError where the system has no process to give."""
        slot = self.fresh()
        pid, ours_out, ours_in = spawning.spawn(slot, self.token, self.first, self._shared)
        os.set_blocking(ours_out, False)
        os.set_blocking(ours_in, False)
        view = status.View(self.map, slot)
        worker = Worker(slot, pid, ours_out, ours_in, view)
        self.workers.append(worker)
        return worker

    def fresh(self) -> int:
        """A slot that no worker has had. OSError: there is none."""
        slot = len(self.workers) + len(self.retired)
        if slot >= self.most:
            raise OSError(11, "no slot left")
        return slot

    def post(self, worker: Worker, task: Task) -> bytes:
        """Hand over a task without waiting; returns what did not fit into the pipe."""
        files, moved = worker.view.counters()[1:3]
        worker.task, worker.base = task, (files, moved)
        # what the roots are, so that a worker that comes late cannot be led elsewhere
        data = wire.frame({**self.told.task(worker.slot, task), "known": self.roots})
        return self._push(worker, data)

    def _push(self, worker: Worker, data: bytes) -> bytes:
        """Write what the pipe takes; what is left. Raises WorkerDied."""
        try:
            return data[os.write(worker.tasks, data) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:
            raise WorkerDied from None

    def push(self, worker: Worker) -> None:
        """Send on what did not fit into the pipe. Raises WorkerDied."""
        worker.unsent = self._push(worker, worker.unsent)

    def post_all(self, worker: Worker, task: Task) -> None:
        """Hand over a task to the last byte; for idle workers, who read at once."""
        rest = self.post(worker, task)
        while rest:
            wire.ready(worker.tasks, 1, to_write=True)
            rest = self._push(worker, rest)

    async def ask(self, worker: Worker, task: Task) -> Task:
        """Give a worker a task, unless it has it, and wait for its answer. Raises WorkerDied."""
        if worker.task is not task:
            worker.unsent = self.post(worker, task)
        while worker.unsent:
            import anyio

            await anyio.wait_writable(worker.tasks)
            self.push(worker)
        return await self.answer(worker)

    async def answer(self, worker: Worker) -> Task:
        """The answer to the task that was posted. Raises WorkerDied."""
        import anyio

        while True:
            await anyio.wait_readable(worker.answers)
            answer = self.answered(worker)
            if answer is not None:
                return answer

    def answer_now(self, worker: Worker) -> Task | None:
        """The same without a loop, for an answer begun to arrive; None when the worker died."""
        try:
            while (answer := self.answered(worker)) is None:
                pass
        except WorkerDied:
            return None
        return answer

    def answered(self, worker: Worker) -> Task | None:
        """Take what is there; the answer when it is whole. Raises WorkerDied."""
        try:
            part = os.read(worker.answers, 1 << 20)
        except BlockingIOError:
            return None
        if not part:
            raise WorkerDied
        parts = worker.parts
        parts += part
        if len(parts) < wire.HEADER.size:
            return None
        need = wire.HEADER.size + wire.HEADER.unpack_from(parts)[0]
        if len(parts) < need:
            return None
        answer: Task = wire.load(bytes(memoryview(parts)[wire.HEADER.size : need]))
        worker.parts = bytearray()
        return self.heard(worker, answer)

    def heard(self, worker: Worker, answer: Task) -> Task:
        """Take what an answer tells the pool, before it goes to who asked."""
        worker.task = None
        for root, identity in answer.pop("known", {}).items():
            self.roots.setdefault(root, identity)
        self.devices.update(answer.pop("written", {}))
        self.told.heard(worker.slot, answer)
        return answer

    def replace(self, worker: Worker) -> Worker | None:
        """Take a dead worker out and start another; None where there can be no more."""
        self.bury(worker)
        try:
            os.kill(worker.pid, signal.SIGKILL)  # one that only hangs must not go on writing
        except ProcessLookupError:
            pass
        for fd in (worker.tasks, worker.answers):
            os.close(fd)
        try:
            os.waitpid(worker.pid, os.WNOHANG)
        except ChildProcessError:
            pass
        try:
            return self.start()
        except OSError:
            return None

    def bury(self, worker: Worker) -> None:
        """It is dead: what it had counted of its task is done again, its lock is free."""
        files, moved = worker.view.counters()[1:3]
        self.lost = (
            self.lost[0] + files - worker.base[0],
            self.lost[1] + moved - worker.base[1],
        )
        self.workers.remove(worker)
        self.retired.append(worker)
        self.told.lost(worker.slot)

    def counters(self) -> tuple[int, int, int, int]:
        """ticks, files, bytes of all workers together; the first byte's CLOCK_MONOTONIC ns or 0."""
        ticks = files = moved = first = 0
        for worker in (*self.workers, *self.retired):
            t, f, b, n = worker.view.counters()
            ticks, files, moved = ticks + t, files + f, moved + b
            if n and (not first or n < first):
                first = n
        return ticks, files - self.lost[0], moved - self.lost[1], first

    def steps(self) -> bytes:
        """Which operation each worker is at: a change means that the kernel has answered."""
        return bytes(worker.view.step() for worker in self.workers)

    def flag(self, flag: int) -> None:
        for worker in self.workers:
            worker.view.set_flag(flag)

    def kill(self) -> None:
        """End the workers now, also those that hang; one stuck in the kernel is left behind."""
        for worker in self.workers:
            try:
                os.kill(worker.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def close(self) -> None:
        """Let the workers go: they end when their pipe closes. Nobody waits for them."""
        for worker in self.workers:
            os.close(worker.tasks)
            os.close(worker.answers)
        self._leaving += [worker.pid for worker in (*self.workers, *self.retired)]
        self.workers.clear()

    def reap(self) -> bool:
        """After `close`: collect those that have ended, give back the memory; whether all have."""
        for pid in list(self._leaving):
            try:
                ended = os.waitpid(pid, os.WNOHANG)[0] != 0
            except ChildProcessError:
                ended = True
            if ended:
                self._leaving.remove(pid)
        if not self._leaving and self._shared >= 0:
            os.close(self._shared)
            self._shared = -1
        return not self._leaving


def _reserve(slots: int) -> int:
    """The number of a new pool's first worker in the names of temporaries."""
    global _pools
    if _pools % _SERIES * MOST_WORKERS + slots > _SERIES * MOST_WORKERS:
        _pools += _SERIES - _pools % _SERIES
    first = _pools % _SERIES * MOST_WORKERS
    _pools += -(-slots // MOST_WORKERS)
    return first
