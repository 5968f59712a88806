"""Why a destination says no: what `Operation not permitted` does not tell, in words to act upon."""

from __future__ import annotations

import errno
import stat
import sys

from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blit.worker.context import Context

_GETFLAGS = 0x80086601
_NO = frozenset((errno.EPERM, errno.EACCES, errno.EBUSY, errno.ETXTBSY))


def explain(context: Context, error: OSError, root: str, rel: str, name: str = "") -> str:
    """The text of a failure at `name` in a folder of the destination; without one: at the folder.

    Asks again only for errors that have such a reason. Raises nothing.
    """
    text = error.strerror or str(error)
    if error.errno not in _NO or text != os.strerror(error.errno):
        return text
    if error.errno == errno.ETXTBSY:
        return "it is a program that runs just now: end it and run the same command again"
    if error.errno == errno.EBUSY:
        return "something is mounted there or uses it: kept"
    try:
        folder = context.folders.open(root, rel)
        if name and (mark := _mark_of(folder, name)):
            return f"it is {mark}"
        if mark := _marks(folder):
            return f"its folder is {mark}" if name else f"it is {mark}"
    except OSError:
        pass
    return text


def _mark_of(folder: int, name: str) -> str:
    """Of files and folders alone: to open anything else may do something."""
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            return ""
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return ""
    try:
        return _marks(fd)
    finally:
        os.close(fd)


def _marks(fd: int) -> str:
    """The mark of `chattr` that keeps an open file or folder from being changed, in words."""
    if sys.platform != "linux":
        return ""
    import fcntl

    try:
        flags = int.from_bytes(fcntl.ioctl(fd, _GETFLAGS, bytes(8)), "little")
    except OSError:
        return ""
    if flags & 0x10:
        return "marked immutable: chattr -i lifts that"
    return "marked append-only: chattr -a lifts that" if flags & 0x20 else ""
