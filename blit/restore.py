"""The way back to the terminal as it was found, for when the screen cannot go it by itself."""

from __future__ import annotations

import os
import signal
import termios
import time
from typing import Any

# what may stand unfinished is ended first; then: synchronised output off, keyboard protocol, mouse,
# focus and paste reports off, colours back, the cursor shown, progress off, the title as it was,
# and the normal screen at last
_BACK = (
    b"\x18\x1b\\\x1b[?2026l\x1b[<u\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"
    b"\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[0m\x1b[?25h\x1b]9;4;0;\x07\x1b[23;2t\x1b[?1049l"
)
_TRIES = 100
_PAUSE = 0.002  # seconds


class Saved:
    """Made before the screen opens."""

    def __init__(self) -> None:
        self._modes: list[Any] | None = None
        self._handlers = {s: signal.getsignal(s) for s in (signal.SIGTSTP, signal.SIGCONT)}
        try:
            self._modes = termios.tcgetattr(2)
        except (termios.error, ValueError):
            pass

    def job_control(self) -> None:
        """As before the screen: its own handlers would bring it back after ctrl+z and fg."""
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def restore(self, last: bool) -> None:
        """Never waits for a terminal that is not read. `last`: this process writes no more, and
        nothing that the screen has begun to write comes after it.
        """
        try:
            # a description of its own: not to block must not spread to who shares ours
            terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            null = os.open(os.devnull, os.O_WRONLY)
        except OSError:
            return
        for descriptor in (1, 2) if last else ():
            os.dup2(null, descriptor)
        for _ in range(_TRIES):
            try:
                # frames that nobody will see; a write under way fills the room again, but it ends
                termios.tcflush(terminal, termios.TCOFLUSH)
                if self._modes is not None:
                    termios.tcsetattr(terminal, termios.TCSANOW, self._modes)
                if os.write(terminal, _BACK) == len(_BACK):
                    return
            except BlockingIOError:
                pass
            except (OSError, termios.error):
                return
            time.sleep(_PAUSE)
