"""Brings what lies in a trash back to its place, over nothing that stands there."""

from __future__ import annotations

import errno
import stat

from blit.worker.context import join, raw
from blit.worker.folders import granted
from blit.worker.system import os
from blit.worker.trash import Trash
from blit.worker.trash_root import FOLDER
from blit.worker.trash_work import Trouble, Work, below, drop_empty, drop_run, lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def restore(work: Work) -> Iterator[int]:
    top = work.open()
    try:
        lock(work)
        runs = work.runs(top)
        yield 1
        wanted = [_inside(work, path) for path in work.task["paths"]]
        met = set()
        for run in runs:
            fd = os.open(run, FOLDER, dir_fd=top)
            try:
                for path in wanted or [""]:
                    above, _, name = path.rpartition("/")
                    try:
                        folder = below(fd, above)
                    except OSError:
                        continue
                    try:
                        if name and not _lexists(name, folder):
                            continue
                        met.add(path)
                        yield from _back(work, folder, above, [name] if name else None)
                    finally:
                        os.close(folder)
                    for rel in _upwards(above if name else ""):
                        drop_empty(fd, rel)
            finally:
                os.close(fd)
            drop_run(work, run, top)
        for path in wanted:
            if path and path not in met:
                text = "is not in the trash of this run: blit trash list -v names what is"
                work.failures.append((raw(join(work.root, path)), "restore", 0, text))
        yield 1
    finally:
        os.close(top)


def _inside(work: Work, path: str) -> str:
    """A path as given, as one below the root. Raises Trouble."""
    root = work.root.rstrip("/") + "/"
    rel = path[len(root) :] if path.startswith(root) else path
    parts = [part for part in rel.split("/") if part not in ("", ".")]
    if (path.startswith("/") and not path.startswith(root)) or ".." in parts or not parts:
        raise Trouble("usage", f"{path} is no path below {work.root}")
    return "/".join(parts)


def _back(work: Work, fd: int, rel: str, names: list[str] | None) -> Iterator[int]:
    """Entries of an open folder of the trash, all or some, go where they came from.

    Folders that are there are filled, folders that are not come back whole.
    """
    pending = [""]  # below the open folder
    emptied: list[str] = []
    while pending:
        inner = pending.pop()
        here = join(rel, inner)
        try:
            folder = below(fd, inner)
        except OSError as error:
            work.failed(join(work.root, here), "restore", error)
            continue
        try:
            target = _home(work, here, folder)
            for name in sorted(os.listdir(folder)) if names is None or inner else names:
                work.c.page.name(name)
                work.c.page.tick()
                if _one(work, folder, name, here, target):
                    pending.append(join(inner, name))
                    emptied.append(join(inner, name))
                yield 1
        except OSError as error:
            work.failed(join(work.root, here), "restore", error)
        finally:
            os.close(folder)
    for inner in reversed(emptied):
        drop_empty(fd, inner)  # unless what was kept is still in it
        yield 1


def _home(work: Work, rel: str, folder: int) -> int:
    """The living folder; made, like the one in the trash, if it has gone meanwhile."""
    folders = work.c.folders
    try:
        return folders.open(work.root, rel)
    except FileNotFoundError:
        fd = folders.open(work.root, rel, make=True)
        os.fchmod(fd, stat.S_IMODE(os.fstat(folder).st_mode))
        return fd


def _one(work: Work, folder: int, name: str, rel: str, target: int) -> bool:
    """True for a folder to be gone into, because one is there."""
    path = join(work.root, rel, name)
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        there = None
        try:
            there = os.stat(name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            pass
        if there is not None and stat.S_ISDIR(info.st_mode) and stat.S_ISDIR(there.st_mode):
            return True
        if there is not None and not work.task["replace"]:
            work.kept += 1
            text = "something stands there: kept, --replace moves it to the trash"
            work.failures.append((raw(path), "restore", errno.EEXIST, text))
            return False
        entries, size = _weight(work, folder, name, info)
        keep = _keeper(work)
        if there is not None:
            keep.replace(name, name, target, work.root, rel, folder)
        else:
            granted(target, lambda: keep.move(name, folder, target, stat.S_ISDIR(info.st_mode)))
        work.done += entries
        work.bytes += size
    except OSError as error:
        work.failed(path, "restore", error)
    return False


def _weight(work: Work, folder: int, name: str, info: os.stat_result) -> tuple[int, int]:
    """Entries and bytes as `list` tells them: of a whole folder all that is in it."""
    if not stat.S_ISDIR(info.st_mode):
        return 1, info.st_size if stat.S_ISREG(info.st_mode) else 0
    entries = size = 0
    failures = len(work.failures)
    for _, each, _ in work.walk(folder, name):
        entries += 1
        size += each.st_size if stat.S_ISREG(each.st_mode) else 0
    del work.failures[failures:]  # what cannot be counted comes back all the same
    return max(1, entries), size


def _keeper(work: Work) -> Trash:
    if work.c.bin is None:
        work.c.bin = Trash(work.c)
    found: Trash = work.c.bin
    return found


def _lexists(name: str, fd: int) -> bool:
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    return True


def _upwards(rel: str) -> Iterator[str]:
    while rel:
        yield rel
        rel = rel.rpartition("/")[0]
