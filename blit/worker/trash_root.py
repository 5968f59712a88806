"""The trash at the top of a destination: opened without following anything, private to its user."""

from __future__ import annotations

import errno

from blit.worker import tmpname
from blit.worker.folders import granted
from blit.worker.system import os

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTE = ".txt"  # beside a run's folder: the command line of the run


class NoTrash(OSError):
    """What stands where the trash must be is none: a file, a link, somebody else's folder."""


def note_of(run: str) -> str:
    """The file beside a run's folder that says which command it was."""
    return run + _NOTE


def open_trash(folder: int, make: bool = True) -> int:
    """The trash in an open destination root; the caller closes it. OSError, NoTrash.

    With a name of its own kind at its place: a symlink is not followed, and a folder of somebody
    who is neither the user nor the owner of the root is not trusted with anything.
    """
    try:
        fd = os.open(tmpname.TRASH, FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
        try:
            granted(folder, lambda: os.mkdir(tmpname.TRASH, 0o700, dir_fd=folder))
        except FileExistsError:
            pass  # another worker was quicker
        fd = os.open(tmpname.TRASH, FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise NoTrash(errno.ENOTDIR, "is no folder, and the trash must be there") from None
        raise
    info, root = os.fstat(fd), os.fstat(folder)
    me = os.geteuid()
    if info.st_uid not in (me, root.st_uid):
        os.close(fd)
        raise NoTrash(errno.EPERM, "is another user's folder, and the trash must be there")
    if info.st_uid == me and info.st_mode & 0o777 != 0o700:
        try:
            os.fchmod(fd, 0o700)
        except OSError:
            pass  # no modes there
    return fd


def unusable(root: str) -> str:
    """Why what stands at the place of a root's trash is none; empty where all is well."""
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ""  # no root yet; or the run will meet that
    try:
        os.close(open_trash(folder, make=False))
    except NoTrash as no:
        return str(no.strerror)
    except OSError:
        pass
    finally:
        os.close(folder)
    return ""


def made(name: str, folder: int, mode: int = 0o700) -> bool:
    try:
        os.mkdir(name, mode, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def write_note(name: str, text: str, folder: int) -> None:
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            os.write(fd, text.encode("utf-8", "surrogateescape"))
        finally:
            os.close(fd)
    except OSError:
        pass  # then nobody can read which command it was
