"""The process that writes a log file: what comes in on standard input, into the file that is named.

A process of its own, because a file on a dead mount holds whoever opens it, beyond any exit. Its
standard output says one line when the file is open, and one when all is written: empty when it went
well, else why not.
"""

from __future__ import annotations

import os
import signal
import stat
import sys

CHUNK = 1 << 16  # bytes
BEGINS = b'{"type": "'  # what `--json` writes: only such a file is written over


def main() -> None:
    """`… path`: returns when standard input ends, also by the death of who writes there."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # the end of the story is what is most wanted
    file = -1
    try:
        file = _opened(sys.argv[1])
        trouble = ""
    except OSError as error:
        trouble = error.strerror or str(error)
    except ValueError as error:
        trouble = str(error)
    _say(trouble)
    if not trouble:
        _say(_all(file))


def _opened(path: str) -> int:
    """The file, empty. ValueError where it is something that was not ours to write over."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOCTTY, 0o600)
    if stat.S_ISREG(os.fstat(file).st_mode):
        start = os.read(file, len(BEGINS))
        if start and start != BEGINS:
            raise ValueError("it exists and is no log of blit: name another file")
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
    return file


def _all(file: int) -> str:
    """Why not everything could be written; empty when it was."""
    try:
        while data := os.read(0, CHUNK):
            while data:
                data = data[os.write(file, data) :]
        os.close(file)  # a network's filesystem may say only now that it had no room
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _say(text: str) -> None:
    try:
        os.write(1, text.encode("utf-8", "backslashreplace") + b"\n")
    except OSError:
        pass  # who asked has left
