"""Deletes what a mirror found in the destination alone: the names that were listed, nothing else.

Each name is looked at once more right before it goes: it must still be missing in the source, it
must not be the same file as one that the source has under another case, and its folder must not lie
below a mount point. Files go first, in any order; folders afterwards, deepest first, by rmdir, so
that what appeared meanwhile is kept.
"""

from __future__ import annotations

import errno

from blit.worker import status, system, wire
from blit.worker.context import Context, Result, join, raw
from blit.worker.entries import exists, same_entry
from blit.worker.folders import granted
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(context: Context, task: dict[str, Any]) -> Result:
    """Task: `extras` (dumps as in Scanner.extras), `options`, `which` ("files" or "folders")."""
    result = Result()
    folders_turn = task["which"] == "folders"
    records = [r for blob in task["extras"] for r in wire.load(blob)]
    if folders_turn:
        records.reverse()
    for src_root, dst_root, dst_rel, src_rel, files, folders in records:
        if not context.go_on():
            result.left += 1
            continue
        names = folders if folders_turn else files
        if names:
            _names(
                context,
                result,
                task["options"],
                (src_root, src_rel),
                (dst_root, dst_rel),
                names,
                folders_turn,
            )
    context.page.operation(status.IDLE)
    return result


def _names(
    context: Context, result: Result, options: int,
    source: tuple[str, str | None], place: tuple[str, str], names: list[str], are_folders: bool,
) -> None:  # fmt: skip
    page = context.page
    dst_root, dst_rel = place
    page.folder("", join(dst_root, dst_rel))
    page.operation(status.REMOVE)
    sfd = dfd = -1
    if source[1] is None and source[0] and os.path.lexists(source[0]):
        return  # the source has what these lie in now: nothing says that they are not wanted
    try:
        dfd = context.folders.open(dst_root, dst_rel)
        if system.mount_id(dfd) != system.mount_id(context.folders.root(dst_root)):
            raise OSError(errno.EBUSY, "a filesystem is mounted there: kept")
        if source[1] is not None:
            try:
                sfd = context.folders.open(source[0], source[1])
            except FileNotFoundError:
                # gone since it was listed; then nothing says that these names are not wanted
                raise OSError(errno.ENOENT, "its source folder vanished meanwhile: kept") from None
    except OSError as error:
        if not (isinstance(error, FileNotFoundError) and sfd < 0 and dfd < 0):
            _failed(result, join(dst_root, dst_rel), error)
        return
    for index, name in enumerate(names):
        if not context.go_on():
            result.left += len(names) - index
            return
        name, _, partner = name.partition("/")
        page.name(name)
        try:
            if sfd >= 0 and exists(name, sfd):
                continue  # the source has it now
            if partner and same_entry(name, partner, dfd):
                continue  # a rename by case alone: this is the copy itself
            if not options & wire.DRY:
                _remove(context, dst_root, dst_rel, name, dfd, are_folders)
            result.deleted += 1
            page.tick()
            if options & wire.ITEMIZE:
                path = raw(join(dst_rel, name)) + (b"/" if are_folders else b"")
                result.changes.append((wire.DELETE, path, wire.METADATA, 0))
        except FileNotFoundError:
            pass
        except OSError as error:
            from blit.worker.why import explain

            text = explain(context, error, dst_root, dst_rel, name)
            path = raw(join(dst_root, dst_rel, name))
            result.failures.append((path, "delete", error.errno or 0, text))


def _remove(
    context: Context, dst_root: str, dst_rel: str, name: str, dfd: int, is_folder: bool
) -> None:
    if is_folder:
        context.folders.forget(dst_root, join(dst_rel, name))

    def once() -> None:
        if is_folder:
            os.rmdir(name, dir_fd=dfd)
        else:
            os.unlink(name, dir_fd=dfd)

    granted(dfd, once)


def _failed(result: Result, path: str, error: OSError) -> None:
    result.failures.append((raw(path), "delete", error.errno or 0, error.strerror or str(error)))


def remove_tree(context: Context, root: str, rel: str) -> bool:
    """Remove a tree that this program made under a temporary name. True when all of it is gone."""
    folders = context.folders
    pending, order = [rel], []
    while pending:
        here = pending.pop()
        order.append(here)
        fd = folders.open(root, here)
        with os.scandir(fd) as listing:
            entries = list(listing)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(join(here, entry.name))
            else:
                os.unlink(entry.name, dir_fd=fd)
                context.page.tick()
    for here in reversed(order):
        folders.forget(root, here)
        above, _, name = here.rpartition("/")
        os.rmdir(name, dir_fd=folders.open(root, above))
    return True


def _drop(context: Context, kind: str, dst_root: str, dst_rel: str, beside: str) -> None:
    """Remove what was built beside its place, as far as that goes."""
    try:
        if kind == "folder":
            remove_tree(context, dst_root, join(dst_rel, beside))
        else:
            os.unlink(beside, dir_fd=context.folders.open(dst_root, dst_rel))
    except OSError:
        pass  # the next run clears it away


def _replace(context: Context, dfd: int, folder: str, name: str) -> None:
    """Bring a folder to the place of a file, which comes back if that fails."""
    aside = context.names.next()
    os.rename(name, aside, src_dir_fd=dfd, dst_dir_fd=dfd)
    try:
        os.rename(folder, name, src_dir_fd=dfd, dst_dir_fd=dfd)
    except OSError:
        os.rename(aside, name, src_dir_fd=dfd, dst_dir_fd=dfd)
        raise
    os.unlink(aside, dir_fd=dfd)


def swap(context: Context, task: dict[str, Any]) -> Result:
    """Bring what was built beside its place to its place. Task: `swaps`, `options`, `undo`.

    The deletions have emptied the place by now, except where a file gives way to a folder.
    """
    result = Result()
    page = context.page
    for blob in task["swaps"]:
        kind, dst_root, dst_rel, beside, name = wire.load(blob)
        page.folder("", join(dst_root, dst_rel))
        page.name(name)
        page.operation(status.RENAME)
        try:
            if task["options"] & wire.DRY:
                if kind == "folder":
                    result.deleted += 1
                    if task["options"] & wire.ITEMIZE:
                        result.changes.append(
                            (wire.DELETE, raw(join(dst_rel, name)), wire.METADATA, 0)
                        )
                continue
            dfd = context.folders.open(dst_root, dst_rel)
            if task["undo"]:
                _drop(context, kind, dst_root, dst_rel, beside)
                continue
            if kind == "folder":
                # an empty folder has not been built yet
                context.folders.open(dst_root, join(dst_rel, beside), make=True)
                context.folders.forget(dst_root, join(dst_rel, beside))
                _replace(context, dfd, beside, name)
                result.deleted += 1
                if task["options"] & wire.ITEMIZE:
                    result.changes.append((wire.DELETE, raw(join(dst_rel, name)), wire.METADATA, 0))
            else:
                os.rename(beside, name, src_dir_fd=dfd, dst_dir_fd=dfd)
            page.tick()
        except FileNotFoundError as error:
            if not task["undo"]:
                _failed(result, join(dst_root, dst_rel, name), error)
        except OSError as error:
            # its place is still taken: the next run builds it anew
            _failed(result, join(dst_root, dst_rel, name), error)
            _drop(context, kind, dst_root, dst_rel, beside)
    page.operation(status.IDLE)
    return result
