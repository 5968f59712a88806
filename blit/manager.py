"""The commands of a face over the transfers of a session; `entries` is the only way back.

Commands come from any thread and return at once: they change the list under a lock and leave the
rest to the engine's loop.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from pathlib import Path

from blit import queue
from blit.dispatch import Dispatcher
from blit.job import Job
from blit.problems import write_problems
from blit.queue import ENDED, PARKED, PREVIEW, RUNNING, WAITING, Entry, Extra, Folders
from blit.running import Held

MOST_PREVIEWS = 3


class Manager(Dispatcher):
    """Implements `blit.tui.messages.Manager`."""

    # -- one transfer ------------------------------------------------------------------------------

    def add(self, job: Job) -> int:
        return self._new(job, WAITING)

    def preview(self, job: Job) -> int:
        with self._lock:
            old = [h for h in self._held if h.entry.stage == PREVIEW]
            for held in old[: len(old) + 1 - MOST_PREVIEWS]:
                self.discard(held.id)
            return self._new(job, PREVIEW)

    def confirm(self, id: int) -> None:
        def change(held: Held) -> None:
            if held.entry.stage != PREVIEW:
                return
            over = held.running is not None and held.running.board.state.summary is not None
            held.change(stage=ENDED if over else WAITING, added_at=time.time())
            if over:
                held.change(ended_at=time.time())
            self._held.remove(held)  # its place in the queue is that of its confirmation
            self._held.append(held)

        self._command(id, change)

    def discard(self, id: int) -> None:
        with self._lock:
            held = self._find(id)
            if held is not None and held.entry.stage == PREVIEW:
                self._drop(held)

    def start_now(self, id: int) -> None:
        def change(held: Held) -> None:
            if held.entry.stage in (WAITING, PARKED):
                self._begin(held)

        self._command(id, change)

    def pause(self, id: int) -> None:
        def change(held: Held) -> None:
            if held.entry.stage == WAITING:
                held.change(stage=PARKED, why="put aside")
            elif held.entry.stage == RUNNING and not held.entry.paused:
                held.change(paused=True)
                self._tell(held, lambda control: control.pause())

        self._command(id, change)

    def resume(self, id: int) -> None:
        def change(held: Held) -> None:
            if held.entry.stage == PARKED:
                held.change(stage=WAITING, why="")
            elif held.entry.paused:
                held.change(paused=False)
                self._tell(held, lambda control: control.resume())

        self._command(id, change)

    def stop(self, id: int, now: bool = False) -> None:
        def change(held: Held) -> None:
            stage = held.entry.stage
            if stage == RUNNING:
                again = held.entry.stopping
                held.change(stopping=True)
                if now:
                    self._tell(held, lambda control: control.abort())
                elif not again:  # a second one would mean now
                    self._tell(held, lambda control: control.stop())
            elif stage in (WAITING, PARKED, PREVIEW):
                self._drop(held)

        self._command(id, change)

    def answer(self, id: int, allow: bool) -> None:
        def change(held: Held) -> None:
            held.change(answered=True)
            self._tell(held, lambda control: control.answer(allow))

        self._command(id, change)

    def wait(self, id: int) -> None:
        self._command(id, lambda held: self._tell(held, lambda control: control.wait()))

    def skip(self, id: int) -> None:
        self._command(id, lambda held: self._tell(held, lambda control: control.skip()))

    def retry(self, id: int, paths: tuple[bytes, ...] = ()) -> int:
        with self._lock:
            entry = self._known(id).picture()
            summary = entry.state.summary
            failures = summary.failures if summary is not None else entry.state.problems
            wanted = tuple(dict.fromkeys(paths or (f.path for f in failures)))
            if not wanted:  # not known by name any more: all of it finds them too
                return self.again(id)
            # a file that is tried again is copied; a deletion that failed needs the whole mirror:
            # nothing may be deleted before everything is copied
            if any(f.step == "delete" for f in failures if f.path in wanted):
                job = entry.job
            else:
                job = entry.job._replace(command="copy", only=wanted, held=False, review=False)
        return self._new(job, WAITING, retry_of=id)

    def again(self, id: int) -> int:
        with self._lock:
            job = self._known(id).entry.job
        return self._new(job, WAITING)

    def move(self, id: int, by: int) -> None:
        with self._lock:
            ids = [h.id for h in self._held]
            movable = frozenset(h.id for h in self._held if h.entry.stage in (WAITING, PARKED))
            place = {one: n for n, one in enumerate(queue.moved(ids, movable, id, by))}
            self._held.sort(key=lambda held: place[held.id])
        self._soon(self._turn)

    def remove(self, id: int) -> None:
        with self._lock:
            held = self._find(id)
            if held is not None and held.entry.stage in (ENDED, WAITING, PARKED):
                self._drop(held)
        self._soon(self._turn)

    # -- questions ---------------------------------------------------------------------------------

    def folders(self, path: str) -> Future[Folders]:
        return self._pickers.folders(path)

    def extras(self, id: int, folder: bytes = b"", limit: int = 1_000) -> Future[tuple[Extra, ...]]:
        found: Future[tuple[Extra, ...]] = Future()
        found.set_running_or_notify_cancel()  # who asked may forget it, but not cancel it
        with self._lock:
            held = self._find(id)
        if held is None or held.running is None:
            found.set_result(())
            return found

        def told(answer: Future[list[tuple[bytes, bool, int, int]]]) -> None:
            if answer.cancelled() or answer.exception() is not None:
                found.set_result(())  # the run ended first
            else:
                rows = sorted(answer.result(), key=lambda row: -row[2])
                found.set_result(tuple(Extra(*row) for row in rows[:limit]))

        self._tell(
            held, lambda control: control.request_extras(folder, limit).add_done_callback(told)
        )
        return found

    def save_problems(self, id: int) -> Future[str]:
        with self._lock:
            state = self._known(id).picture().state
        saved: Future[str] = Future()
        saved.set_running_or_notify_cancel()

        def write() -> None:
            try:
                saved.set_result(write_problems(state, Path.cwd()))
            except OSError as error:
                saved.set_exception(error)

        threading.Thread(target=write, name="save", daemon=True).start()
        return saved

    # -- the session as a whole --------------------------------------------------------------------

    def idle(self) -> bool:
        with self._lock:
            return all(held.entry.stage != RUNNING for held in self._held)

    def mine(self) -> tuple[Entry, ...]:
        """The entries of this session alone, in their order; no previews."""
        with self._lock:
            self.entries()
            return tuple(h.entry for h in self._held if not h.restored and h.entry.stage != PREVIEW)

    def stop_all(self, signal: int = 0, now: bool = False) -> None:
        """Nothing starts any more, what runs is stopped, and what waits is put aside."""
        with self._lock:
            self._closing = True
            for held in list(self._held):
                stage = held.entry.stage
                if stage == PREVIEW:
                    self._drop(held)
                elif stage == WAITING:
                    held.change(stage=PARKED, why="left over")
                    self._abort(held)
                elif stage == RUNNING:
                    again = held.entry.stopping
                    held.change(stopping=True)
                    if now:
                        self._tell(held, lambda control: control.abort(signal))
                    elif not again:
                        self._tell(held, lambda control: control.stop(signal))
        self._unsaved = True
