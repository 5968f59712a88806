"""Whether what is planned can fit: what the destination has free against what is surely needed.

Only what is certain stops a run. So the need is the least that it can be (holes and hard links
counted once, what is replaced gives its space back), and where clones, compression or other
filesystems below may make it fit nevertheless, it is only told.
"""

from __future__ import annotations

from blit.worker import system
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from blit.worker.context import Context

# no compression, no space shared with others behind the scenes
_PLAIN = frozenset(("tmpfs", "ext2", "ext3", "ext4", "xfs", "vfat", "msdos", "exfat"))
_INODES = frozenset(("tmpfs", "ext2", "ext3", "ext4"))  # as many as there are, never more
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")

# what a listing adds up: bytes that new files and the growth of replaced ones take, the largest
# file that replaces another, bytes that replaced files shrink by, new inodes
NONE = (0, 0, 0, 0)


def least(info: os.stat_result) -> int:
    """Bytes that a copy of a file takes at least."""
    size, allocated = info.st_size, info.st_blocks << 9
    return size if size < allocated else allocated


def replaced(need: list[int], info: os.stat_result, there: os.stat_result) -> None:
    """Add a file that stands in the place of another, and beside it until it is complete."""
    new, old = least(info), there.st_blocks << 9
    need[0] += new - old
    need[1] = max(need[1], new)
    need[2] += max(0, old - new)


def add(one: Sequence[int], other: Sequence[int]) -> tuple[int, int, int, int]:
    return one[0] + other[0], max(one[1], other[1]), one[2] + other[2], one[3] + other[3]


def free(room: os.statvfs_result) -> tuple[int, int]:
    """Bytes and inodes that we may take; inodes -1 where they are not counted."""
    root = os.geteuid() == 0
    blocks, inodes = (room.f_bfree, room.f_ffree) if root else (room.f_bavail, room.f_favail)
    return blocks * room.f_frsize, inodes if room.f_files else -1


def told(context: Context, need: list[int], root: str) -> dict[str, Any]:
    """What a listing answers: `need`, and `room` where it can be asked: what is free by now."""
    try:
        return {"need": need, "room": free(os.fstatvfs(context.folders.root(root)))}
    except OSError:
        return {"need": need}  # nothing may have been made there yet


def look(
    target: str, kind: str, number: int, sources: Iterable[int], room: os.statvfs_result
) -> tuple[int, int, bool]:  # fmt: skip
    """`free`, and whether a need above it is certain not to fit.

    `kind`: the filesystem's type; `number`: its device; `sources`: the devices copied from.
    """
    bytes_, inodes = free(room)
    clones = kind == "xfs" and number in sources
    certain = kind in _PLAIN and room.f_blocks > 0 and not clones
    if certain and os.path.isdir(target):
        certain = not system.mounted_below(os.path.realpath(target))
    return bytes_, inodes if kind in _INODES else -1, certain


def lacking(need: Sequence[int], bytes_: int, inodes: int, complete: bool) -> str:
    """One sentence about what does not fit; "" when it fits. `complete`: nothing is to be added."""
    more = "" if complete else "at least "
    again = "then run the same command again"
    if need[0] > bytes_:
        return (
            f"needs {more}{size(need[0])}, {size(bytes_)} free: make room for {more}"
            f"{size(need[0] - bytes_)} more, or leave something out (--exclude), {again}"
        )
    if need[1] - need[2] > bytes_:
        return (
            f"needs {size(need[1])} beside the file that is replaced until it is complete, "
            f"{size(bytes_)} free: make room, or remove the old file yourself, {again}"
        )
    if need[3] > inodes >= 0:
        return (
            f"needs {more}{need[3]:,} inodes, {inodes:,} free: remove some files there, "
            f"or leave something out (--exclude), {again}"
        )
    return ""


def size(count: float) -> str:
    """`1.5 GB`, as everywhere; see blit.show, which workers cannot import."""
    value = float(count)
    step = 0
    while value >= 999.5 and step < len(_UNITS) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.{0 if not step or value >= 99.5 else 1}f} {_UNITS[step]}"
