"""How coarse a filesystem keeps times: asked of the destination, looked up for the source."""

from __future__ import annotations

from blit.worker import system
from blit.worker.system import os

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
    return KNOWN.get(kind, 1 if kind.startswith("fuse") else 0)


def ask(folder: str, kind: str) -> int:
    """The granularity (100 ns units) of times in `folder`; what is known of `kind` if need be.

    Asked of a file without a name, which changes nothing in the folder, so that a dry run decides
    as the real one does; not all filesystems have such files.
    """
    if kind in _FINE:
        return 0
    unnamed: int = getattr(os, "O_TMPFILE", 0)
    if not unnamed:
        return known(kind)
    try:
        fd = os.open(folder, unnamed | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return known(kind)
    try:
        os.utime(fd, ns=(_PROBE, _PROBE))
        return _unit(abs(_PROBE - os.fstat(fd).st_mtime_ns))
    except OSError:
        return known(kind)
    finally:
        system.let_go(fd)


def _unit(lost: int) -> int:
    """The smallest usual granularity that explains a time that came back `lost` ns off."""
    if not lost:
        return 0
    for unit in (1, 10, 100, 1_000, 10_000, 100_000, 10_000_000):
        if lost < unit * 100:
            return unit
    return 20_000_000
