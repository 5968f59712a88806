"""Sets the metadata of folders when nothing inside them changes any more; makes the empty ones."""

from __future__ import annotations

from blit.worker import blame, metadata, status, tmpname, wire
from blit.worker.context import Context, Result, join, raw, shown
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(context: Context, task: dict[str, Any]) -> Result:
    """Task: `folders` (dumps of lists from Scanner.finish), `options`, `last`, `swapped`.

    `swapped`: what was built beside its place is in its place.
    Folders are done deepest first. Those whose final mode would lock their owner out wait for the
    last task of all, which does them alone.
    """
    result = Result()
    options: int = task["options"]
    records = [r for blob in task["folders"] for r in wire.load(blob)]
    if task["last"]:
        # the root last: to set up a folder that is missing yet moves the time of the one above
        records.sort(key=lambda r: -r[3].count("/") - bool(r[3]))
    late = []
    page = context.page
    for record in reversed(records) if not task["last"] else records:
        src_root, dst_root, src_rel, dst_rel, mode, *respelled = record
        if tmpname.PREFIX in dst_rel and (final := shown(dst_rel, src_rel)) != dst_rel:
            if not task["swapped"]:
                continue  # what was built beside its place is gone again
            dst_rel = final
        if not context.go_on():
            result.left += 1
            continue
        if task.get("make"):  # also those that are late: made later they would move times again
            try:
                page.operation(status.MKDIR)
                page.folder("", join(dst_root, dst_rel))
                context.folders.open(dst_root, dst_rel, make=True)
                page.tick()
            except OSError:
                pass  # its metadata cannot be set either: that is told then
            continue
        if mode & 0o300 != 0o300 and not context.me.root and not task["last"]:
            late.append(record)
            continue
        page.folder(join(src_root, src_rel), join(dst_root, dst_rel))
        page.operation(status.OPEN_SOURCE)
        try:
            sfd = context.folders.open(src_root, src_rel)
            page.operation(status.MKDIR)
            dfd = context.folders.open(dst_root, dst_rel, make=True)
            page.operation(status.SET_METADATA)
            if respelled:
                from blit.worker.spelling import respell

                respell(context, dfd, sfd, respelled[0])
            context.wrote(os.fstat(dfd).st_dev, dst_root, dst_rel, dfd)
            set_folder(context, sfd, dfd, options)
            page.tick()
        except OSError as error:
            operation = page.map[page.base + 32]
            if operation == status.OPEN_SOURCE and isinstance(error, FileNotFoundError):
                result.vanished += 1
                continue
            step = status.OPERATIONS[operation]
            if operation == status.OPEN_SOURCE:
                path, text = raw(join(src_root, src_rel)), error.strerror or str(error)
                result.failures.append((path, step, error.errno or 0, text))
                continue
            blame.note(context, result, dst_root, dst_rel, "", step, error)
            if result.fatal:
                break
    page.operation(status.IDLE)
    if late:
        result.late = wire.dump(late)
    return result


def set_folder(context: Context, sfd: int, dfd: int, options: int) -> None:
    me = context.me
    source, copy = os.fstat(sfd), os.fstat(dfd)
    now = (copy.st_uid, copy.st_gid)
    metadata.dress(me, sfd, dfd, source, now, options, existing=True)
    os.utime(dfd, ns=(source.st_atime_ns, source.st_mtime_ns))
