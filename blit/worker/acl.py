"""What an access list means for the mode of a copy that cannot have the list."""

from __future__ import annotations

import errno

from blit.worker import metadata, system
from blit.worker.system import os


def has_room(copy: int | str, name: str) -> bool:
    """Whether the filesystem of `copy` knows attributes of this kind; asked for one not there."""
    try:
        system.get_xattr(copy, name)
    except OSError as error:
        return error.errno != errno.EOPNOTSUPP
    return True


def group_bits(access_list: bytes) -> int:
    """What an access list gives to the owning group, as bits of a mode: its entry, masked."""
    entry, mask = 0, 7
    for at in range(4, len(access_list) - 7, 8):
        tag = int.from_bytes(access_list[at : at + 2], "little")
        if tag == 0x04:
            entry = access_list[at + 2]
        elif tag == 0x10:
            mask = access_list[at + 2]
    return (entry & mask & 7) << 3


def is_narrowed(source: os.stat_result, copy: os.stat_result, s: int | str, d: int | str) -> bool:
    """Whether the modes differ only as they must, since `d` cannot have the access list of `s`."""
    if (source.st_mode ^ copy.st_mode) & ~0o070:
        return False
    try:
        wanted = group_bits(system.get_xattr(s, metadata.ACCESS_ACL))
        return copy.st_mode & 0o070 == wanted & source.st_mode and not has_room(
            d, metadata.ACCESS_ACL
        )
    except OSError:
        return False
