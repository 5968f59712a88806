"""What linux.py asks of /proc, for a place where it is not mounted: slower, by calls of libc."""

from __future__ import annotations

import ctypes
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
