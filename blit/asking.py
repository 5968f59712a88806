"""Questions about the disks, answered by a worker process: a dead mount freezes nobody who asks."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from blit.engine.workers import Pool, WorkerDied
from blit.queue import Disks, Folders
from blit.worker import wire

PATIENCE = 5.0  # seconds; then the worker is given up with what it hangs on

Task = dict[str, Any]


class NoAnswer(Exception):
    """In words why there is none."""


class Asker:
    """One worker, started by the first question; a new one after one that hung or died."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._pool: Pool | None = None
        self._gone: list[Pool] = []
        self._lock = threading.Lock()
        self._closed = False
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="asker")

    def folders(self, path: str) -> Future[Folders]:
        return self._threads.submit(self._folders, path)

    def _folders(self, path: str) -> Folders:
        try:
            answer = self.ask({"op": "folders", "path": path})
        except NoAnswer as error:
            return Folders(path, error=str(error))
        return Folders(
            path, tuple(answer.get("names", ())), answer.get("more", 0), answer.get("error", "")
        )

    def disks(self, sources: tuple[bytes, ...], target: bytes) -> Disks:
        """Raises NoAnswer."""
        texts = [path.decode("utf-8", "surrogateescape") for path in (*sources, target)]
        answer = self.ask({"op": "devices", "sources": texts[:-1], "target": texts[-1]})
        return Disks(frozenset(map(tuple, answer["pairs"])), frozenset(answer["heads"]))

    def ask(self, task: Task) -> Task:
        """The answer, waited for in this thread. Raises NoAnswer."""
        with self._lock:
            for _ in range(2):  # a worker that was found dead gets one successor
                try:
                    answer = self._ask(task)
                except (OSError, ValueError) as error:  # or too many are open for a select
                    raise NoAnswer(f"no helper process could be started: {error}") from None
                if answer is not None:
                    return answer
                self._drop()
                if self._closed:
                    break
            raise NoAnswer("the helper process died over it")

    def _ask(self, task: Task) -> Task | None:
        """None when the worker died."""
        self._gone = [pool for pool in self._gone if not pool.reap()]
        if self._pool is None:
            self._pool = Pool(1)
        pool, worker = self._pool, self._pool.workers[0]
        until = time.monotonic() + self._patience
        try:
            pool.post_all(worker, task)
        except WorkerDied:
            return None
        if not wire.ready(worker.answers, max(0.0, until - time.monotonic())):
            self._drop()
            raise NoAnswer(f"its disk did not answer within {self._patience:.0f} s")
        answer = pool.answer_now(worker)
        if answer is not None and "defect" in answer:
            raise NoAnswer(f"internal error ({answer['defect'].strip().splitlines()[-1]})")
        return answer

    def _drop(self) -> None:
        if (pool := self._pool) is not None:
            self._pool = None
            pool.kill()
            pool.close()
            self._gone.append(pool)

    def close(self) -> None:
        """Forget the worker; what is being asked is not waited for."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        if (pool := self._pool) is not None:
            pool.kill()
