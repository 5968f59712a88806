"""Whether the machines of a cluster see the same folders: asked before anything is copied.

A folder that one node has not mounted is an empty one of its own there, and what it copied would
land on its own disk. One worker tells what it sees and leaves a mark in the destination; one on
each other node must find both.
"""

from __future__ import annotations

import os
import time

from blit.worker import status, system
from blit.worker.context import Context, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Place = tuple[str, int, int, int, str]

# filesystems of one machine alone: two machines that both show one see two
_OF_ONE = frozenset((
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs", "reiserfs", "tmpfs",
    "ramfs", "devtmpfs", "overlay", "vfat", "msdos", "exfat", "ntfs3", "iso9660", "squashfs",
))  # fmt: skip
# seconds that a network filesystem may show an older time of a folder
_LAG, _PAUSE = 3.0, 0.1


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task and answer are those of `tell`, `see` or `clear`, by the keys that it has."""
    context.page.operation(status.PROBE)
    try:
        if "tell" in task:
            return tell(context, task)
        return see(context, task) if "see" in task else clear(context, task)
    finally:
        context.page.operation(status.IDLE)


def tell(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `tell` (roots of both sides), `mark` (those of the destination, or none).

    Answer: `places` (of each root the nearest folder that exists: path, dev and ino as the run
    knows them, ctime in ns, filesystem), `marks` (folder, name, ino, its times in ns before);
    `unlike`: one sentence about what cannot be done.
    """
    places: list[Place] = []
    marks: list[tuple[str, str, int, tuple[int, int]]] = []
    for root in task["tell"]:
        path = root
        while not os.path.isdir(context.folders.here(path)):
            path = os.path.dirname(path)
        here = context.folders.here(path)
        info = os.stat(here)
        kind = system.mount_of(os.path.realpath(here))[0]
        if root in task["mark"]:
            name = context.names.next()
            try:
                fd = os.open(join(here, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as error:
                clear(context, {"marks": marks})
                return {"unlike": f"{path} cannot be written to: {error.strerror}"}
            marks.append((path, name, os.fstat(fd).st_ino, (info.st_atime_ns, info.st_mtime_ns)))
            os.close(fd)
        places.append((path, *context.folders.identity(info), info.st_ctime_ns, kind))
    return {"places": places, "marks": marks}


def see(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `see` (the places), `marks`, `strict` (this is the same machine, in another container
    perhaps). Answer: `same` {dev here: dev as the run knows it}, or `unlike`: what is not the same.
    """
    same: dict[int, int] = {}
    marked = {path for path, *_ in task["marks"]}
    for path, device, inode, changed, kind in task["see"]:
        here = context.folders.here(path)
        context.page.name(here[-700:])
        shown = path if here == path else f"{path} (there {here})"
        try:
            info = _stat(here, 0 if path in marked or task["strict"] else changed)
        except OSError as error:
            return {"unlike": f"{shown} is missing: {error.strerror}"}
        number = context.folders.device(info.st_dev) if task["strict"] else device
        if (number, info.st_ino) != (device, inode):
            return {"unlike": f"{shown} is another folder"}
        if task["strict"]:
            continue
        mine = system.mount_of(os.path.realpath(here))[0]
        if mine in _OF_ONE and kind in _OF_ONE:
            return {"unlike": f"{shown} is on a disk of that machine alone ({mine})"}
        if path not in marked and info.st_ctime_ns != changed:
            text = f"{shown} was changed at another time: if it is the same folder, try again"
            return {"unlike": f"{text} in a minute"}
        if same.setdefault(info.st_dev, device) != device:
            return {"unlike": f"{shown} is on the same filesystem as another folder of this run"}
    for path, name, inode, _ in task["marks"]:
        try:
            if os.lstat(join(context.folders.here(path), name)).st_ino == inode:
                continue
        except OSError:
            pass
        return {"unlike": f"what another machine writes to {path} does not show"}
    return {"same": same}


def _stat(path: str, changed: int) -> os.stat_result:
    """Wait a while for a folder to show when it was changed (ns; 0: as it is)."""
    until = time.monotonic() + _LAG
    while True:
        info = os.stat(path)
        if not changed or info.st_ctime_ns == changed or time.monotonic() >= until:
            return info
        time.sleep(_PAUSE)


def clear(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `marks`, which go; the folders get the time back that they had."""
    for path, name, _, times in task["marks"]:
        here = context.folders.here(path)
        try:
            os.unlink(join(here, name))
            os.utime(here, ns=times)
        except OSError:
            pass  # not ours: only its time is another
    return {}
