"""Whether two files are equal, byte by byte: both sides are read and compared, no digest in between."""

from __future__ import annotations

import os

from blit.worker import metadata, status, wire
from blit.worker.context import Context
from blit.worker.ladder import Stopped

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BUFFER = 1 << 20


def verdict(
    context: Context, sfd: int, dfd: int, name: str, target: str, size: int, options: int
) -> int | None:
    """CONTENT when the bytes differ, MTIME or MODE when only the metadata does, None when nothing."""
    page = context.page
    page.operation(status.COMPARE_BYTES)
    s = os.open(name, _FLAGS, dir_fd=sfd)
    try:
        try:
            d = os.open(target, _FLAGS, dir_fd=dfd)
        except FileNotFoundError:
            return wire.CONTENT
        try:
            if not equal(context, s, d, size):
                return wire.CONTENT
            source, copy = os.fstat(s), os.fstat(d)
            if source.st_mtime_ns != copy.st_mtime_ns and not close_enough(
                source.st_mtime_ns, copy.st_mtime_ns, options >> 16
            ):
                return wire.MTIME
            if metadata.differs(context.me, source, copy, options):
                return wire.MODE
            return wire.MODE if metadata.xattrs_differ(context.me, s, d) else None
        finally:
            os.close(d)
    finally:
        os.close(s)


def equal(context: Context, s: int, d: int, size: int) -> bool:
    """Raises OSError, and Stopped when the run ends meanwhile."""
    read = os.read
    if size <= _BUFFER:
        # one byte more than the size shows a file that has grown
        ours, theirs = read(s, size + 1), read(d, size + 1)
        if len(ours) == len(theirs) == size:
            return ours == theirs
        os.lseek(s, 0, os.SEEK_SET)
        os.lseek(d, 0, os.SEEK_SET)
    page, ladder = context.page, context.ladder
    while True:
        ours, theirs = read(s, _BUFFER), read(d, _BUFFER)
        if len(ours) != len(theirs):  # a short read is not an end
            shorter, fd = (ours, s) if len(ours) < len(theirs) else (theirs, d)
            while len(shorter) < max(len(ours), len(theirs)):
                more = read(fd, max(len(ours), len(theirs)) - len(shorter))
                if not more:
                    return False
                shorter += more
            ours, theirs = (shorter, theirs) if fd == s else (ours, shorter)
        if ours != theirs:
            return False
        if not ours:
            return True
        page.tick()
        if (flag := page.flag()) and not ladder.obey(flag):
            raise Stopped


def close_enough(one: int, other: int, grain: int) -> bool:
    """Two times are the same within the coarser filesystem's granularity (`grain`, 100 ns units)."""
    return grain > 0 and abs(one - other) < grain * 100
