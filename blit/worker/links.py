"""Hard links: a file's names are gathered by inode; the first is copied, the others linked to it.

The scan sorts names with a link count above one into buckets by inode, so that memory stays bounded
and several workers can do buckets at once. They are done when the scan is complete, because only
then all names are known.
"""

from __future__ import annotations

import errno
import os

from blit.worker import status, wire
from blit.worker.context import Context, Result, join, raw
from blit.worker.copy import Copier
from blit.worker.scan import UP_TO_DATE

# no links here (FAT), too many of them, or two filesystems under one root: copies then
LINK_CANNOT = frozenset((errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(context: Context, task: dict[str, Any]) -> Result:
    """Task: `parts` (dumps of lists as in Scanner._link), `options`."""
    groups: dict[tuple[int, int], list[Any]] = {}
    for blob in task["parts"]:
        for part in wire.load(blob):
            groups.setdefault((part[0], part[1]), []).append(part[2:])
    copier = Copier(context, task["options"])
    copier.linking = True
    for members in groups.values():
        if not context.go_on():
            copier.result.left += len(members)
            continue
        _one(context, copier, members)
        if copier.result.fatal:
            break
    copier.flush()
    context.page.operation(status.IDLE)
    return copier.result


def _one(context: Context, copier: Copier, members: list[Any]) -> None:
    """Bring one file under all its names. Members: roots, rels, entry or None, inode or None."""
    members.sort(key=lambda m: (m[3], m[4][0]))
    # an up-to-date copy, if there is one, is the best name to link to
    first = next((m for m in members if m[4][5] == UP_TO_DATE), None)
    result = copier.result
    if first is None:
        first = members[0]
        src_root, dst_root, src_rel, dst_rel, entry, _ = first
        before = len(result.failures) + result.vanished + result.left
        unchanged = result.unchanged
        copier.run_entries(src_root, dst_root, src_rel, dst_rel, None, [entry])
        copier.flush()  # it must have its name before others are linked to it
        if len(result.failures) + result.vanished + result.left > before or result.fatal:
            # each other name for itself: a failure of one must not lose the rest silently
            for src_root, dst_root, src_rel, dst_rel, entry, _ in members[1:]:
                copier.run_entries(src_root, dst_root, src_rel, dst_rel, None, [entry])
            return
        in_place = result.unchanged > unchanged or entry[5] == wire.MODE
        there = first[5] if in_place else None
    else:
        result.unchanged += 1
        there = first[5]
    _, dst_root, _, dst_rel, entry, _ = first
    for member in members:
        if member is first:
            continue
        _link(context, copier, (dst_root, dst_rel, entry[0]), member, there)


def _link(
    context: Context, copier: Copier, first: tuple[str, str, str], member: Any,
    inode: tuple[int, int] | None,
) -> None:  # fmt: skip
    page, result = context.page, copier.result
    _, dst_root, src_rel, dst_rel, entry, there = member
    name = entry[0]
    page.folder("", join(dst_root, dst_rel))
    page.name(name)
    page.operation(status.MAKE_LINK)
    try:
        if copier.dry:
            if inode is not None and there == inode:
                result.unchanged += 1
            else:
                copier.count(dst_rel, src_rel, name, 0, wire.LINK, _reason(entry, there))
            return
        from_fd = context.folders.open(first[0], first[1])
        to_fd = context.folders.open(dst_root, dst_rel, make=True)
        target = os.stat(first[2], dir_fd=from_fd, follow_symlinks=False)
        if there is not None and there == (target.st_dev, target.st_ino):
            result.unchanged += 1
            page.file_done(0)
            return
        temporary = context.names.next()
        os.link(first[2], temporary, src_dir_fd=from_fd, dst_dir_fd=to_fd, follow_symlinks=False)
        try:
            os.rename(temporary, name, src_dir_fd=to_fd, dst_dir_fd=to_fd)
        except OSError:
            os.unlink(temporary, dir_fd=to_fd)
            raise
        page.file_done(0)
        copier.count(dst_rel, src_rel, name, 0, wire.LINK, _reason(entry, there))
    except OSError as error:
        src_root = member[0]
        if error.errno in LINK_CANNOT:
            copier.run_entries(src_root, dst_root, src_rel, dst_rel, None, [_as_copy(entry, there)])
            return
        result.failures.append(
            (
                raw(join(dst_root, dst_rel, name)),
                "link",
                error.errno or 0,
                error.strerror or str(error),
            )
        )


def _reason(entry: Any, there: tuple[int, int] | None) -> int:
    if there is None:
        return wire.NEW
    return entry[5] if entry[5] >= 0 else wire.CONTENT


def _as_copy(entry: Any, there: tuple[int, int] | None) -> Any:
    reason = wire.NEW if there is None else entry[5] if entry[5] >= 0 else wire.CONTENT
    return (*entry[:5], reason)
