"""Goes on inside a large file that an earlier run left unfinished, after comparing what is there.

The temporary of a file from 64 MiB on carries a key of its source: the folder and name (so that
nobody's but ours are cleared away), and the identity (size, mtime, inode), so that it never serves
another version. Who has it open holds an advisory lock on it, also when it hangs in the kernel
and its run is long over; a later run takes it only when nobody does, by renaming it to a name of
its own. Nothing in it is believed: each piece is compared with the source first, since after a
power cut it may hold anything.
"""

from __future__ import annotations

import errno
import fcntl
import stat
from time import monotonic, time

from blit.worker import status, system, tmpname, wire
from blit.worker.context import Context, join
from blit.worker.copy import create
from blit.worker.ladder import Shrunk, Stopped
from blit.worker.partials import FOLDER, key, names, remove, share
from blit.worker.system import os

_BLOCK = 1 << 20  # bytes compared at once
_LIST_AGAIN = 0.2  # seconds for which the listing of a destination folder is believed

Place = tuple[str, str, str, str]  # src_root, src_rel, dst_root, dst_rel


class Unfinished:
    """The open temporary of one large file: new, or taken over from an earlier run."""

    def __init__(
        self, context: Context, place: Place, name: str, info: os.stat_result, dfd: int,
        options: int,
    ) -> None:  # fmt: skip
        """Raises OSError. `old`: there may be something in it."""
        self.c, self.dfd, self.size = context, dfd, info.st_size
        self.matched = 0  # bytes that were there already
        self.before = context.page.bytes
        mark = key(join(place[0], place[1]), name, info)
        self.name = f"{context.names.next()}-{mark}"
        self.fd, self.old = -1, False
        for other in _left(context, place, dfd):
            if other[-tmpname.KEY + FOLDER :] != mark[FOLDER:]:
                continue
            self.fd = _take(other, self.name, dfd, info, options)
            if self.fd >= 0:
                self.old = True
                if os.fstat(self.fd).st_size != info.st_size:
                    os.ftruncate(self.fd, info.st_size)
                return
        self.fd = create(self.name, dfd)
        share(self.fd)

    @property
    def done(self) -> int:
        return amount(self.fd, self.c.page.bytes - self.before + self.matched, self.old)

    def fill(self, s: int, start: int, end: int, pair: tuple[int, int], holes: bool) -> int:
        """Bring the bytes [start, end) of the file up to those of the source; the method."""
        method, self.matched = fill(self.c, s, self.fd, start, end, pair, holes, self.matched)
        return method

    def close(self) -> None:
        """Its error is a write error."""
        closing, self.fd = self.fd, -1
        if closing >= 0:
            os.close(closing)

    def discard(self) -> None:
        try:
            os.unlink(self.name, dir_fd=self.dfd)
        except OSError:
            pass  # the next run clears it away


def _left(context: Context, place: Place, dfd: int) -> list[str]:
    """Temporaries worth going on with in a destination folder."""
    where, now = place[2:], monotonic()
    if context.left[0] != where or now > context.left[1] + _LIST_AGAIN:
        found = [n for n in names(dfd) if n.startswith(tmpname.PREFIX) and tmpname.is_partial(n)]
        context.left = (where, now, found)
    return context.left[2]


def _take(old: str, fresh: str, dfd: int, info: os.stat_result, options: int) -> int:
    """Make a dead run's temporary ours and open it; -1 where it is none, or cannot serve."""
    try:
        there = os.stat(old, dir_fd=dfd, follow_symlinks=False)
        if not tmpname.is_dead(old, time() - there.st_ctime):
            return -1
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        d = os.open(old, flags, dir_fd=dfd)
    except OSError as error:
        if error.errno == errno.EACCES:  # its final mode is set: no way to write into it
            remove(old, dfd)
        return -1
    taken = False
    try:
        fcntl.flock(d, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = os.fstat(d)
        there = os.stat(old, dir_fd=dfd, follow_symlinks=False)
        if not os.path.samestat(mine, there):
            return -1
        if not _ours(mine, info, options):
            remove(old, dfd)
            return -1
        os.rename(old, fresh, src_dir_fd=dfd, dst_dir_fd=dfd)
        taken = True
    except OSError:
        return -1  # somebody has it open still, or was quicker
    finally:
        if not taken:
            os.close(d)
    return d


def _ours(mine: os.stat_result, info: os.stat_result, options: int) -> bool:
    """Nobody may read in it who may not read the source: not even whoever planted it there."""
    if not stat.S_ISREG(mine.st_mode) or mine.st_nlink != 1:
        return False
    if options & wire.MODELESS:
        return True
    if mine.st_uid == os.geteuid() and not mine.st_mode & 0o077:
        return True
    return (mine.st_uid, mine.st_gid) == (info.st_uid, info.st_gid) and (
        mine.st_mode & 0o777 == info.st_mode & 0o777
    )


# -- filling it -----------------------------------------------------------------------------------


def fill(
    context: Context, s: int, d: int, start: int, end: int, pair: tuple[int, int], holes: bool,
    matched: int,
) -> tuple[int, int]:  # fmt: skip
    """Copy what is not there yet; returns the method, and `matched` and the bytes that were there.

    Raises OSError, Shrunk, Stopped.
    """
    page, ladder = context.page, context.ladder
    method, position = wire.KERNEL, start
    while position < end:
        data, stop = _data(d, position, end)
        if position < data:
            page.operation(status.COPY)
            method = max(method, ladder.copy(s, d, position, data, pair, holes))
        position = data
        while position < stop:
            page.operation(status.COMPARE_BYTES)
            ours = _exactly(s, min(_BLOCK, stop - position), position)
            try:
                equal = os.pread(d, len(ours), position) == ours
            except OSError:
                equal = False  # what cannot be read back is written anew
            after = position + len(ours)
            if equal:
                matched += len(ours)
                page.passed(after)
            else:
                page.operation(status.COPY)
                done = 0
                while done < len(ours):
                    done += os.pwrite(d, ours[done:], position + done)
                page.moved(done, after)
            position = after
            flag = page.flag()
            if (flag and not ladder.obey(flag, end - position)) or not ladder.may_continue():
                raise Stopped
    page.operation(status.COPY)
    return method, matched


def _exactly(fd: int, count: int, offset: int) -> bytes:
    found = os.pread(fd, count, offset)
    while len(found) < count:
        more = os.pread(fd, count - len(found), offset + len(found))
        if not more:
            raise Shrunk
        found += more
    return found


def _data(fd: int, start: int, end: int) -> tuple[int, int]:
    """The next data at or after `start`; both `end` where there is none."""
    try:
        data = os.lseek(fd, start, os.SEEK_DATA)
        return (data, min(end, os.lseek(fd, data, os.SEEK_HOLE))) if data < end else (end, end)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return end, end
        if error.errno not in system.CANNOT:
            raise
        return start, end  # nothing is known here of holes: all of it is looked at


def amount(fd: int, known: int, old: bool) -> int:
    """Bytes done: those that this run knows of, or of an old one all that it holds."""
    if not old or fd < 0:
        return known
    found = position = 0
    info = os.fstat(fd)
    while position < info.st_size:
        data, position = _data(fd, position, info.st_size)
        found += position - data
    return max(known, min(found, info.st_blocks << 9))
