"""Open folders, reached below their root one component at a time and never through a symlink.

Every file operation of a worker goes through a handle from here with `dir_fd` and `O_NOFOLLOW`, so
a folder that is swapped for a link while the run goes on is not followed. The root itself is what
the user named and may be a link. Walking by component also reaches below PATH_MAX.
"""

from __future__ import annotations

import errno
import stat

from blit.worker import system
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
MOST_HANDLES = 96


class Folders:
    """A cache of open folders. A handle stays valid while a few more are asked for after it."""

    def __init__(self, most: int = MOST_HANDLES) -> None:
        """`most`: handles kept; at least 8."""
        self.most = max(8, most)
        # Of a path that is not known yet only so many of the deepest folders are kept: more would
        # let the opening of one deep path close the handle that its caller holds of another.
        self._of_path = self.most // 6
        self._open: dict[tuple[str, str], int] = {}
        self._roots: dict[str, int] = {}
        self.known: dict[str, tuple[int, int]] = {}  # (dev, ino) of every root that anybody opened
        # on a machine of a cluster, see `far`
        self._machine = 0
        self._same: dict[int, int] = {}
        self._mounts: tuple[tuple[str, str], ...] = ()

    def far(
        self, machine: int, same: dict[int, int], mounts: tuple[tuple[str, str], ...]
    ) -> None:  # fmt: skip
        """This is machine number `machine` (from 0) of a cluster: it counts devices by itself.

        `same`: devices of this machine that are known to be one of another's, by its number there.
        `mounts`: (path as the run calls it, path here) of filesystems mounted elsewhere here.
        """
        self._machine, self._same, self._mounts = machine << 48, same, mounts

    def device(self, number: int) -> int:
        """A device's number for all of the run: no two machines mean two devices by one of them."""
        return self._same.get(number, number | self._machine)

    def identity(self, info: os.stat_result) -> tuple[int, int]:
        """(dev, ino) as it is told to other workers."""
        return self.device(info.st_dev), info.st_ino

    def own(self, identity: tuple[int, int]) -> tuple[int, int]:
        """The reverse: what `stat` shows here."""
        device, inode = identity
        for mine, theirs in self._same.items():
            if theirs == device:
                return mine, inode
        return device ^ self._machine, inode

    def here(self, path: str) -> str:
        """Where a path of the run is on this machine."""
        for theirs, mine in self._mounts:
            if path == theirs or path.startswith(theirs.rstrip("/") + "/"):
                return mine + path[len(theirs) :] if theirs != "/" else mine.rstrip("/") + path
        return path

    def root(self, root: str, make: bool = False) -> int:
        fd = self._roots.get(root)
        if fd is None:
            path = self.here(root) if self._mounts else root
            try:
                fd = os.open(path, _ROOT)
            except FileNotFoundError:
                if not make:
                    raise
                make_parents(path)
                fd = os.open(path, _ROOT)
            identity = self.identity(os.fstat(fd))
            if self.known.setdefault(root, identity) != identity:
                system.let_go(fd)
                raise OSError(errno.ESTALE, "it is another folder than when the run began")
            self._roots[root] = fd
        return fd

    def learn(self, roots: dict[str, tuple[int, int]]) -> None:
        """What others have found at the roots: a path that leads elsewhere now is refused."""
        for root, identity in roots.items():
            self.known.setdefault(root, (identity[0], identity[1]))

    def open(self, root: str, rel: str, make: bool = False) -> int:
        """The handle of a folder; with `make`, missing ones are made, readable by the owner alone.

        OSError: ENOENT, ENOTDIR or ELOOP (a file or a symlink stands on the way), EACCES, etc.
        """
        if not rel:
            return self.root(root, make)
        cache = self._open
        key = (root, rel)
        fd = cache.pop(key, None)
        if fd is not None:
            cache[key] = fd  # used last: evicted last
            return fd
        # from the deepest known ancestor down; no recursion: trees may be deeper than the stack
        missing = [rel]
        above = os.path.dirname(rel)
        while above and (root, above) not in cache:
            missing.append(above)
            above = os.path.dirname(above)
        fd = cache[root, above] if above else self.root(root, make)
        passing = -1  # a handle on the way that is not kept
        try:
            for left in range(len(missing) - 1, -1, -1):
                path = missing[left]
                fd = _step(path.rpartition("/")[2], fd, make)
                if passing >= 0:
                    system.let_go(passing)
                passing = -1
                if left < max(1, self._of_path):
                    cache[root, path] = fd
                else:
                    passing = fd
        finally:
            if passing >= 0:
                system.let_go(passing)
        while len(cache) > self.most:
            system.let_go(cache.pop(next(iter(cache))))
        return fd

    def forget(self, root: str, rel: str) -> None:
        """Close what is open at `rel` and below: it is about to be removed or renamed."""
        below = rel + "/"
        for key in [
            k for k in self._open if k[0] == root and (k[1] == rel or k[1].startswith(below))
        ]:
            system.let_go(self._open.pop(key))

    def alive(self, root: str, rel: str) -> tuple[int, os.stat_result]:
        """The same as `open`, with its stat, for who asks what is *not* there.

        In a folder that has been removed no name is, though another may have its place by now: who
        holds one open has it opened anew. OSError: also ENOENT, ESTALE, when there is none.
        """
        fd = self.open(root, rel)
        info = os.fstat(fd)
        if info.st_nlink:
            return fd, info
        # removed, or on a filesystem that counts no links
        if rel:
            self.forget(root, rel)
            fd = self.open(root, rel)
            return fd, os.fstat(fd)
        there = os.stat(self.here(root))
        if (there.st_dev, there.st_ino) != (info.st_dev, info.st_ino):
            raise OSError(errno.ESTALE, "it is another folder than when the run began")
        return fd, info

    def close(self) -> None:
        system.let_go(*self._open.values(), *self._roots.values())
        self._open.clear()
        self._roots.clear()


def listable(fd: int) -> int:
    """The same folder, open once more: a handle of the caller's own, at the start of the listing.

    Handles that were duplicated share their place in it, and going back to the start fails in
    silence: a folder that was listed before would look empty.
    """
    try:
        return opened_anew(fd)
    except PermissionError:  # it may be listed, but not entered
        mine = os.dup(fd)
        os.lseek(mine, 0, os.SEEK_SET)
        return mine


def opened_anew(fd: int) -> int:
    """The same, or PermissionError where it may be listed, but not entered."""
    return os.open(".", _FOLDER, dir_fd=fd)


def make_parents(path: str) -> None:
    """Make a destination root and all above it, with the caller's umask: it is the user's wish."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o777 & ~_user_umask)
        except FileExistsError:
            pass


def _step(name: str, parent: int, make: bool) -> int:
    """The folder `name` in an open one; never through a symlink."""
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
        return _make(name, parent)
    except PermissionError:
        if not make:
            raise
        return unlock(name, parent)


def _make(name: str, parent: int) -> int:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass  # another worker was quicker
    except PermissionError:
        grant(parent)
        os.mkdir(name, 0o700, dir_fd=parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def unlock(name: str, parent: int) -> int:
    """Open a destination folder whose mode keeps its owner out; the mode is set at the end."""
    info = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if info.st_uid != os.geteuid() or (info.st_mode & 0o700) == 0o700 or stat.S_ISLNK(info.st_mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    system.change_mode(name, (info.st_mode & 0o7777) | 0o700, parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def grant(fd: int) -> None:
    """Let the owner write into a folder of theirs that is read-only; EACCES if it is not theirs."""
    info = os.fstat(fd)
    if info.st_uid != os.geteuid() or info.st_mode & 0o300 == 0o300:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    os.fchmod(fd, (info.st_mode & 0o7777) | 0o700)


def granted(fd: int, action: Callable[[], None]) -> None:
    """Do something in a folder, and once more with the right to write if it is a folder of ours."""
    try:
        action()
    except PermissionError:
        grant(fd)
        action()


_user_umask = 0o022


def take_umask() -> None:
    """Workers set every mode themselves: keep the user's umask for made parents, then clear it."""
    global _user_umask
    _user_umask = os.umask(0)
