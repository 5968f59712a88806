"""What stands where another type must go: a mirror builds the new beside it, swapped in later."""

from __future__ import annotations

import errno
import stat

from blit.worker import left_over, room, wire
from blit.worker.context import join, raw
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blit.worker.scan import Scanner, Token


def file_for_folder(scan: Scanner, token: Token, name: str, info: os.stat_result) -> None:
    """A folder is where a file must go: the file is built beside it and swapped in later."""
    scan.handed = True
    src_root, dst_root, src_rel, dst_rel, _, _ = token
    assert src_rel is not None
    if not scan.options & wire.MIRROR:
        path = raw(join(dst_root, dst_rel, name))
        text = "a folder stands where a file must go"
        scan.failures.append((path, "create", errno.EISDIR, text))
        return
    beside = scan.c.names.next()
    kind = wire.FILE if stat.S_ISREG(info.st_mode) else wire.SYMLINK
    size = info.st_size if kind == wire.FILE else 0
    entry = (name, kind, size, info.st_mtime_ns, info.st_ino, wire.NEW)
    scan.files += 1
    scan.bytes += size
    scan.need[0] += room.least(info)
    if info.st_nlink > 1 and kind == wire.FILE:
        scan._link(token, name, entry, info, None, beside)
    else:
        scan._group(src_root, dst_root, src_rel, dst_rel, [entry], {name: beside})
    scan.swaps.append(wire.dump(("file", dst_root, dst_rel, beside, name)))
    # without a source folder: that the source has the name is no reason to keep this one
    if scan.filters is not None and scan.filters.spares:
        left_over.tree_token(scan, token, name, name, False)
        return
    scan.extras.append(("", dst_root, dst_rel, None, [], [name]))
    scan.extra_count += 1
    left_over.extra_token(scan, dst_root, dst_rel, name)


def folder_for_file(scan: Scanner, token: Token, name: str) -> bool:
    """A file is where a folder must go; whether it will be one."""
    src_root, dst_root, src_rel, dst_rel, _, _ = token
    assert src_rel is not None
    if not scan.options & wire.MIRROR:
        path = raw(join(dst_root, dst_rel, name))
        text = "a file stands where a folder must go"
        scan.failures.append((path, "mkdir", errno.ENOTDIR, text))
        return False
    # built beside it under a temporary name; the file goes when everything else is copied
    beside = scan.c.names.next()
    scan.extra_count += 1
    scan.swaps.append(wire.dump(("folder", dst_root, dst_rel, beside, name)))
    scan.stack.append((src_root, dst_root, join(src_rel, name), join(dst_rel, beside), None, 0))
    return True
