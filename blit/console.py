"""The process itself: its streams, when it began, whether it can show a screen, how it leaves."""

from __future__ import annotations

import errno
import io
import os
import sys
import time

AWAKE_AFTER = 10.0  # seconds: what is over before that is not told to anybody
LOST = "standard output could not be written to: what should stand there is lost"
_STARTED = time.monotonic()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, NoReturn


def no_screen(ci: bool = True) -> str:
    """Why the full screen cannot be shown here, in words; empty when it can."""
    for name in ("stdin", "stdout", "stderr"):  # Textual reads, measures, and paints on these
        try:
            if not getattr(sys, name).isatty():
                return f"{name} is not a terminal"
        except (AttributeError, ValueError):
            return f"{name} is closed"
    if os.environ.get("TERM", "dumb") == "dumb":
        return "this terminal is dumb"
    if (sys.stderr.encoding or "").lower().replace("-", "") != "utf8":
        return "this terminal does not take UTF-8"
    return "CI is set" if ci and os.environ.get("CI") else ""


def version() -> str:
    """What a report of a fault needs to know."""
    from blit import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    system = os.uname()
    where = f"{system.sysname} {system.release} {system.machine}"
    return f"blit {__version__} (Python {python}, {where})"


def process_started() -> float:
    """CLOCK_MONOTONIC when this process was made, to 10 ms; if unknown, when this was imported."""
    try:
        with open("/proc/self/stat", "rb") as stat:
            ticks = int(stat.read().rpartition(b")")[2].split()[19])
        since_boot = ticks / os.sysconf("SC_CLK_TCK")
        asleep = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
        return min(_STARTED, since_boot - asleep)
    except (OSError, ValueError, AttributeError):
        return _STARTED


def stream(fd: int) -> IO[str]:
    """Standard output or error for names of any bytes; a closed one swallows what is written."""
    stream = sys.stdout if fd == 1 else sys.stderr
    if not isinstance(stream, io.TextIOWrapper):
        return open(os.devnull, "w", encoding="utf-8")
    stream.reconfigure(errors="backslashreplace")
    return stream


def streams() -> tuple[IO[str], IO[str]]:
    return stream(1), stream(2)


async def stay_awake(why: str) -> None:
    """Runs beside a transfer, until it is cancelled; from `AWAKE_AFTER` on the machine must not
    fall asleep by itself.
    """
    import anyio

    await anyio.sleep(AWAKE_AFTER)
    from blit.awake import Awake

    with Awake(why):
        await anyio.sleep_forever()


def complain(text: str, prefix: bool = True) -> None:
    try:
        sys.stderr.write(f"blit: {text}\n" if prefix else text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass


def words(error: BaseException) -> str:
    """What the surroundings did to the process; empty where the error is our own."""
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return "no thread can be started: raise the limit of processes (ulimit -u)"
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
    if isinstance(error, OSError) and error.errno in full and error.filename is None:
        return LOST  # a stream's error; that of a file has its name
    return ""


def leave(code: int) -> NoReturn:
    """Without the interpreter's clean-up: 20 ms sooner, and no thread that hangs holds us."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    os._exit(code)


def own_library_first() -> None:
    """A `json.py` in the current folder or in PYTHONPATH must not stand in for the library's."""
    path = sys.path
    at = path.index(home) if (home := os.path.dirname(os.__file__)) in path else 0
    path[:] = path[at:] + path[:at]
