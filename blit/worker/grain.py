"""How coarse a filesystem keeps times: asked of the destination, looked up for the source."""

from __future__ import annotations

import os

from blit.worker import wire
from blit.worker.context import Context

# units of 100 ns; all others keep what they are given
KNOWN = {
    "vfat": 20_000_000, "msdos": 20_000_000, "fat": 20_000_000, "exfat": 20_000_000,
    "hfs": 10_000_000, "hfsplus": 10_000_000, "ext2": 10_000_000, "ext3": 10_000_000,
    "fuse.sshfs": 10_000_000, "9p": 10_000_000, "isofs": 10_000_000, "udf": 10,
    "ntfs": 1, "ntfs3": 1, "fuseblk": 1, "cifs": 1, "smb3": 1,
}  # fmt: skip
_FINE = frozenset(("tmpfs", "xfs", "btrfs", "f2fs", "zfs", "overlay"))
# an odd second, and every digit of the nanoseconds set
_PROBE = 1_000_000_001_123_456_789


def known(kind: str) -> int:
    return KNOWN.get(kind, 0)


def ask(context: Context, folder: str, kind: str, options: int) -> int:
    """The granularity (100 ns units) of times in `folder`; what is known of `kind` if need be.

    Needs a file for a moment: one without a name where the filesystem has such, else, except in a
    dry run, one with a temporary name; the folder's own times are put back then.
    """
    if kind in _FINE:
        return 0
    try:
        before = os.stat(folder)
        fd, name = _file(context, folder, options)
    except OSError:
        return known(kind)
    try:
        os.utime(fd, ns=(_PROBE, _PROBE))
        return _unit(abs(_PROBE - os.fstat(fd).st_mtime_ns))
    except OSError:
        return known(kind)
    finally:
        os.close(fd)
        if name:
            os.unlink(name)
            os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def _file(context: Context, folder: str, options: int) -> tuple[int, str]:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), ""
    except OSError:
        if options & wire.DRY:
            raise
    name = f"{folder}/{context.names.next()}"
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_RDWR, 0o600), name


def _unit(lost: int) -> int:
    """The smallest usual granularity that explains a time that came back `lost` ns off."""
    if not lost:
        return 0
    for unit in (1, 10, 100, 1_000, 10_000, 100_000, 10_000_000):
        if lost < unit * 100:
            return unit
    return 20_000_000
