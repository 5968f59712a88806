"""The small handle that a face holds: pause, resume, stop, abort, answer. Safe from any thread."""

from __future__ import annotations

from collections.abc import Callable

import anyio.lowlevel


class Control:
    """Before the engine runs, and after, every command is remembered and does nothing else."""

    def __init__(self) -> None:
        self.paused = False
        self.stopped_by: int | None = None  # signal number, or 0 for a person's wish
        self.aborted = False
        self.reply: bool | None = None
        self._notify: Callable[[], None] | None = None
        self._token: object = None

    def attach(self, notify: Callable[[], None]) -> None:
        """Called by the engine, in its loop: `notify` hears of every command, in that loop."""
        self._token = anyio.lowlevel.current_token()
        self._notify = notify

    def detach(self) -> None:
        self._notify = None

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

    def answer(self, allow: bool) -> None:
        """The reply to `DeletionPlanned(asks=True)`."""
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
