"""A terminal of our own: a program on a pty, its keys, and the screen that its output makes."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

_PART = re.compile(
    r"\x1b\[([<=>?]?)([0-9;:]*)([ -/]*)([@-~])"  # control sequences
    r"|\x1b[\]P^_X][^\x1b\x07]*(?:\x07|\x1b\\)"  # strings: titles and the like
    r"|\x1b[()][A-Za-z0-9]|\x1b[=>78cMDE]"
    r"|[\x00-\x1f\x7f]|[^\x00-\x1f\x7f\x1b]+"
)
_CUT = re.compile(r"\x1b(?:\[[<=>?]?[0-9;:]*[ -/]*|[\]P^_X][^\x1b\x07]*\x1b?|[()])?$")


class Cells:
    """The part of a terminal that full-screen programs use; every character is one cell wide."""

    def __init__(self, width: int, height: int) -> None:
        self.resize(width, height)
        self.modes: set[int] = set()  # of ?…h
        self._rest = ""
        self.bells = 0
        self.spills = 0  # characters and lines that had no room: a picture of another size
        self.titles: list[str] = []

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rows = [[" "] * width for _ in range(height)]
        self.x = self.y = 0

    def feed(self, text: str) -> None:
        text, self._rest = self._rest + text, ""
        if cut := _CUT.search(text):
            text, self._rest = text[: cut.start()], cut[0]
        for part in _PART.finditer(text):
            self._take(part)

    def _take(self, part: re.Match[str]) -> None:
        text = part[0]
        if part[4]:
            self._control(
                part[1], [int(n or 0) for n in part[2].split(";") if ":" not in n], part[4]
            )
        elif text.startswith("\x1b]"):
            self.titles.append(text[2:].rstrip("\x07\x1b\\"))
        elif text == "\r":
            self.x = 0
        elif text == "\n":
            self._down()
        elif text == "\b":
            self.x = max(0, self.x - 1)
        elif text == "\x07":
            self.bells += 1
        elif text >= " " and text != "\x7f":
            for char in text:
                if self.x >= self.width:
                    self.x = 0
                    self.spills += 1
                    self._down()
                self.rows[self.y][self.x] = char
                self.x += 1

    def _down(self) -> None:
        self.y += 1
        if self.y >= self.height:
            self.y = self.height - 1
            self.spills += 1
            self.rows = [*self.rows[1:], [" "] * self.width]

    def _control(self, mark: str, numbers: list[int], final: str) -> None:
        first = numbers[0] if numbers else 0
        if mark == "?" and final in "hl":
            for number in numbers:
                (self.modes.add if final == "h" else self.modes.discard)(number)
                if number == 1049:
                    self.rows = [[" "] * self.width for _ in range(self.height)]
                    self.x = self.y = 0
        elif mark:
            return
        elif final in "Hf":
            self.y = min(self.height, max(1, first)) - 1
            self.x = min(self.width, max(1, numbers[1] if len(numbers) > 1 else 1)) - 1
        elif final in "ABCD":
            step = max(1, first)
            self.y = min(
                self.height - 1, max(0, self.y + step * (final == "B") - step * (final == "A"))
            )
            self.x = min(
                self.width - 1, max(0, self.x + step * (final == "C") - step * (final == "D"))
            )
        elif final == "G":
            self.x = min(self.width, max(1, first)) - 1
        elif final == "K":
            start, end = {0: (self.x, self.width), 1: (0, self.x + 1), 2: (0, self.width)}[first]
            self.rows[self.y][start:end] = " " * (end - start)
        elif final == "J" and first >= 2:
            self.rows = [[" "] * self.width for _ in range(self.height)]

    @property
    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self.rows)


class Terminal:
    """Runs a command on a pty, and reads what it says all the time until told to stop."""

    def __init__(
        self,
        command: Sequence[str | bytes],
        environment: dict[str, str],
        width: int = 120,
        height: int = 36,
    ) -> None:
        self.cells = Cells(width, height)
        self.said = ""  # everything, as it came
        self._master, slave = pty.openpty()
        self._size(width, height)
        self.modes = termios.tcgetattr(slave)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=environment | {"TERM": "xterm-256color"},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self.slave = (
            slave  # kept open: what is written last is not lost, and modes can be looked at
        )
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._changed = threading.Condition()
        self._reading = threading.Event()
        self._reading.set()
        self._over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over = True
        self._reading.set()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        self._thread.join(5)
        os.close(self.slave)
        os.close(self._master)

    def _size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def _read(self) -> None:
        while not self._over:
            self._reading.wait()
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                text = self._decoder.decode(os.read(self._master, 1 << 16))
            except OSError:
                return
            with self._changed:
                self.said += text
                self.cells.feed(text)
                self._changed.notify_all()

    def freeze(self) -> None:
        """Read nothing any more, as a terminal after Ctrl-S or a connection that hangs."""
        self._reading.clear()

    def thaw(self) -> None:
        self._reading.set()

    def type(self, keys: str | bytes) -> None:
        os.write(self._master, keys if isinstance(keys, bytes) else keys.encode())

    def resize(self, width: int, height: int) -> None:
        with self._changed:
            self.cells.resize(width, height)
        self._size(width, height)
        os.killpg(self.process.pid, signal.SIGWINCH)

    @property
    def text(self) -> str:
        with self._changed:
            return self.cells.text

    def sees(self, what: str | Callable[[str], object], deadline: float = 20.0) -> str:
        """Wait until the screen has this text, or passes this test; the screen."""
        test = (lambda text: what in text) if isinstance(what, str) else what
        end = time.monotonic() + deadline
        with self._changed:
            while not test(self.cells.text):
                left = end - time.monotonic()
                assert left > 0, f"waited {deadline:.0f} s in vain for {what}\n{self.cells.text}"
                self._changed.wait(min(left, 0.1))
            return self.cells.text

    def ends(self, deadline: float = 20.0) -> int:
        """Wait for the program to end; its exit code."""
        code = self.process.wait(deadline)
        end = time.monotonic() + 5
        size = -1
        while self._reading.is_set() and size != len(self.said) and time.monotonic() < end:
            size = len(self.said)
            time.sleep(0.15)  # what it said last is on its way
        return code

    def is_restored(self) -> bool:
        """No alternate screen, no mouse, no reports, a cursor, and the line discipline of before."""
        left_on = self.cells.modes & {1000, 1002, 1003, 1004, 1006, 1015, 1049, 2004}
        shown = self.said.rfind("\x1b[?25h") >= self.said.rfind("\x1b[?25l")
        return not left_on and shown and termios.tcgetattr(self.slave) == self.modes
