"""A file of JSON lines that several programs append to at once, and that never outgrows its cap.

Standard library only and quick to import: a line is written at the end of every copy.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CAP = 1 << 20  # bytes
_MOST = 64 << 20  # bytes that are read of a file that has outgrown its cap: its end
_KEPT = 7 / 8  # of the cap when the oldest lines are dropped, so that it is not done every time
_PATIENCE = 2.0  # seconds that a run waits for the others at its very end
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def append(path: str, line: bytes, cap: int = CAP, patience: float = _PATIENCE) -> bool:
    """Add a line, and drop the oldest where there are too many; whether it is the first.

    OSError: nothing was added.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with _locked(path, patience) as (fd, path):
        size = os.fstat(fd).st_size
        # whoever was killed while writing left half a line: it must not swallow this one
        half = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        block = b"\n" * half + line + b"\n"
        if size + len(block) > cap:
            _replace(path, _newest(_read(fd, cap) + block, int(cap * _KEPT)))
            return False
        try:
            if os.write(fd, block) != len(block):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(fd, size)
            raise
        return not size


def lines(path: str) -> list[bytes]:
    """All lines, oldest first; none when there is no file. OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return []
    try:
        _regular(fd)
        # a line that is just being written would look damaged; but nobody waits long to read
        _lock(fd, fcntl.LOCK_SH, 0.2)
        return _split(_read(fd))
    finally:
        os.close(fd)


def check(path: str) -> None:
    """Whether a line could be added, without adding one. OSError when not."""
    folder = os.path.dirname(path)
    if os.path.lexists(path):
        possible = os.access(path, os.W_OK) and os.access(folder, os.W_OK | os.X_OK)
    else:
        # the folders are made when they are needed: what counts is where the first one goes
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
        possible = os.access(folder, os.W_OK | os.X_OK)
    if not possible:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
    room = os.statvfs(folder)
    if room.f_blocks and not room.f_bavail:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def keep(path: str, wanted: Callable[[bytes], bool], patience: float = _PATIENCE) -> int:
    """Drop every line that is not wanted, in one step; how many that were. OSError."""
    if not os.path.lexists(path):
        return 0
    with _locked(path, patience) as (fd, path):
        all_lines = _split(_read(fd))
        kept = [line for line in all_lines if wanted(line)]
        if len(kept) != len(all_lines):
            _replace(path, b"".join(line + b"\n" for line in kept))
        return len(all_lines) - len(kept)


def remove(path: str, patience: float = _PATIENCE) -> None:
    """Whoever is just changing it has put its file there before, and does not bring it back."""
    try:
        with _locked(path, patience, os.O_RDWR):
            os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError:  # not a file, not readable, held for ever
        os.unlink(path)


def change(
    path: str, how: Callable[[bytes], bytes], patience: float = _PATIENCE
) -> None:  # fmt: skip
    """Put what `how` makes of the content in its place, in one step, under the lock. OSError."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with _locked(path, patience) as (fd, path):
        _replace(path, how(_read(fd)))


@contextmanager
def _locked(
    path: str, patience: float, how: int = os.O_RDWR | os.O_CREAT
) -> Iterator[tuple[int, str]]:
    """The file, opened for appending, ours alone, and its path behind any link. OSError."""
    path = os.path.realpath(path)
    flags = how | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    end = time.monotonic() + patience
    while True:
        fd = os.open(path, flags, 0o600)
        try:
            mode = _regular(fd)
            if not _lock(fd, fcntl.LOCK_EX, end - time.monotonic()):
                raise TimeoutError(errno.ETIMEDOUT, "another program holds it", path)
            if not _still_there(fd, path):
                continue  # whoever had the lock before has put a shorter file in its place
            if stat.S_IMODE(mode) & 0o077:
                os.fchmod(fd, 0o600)
            yield fd, path
            return
        finally:
            os.close(fd)


def _regular(fd: int) -> int:
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return mode


def _lock(fd: int, how: int, patience: float) -> bool:
    """Never waits for ever: whoever holds the lock may have been stopped by its user."""
    end, pause = time.monotonic() + patience, 0.0005
    while True:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return True  # a filesystem without locks: as well as it can be done there
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def _still_there(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _read(fd: int, most: int = 0) -> bytes:
    """The end of it, where it is larger than that."""
    parts, offset = [], max(0, os.fstat(fd).st_size - (most or _MOST))
    while part := os.pread(fd, 1 << 20, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def _split(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if line]


def _newest(content: bytes, most: int) -> bytes:
    """The last whole lines that fit into `most` bytes; the very last one in any case."""
    if len(content) <= most:
        return content
    start = content.find(b"\n", len(content) - most - 1) + 1
    if start >= len(content):
        start = content.rfind(b"\n", 0, len(content) - 1) + 1
    return content[start:]


def _replace(path: str, content: bytes) -> None:
    """Under the lock. No fsync: it would wait for the bytes of the copy that has just ended."""
    new = path + ".new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.write(fd, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), new)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise
    finally:
        os.close(fd)
