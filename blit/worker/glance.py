"""Entries of a folder looked at once each, where the answer to a look takes long.

`statx` may be told to take what the kernel has: a network or FUSE filesystem sends the attributes
with the name, and a `stat` asks it for the name and then once more for them. Only for what is to be
made anew: a copy is compared with its source by attributes that were asked for after it was read.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

from blit.worker.cannot import CANNOT

_NOFOLLOW, _NO_AUTOMOUNT, _DONT_SYNC = 0x100, 0x800, 0x4000
_FLAGS = _NOFOLLOW | _NO_AUTOMOUNT | _DONT_SYNC
_BASIC = 0x7FF
# mask, links, owner, group, mode, inode, size, blocks, three times of (s, ns), numbers of devices
_LAYOUT = struct.Struct("=I12xIIIH2xQQQ8xqI4x16xqI4xqI4xIIII")
_NOT_HERE = CANNOT | {errno.EPERM}

_libc = ctypes.CDLL(None, use_errno=True)
_statx = _libc.statx  # AttributeError: a C library without it
_statx.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p)
_room = ctypes.create_string_buffer(256)


class Glanced:
    """As much of os.DirEntry as a listing asks for."""

    __slots__ = ("_folder", "_info", "_item", "name")

    def __init__(self, item: os.DirEntry[str], folder: int) -> None:
        self.name, self._item, self._folder = item.name, item, folder
        self._info: os.stat_result | None = None

    def stat(self, *, follow_symlinks: bool = False) -> os.stat_result:
        """Never through a link. OSError."""
        if self._info is None:
            self._info = _look(self.name, self._folder) or self._item.stat(follow_symlinks=False)
        return self._info

    def is_dir(self, *, follow_symlinks: bool = False) -> bool:
        try:
            return stat.S_ISDIR(self.stat().st_mode)
        except OSError:  # the listing may tell: a folder that filters leave out is no failure
            return self._item.is_dir(follow_symlinks=False)

    def is_file(self, *, follow_symlinks: bool = False) -> bool:
        return stat.S_ISREG(self.stat().st_mode)


def _look(name: str, folder: int) -> os.stat_result | None:
    """None where the kernel does not say all of it that way."""
    if _statx(folder, os.fsencode(name), _FLAGS, _BASIC, _room):
        code = ctypes.get_errno()
        if code in _NOT_HERE:
            return None
        raise OSError(code, os.strerror(code), name)
    (
        mask, links, owner, group, mode, inode, size, blocks,
        a, a_ns, c, c_ns, m, m_ns, major, minor, on_major, on_minor,
    ) = _LAYOUT.unpack_from(_room)  # fmt: skip
    if mask & _BASIC != _BASIC:
        return None
    on, number = os.makedev(on_major, on_minor), os.makedev(major, minor)
    ns = 10**9
    return os.stat_result((
        mode, inode, on, links, owner, group, size, a, m, c,
        a + a_ns / ns, m + m_ns / ns, c + c_ns / ns,
        a * ns + a_ns, m * ns + m_ns, c * ns + c_ns, 0, blocks, number,
    ))  # fmt: skip
