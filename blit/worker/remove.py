"""Deletes what a mirror found in the destination alone: the names that were listed, nothing else.

Each name is looked at once more right before it goes: it must still be missing in the source, it
must not be the same file as one that the source has under another case, and its folder must not lie
below a mount point. Files go first, in any order; folders afterwards, deepest first, by rmdir, so
that what appeared meanwhile is kept. Where there is a trash they go there instead, folders whole.
"""

from __future__ import annotations

import errno

from blit.worker import blame, status, system, wire
from blit.worker.context import Context, Result, join, raw, trash_of
from blit.worker.entries import appeared, exists, same_entry
from blit.worker.folders import Folders, granted
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def run(context: Context, task: dict[str, Any]) -> Result:
    """Task: `extras` (dumps as in Scanner.extras), `options`, `which` ("files" or "folders").

    With a trash also `whole`: folders go as they are, in the turn of the files, and what was found
    in them is only counted in their own.
    """
    result = Result()
    folders_turn = task["which"] == "folders"
    gone = Gone(context) if task["options"] & wire.TRASH else None
    records = [r for blob in task["extras"] for r in wire.load(blob)]
    if folders_turn:
        records.reverse()
    for src_root, dst_root, dst_rel, src_rel, files, folders in records:
        if result.fatal or not context.go_on():
            result.left += 1
            continue
        if gone is not None and task["whole"]:
            if src_rel == wire.WITHIN:
                if folders_turn and (task["options"] & wire.DRY or gone.all(dst_root, dst_rel)):
                    for name, is_folder in gone.names(files, folders):
                        _done(result, task["options"], dst_rel, name, is_folder)
                continue
            turns = [] if folders_turn else [(files, False), (folders, True)]
        else:
            turns = [(folders, True)] if folders_turn else [(files, False)]
        place = ((src_root, src_rel), (dst_root, dst_rel))
        for names, are_folders in turns:
            if names:
                _names(context, result, task, *place, names, are_folders)
    if gone is not None:
        gone.close()
    context.page.operation(status.IDLE)
    return result


def _names(
    context: Context, result: Result, task: dict[str, Any],
    source: tuple[str, str | None], place: tuple[str, str], names: list[str], are_folders: bool,
) -> None:  # fmt: skip
    page = context.page
    options: int = task["options"]
    trash = trash_of(context, options)
    dst_root, dst_rel = place
    page.folder("", join(dst_root, dst_rel))
    page.operation(status.REMOVE)
    sfd = dfd = -1
    lives = False  # as far as a count of links can tell
    if source[1] is None and source[0] and appeared(context, source[0]):
        return  # the source has what these lie in now: nothing says that they are not wanted
    try:
        dfd = context.folders.open(dst_root, dst_rel)
        if system.mount_id(dfd) != system.mount_id(context.folders.root(dst_root)):
            raise OSError(errno.EBUSY, "a filesystem is mounted there: kept")
        if source[1] is not None:
            try:
                sfd, info = context.folders.alive(source[0], source[1])
                lives = bool(info.st_nlink)
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
            if lives and not os.fstat(sfd).st_nlink:
                continue  # or it may have: another folder can be in the place of the one asked
            if partner and same_entry(name, partner, dfd):
                continue  # a rename by case alone: this is the copy itself
            if trash is not None and are_folders and not task["whole"]:
                trash.take_emptied(dst_root, dst_rel, name, dfd)
            elif trash is not None:
                trash.take(dst_root, dst_rel, name, dfd, are_folders)
            elif not options & wire.DRY:
                _remove(context, dst_root, dst_rel, name, dfd, are_folders)
            _done(result, options, dst_rel, name, are_folders)
            page.tick()
        except FileNotFoundError:
            pass
        except OSError as error:
            blame.note(context, result, dst_root, dst_rel, name, "delete", error)
            if result.fatal:
                result.left += len(names) - index - 1
                return


def _done(result: Result, options: int, dst_rel: str, name: str, is_folder: bool) -> None:
    result.deleted += 1
    reason = wire.DELETE
    if options & wire.TRASH:
        result.trashed += 1
        reason = wire.TO_TRASH
    if options & wire.ITEMIZE:
        path = raw(join(dst_rel, name)) + (b"/" if is_folder else b"")
        result.changes.append((reason, path, wire.METADATA, 0))


class Gone:
    """Which folders are not at their place any more, asked past the handles that are kept open."""

    def __init__(self, context: Context) -> None:
        self._folders = Folders(context.folders.most)

    def all(self, root: str, rel: str) -> bool:
        try:
            self._folders.open(root, rel)
        except FileNotFoundError:
            return True
        except OSError:
            pass
        return False

    @staticmethod
    def names(files: list[str], folders: list[str]) -> Iterator[tuple[str, bool]]:
        yield from ((name, False) for name in files)
        yield from ((name, True) for name in folders)

    def close(self) -> None:
        self._folders.close()


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
    trash = trash_of(context, task["options"])
    done = set()
    for blob in task["swaps"]:
        kind, dst_root, dst_rel, beside, name = wire.load(blob)
        twice = (dst_root, dst_rel, name) in done  # built again, since a worker died meanwhile
        done.add((dst_root, dst_rel, name))
        page.folder("", join(dst_root, dst_rel))
        page.name(name)
        page.operation(status.RENAME)
        try:
            if task["options"] & wire.DRY:
                if kind == "folder" and not twice:
                    _done(result, task["options"], dst_rel, name, False)
                continue
            dfd = context.folders.open(dst_root, dst_rel)
            if task["undo"] or twice:
                _drop(context, kind, dst_root, dst_rel, beside)
                continue
            if kind == "folder":
                # an empty folder has not been built yet
                context.folders.open(dst_root, join(dst_rel, beside), make=True)
                context.folders.forget(dst_root, join(dst_rel, beside))
                if trash is None:
                    _replace(context, dfd, beside, name)
                    _done(result, task["options"], dst_rel, name, False)
            elif trash is None:
                os.rename(beside, name, src_dir_fd=dfd, dst_dir_fd=dfd)
            if trash is not None and trash.replace(beside, name, dfd, dst_root, dst_rel):
                _done(result, task["options"], dst_rel, name, False)
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
