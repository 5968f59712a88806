"""The small handle that a face holds: pause, stop, answer and the like. Safe from any thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import anyio.lowlevel

Extras = list[tuple[bytes, bool, int, int]]  # path, is it a folder, bytes, entries


class Request(NamedTuple):
    """A face asks what a mirror would delete directly in `folder`, largest first."""

    folder: bytes
    limit: int
    answer: Future[Extras]


class Control:
    """Before the engine runs, and after, every command is remembered and does nothing else."""

    def __init__(self) -> None:
        self.paused = False
        self.stopped_by: int | None = None  # signal number, or 0 for a person's wish
        self.aborted = False
        self.reply: bool | None = None
        self.held = False  # the plan is made and waits for `go`; set by the engine
        self.released = False
        self.patience = 0  # times that a person wished to wait on
        self.skips = 0  # times that a person wished to give up what stands still
        self.requests: deque[Request] = deque()
        self._over = False
        self._notify: Callable[[], None] | None = None
        self._token: object = None

    def attach(self, notify: Callable[[], None]) -> None:
        """Called by the engine, in its loop: `notify` hears of every command, in that loop."""
        self._token = anyio.lowlevel.current_token()
        self._notify = notify

    def detach(self) -> None:
        """Called by the engine at its end: what was asked for will not be answered any more."""
        self._notify = None
        self._over = True
        while self.requests:
            self.requests.popleft().answer.cancel()

    def pause(self) -> None:
        self.paused = True
        self._tell()

    def resume(self) -> None:
        self.paused = False
        self._tell()

    def stop(self, signal: int = 0) -> None:
        """Finish what is in hand; a second call ends the run now."""
        if self.stopped_by is not None:
            self.aborted = True
        else:
            self.stopped_by = signal
        self._tell()

    def abort(self, signal: int = 0) -> None:
        self.stopped_by = signal if self.stopped_by is None else self.stopped_by
        self.aborted = True
        self._tell()

    def go(self) -> None:
        """Carry out the plan of a job that is held."""
        self.released = True
        self._tell()

    def wait(self) -> None:
        """Be patient: what stands still is not given up for another while."""
        self.patience += 1
        self._tell()

    def skip(self) -> None:
        """Give up the entry that stands still; it is told as failed, and the rest goes on."""
        self.skips += 1
        self._tell()

    def request_extras(self, folder: bytes, limit: int) -> Future[Extras]:
        """Cancelled when the run ends first."""
        request = Request(folder, limit, Future())
        if self._over:
            request.answer.cancel()
        else:
            self.requests.append(request)
            self._tell()
        return request.answer

    def answer(self, allow: bool) -> None:
        """The reply to `DeletionPlanned(asks=True)`; it may come before the copy is over."""
        self.reply = allow
        self._tell()

    def _tell(self) -> None:
        notify = self._notify
        if notify is None:
            return
        try:
            if anyio.lowlevel.current_token() == self._token:
                notify()
                return
        except Exception:  # no loop in this thread
            pass
        from anyio.from_thread import run_sync  # only a face in another thread needs it

        try:
            run_sync(notify, token=self._token)  # type: ignore[arg-type]
        except RuntimeError:
            pass  # the loop has ended meanwhile
