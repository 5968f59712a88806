"""What differs between systems, for a system of which nothing special is known."""

from __future__ import annotations

import errno
import stat

from blit.worker import bypath as os
from blit.worker.cannot import CANNOT as CANNOT

SYNCS_ONE = False  # filesystem: only files one by one, or all that the machine has
SHARES = False  # of a folder: each name would be looked at by its whole path


def clone(source: int, target: int) -> None:
    """Make `target` share the source's blocks. OSError with an errno of CANNOT where impossible."""
    raise OSError(errno.EOPNOTSUPP, "no clone on this system")


def copy_range(source: int, target: int, count: int) -> int:
    raise OSError(errno.EOPNOTSUPP, "no copy_file_range on this system")


def copy_range_at(source: int, target: int, count: int, offset: int) -> int:
    raise OSError(errno.EOPNOTSUPP, "no copy_file_range on this system")


def send(source: int, target: int, count: int, offset: int) -> int:
    raise OSError(errno.EOPNOTSUPP, "no file to file sendfile on this system")


def send_from_start(source: int, target: int, count: int) -> int:
    return send(source, target, count, 0)


def glances(folder: int) -> object:
    return iter  # object: ignore[return-value]


def sync_filesystem(fd: int) -> None:
    """All filesystems, where the system can: its errors are not told."""
    if hasattr(os, "sync"):
        os.sync()


def rename_new(old: str, new: str, folder: int) -> None:
    """Rename in an open folder, but never onto something (as far as one look can tell)."""
    try:
        os.stat(new, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def rename_flagged(name: str, fd: int, other: str, to: int, flags: int) -> None:
    """Rename over nothing (1), or let two names swap their places (2): not to be had here."""
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def mounts_below(fd: int, name: str) -> bool:
    """Whether a filesystem is mounted on an entry of an open folder, or below it."""
    pending = [os.at(name, fd)]
    device = os.fstat(fd).st_dev
    while pending:
        here = pending.pop()
        if os.stat(here, follow_symlinks=False).st_dev != device:
            return True
        with os.scandir(here) as listing:
            pending += [e.path for e in listing if e.is_dir(follow_symlinks=False)]
    return False


def preallocate(fd: int, start: int, size: int) -> None:
    """Nothing: the space is taken as it is written."""


def drop_cache(fd: int) -> None:
    """Not to be had here: what is read back may come from memory."""


def _attributed(target: int | str) -> tuple[int | str, bool]:
    """What `os` takes for a file, a folder or a name, and whether it follows links."""
    target = os.either(target)
    return target, isinstance(target, int)


def list_xattrs(target: int | str) -> list[str]:
    if not hasattr(os, "listxattr"):
        return []
    path, follows = _attributed(target)
    found: list[str] = os.listxattr(path, follow_symlinks=follows)
    return found


list_open_xattrs = list_xattrs


def get_xattr(target: int | str, name: str) -> bytes:
    if not hasattr(os, "getxattr"):
        raise OSError(errno.EOPNOTSUPP, "no extended attributes on this system")
    path, follows = _attributed(target)
    value: bytes = os.getxattr(path, name, follow_symlinks=follows)
    return value


def set_xattr(target: int | str, name: str, value: bytes) -> None:
    # only asked for what a source has, hence where `os` knows attributes
    path, follows = _attributed(target)
    os.setxattr(path, name, value, follow_symlinks=follows)


def remove_xattr(target: int | str, name: str) -> None:
    path, follows = _attributed(target)
    os.removexattr(path, name, follow_symlinks=follows)


def entry_path(folder: int, name: str) -> str | None:
    """A path to `name` in the open folder; None: there is none."""
    return os.at(name, folder)


def change_mode(name: str, mode: int, folder: int) -> None:
    """The mode of an entry of an open folder, unless it is a link."""
    path = os.at(name, folder)
    if not stat.S_ISLNK(os.stat(path, follow_symlinks=False).st_mode):
        os.chmod(path, mode)


def mount_kind(number: int) -> str:
    """Type of the filesystem of a mount (see `mount_id`); "" where that is not known."""
    return ""


def mount_id(fd: int) -> int:
    """Tells mounts apart, bind mounts of one device too where the system can."""
    return os.fstat(fd).st_dev


def filesystem(path: str) -> tuple[str, str]:
    """Type and device of the filesystem that holds `path`; "" where unknown."""
    return "", ""


def mount_of(path: str) -> tuple[str, str]:
    """The same by text alone, for a real path."""
    return "", ""


def mounted_below(real: str) -> bool:
    """Whether anything is mounted below a real path; True where it cannot be known."""
    return True


def written_to(number: int, device: str) -> tuple[int, int] | None:
    """Writes completed and sectors written by a block device; None: unknown."""
    return None


def unwritten() -> int:
    """Pages that are not written out yet, or are being so."""
    return 0


def mount_options(path: str) -> str:
    """The options of the filesystem that holds `path`."""
    return ""


def canonical(path: str) -> tuple[str, str]:
    """Device and path inside its filesystem; here the real path is the best there is."""
    return "", os.path.realpath(path)


def process_start(pid: int) -> int | None:
    """A number that only this life of this process has; None: no such process."""
    if os.name == "nt":
        return 0  # there it would be sent Ctrl-C
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0


def uptime() -> float:
    """Seconds since this host started."""
    import time

    return time.clock_gettime(time.CLOCK_MONOTONIC)


def place() -> tuple[int, int, int]:
    """This host, this boot, this pid namespace: where a process number means something."""
    from zlib import crc32

    return crc32(os.uname().nodename.encode()), 0, 0
