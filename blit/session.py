"""A session with the full screen: the engine in its own thread, Textual in the main one, the end.

A terminal that stops reading blocks Textual, and nothing else. Whatever becomes of the screen, the
transfers go on, and what became of them stands on the normal screen afterwards.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from blit import headless, opening, show
from blit.events import DeletionPlanned
from blit.history.predictor import Learned
from blit.manager import Manager
from blit.queue import ENDED, PARKED, RUNNING, WAITING
from blit.remember import Memory
from blit.replay import Replay, Told
from blit.restore import Saved
from blit.tui.messages import Choice

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from blit.bus import Mailbox
    from blit.engine.probing import Early
    from blit.engine.workers import Pool
    from blit.job import Job
    from blit.logfile import Log
    from blit.queue import Entry
    from blit.store import Store

IMPORT_AT = 0.15  # seconds since the program began: what is over by then never needs Textual
SHOW_AT = 0.35  # the first frame comes 0.1 s later; who is done before prints its line like cp
_PATIENCE = 2.0  # seconds that the screen gets to end when all else has
_WORST = 3.0  # seconds that a second signal gives the engine

Streams = tuple[IO[str], IO[str]]


class Session:
    def __init__(self, workers: int, streams: Streams, history: bool = True) -> None:
        self.out, self.err = streams
        self._memory = Memory(history)
        self.manager = Manager(workers, self._memory, partial(Learned, enabled=history))
        self.signal: int = 0  # the last one that came
        self._signals = 0
        self._app: Any = None  # while it runs
        self._left = threading.Event()  # all is said
        self._terminal: Saved | None = None
        self._store: Store | None = None
        self._verbose = self._quiet = False
        self.log: Log | None = None  # of the transfer of the command line

    # -- signals -----------------------------------------------------------------------------------

    def catch(self, early: Sequence[int] = ()) -> None:
        """`signal.signal`, not the loop's: a handler runs even while Textual's loop is blocked."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, self._caught)
        for kept in early:
            self._caught(kept, None)

    def _caught(self, number: int, _: object) -> None:
        """In a thread: what runs in a handler may hold any lock."""
        if number == self.signal == signal.SIGHUP:
            return  # of one hangup tell tmux, the shell and the kernel
        self.signal = number
        self._signals += 1
        threading.Thread(target=self._stop, args=(self._signals > 1,), daemon=True).start()

    def _stop(self, again: bool) -> None:
        """The first signal finishes what is in hand, the second ends it now."""
        self.manager.stop_all(self.signal, now=again)
        if not again:
            self._see_off()

    def _see_off(self) -> None:
        """Ask the screen to end; leave without it when it does not, as on a frozen terminal."""
        latest = None
        while latest is None or time.monotonic() < latest:
            if (app := self._app) is not None:
                try:
                    app.call_later(app.exit, Choice.FINISH)
                except Exception:  # it has not begun, or has just ended
                    pass
            if latest is None and self.manager.idle():
                latest = time.monotonic() + _PATIENCE
            elif latest is None and self._signals > 1:
                latest = time.monotonic() + _WORST
            if self._left.wait(0.1):
                return
        if self._terminal is not None:
            self._terminal.restore(last=True)
        os._exit(self.code_of_signal)

    @property
    def code_of_signal(self) -> int:
        return 130 if self.signal == signal.SIGINT else 143

    # -- the screen --------------------------------------------------------------------------------

    def show(self, focus: int | None, manager: Any = None, history: bool = False) -> str:
        """Run the screen until it is left, or broken: then the transfers go on without it."""
        trouble = notice = ""
        try:
            from blit import settings
            from blit.tui.app import BlitApp

            choices, notice = settings.load()
            self._terminal = Saved()
            app = BlitApp(manager or self.manager, focus=focus, history=history, choices=choices)
            app.error_console.quiet = not os.environ.get("BLIT_DEBUG")
            self._app = app
            choice = Choice.FINISH if self.signal else app.run(mouse=choices.mouse)
            if app.return_code and not self.signal:
                trouble = "internal error"
        except Exception as error:
            if os.environ.get("BLIT_DEBUG"):
                raise
            choice, trouble = None, f"{type(error).__name__}: {error}"
            if self._app is not None and self._terminal is not None:
                self._terminal.restore(last=False)
        finally:
            opening.over()
            self._app = None
            if self._terminal is not None:
                self._terminal.job_control()
        if notice:
            self._say(notice)
        if trouble:
            self._say(
                f"the screen broke ({trouble}); what runs goes on here. "
                "BLIT_DEBUG=1 shows where, please report it"
            )
            return Choice.GO_ON
        return choice or Choice.FINISH

    def remember(self) -> None:
        """Bring back the queue of an earlier session; read beside the screen."""

        def begin() -> None:
            from blit.store import Store

            self._store = Store()
            self.manager.remember(self._store)

        threading.Thread(target=begin, name="store", daemon=True).start()

    # -- afterwards --------------------------------------------------------------------------------

    def after(self, choice: str) -> None:
        """On the normal screen: go on if that was wished, and say what became of everything."""
        if choice != Choice.GO_ON:
            self.manager.stop_all(0, now=choice == Choice.NOW)
        for entry in self.manager.mine():
            if entry.paused:  # here is no key that would let it go on
                self.manager.resume(entry.id)
        told: set[int] = set()
        said: set[str] = set()
        quiet_until = time.monotonic() + _PATIENCE
        while True:
            left = [entry for entry in self.manager.mine() if entry.id not in told]
            ready = [e for e in left if e.stage == ENDED] or [e for e in left if e.stage == RUNNING]
            if ready:
                told.add(ready[0].id)
                self.tell(ready[0].id)
            elif any(e.stage == WAITING for e in left) and not self.signal:
                if time.monotonic() > quiet_until:
                    self._say_why(left, said)
                time.sleep(0.1)
            else:
                break
        if parked := sum(e.stage == PARKED for e in self.manager.mine()):
            what = "1 transfer was" if parked == 1 else f"{parked} transfers were"
            kept = self._store is not None and self._store.kept
            where = ": blit alone shows the queue" if kept else ", and another blit keeps the queue"
            self._say(f"{what} not started{where}")

    def tell(self, id: int) -> None:
        """A transfer's story from here to its end; all of it that is worth a line if it is over."""
        state, mailbox = self.manager.join(id)
        face = self._face(partial(self.manager.answer, id))
        face.take_over(state)
        if state.summary is None:
            self._print(id, mailbox, face)
        self.manager.ended(id)  # the history has its line too

    def _say_why(self, left: list[Entry], said: set[str]) -> None:
        """Each reason for which a transfer waits, once."""
        for entry in left:
            text = f"{entry.job.command} to {show.path(entry.job.target)} waits: {entry.why}"
            if entry.why and text not in said:
                said.add(text)
                self._say(f"{text} (Ctrl-C leaves)")

    def story(self, id: int, mailbox: Mailbox) -> None:
        """The whole story from its mailbox, exactly as without a screen."""
        self._print(id, mailbox, self._face(partial(self.manager.answer, id)))

    def _print(self, id: int, mailbox: Mailbox, face: headless.Lines) -> None:
        printer = headless.Printer(mailbox, face)
        self.manager.ended(id)
        printer.wait(patient=self.manager.codes.get(id) not in (5, 130, 143))

    def _face(self, answer: Callable[[bool], None]) -> headless.Lines:
        verbose, quiet = self._verbose, self._quiet
        return headless.Lines(self.out, self.err, verbose and not quiet, quiet, verbose, answer)

    def _say(self, text: str) -> None:
        try:
            self.err.write(f"blit: {text}\n")
            self.err.flush()
        except (OSError, ValueError):
            pass

    def end(self, first: int | None = None) -> int:
        """Everything is said: keep the queue; the exit code."""
        self.manager.close()
        if self._store is not None and self._store.notice:
            self._say(self._store.notice)
        any(map(self._say, self._memory.again * (not self._quiet)))
        codes = self.manager.codes
        code = next((code for code in reversed(codes.values()) if code), 0)
        if first is not None and codes.get(first):
            code = codes[first]
        code = self.code_of_signal if self.signal else code
        if self.log is not None and (trouble := self.log.end(code)):
            self._say(trouble)
            code = code or 1
        self._left.set()
        return code


def transfer(
    job: Job, pool: Pool, early: Early | None, options: argparse.Namespace, started: float,
    signals: Sequence[int], streams: Streams, log: Log | None = None,
) -> int:  # fmt: skip
    """`blit copy` and `blit mirror` on a terminal: the screen opens when it takes longer."""
    session = Session(len(pool.workers), streams, not options.no_history)
    session._verbose, session._quiet = options.verbose, options.quiet
    session.log = log
    follow = log.follow if log is not None else None
    id, mailbox = session.manager.adopt(job, pool, early, started, follow)
    session.catch(signals)
    long = early is not None and early.route is not None and early.route.name != "direct"
    if not options.tui and _quick(session.manager, id, started, 0.0 if long else IMPORT_AT):
        session.story(id, mailbox)
        return session.end(id)
    mailbox.close()
    session.remember()
    session.after(session.show(id))
    return session.end(id)


def manage(workers: int, signals: Sequence[int], streams: Streams, history: bool = False) -> int:
    """`blit` alone: the manager; `blit history` looks at what was first."""
    session = Session(workers, streams)
    session.catch(signals)
    session.remember()
    session.after(session.show(None, history=history))
    return session.end()


def replay(story: tuple[Told, ...], speed: float, screen: bool, streams: Streams) -> int:
    """A recorded run once more: 0, whatever became of it then."""
    if screen:
        session = Session(1, streams)
        session.catch()
        session.show(1, Replay(story, speed))
        session.manager.close()
        session._left.set()
        return session.code_of_signal if session.signal else 0
    face = headless.Lines(*streams, verbose=False, quiet=False, itemize=False)
    began = time.monotonic()
    for at, event in story:
        time.sleep(max(0.0, began + at / speed - time.monotonic()))
        if isinstance(event, DeletionPlanned):
            event = event._replace(asks=False)  # it was answered then
        face.hear(event)
    face.close()
    return 0


def _quick(manager: Manager, id: int, started: float, import_at: float) -> bool:
    """Whether the transfer is over before a screen is worth it; Textual is imported meanwhile."""
    if manager.ended(id, max(0.0, started + import_at - time.monotonic())):
        return True
    screen = threading.Thread(target=opening.import_screen, name="import", daemon=True)
    screen.start()
    while screen.is_alive() or time.monotonic() < started + SHOW_AT:
        if manager.ended(id, 0.02):
            return True
    return False
