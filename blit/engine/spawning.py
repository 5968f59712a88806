"""Starts one worker process with its two pipes and the status pages that it shares."""

from __future__ import annotations

import mmap
import os
import sys

from blit.worker import status
from blit.worker.signals import signal

# tuples of strings and numbers make no cycles: nothing for the collector to find
_BOOT = (
    "import gc, sys; gc.disable(); sys.path.append({root!r}); "
    "from blit.worker.main import main; main()"
)


def pages(count: int) -> tuple[int, mmap.mmap]:
    """So many status pages: the file to share, and this process's view of it."""
    # an anonymous file: its pages are shared by whoever maps it, and it is gone with the last
    if hasattr(os, "memfd_create"):
        shared = os.memfd_create("blit-status")
    else:
        import tempfile

        shared, path = tempfile.mkstemp()
        os.unlink(path)
    os.ftruncate(shared, count * status.PAGE)
    return shared, mmap.mmap(shared, count * status.PAGE)


def spawn(slot: int, token: str, first: int, shared: int) -> tuple[int, int, int]:
    """A worker that is a child of this process: its number, the pipe to it and the pipe from it.

    OSError where the system has no process to give.
    """
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # blocked until the worker ignores them: a Ctrl-C at start must not kill it
    blocked = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
    passing: list[int] = []  # closed here, whatever happens
    kept: list[int] = []
    try:
        theirs_in, ours_out = os.pipe()
        passing, kept = [theirs_in], [ours_out]
        ours_in, theirs_out = os.pipe()
        passing.append(theirs_out)
        kept.append(ours_in)
        null = os.open(os.devnull, os.O_RDWR)
        passing.append(null)
        high = []  # their numbers must not collide with the targets of the dup2s
        for fd in (null, null, null, theirs_in, theirs_out, shared):
            high.append(_above(fd))
            passing.append(high[-1])
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT.format(root=root),
             str(slot), token, str(os.getpid()), str(first)],
            dict(os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in enumerate(high)],
            setsigmask=blocked,
        )  # fmt: skip
    except OSError:
        for fd in kept:
            os.close(fd)
        raise
    finally:
        for fd in passing:
            os.close(fd)
    return pid, ours_out, ours_in


def _above(fd: int) -> int:
    """A duplicate with a number of at least 10, close-on-exec."""
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
