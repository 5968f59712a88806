"""`--log-file`: the lines of `--json` to a file beside any face, written by a process of its own.

Neither the engine nor the terminal ever waits for that file: a thread feeds the writer over a pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from blit import show
from blit.headless import Json, Printer
from blit.worker import wire

if TYPE_CHECKING:
    from blit.bus import Mailbox
    from blit.job import Job

PATIENCE = 10.0  # seconds for opening it, and for writing what is left when the run is over
_IMPATIENCE = 1.5  # seconds
_BOOT = "import sys; sys.path.append({root!r}); from blit.worker.log import main; main()"
_OURS = ("-", "/dev/stdin", "/dev/stdout", "/dev/stderr")


class Unwritable(Exception):
    """In one sentence why there can be no such log."""


class Log:
    """An open log file. Raises Unwritable where it cannot be one."""

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        self._name, self._patience = show.path(os.fsencode(path)), patience
        if not path or path in _OURS or "\0" in path:
            raise Unwritable(f"--log-file needs a file, and {self._name or 'nothing'} is none")
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        boot = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT.format(root=root)]
        try:
            self._writer = subprocess.Popen(
                [*boot, path], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, start_new_session=True, pass_fds=_handed_over(path),
            )  # fmt: skip
        except OSError as error:
            raise Unwritable(f"the log cannot be written: {error.strerror}") from None
        self._printer: Printer | None = None
        if trouble := self._answer(time.monotonic() + patience):
            self._close()
            raise Unwritable(f"the log {self._name} cannot be written: {trouble}")

    def follow(self, mailbox: Mailbox) -> None:
        """Write this story, to its end."""
        assert self._writer.stdin is not None
        pipe = open(self._writer.stdin.fileno(), "w", encoding="utf-8", closefd=False)
        self._printer = Printer(mailbox, Json(pipe))

    def end(self, exit_code: int) -> str:
        """After the story's end: wait until it is written; a sentence when it is not, or empty.

        Less patiently where the run stood still or was told to stop, with `exit_code` 5 or 130 up.
        """
        patience = self._patience if exit_code < 130 and exit_code != 5 else _IMPATIENCE
        until = time.monotonic() + patience
        if self._printer is not None and not self._printer.wait(patient=False, most=patience):
            trouble = "it is too slow"
        else:
            assert self._writer.stdin is not None
            self._writer.stdin.close()
            trouble = self._answer(until)
        self._close()
        return f"the log {self._name} is not whole: {trouble}" if trouble else ""

    def _close(self) -> None:
        """Leave a writer that hangs behind; a thread that waits for it ends by its end."""
        self._writer.kill()
        if self._printer is not None:
            self._printer.wait(patient=False, most=0.1)
        for pipe in (self._writer.stdin, self._writer.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._writer.wait(0.1)
        except subprocess.TimeoutExpired:
            pass

    def _answer(self, until: float) -> str:
        """The writer's next line: empty means that all is well."""
        assert self._writer.stdout is not None
        answer, pipe = b"", self._writer.stdout.fileno()
        while not answer.endswith(b"\n"):
            left = max(0.0, until - time.monotonic())
            if not wire.ready(pipe, left):
                return "it does not answer"
            if not (part := os.read(pipe, 4096)):
                return "its writer was killed"
            answer += part
        return answer.decode("utf-8", "replace").strip()


def inside(path: str, job: Job) -> bool:
    """Whether the run itself would copy, or delete, its log; only by the names of things."""
    place = os.path.abspath(os.fsencode(path))
    trees = (*job.sources, *((job.target,) if job.mirror else ()))
    return not job.patterns and any(
        place == (tree := os.path.normpath(each)) or place.startswith(tree.rstrip(b"/") + b"/")
        for each in trees
    )


def _handed_over(path: str) -> tuple[int, ...]:
    """The open file of this process that is meant, as a shell's `>(…)`."""
    number = path.removeprefix("/dev/fd/").removeprefix("/proc/self/fd/")
    return (int(number),) if number != path and number.isdigit() else ()
