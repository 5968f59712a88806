"""The faces without a screen: a bar on a terminal, quiet lines elsewhere, NDJSON for scripts.

A face is a subscriber in a thread of its own: a terminal or a pipe that does not read blocks this
thread and nothing else.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Protocol

from blit import events, show
from blit.bar import Bar, progress_line
from blit.bus import Mailbox
from blit.events import (
    BatchFinished,
    DeletionPlanned,
    Event,
    Flushing,
    Heartbeat,
    PlanFinished,
    RouteChosen,
    RunFinished,
    RunStarted,
    Summary,
)
from blit.sentences import change_line, denied, failure_line, forecast_line, summary_line
from blit.state import TransferState

SHOWN_FAILURES = 20  # named on stderr; -v names all
BAR_AFTER = 0.4  # seconds: a run that is over before that never shows a bar
_WORST_WAIT = 2.0  # seconds that the end of a stalled run waits for an output that does not take


class Face(Protocol):
    lost: bool  # standard output took no more, other than by being closed
    state: TransferState

    def hear(self, event: Event) -> None: ...
    def close(self) -> None: ...


class Printer:
    """Reads a mailbox in a thread and hands the events to a face; a closed pipe ends it quietly."""

    def __init__(self, mailbox: Mailbox, face: Face) -> None:
        self._mailbox, self._face = mailbox, face
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._mailbox.ended:
                event = self._mailbox.get(timeout=0.5)
                if event is not None:
                    self._face.hear(event)
        except (OSError, ValueError):
            pass  # whoever read us has left, or the terminal is gone; the copy goes on
        finally:
            try:
                self._face.close()
            except (OSError, ValueError):
                pass

    def wait(self, patient: bool, most: float = _WORST_WAIT) -> bool:
        """Until all is printed, and whether it is; an impatient end does not wait for a pipe that
        nobody reads, longer than `most` seconds.
        """
        self._thread.join(None if patient else most)
        return not self._thread.is_alive()


class Json:
    """One event a line on stdout; the summary last."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._first = out, True
        self.state = TransferState()
        self.lost = False

    def hear(self, event: Event) -> None:
        self.state = self.state.after(event)
        if isinstance(event, RunFinished):
            self._line(
                {
                    "type": "run_finished",
                    "outcome": event.summary.outcome,
                    "exit_code": event.summary.exit_code,
                }
            )
            self.write(event.summary)
        else:
            self._line({"type": events.type_name(event), **events.plain(event)})

    def write(self, summary: Summary) -> None:
        self._line(summary_json(summary))

    def _line(self, value: dict[str, Any]) -> None:
        if self._first:
            value = {"type": value.pop("type"), "schema": events.SCHEMA, **value}
            self._first = False
        import json

        try:
            self._out.write(json.dumps(value) + "\n")
            self._out.flush()
        except (OSError, ValueError) as error:
            self.lost = self.lost or _is_loss(error)
            raise

    def close(self) -> None:
        pass


def summary_json(summary: Summary) -> dict[str, Any]:
    return {"type": "summary", **events.plain(summary)}


def _is_loss(error: Exception) -> bool:
    """A reader that leaves has read enough; a full disk has lost something."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Lines:
    """Text: changes and the summary on stdout, progress and trouble on stderr."""

    def __init__(
        self, out: IO[str], err: IO[str], verbose: bool, quiet: bool, itemize: bool,
        answer: Callable[[bool], None] | None = None,
    ) -> None:  # fmt: skip
        self._out, self._err = out, err
        self._verbose, self._quiet, self._itemize = verbose, quiet, itemize
        self._answer = answer
        self.state = TransferState()
        self._bar: Bar | None = None
        self._watched = err.isatty() and not quiet and os.environ.get("TERM") != "dumb"
        self._named = 0
        self._broken: list[IO[str]] = []
        self.lost = False
        self._asking: threading.Thread | None = None  # waits for the answer to a question
        self._yes: tuple[str, ...] = ()  # the answers that allow it

    def hear(self, event: Event) -> None:
        self.state = state = self.state.after(event)
        match event:
            case RunStarted():
                if (self._err.isatty() or self._verbose) and not self._quiet:
                    for source, destination in event.landings:
                        self._say(f"{show.path(source)} → {show.path(destination)}")
            case RouteChosen():
                if self._verbose:
                    self._say(f"route {event.route}: {event.reason}")
                    if not state.dry_run:
                        self._say(f"forecast: {forecast_line(event)}")
            case BatchFinished():
                if self._itemize:
                    self._changes(event)
            case events.Failed():
                self._failure(event)
            case Heartbeat():
                self._beat(state, event)
            case PlanFinished(short=short) if short:
                if (self._err.isatty() or self._verbose) and not self._quiet:
                    self._say(f"it may not fit: {short}")
            case Flushing():
                if self._verbose:
                    self._say(f"flushing: {event.reason}")
            case DeletionPlanned():
                if event.asks:
                    self._ask(event)
                elif self._verbose:
                    self._say(f"deletion: {event.reason}")
            case RunFinished():
                self._close_bar()
                self._finish(event.summary)
            case _:
                pass

    def take_over(self, state: TransferState) -> None:
        """Go on from what another face has shown: say where to, name the failures, ask anew."""
        self.state = state
        if not self._quiet:
            for source, destination in state.landings:
                self._say(f"{show.path(source)} → {show.path(destination)}")
        for failure in state.problems:
            self._failure(failure)
        self._named = state.failures
        if state.summary is not None:
            self._finish(state.summary)
        elif state.asking and state.deletion is not None:
            self._ask(state.deletion)
        elif state.beat is not None:
            self._beat(state, state.beat)

    def close(self) -> None:
        if (asking := self._asking) is not None:
            asking.join(0.2)
        self._close_bar()

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.above(line)
        else:
            self._write(self._err, line + "\n")

    def _write(self, stream: IO[str], text: str) -> None:
        """A reader that has left is given up; the other stream, and the questions, go on."""
        if stream in self._broken:
            return
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError) as error:
            self._broken.append(stream)
            # what stderr should have told, the exit code tells too
            self.lost = self.lost or (stream is self._out and _is_loss(error))

    def _changes(self, event: BatchFinished) -> None:
        lines = "".join(change_line(c, self.state.command) + "\n" for c in event.changes)
        if lines:
            if self._bar is not None:
                self._bar.pause()
            self._write(self._out, lines)

    def _failure(self, failure: events.Failed) -> None:
        self._named += 1
        if self._named <= SHOWN_FAILURES or self._verbose:
            self._say(f"blit: {failure_line(failure)}")

    def _beat(self, state: TransferState, beat: Heartbeat) -> None:
        if self._asking is not None:
            return
        if self._watched and beat.elapsed >= BAR_AFTER:
            if self._bar is None:
                self._bar = Bar(self._err)
            self._bar.update(state)
        elif self._verbose and not self._watched:
            self._say(progress_line(state))

    def _ask(self, event: DeletionPlanned) -> None:
        if self._bar is not None:
            self._bar.pause()
        what, how = show.count(event.entries, "entry", "entries"), "[y/N]"
        self._yes = ("y", "yes")
        verb = "Move to the trash" if event.trash else "Delete"
        if event.many:
            what, how = f"{what}, of {event.of:,},", f"Type {event.entries} to delete:"
            self._yes = (str(event.entries), f"{event.entries:,}")
        self._write(
            self._err, f"{verb} {what} that only the destination has (-n names them)? {how} "
        )
        if self._err in self._broken:
            self._reply("")
            return
        # in a thread of its own: the run may end, or be interrupted, while nobody answers
        self._asking = threading.Thread(target=self._read_reply, name="question", daemon=True)
        self._asking.start()

    def _read_reply(self) -> None:
        try:
            line = sys.stdin.readline()
        except (OSError, ValueError):
            line = ""
        self._reply(line)

    def _reply(self, line: str) -> None:
        self._asking = None
        if not line.endswith("\n"):
            self._write(self._err, "\n")
        if self._answer is not None:
            self._answer(line.strip().lower() in self._yes)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _finish(self, summary: Summary) -> None:
        if self._asking is not None:  # it stands there, and nobody reads the answer any more
            self._write(self._err, "not answered: nothing was deleted\n")
        if self._named > SHOWN_FAILURES and not self._verbose:
            self._say(f"blit: and {self._named - SHOWN_FAILURES:,} more (-v names all)")
        if summary.message and summary.outcome != "differs":
            self._say(f"blit: {show.text(summary.message)}")
        if not self._quiet:
            for note in (*summary.warnings, *summary.notes, *denied(summary.failures)):
                self._say(f"blit: {show.text(note)}")
        if summary.command == "check" and summary.outcome not in ("ok", "differs", "partial"):
            return  # nothing was compared
        if summary.outcome == "usage":
            return  # nothing was begun
        if not self._quiet and (self._out.isatty() or self._verbose or summary.dry_run):
            self._write(self._out, summary_line(summary, self.state.held_s) + "\n")
