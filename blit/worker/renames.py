"""Renames that go over nothing, and those by which two names swap their places."""

from __future__ import annotations

import errno

from blit.worker import system
from blit.worker.system import os

_NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def rename_new(name: str, other: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
    """Rename, but over nothing: FileExistsError. OSError.

    Where the system cannot do it in one step, as far as one look before it can tell.
    """
    try:
        system.rename_flagged(name, src_dir_fd, other, dst_dir_fd, 1)
        return
    except AttributeError:
        pass  # a C library that has it not
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    try:
        os.stat(other, dir_fd=dst_dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, other, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def exchange(name: str, fd: int, other: str, to: int) -> None:
    """Let two entries swap their places, in one instant. OSError of CANNOT where impossible."""
    try:
        system.rename_flagged(name, fd, other, to, 2)
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None


def took_place(name: str, other: str, folder: int) -> bool:
    """Rename in an open folder; False where something has the other name."""
    try:
        rename_new(name, other, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        return False
    return True
