"""What the queue and the pickers ask about the disks: sub-folders, and which disks paths lie on."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST = 2_000  # folders named
_DEEPEST = 8  # layers of devices (partition, encryption, volume) that are looked through


def folders(task: dict[str, Any]) -> dict[str, Any]:
    """Task: `path`. Answer: `names` (sorted, hidden ones last), `more` (left out) or `error`."""
    names = []
    try:
        with os.scandir(task["path"]) as listing:
            for entry in listing:
                try:
                    if entry.is_dir():
                        names.append(entry.name)
                except OSError:
                    pass  # a link into nowhere is no folder
    except OSError as error:
        return {"error": _words(error)}
    names.sort(key=lambda name: (name.startswith("."), name.casefold(), name))
    return {"names": names[:MOST], "more": max(0, len(names) - MOST)}


def devices(task: dict[str, Any]) -> dict[str, Any]:
    """Task: `sources`, `target`. Answer: `pairs` (device of a source, of the destination) and
    `heads`, the names of the disks below them whose head must move; empty where a source is
    missing: the transfer will say so.
    """
    target = task["target"]
    while True:
        try:
            info = os.stat(target)
            if stat.S_ISDIR(info.st_mode):
                break
        except OSError:
            pass
        above = os.path.dirname(target.rstrip("/")) or "/"
        if above == target:
            break
        target = above
    pairs, heads = [], set(_heads(info.st_dev))
    for source in task["sources"]:
        try:
            device = os.stat(source).st_dev
        except OSError:
            continue
        pairs.append((device, info.st_dev))
        heads.update(_heads(device))
    return {"pairs": pairs, "heads": sorted(heads)}


def _words(error: OSError) -> str:
    return {
        "FileNotFoundError": "does not exist",
        "NotADirectoryError": "is not a folder",
        "PermissionError": "you have no right to look into it",
    }.get(type(error).__name__, error.strerror or str(error))


def _heads(device: int) -> list[str]:
    node = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    return _below(os.path.realpath(node), _DEEPEST) if os.path.exists(node) else []


def _below(node: str, depth: int) -> list[str]:
    """The rotational disks that a block device lies on; a loop device is a file, not a disk."""
    if os.path.exists(f"{node}/loop"):
        return []
    if os.path.exists(f"{node}/partition"):
        node = os.path.dirname(node)
    try:
        slaves = os.listdir(f"{node}/slaves")
    except OSError:
        slaves = []
    if slaves and depth:
        found = [_below(os.path.realpath(f"{node}/slaves/{s}"), depth - 1) for s in slaves]
        return [disk for part in found for disk in part]
    try:
        with open(f"{node}/queue/rotational", "rb") as flag:
            return [os.path.basename(node)] if flag.read(1) == b"1" else []
    except OSError:
        return []
