"""The temporaries of large files: what they are bound to, and which are kept for a later run."""

from __future__ import annotations

import errno
import fcntl
import stat
from hashlib import blake2b

from blit.worker import tmpname, wire
from blit.worker.context import raw
from blit.worker.folders import listable
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER, _NAME = 4, 5  # digits of the key: the source's folder, its name, and 8 of its identity
_OTHERS_AGE = 7 * 24 * 3600.0  # seconds after which the leavings of other commands go too


def key(folder: str, name: str, info: os.stat_result) -> str:
    """What the temporary of this version of a source file ends in.

    Without the device: its number is another after each mount of btrfs or NFS.
    """
    identity = f"{info.st_size}/{info.st_mtime_ns}/{info.st_ino}/{name}"
    return _digest(folder, FOLDER) + _digest(name, _NAME) + _digest(identity, 8)


def _digest(text: str, width: int) -> str:
    number = int.from_bytes(blake2b(raw(text), digest_size=8).digest(), "little")
    return tmpname.base36(number, width)


def names(folder: int) -> list[str]:
    fd = listable(folder)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def remove(name: str, dfd: int) -> None:
    try:
        os.unlink(name, dir_fd=dfd)
    except OSError:
        pass


def share(fd: int) -> None:
    """Show that somebody writes there, for as long as it is open."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pass  # no locks here: then nobody takes it either


def leave(name: str, dfd: int, fd: int, done: int, sync: bool) -> bool:
    """Keep an unfinished temporary for the next run, or remove it; whether it is kept.

    `sync`: something failed, and only what is on disk may be found there later: pages that could
    not be written look good until they leave the cache.
    """
    try:
        if done >= wire.WORTH and tmpname.is_partial(name):
            if sync:
                os.fsync(fd)
            os.rename(name, tmpname.disowned(name), src_dir_fd=dfd, dst_dir_fd=dfd)
            return True
    except OSError:
        pass
    remove(name, dfd)
    return False


def may_be_over(error: OSError) -> bool:
    """Whether there is a use in going on later: the fault may pass, or somebody makes room."""
    return error.errno in wire.TRANSIENT or error.errno in (errno.ENOSPC, errno.EDQUOT)


class Wanted:
    """Which stale temporaries in a destination folder are still worth going on with."""

    def __init__(
        self, folder: str, only: dict[str, str] | None, sfd: int, dfd: int, options: int
    ) -> None:
        """`only`: the names that this run looks at, with what they become; None: all."""
        self.folder = _digest(folder, FOLDER)
        self.names = {_digest(name, _NAME) for name in only} if only is not None else None
        self.mirror = bool(options & wire.MIRROR)
        self.keys: set[str] = set()
        pairs: Iterable[tuple[str, str]] = (
            only.items() if only is not None else ((n, n) for n in names(sfd))
        )
        for name, target in pairs:
            try:
                info = os.stat(name, dir_fd=sfd, follow_symlinks=False)
                if info.st_size < wire.WORTH or not stat.S_ISREG(info.st_mode):
                    continue
                if _settled(info, target, dfd, options):
                    continue
            except OSError:
                continue
            self.keys.add(key(folder, name, info)[FOLDER:])

    def needs(self, name: str) -> bool:
        """Whether this run will go on with it."""
        return name[-tmpname.KEY :][FOLDER:] in self.keys

    def keeps(self, name: str, age: float) -> bool:
        """`age`: seconds since it was last written."""
        mark = name[-tmpname.KEY :]
        if self.needs(name):
            return True
        if self.names is None and self.mirror:
            return False
        ours = mark[:FOLDER] == self.folder and (
            self.names is None or mark[FOLDER : FOLDER + _NAME] in self.names
        )
        return not ours and age < _OTHERS_AGE  # of another command, which may be run again


def _settled(info: os.stat_result, target: str, dfd: int, options: int) -> bool:
    """Whether the destination has the file as it is, so that nothing is left to do."""
    if options & wire.CHECKSUM:
        return False
    try:
        there = os.stat(target, dir_fd=dfd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    apart = abs(info.st_mtime_ns - there.st_mtime_ns)
    return info.st_size == there.st_size and apart <= (options >> 16) * 100
