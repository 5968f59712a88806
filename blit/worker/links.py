"""Hard links: a file's names are gathered by inode; the first is copied, the others linked to it.

The scan sorts names with a link count above one into buckets by inode, so that memory stays bounded
and several workers can do buckets at once. They are done when the scan is complete, because only
then all names are known.
"""

from __future__ import annotations

import errno
from collections import namedtuple

from blit.worker import blame, status, wire
from blit.worker.context import Context, Result, join
from blit.worker.copy import Copier, sync_file
from blit.worker.folders import granted
from blit.worker.linked import UP_TO_DATE
from blit.worker.system import os

# no links here (FAT), too many of them, or two filesystems under one root: copies then
LINK_CANNOT = frozenset((errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# One name of a file: where it is, its wire entry, the (dev, ino) of what stands at the destination
# or None, and its name there (not the entry's only while it is built beside its place).
Name = namedtuple("Name", "src_root dst_root src_rel dst_rel entry there target")


def run(context: Context, task: dict[str, Any]) -> Result:
    """Task: `parts` (dumps of lists as in linked.note), `options`."""
    files: dict[tuple[int, ...], list[Name]] = {}
    for blob in task["parts"]:
        for device, inode, *rest in wire.load(blob):
            name = Name(*rest)
            # an inode that was another file a moment ago must not be linked to this one
            key = (device, inode, *name.entry[2:4])
            files.setdefault(key, []).append(name)
    copier = Copier(context, task["options"])
    copier.linking = True
    if task.get("dead") and not copier.dry:  # who died may have done what looks unchanged now
        for name in (name for names in files.values() for name in names):
            copier.touched(name.src_root, name.dst_root, name.src_rel, name.dst_rel)
    for names in files.values():
        if not context.go_on():
            copier.result.left += len(names)
            continue
        _one(context, copier, names)
        if copier.result.fatal:
            break
    copier.flush()
    context.page.operation(status.IDLE)
    return copier.result


def _one(context: Context, copier: Copier, names: list[Name]) -> None:
    """Bring one file under all its names."""
    names.sort(key=lambda n: (n.dst_rel, n.target))
    # an up-to-date copy, if there is one, is the best name to link to
    first = next((n for n in names if n.entry[5] == UP_TO_DATE), None)
    result = copier.result
    if first is None:
        first = names[0]
        before = len(result.failures) + result.vanished + result.left
        unchanged = result.unchanged
        _copy(copier, first, first.entry)
        copier.flush()  # it must have its name before others are linked to it
        if len(result.failures) + result.vanished + result.left > before or result.fatal:
            # each other name for itself: a failure of one must not lose the rest silently
            for name in names[1:]:
                _copy(copier, name, name.entry)
            return
        if not copier.dry and any(name.there for name in names[1:]):
            # it takes the place of something old under its other names: on disk before that
            context.page.operation(status.SYNC)
            try:
                sync_file(first.target, context.folders.open(first.dst_root, first.dst_rel))
            except OSError as error:  # then the old stays, under each of these names
                for name in names[1:]:
                    _failed(context, result, name, "sync", error)
                return
        in_place = result.unchanged > unchanged or first.entry[5] == wire.MODE
        there = first.there if in_place else None
    else:
        result.unchanged += 1
        there = first.there
        if not copier.dry and any(n.there not in (None, there) for n in names):
            # an earlier run copied it, perhaps a moment ago: on disk before it replaces anything
            context.page.operation(status.SYNC)
            try:
                sync_file(first.target, context.folders.open(first.dst_root, first.dst_rel))
            except OSError as error:
                for name in names:
                    if name is not first:
                        _failed(context, result, name, "sync", error)
                return
    for name in names:
        if name is not first:
            _link(context, copier, first, name, there)


def _copy(copier: Copier, name: Name, entry: Any) -> None:
    other = {entry[0]: name.target} if name.target != entry[0] else None
    place = (name.src_root, name.dst_root, name.src_rel, name.dst_rel)
    copier.run_entries(*place, other, [entry])


def _link(
    context: Context, copier: Copier, first: Name, name: Name, inode: tuple[int, int] | None
) -> None:
    """`inode`: of the first name's copy, where that stayed what it was."""
    page, result = context.page, copier.result
    page.folder("", join(name.dst_root, name.dst_rel))
    page.name(name.target)
    page.operation(status.MAKE_LINK)
    reason = _reason(name)
    try:
        if copier.dry:
            if inode is not None and name.there == inode:
                result.unchanged += 1
            else:
                copier.count(name.dst_rel, name.src_rel, name.entry[0], 0, wire.LINK, reason)
                result.trashed += bool(copier.options & wire.TRASH and name.there)
            return
        from_fd = context.folders.open(first.dst_root, first.dst_rel)
        to_fd = context.folders.open(name.dst_root, name.dst_rel, make=True)
        copy = os.stat(first.target, dir_fd=from_fd, follow_symlinks=False)
        page.file_done(0)
        # asked again, since a rename onto another name of the same file does nothing at all
        identity = context.folders.identity(copy)
        if identity in (name.there, _inode(context, name.target, to_fd)):
            result.unchanged += 1
            return
        beside = context.names.next()
        ends = {"src_dir_fd": from_fd, "dst_dir_fd": to_fd}
        granted(to_fd, lambda: os.link(first.target, beside, **ends, follow_symlinks=False))
        try:
            copier.settle(beside, name.target, to_fd, name.dst_root, name.dst_rel)
        except OSError as error:  # of the rename: not that there are no links here
            os.unlink(beside, dir_fd=to_fd)
            _failed(context, result, name, "link", error)
            return
        if name.there is not None:
            copier.touched(name.src_root, name.dst_root, name.src_rel, name.dst_rel)
        copier.count(name.dst_rel, name.src_rel, name.entry[0], 0, wire.LINK, reason)
    except OSError as error:
        if error.errno in LINK_CANNOT:
            _copy(copier, name, (*name.entry[:5], reason))
            return
        _failed(context, result, name, "link", error)


def _inode(context: Context, name: str, fd: int) -> tuple[int, int] | None:
    try:
        info = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return context.folders.identity(info)


def _failed(context: Context, result: Result, name: Name, step: str, error: OSError) -> None:
    blame.note(context, result, name.dst_root, name.dst_rel, name.target, step, error)


def _reason(name: Name) -> int:
    if name.there is None:
        return wire.NEW
    reason: int = name.entry[5]
    return reason if reason >= 0 and reason != wire.COMPARE else wire.CONTENT
