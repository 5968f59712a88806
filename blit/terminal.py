"""The terminal's own title and progress; the only place that writes past Textual."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from blit import show

if TYPE_CHECKING:
    from textual.app import App

PUSH, POP = "\x1b[22;2t", "\x1b[23;2t"  # keep the title, bring it back
_STATES = {"none": 0, "normal": 1, "error": 2, "unknown": 3, "paused": 4}
_MOST = 80  # characters of a title
_LINE = 200  # of a notification


def hung_up(fd: int) -> bool:
    """Whether the other end of the terminal has gone: reading from it would spin for ever."""
    poll = select.poll()
    poll.register(fd, 0)
    try:
        return any(what & (select.POLLHUP | select.POLLNVAL) for _, what in poll.poll(0))
    except OSError:
        return True


def size() -> tuple[int, int] | None:
    """Columns and rows as the terminal has them now; None where it does not say."""
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        return None
    return (columns, rows) if columns and rows else None


def measure_itself() -> None:
    """Have the terminal asked for its size: COLUMNS and LINES, where a shell exports them, are
    those of when the program began, and whoever believes them never sees a resize."""
    if size() is not None:
        os.environ.pop("COLUMNS", None)
        os.environ.pop("LINES", None)


class Terminal:
    """Says everything once only, and takes all of it back at the end.

    `begin` and `end` may be called several times: the terminal is given back while suspended.
    """

    def __init__(
        self, write: Callable[[str], None], environment: Mapping[str, str] | None = None
    ) -> None:
        self._write = write
        environment = os.environ if environment is None else environment
        self._titles = environment.get("TERM", "") not in ("", "dumb", "linux")
        self._bars = shows_progress(environment)
        self._notes = notes(environment)
        self._title = self._progress = ""
        self._open = False

    @classmethod
    def of(cls, app: App[Any]) -> Terminal:
        """Through Textual's writer, so that nothing gets between two halves of a sequence."""

        def write(text: str) -> None:
            driver = app._driver
            if driver is not None and not app.is_headless:
                driver.write(text)
                driver.flush()

        return cls(write)

    def begin(self) -> None:
        if not self._open and self._titles:
            self._write(PUSH)
        self._open = True
        title, self._title = self._title, ""
        if title:
            self.title(title)

    def title(self, words: str) -> None:
        words = show.text(words)[:_MOST]
        if words == self._title or not self._open:
            return
        self._title = words
        if self._titles:
            self._write(f"\x1b]2;{words}\x07")

    def progress(self, state: str, percent: float = 0.0) -> None:
        said = f"\x1b]9;4;{_STATES[state]};{percent:.0f}\x07"
        if state == "none":
            said = "\x1b]9;4;0;\x07"
        if not self._bars or not self._open or said == self._progress:
            return
        if state == "none" and not self._progress:
            return
        self._progress = said
        self._write(said)

    def notify(self, words: str) -> None:
        """A notification of the desktop, where the terminal is known to make one."""
        words = show.text(words).replace(";", ",")[:_LINE]
        if self._open and self._notes:
            self._write(self._notes.format(words))

    def end(self) -> None:
        if not self._open:
            return
        self.progress("none")
        self._progress = ""
        self._open = False
        if self._titles:
            self._write(POP)


def notes(environment: Mapping[str, str]) -> str:
    """How this terminal is asked for a notification; empty where none is known."""
    kind, name = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if environment.get("TMUX") or kind.startswith(("screen", "tmux")):
        return ""
    if environment.get("KITTY_WINDOW_ID") or kind == "xterm-kitty":
        return "\x1b]99;;blit: {}\x1b\\"
    if name == "iTerm.app":
        return "\x1b]9;blit: {}\x07"
    if environment.get("VTE_VERSION") or name in ("ghostty", "WezTerm") or kind.startswith("foot"):
        return "\x1b]777;notify;blit;{}\x07"
    return ""


def shows_progress(environment: Mapping[str, str]) -> bool:
    """The terminals that are known to show OSC 9;4 as progress and not as a notification."""
    if environment.get("TMUX") or environment.get("TERM", "").startswith(("screen", "tmux")):
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        bool(environment.get("WT_SESSION"))
        or environment.get("ConEmuANSI") == "ON"
        or environment.get("TERM_PROGRAM", "") in ("ghostty", "WezTerm")
        or (vte.isdigit() and int(vte) >= 7900)
    )
