"""Whose trouble an error is: one file's, or a whole side's, which ends the run with one message."""

from __future__ import annotations

import errno

from blit.worker.context import FATAL, Context, Result, join, raw
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# the destination as a whole cannot take more
ALL = frozenset(getattr(errno, name) for name in FATAL)
# the device may be dying, or this may be one bad place on it: asked by writing elsewhere
MAYBE = frozenset(
    (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOTCONN, errno.ECONNABORTED, errno.ESHUTDOWN)
)
# the kernel tells that something of what was written is lost, and not what
LOST = (
    "the device could not store what was written ({}): dmesg tells more; when it is sound again, "
    "run the same command with --checksum"
)
_AGAIN = 1.0  # seconds that an answer of the device counts


def note(
    context: Context, result: Result, root: str, rel: str, name: str, step: str, error: OSError
) -> None:
    """Take down a failure at the destination: this one's, or the reason to end the run."""
    from blit.worker.why import explain

    path, code = raw(join(root, rel, name)), error.errno or 0
    if result.fatal is None and (text := fatal(context, root, error)):
        result.fatal = (path, step, code, text)
    elif result.fatal is None:
        result.failures.append((path, step, code, explain(context, error, root, rel, name)))
    else:
        result.left += 1  # one message, not one a file


def fatal(context: Context, root: str, error: OSError) -> str:
    """Why nothing more can be written below the destination root `root`; "" if it is not so."""
    code = error.errno or 0
    text = error.strerror or str(error)
    if code in ALL:
        return "no inodes are left" if code == errno.ENOSPC and _no_inodes(context, root) else text
    if code in MAYBE and not takes(context, root):
        return f"the device takes nothing any more ({text}): look what dmesg says of it"
    return ""


def lost(context: Context, result: Result, waiting: list[Any], error: OSError) -> None:
    """The sync of a whole batch failed: nobody can say what of it is on disk; the old stays."""
    for each in waiting:
        try:
            os.unlink(each.temporary, dir_fd=context.folders.open(each.dst_root, each.dst_rel))
        except OSError:
            pass  # the next run clears it away
    first, code, text = waiting[0], error.errno or 0, error.strerror or str(error)
    if code not in ALL:
        text = LOST.format(text)
    result.left += len(waiting) - 1
    result.fatal = (raw(join(first.dst_root, first.dst_rel)), "sync", code, text)
    waiting.clear()


def source_gone(context: Context, root: str, error: OSError) -> str:
    """Why nothing more can be read of the source `root`; "" if it is one entry's trouble."""
    if error.errno not in MAYBE:
        return ""
    if root not in context.dead and _recent(context, root):
        return ""
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.listdir(fd)
        finally:
            os.close(fd)
    except OSError as again:
        if again.errno in MAYBE:
            context.dead.add(root)
            return f"the source does not answer any more ({again.strerror}): is it still there?"
    return ""


def _recent(context: Context, root: str) -> bool:
    """Whether this side was asked a moment ago; else it is to be asked now."""
    from time import monotonic

    now = monotonic()
    if now - context.asked.get(root, -_AGAIN) < _AGAIN:
        return True
    context.asked[root] = now
    return False


def _no_inodes(context: Context, root: str) -> bool:
    """Whether it is not bytes that the destination lacks."""
    try:
        room = os.fstatvfs(context.folders.root(root))
    except OSError:
        return False
    return room.f_files > 0 and room.f_favail == 0


def takes(context: Context, root: str) -> bool:
    """Whether a file can be made and brought to the device: asked of the destination itself."""
    if root in context.dead:
        return False
    if _recent(context, root):
        return True
    name = context.names.next()
    try:
        folder = context.folders.root(root)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            os.write(fd, b"?" * 4096)
            os.fsync(fd)
        finally:
            try:
                os.close(fd)
            finally:
                os.unlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno in MAYBE | ALL:
            context.dead.add(root)
            return False
    return True
