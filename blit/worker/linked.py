"""One of several names of a file, as the listing meets it: gathered by inode for links.py."""

from __future__ import annotations

from blit.worker import room, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blit.worker.scan import Scanner, Token
    from blit.worker.system import os

UP_TO_DATE = -1  # as a reason: nothing to do, as far as this name alone can tell


def note(
    scan: Scanner, token: Token, name: str, entry: Any, info: os.stat_result,
    there: os.stat_result | None, target: str = "",
) -> None:  # fmt: skip
    """`entry`: as on the wire; None where nothing is to be done. `target`: its name there."""
    scan.handed = True
    src_root, dst_root, src_rel, dst_rel, _, _ = token
    size, least = info.st_size, room.least(info)
    if entry is None:
        scan.unchanged -= 1
        scan.unchanged_bytes -= size
        entry = (name, wire.FILE, size, info.st_mtime_ns, info.st_ino, UP_TO_DATE)
        scan.files += 1
        scan.need[0] -= least - least // info.st_nlink  # its other names are linked to it
    elif entry[5] not in (wire.MODE, wire.COMPARE):
        scan.need[0] -= least - least // info.st_nlink
        scan.need[3] -= entry[5] == wire.NEW
        scan.bytes -= size - size // info.st_nlink  # the bytes are moved once for all names
    inode = scan.c.folders.identity(there) if there is not None else None
    place = (src_root, dst_root, src_rel, dst_rel)
    part = (*scan.c.folders.identity(info), *place, entry, inode, target or name)
    scan.link_parts.setdefault(info.st_ino % wire.LINK_BUCKETS, []).append(part)
