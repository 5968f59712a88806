"""What the destination's filesystem can: the options of a job that follow from it."""

from __future__ import annotations

import os
import stat

from blit.worker import ground, system, wire
from blit.worker.context import Context

# filesystems that keep neither owners nor modes of their own
OWNERLESS = frozenset(("vfat", "msdos", "fat", "exfat", "ntfs", "ntfs3", "cifs", "smb3", "hfs"))
# filesystems where reserving space in advance is cheap, and keeps a file in one piece; not tmpfs:
# there it is the work of writing begun a second time (2 GiB in 1.03 s, without it in 0.94 s)
PREALLOCATES = frozenset(("ext4", "xfs", "btrfs", "f2fs"))
# those, as measured, where several workers write into one file sooner by read/write: a copy inside
# the kernel goes page by page with the file locked, and no clone is lost by going another way
CACHED = frozenset(("tmpfs",))


def of(context: Context, folder: str, kind: str, device: str, asked: int, roots: list[str]) -> int:
    """Options to add. `folder`: the nearest that existed; `roots`: of the destination. OSError."""
    options = 0
    info = os.stat(folder)
    tick = context.page.tick  # each of these may take a second on a slow network
    tick()
    if kind in OWNERLESS or _fakes(folder, kind, info):
        options |= wire.OWNERLESS | wire.MODELESS
    if kind in PREALLOCATES:
        options |= wire.PREALLOCATE
    if kind in CACHED and not asked & wire.GENTLE:
        options |= wire.CACHED
    if kind in ground.NETWORK or ground.removable(ground.block(info.st_dev, device)):
        options |= wire.DURABLE
    tick()
    caseless = ground.caseless(folder, kind)
    tick()
    if caseless:
        options |= wire.CASELESS
    if caseless is not False and roots and not asked & (wire.DRY | wire.HELD):
        from blit.worker.spelling import rule

        options |= rule(context, roots[0])
    return options


def _fakes(folder: str, kind: str, info: os.stat_result) -> bool:
    """ntfs-3g keeps modes only where mounted with `-o permissions`, which shows as an option.

    From an image it is mounted as `fuse`, which may be anything: then only what shows one mode.
    """
    if kind not in ("fuse", "fuseblk") or "default_permissions" in system.mount_options(folder):
        return False
    return kind == "fuseblk" or stat.S_IMODE(info.st_mode) == 0o777
