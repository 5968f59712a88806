"""Keeps what a run deletes or replaces: in `.blit-trash/<run>/<path>` below the destination.

Everything goes there by rename or link on the same filesystem, never by copying, and nothing that
lies there is ever written over: a path that is taken is kept once more in `<run>.2`, and so on.

What is replaced, in the first of these ways that works, so that at every instant the old content
has its place or its path in the trash:
link     the old gets its path in the trash as a second name; the new is renamed over the first
exchange the new is renamed to the path in the trash, then both swap places (folders; no links)
rename   the old is renamed to the trash, then the new to its place, which is empty in between
"""

from __future__ import annotations

import errno
import stat
from itertools import count

from blit.worker import system
from blit.worker.context import Context, join
from blit.worker.folders import grant, granted
from blit.worker.renames import exchange, rename_new
from blit.worker.system import os
from blit.worker.trash_root import FOLDER, made, note_of, open_trash, write_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# no second name here: none at all (FAT), too many, not allowed, not of a symlink, or another
# filesystem
_NO_LINK = frozenset(
    (errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.ELOOP)
)


class Trash:
    """The trash of one run, as one worker sees it."""

    # what may have appeared since it was listed is not written over either
    rename_new: Any = staticmethod(rename_new)

    def __init__(self, context: Context) -> None:
        self.c = context
        self.run, self.note = context.trash
        self._runs: dict[tuple[str, int], int] = {}  # open folders, by root and layer
        self._open: dict[tuple[str, str, int], int] = {}  # the same for what lies in these
        self._most = 16 if context.folders.most > 32 else 2
        self._no_links: set[int] = set()  # devices

    # -- what goes there ---------------------------------------------------------------------------

    def take(self, root: str, rel: str, name: str, dfd: int, is_folder: bool = False) -> None:
        """Move an entry of the open folder `rel` there. OSError: it stays where it is."""
        if is_folder:
            if system.mounts_below(dfd, name):
                raise OSError(errno.EBUSY, "a filesystem is mounted there: kept")
            self.c.folders.forget(root, join(rel, name))
        for layer in count():
            try:
                self.move(name, dfd, self._folder(root, rel, layer), is_folder)
                return
            except FileExistsError:
                if layer > 99:
                    raise

    def move(self, name: str, dfd: int, tfd: int, is_folder: bool) -> None:
        """Move an entry between two open folders, over nothing."""
        ends = {"src_dir_fd": dfd, "dst_dir_fd": tfd}
        try:
            granted(dfd, lambda: rename_new(name, name, **ends))
        except PermissionError:
            # a folder that changes its parent is written to itself; ours may be read-only
            if not is_folder:
                raise
            fd = os.open(name, FOLDER, dir_fd=dfd)
            try:
                mode = stat.S_IMODE(os.fstat(fd).st_mode)
                grant(fd)
                try:
                    rename_new(name, name, **ends)
                finally:
                    os.fchmod(fd, mode)
            finally:
                os.close(fd)

    def take_emptied(self, root: str, rel: str, name: str, dfd: int) -> None:
        """A folder whose entries went one by one. OSError: something is in it."""
        self.c.folders.forget(root, join(rel, name))
        try:
            self._folder(root, join(rel, name), 0)
        except FileExistsError:
            pass  # something else had its name, and went there before it
        granted(dfd, lambda: os.rmdir(name, dir_fd=dfd))

    def replace(self, new: str, name: str, dfd: int, root: str, rel: str, nfd: int = -1) -> bool:
        """Give `new`, an entry of the open folder `rel`, the name `name`; what has it is kept.

        `nfd`: the open folder in which `new` is, if it is another. True when something had the
        name. OSError: `new` and what has the name are as they were.
        """
        nfd = nfd if nfd >= 0 else dfd
        for layer in count():
            try:
                old = os.stat(name, dir_fd=dfd, follow_symlinks=False)
            except FileNotFoundError:
                try:
                    rename_new(new, name, src_dir_fd=nfd, dst_dir_fd=dfd)
                    return False
                except FileExistsError:
                    continue
            folder = stat.S_ISDIR(old.st_mode)
            if folder and system.mounts_below(dfd, name):
                raise OSError(errno.EBUSY, "a filesystem is mounted there: kept")
            folder |= stat.S_ISDIR(os.stat(new, dir_fd=nfd, follow_symlinks=False).st_mode)
            try:
                tfd = self._folder(root, rel, layer)
                if folder or not self._linked(new, nfd, name, dfd, tfd, old):
                    self._swapped(new, nfd, name, dfd, tfd)
                return True
            except FileExistsError:
                if layer > 99:
                    raise
        raise AssertionError

    def _linked(
        self, new: str, nfd: int, name: str, dfd: int, tfd: int, old: os.stat_result
    ) -> bool:
        """False where files have no second names."""
        if old.st_dev in self._no_links:
            return False
        try:
            os.link(name, name, src_dir_fd=dfd, dst_dir_fd=tfd, follow_symlinks=False)
        except FileExistsError:
            if not _is(name, tfd, old):
                raise
            # a worker that died had come as far as this
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            if error.errno == errno.EOPNOTSUPP:
                self._no_links.add(old.st_dev)
            return False
        try:
            os.rename(new, name, src_dir_fd=nfd, dst_dir_fd=dfd)
        except OSError:
            if _is(name, dfd, old):
                os.unlink(name, dir_fd=tfd)  # its second name: it stays under its first
            raise
        return True

    def _swapped(self, new: str, nfd: int, name: str, dfd: int, tfd: int) -> None:
        rename_new(new, name, src_dir_fd=nfd, dst_dir_fd=tfd)
        try:
            exchange(name, tfd, name, dfd)
            return
        except OSError as error:
            os.rename(name, new, src_dir_fd=tfd, dst_dir_fd=nfd)
            if error.errno not in system.CANNOT or error.errno == errno.EXDEV:
                raise
        rename_new(name, name, src_dir_fd=dfd, dst_dir_fd=tfd)
        try:
            os.rename(new, name, src_dir_fd=nfd, dst_dir_fd=dfd)
        except OSError:
            rename_new(name, name, src_dir_fd=tfd, dst_dir_fd=dfd)
            raise

    # -- the folders in it -------------------------------------------------------------------------

    def _folder(self, root: str, rel: str, layer: int) -> int:
        """The open folder in the trash for what lies in the folder `rel`; made if it is missing.

        FileExistsError: something else has its name there. The handles are kept apart from those of
        the destination: a look at these must not close one that a caller holds.
        """
        if not rel:
            return self._run(root, layer)
        key = (root, rel, layer)
        fd = self._open.pop(key, -1)
        if fd < 0:
            fd = self._walk(root, rel.split("/"), layer)
        self._open[key] = fd
        while len(self._open) > self._most:
            os.close(self._open.pop(next(iter(self._open))))
        return fd

    def _run(self, root: str, layer: int) -> int:
        fd = self._runs.get((root, layer))
        if fd is not None:
            return fd
        name = f"{self.run}.{layer + 1}" if layer else self.run
        top = open_trash(self.c.folders.root(root))
        try:
            if made(name, top) and not layer:
                write_note(note_of(name), self.note, top)
            fd = os.open(name, FOLDER, dir_fd=top)
        finally:
            os.close(top)
        self._runs[root, layer] = fd
        return fd

    def _walk(self, root: str, parts: list[str], layer: int) -> int:
        twin = os.dup(self._run(root, layer))
        try:
            for index, name in enumerate(parts):
                try:
                    below = os.open(name, FOLDER, dir_fd=twin)
                except FileNotFoundError:
                    _like(name, twin, self._living(root, parts[: index + 1]))
                    below = os.open(name, FOLDER, dir_fd=twin)
                except OSError as error:
                    if error.errno in (errno.ENOTDIR, errno.ELOOP):
                        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
                    raise
                os.close(twin)
                twin = below
        except OSError:
            os.close(twin)
            raise
        return twin

    def _living(self, root: str, parts: list[str]) -> os.stat_result | None:
        """What a folder of the destination is; None where there is none."""
        here = os.dup(self.c.folders.root(root))
        try:
            for name in parts:
                below = os.open(name, FOLDER, dir_fd=here)
                os.close(here)
                here = below
            return os.fstat(here)
        except OSError:
            return None
        finally:
            os.close(here)


def _like(name: str, folder: int, living: os.stat_result | None) -> None:
    """Make a folder that is like one of the destination, and writable for us."""
    mode = 0o700 if living is None else living.st_mode & 0o7777 | 0o700
    if made(name, folder, mode) and living is not None and os.geteuid() == 0:
        ids = (living.st_uid, living.st_gid)
        os.chown(name, *ids, dir_fd=folder, follow_symlinks=False)


def _is(name: str, fd: int, info: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(name, dir_fd=fd, follow_symlinks=False), info)
    except OSError:
        return False
