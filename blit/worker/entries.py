"""Small questions about entries of an open folder, and clearing away what dead runs left there."""

from __future__ import annotations

import errno
from time import time

from blit.worker import system, tmpname, wire
from blit.worker.context import Context, join
from blit.worker.system import os

# entries of the destination's folder from which it is shared, see shares.py; the variable is for
# tests
SHARED = int(os.environ.get("BLIT_SHARED_FROM", 1 << 15))


def exists(name: str, fd: int) -> bool:
    """Raises OSError where it cannot be told; a name that is too long for the filesystem is not."""
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return False
        raise
    return True


def is_empty(folder: str, *besides: str) -> bool:
    """Whether nothing is in a folder, or nothing but what was taken out of it, or is named here.

    Raises OSError."""
    with os.scandir(folder) as listing:
        return all(entry.name == tmpname.TRASH or entry.name in besides for entry in listing)


def is_vacant(folder: str) -> bool:
    """The same; a place that one can write to and not list may hold something."""
    try:
        return is_empty(folder)
    except OSError:
        return False


def same_entry(one: str, other: str, fd: int) -> bool:
    """Whether two spellings are one entry of a folder: where case is ignored, or Unicode folded.

    The same inode is not enough, it may have two names; but then both are listed.
    """
    try:
        a = os.stat(one, dir_fd=fd, follow_symlinks=False)
        b = os.stat(other, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if (a.st_dev, a.st_ino) != (b.st_dev, b.st_ino):
        return False
    names = os.listdir(fd)
    return not (one in names and other in names)


def is_stale(entry: os.DirEntry[str]) -> bool:
    """Whether a temporary was left by a run that has ended."""
    try:
        written = entry.stat(follow_symlinks=False).st_ctime
    except OSError:
        return False
    return tmpname.is_dead(entry.name, time() - written)


def clear_temporary(
    context: Context, entry: os.DirEntry[str], dfd: int, dst_root: str, dst_rel: str
) -> bool:
    """Remove what a dead run left; True when it is gone."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.name, dir_fd=dfd)
            return True
        from blit.worker.remove import remove_tree

        return remove_tree(context, dst_root, join(dst_rel, entry.name))
    except OSError:
        return False


def appeared(context: Context, path: str) -> bool:
    """Whether a path below a root of this run is there by now; if it cannot be told, yes."""
    try:
        os.lstat(context.folders.here(path))
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            return True
    root = next((r for r in context.folders.known if path.startswith(r.rstrip("/") + "/")), None)
    if root is None:
        return True
    above, _, name = path[len(root.rstrip("/")) + 1 :].rpartition("/")
    try:
        return exists(name, context.folders.open(root, above))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def alone(options: int) -> int:
    """Entries of a destination's folder up to which one worker alone compares it.

    Without end where a name there may be another one here, because case is ignored.
    """
    return 1 << 62 if options & wire.CASELESS or not system.SHARES else SHARED
