"""What linux.py does where /proc is not mounted, or a call is missing: slower, or less sure."""

from __future__ import annotations

import ctypes
import errno
import os

_AT_EMPTY_PATH = 0x1000
_MOST_HANDLE = 128
_FCHMODAT2 = 452
_libc = ctypes.CDLL(None, use_errno=True)


def mount_id(fd: int) -> int:
    """Tells mounts apart; by the device alone where the kernel does not say."""
    number = ctypes.c_int()
    handle = ctypes.create_string_buffer(_MOST_HANDLE.to_bytes(4, "little"), 8 + _MOST_HANDLE)
    if _libc.name_to_handle_at(fd, b"", handle, ctypes.byref(number), _AT_EMPTY_PATH):
        return os.fstat(fd).st_dev
    return number.value


def change_mode(handle: int, mode: int) -> None:
    """The mode of what an O_PATH handle stands for. OSError: ENOSYS before Linux 6.6."""
    if _libc.syscall(_FCHMODAT2, handle, b"", mode, _AT_EMPTY_PATH):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def process_exists(pid: int) -> int | None:
    """0: it does; None: there is no such process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0


def rename_new(old: str, new: str, folder: int) -> None:
    """Rename in an open folder, but never onto something, as far as one look can tell."""
    try:
        os.stat(new, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
