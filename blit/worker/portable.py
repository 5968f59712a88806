"""What differs between systems, for a system of which nothing special is known."""

from __future__ import annotations

import errno
import os

# errnos by which a system says "not here, not like this": an answer, not a failure
CANNOT = frozenset(
    getattr(errno, name)
    for name in (
        "EOPNOTSUPP",
        "ENOTSUP",
        "ENOSYS",
        "EXDEV",
        "EINVAL",
        "ENOTTY",
        "EPERM",
        "EBADF",
        "ETXTBSY",
    )
    if hasattr(errno, name)
)


def clone(source: int, target: int) -> None:
    """Make `target` share the source's blocks. OSError with an errno of CANNOT where impossible."""
    raise OSError(errno.EOPNOTSUPP, "no clone on this system")


def copy_range(source: int, target: int, count: int) -> int:
    raise OSError(errno.EOPNOTSUPP, "no copy_file_range on this system")


def copy_range_at(source: int, target: int, count: int, offset: int) -> int:
    raise OSError(errno.EOPNOTSUPP, "no copy_file_range on this system")


def send(source: int, target: int, count: int, offset: int) -> int:
    raise OSError(errno.EOPNOTSUPP, "no file to file sendfile on this system")


def sync_filesystem(fd: int) -> None:
    os.sync()


def rename_new(old: str, new: str, folder: int) -> None:
    """Rename in an open folder, but never onto something (as far as one look can tell)."""
    try:
        os.stat(new, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def preallocate(fd: int, start: int, size: int) -> None:
    """Nothing: the space is taken as it is written."""


def drop_cache(fd: int) -> None:
    """Not to be had here: what is read back may come from memory."""


def list_xattrs(target: int | str) -> list[str]:
    return []


list_open_xattrs = list_xattrs


def get_xattr(target: int | str, name: str) -> bytes:
    return b""


def set_xattr(target: int | str, name: str, value: bytes) -> None:
    raise OSError(errno.EOPNOTSUPP, "no extended attributes on this system")


def remove_xattr(target: int | str, name: str) -> None:
    raise OSError(errno.EOPNOTSUPP, "no extended attributes on this system")


def entry_path(folder: int, name: str) -> str | None:
    """A path to `name` in the open folder that walks no other name; None: there is none."""
    return None


def change_mode(handle: int, mode: int) -> None:
    """The mode of what a handle stands for that may neither read nor write."""
    os.chmod(handle, mode)


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
