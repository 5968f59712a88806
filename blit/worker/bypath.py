"""`os` for systems where a folder cannot be opened: its handle is a number that stands for a path.

The names and arguments are those of `os`; what is not defined here is taken from there. Before
each use of a handle its path is looked at: it must still be the folder that was opened, and no
link. That is a look *before* the act: a swap between the two is followed (docs/safety.md).
"""

from __future__ import annotations

import errno
import os as _os
import stat as _stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

O_DIRECTORY = getattr(_os, "O_DIRECTORY", 1 << 28)
O_NOFOLLOW = getattr(_os, "O_NOFOLLOW", 1 << 29)
O_NONBLOCK = getattr(_os, "O_NONBLOCK", 0)
O_CLOEXEC = getattr(_os, "O_CLOEXEC", 0)
_REAL = ~(O_DIRECTORY | O_NOFOLLOW)  # asked for here, not of the system
_BINARY = getattr(_os, "O_BINARY", 0)
SEEK_DATA, SEEK_HOLE = -1, -2  # no system call knows them: all is data

# what only some systems have: left out also where this one has it
_ELSEWHERE = frozenset((
    "O_PATH", "O_TMPFILE", "copy_file_range", "memfd_create", "posix_fadvise", "posix_fallocate",
    "sendfile", "splice",
))  # fmt: skip

_FIRST = 1 << 30  # no file has such a number
_folders: dict[int, tuple[str, tuple[int, int]]] = {}  # handle: path, (dev, ino)
_last = _FIRST


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        raise AttributeError(name)
    return getattr(_os, name)


# -- folders --------------------------------------------------------------------------------------


def where(handle: int) -> str:
    """The path of an open folder. OSError: ENOENT, or ESTALE when something else stands there."""
    path, identity = _folders[handle]
    info = _os.lstat(path)
    if (info.st_dev, info.st_ino) != identity:
        raise OSError(errno.ESTALE, "it is another folder than a moment ago")
    return path


def at(name: str | bytes, folder: int | None) -> str:
    """The path of an entry of an open folder; the name itself without one."""
    if isinstance(name, bytes):
        name = name.decode("utf-8", "surrogateescape")
    if folder is None:
        return name
    return where(folder) if name == "." else _os.path.join(where(folder), name)


def _open_folder(path: str, flags: int) -> int:
    if flags & O_NOFOLLOW:
        info = _os.lstat(path)
    else:
        path = _os.path.realpath(path)
        info = _os.stat(path)
    if not _stat.S_ISDIR(info.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, _os.strerror(errno.ENOTDIR))
    if not _os.access(path, _os.R_OK):
        raise PermissionError(errno.EACCES, _os.strerror(errno.EACCES))
    return _handle(path, (info.st_dev, info.st_ino))


def _handle(path: str, identity: tuple[int, int]) -> int:
    global _last
    _last += 1
    _folders[_last] = path, identity
    return _last


def open(path: str | bytes, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    """A file, or the handle of a folder (with O_DIRECTORY)."""
    path = at(path, dir_fd)
    if flags & O_DIRECTORY:
        return _open_folder(path, flags)
    before = None
    if flags & O_NOFOLLOW and not flags & _os.O_CREAT:
        before = _os.lstat(path)
        if _stat.S_ISLNK(before.st_mode):
            raise OSError(errno.ELOOP, _os.strerror(errno.ELOOP))
    fd = _os.open(path, flags & _REAL | _BINARY, mode)
    if before is not None and not _os.path.samestat(before, _os.fstat(fd)):
        _os.close(fd)
        raise OSError(errno.ELOOP, "it was replaced while it was opened")
    return fd


def dup(fd: int) -> int:
    return _handle(*_folders[fd]) if fd in _folders else _os.dup(fd)


def close(fd: int) -> None:
    if _folders.pop(fd, None) is None:
        _os.close(fd)


def lseek(fd: int, position: int, how: int) -> int:
    if fd in _folders:
        return 0  # each listing begins at the start
    if how < 0:
        raise OSError(errno.EINVAL, "no holes to be seen here")
    return _os.lseek(fd, position, how)


def scandir(folder: int | str) -> Any:
    return _os.scandir(where(folder) if isinstance(folder, int) else folder)


def listdir(folder: int | str) -> list[str]:
    return _os.listdir(where(folder) if isinstance(folder, int) else folder)


def either(target: int | str, dir_fd: int | None = None) -> int | str:
    """What `os` takes: the path of a folder's handle, the number of a file."""
    if isinstance(target, int):
        return where(target) if target in _folders else target
    return at(target, dir_fd)


def fstat(fd: int) -> _os.stat_result:
    return _os.lstat(where(fd)) if fd in _folders else _os.fstat(fd)


def fstatvfs(fd: int) -> Any:
    return _os.statvfs(either(fd))


def fchmod(fd: int, mode: int) -> None:
    if fd in _folders:
        _os.chmod(where(fd), mode)
    else:
        _os.fchmod(fd, mode)


def fchown(fd: int, uid: int, gid: int) -> None:
    if fd in _folders:
        _os.chown(where(fd), uid, gid, follow_symlinks=False)
    else:
        _os.fchown(fd, uid, gid)


# -- entries of a folder --------------------------------------------------------------------------


def stat(
    path: int | str, *, dir_fd: int | None = None, follow_symlinks: bool = True
) -> _os.stat_result:
    return _os.stat(either(path, dir_fd), follow_symlinks=follow_symlinks)


def readlink(path: str, *, dir_fd: int | None = None) -> str:
    return _os.readlink(at(path, dir_fd))


def unlink(path: str, *, dir_fd: int | None = None) -> None:
    _os.unlink(at(path, dir_fd))


def rmdir(path: str, *, dir_fd: int | None = None) -> None:
    _os.rmdir(at(path, dir_fd))


def mkdir(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    _os.mkdir(at(path, dir_fd), mode)


def symlink(to: str, path: str, *, dir_fd: int | None = None) -> None:
    _os.symlink(to, at(path, dir_fd))


def mkfifo(path: str, mode: int = 0o666, *, dir_fd: int | None = None) -> None:
    _os.mkfifo(at(path, dir_fd), mode)


def mknod(path: str, mode: int, device: int, *, dir_fd: int | None = None) -> None:
    _os.mknod(at(path, dir_fd), mode, device)


def rename(
    old: str, new: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
) -> None:
    _os.replace(at(old, src_dir_fd), at(new, dst_dir_fd))


def link(
    old: str, new: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:  # fmt: skip
    path = at(old, src_dir_fd)
    if not follow_symlinks and _stat.S_ISLNK(_os.lstat(path).st_mode):
        raise OSError(errno.ELOOP, _os.strerror(errno.ELOOP))
    _os.link(path, at(new, dst_dir_fd))


def chown(
    path: str, uid: int, gid: int, *, dir_fd: int | None = None, follow_symlinks: bool = True
) -> None:
    _os.chown(at(path, dir_fd), uid, gid, follow_symlinks=follow_symlinks)


def utime(
    path: int | str, *, ns: tuple[int, int], dir_fd: int | None = None, follow_symlinks: bool = True
) -> None:
    if isinstance(path, int) and path not in _folders:
        _os.utime(path, ns=ns)
    else:
        _os.utime(either(path, dir_fd), ns=ns, follow_symlinks=follow_symlinks)


# -- bytes ----------------------------------------------------------------------------------------


def pread(fd: int, count: int, offset: int) -> bytes:
    _os.lseek(fd, offset, _os.SEEK_SET)
    return _os.read(fd, count)


def pwrite(fd: int, data: bytes, offset: int) -> int:
    _os.lseek(fd, offset, _os.SEEK_SET)
    return _os.write(fd, data)
