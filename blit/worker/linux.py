"""What differs between systems, for Linux: the same names as portable.py."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from blit.worker.cannot import CANNOT as CANNOT
from blit.worker.mounts import canonical as canonical
from blit.worker.mounts import filesystem as filesystem
from blit.worker.mounts import mount_kind as mount_kind
from blit.worker.mounts import mount_of as mount_of
from blit.worker.mounts import mount_options as mount_options
from blit.worker.mounts import mounted_below as mounted_below
from blit.worker.mounts import mounts_below as mounts_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FICLONE = 0x40049409
_libc: Any = None
SYNCS_ONE = True  # filesystem, not all of them
SHARES = True  # of a folder are looked at by name as quickly as a listing of it


def clone(source: int, target: int) -> None:
    fcntl.ioctl(target, _FICLONE, source)


copy_range = os.copy_file_range


def copy_range_at(source: int, target: int, count: int, offset: int) -> int:
    return os.copy_file_range(source, target, count, offset, offset)


def send(source: int, target: int, count: int, offset: int) -> int:
    os.lseek(target, offset, os.SEEK_SET)
    return os.sendfile(target, source, offset, count)


def send_from_start(source: int, target: int, count: int) -> int:
    """`send` where nothing was written yet: no seek."""
    return os.sendfile(target, source, 0, count)


def glances(folder: int) -> Any:
    """How to go through a listing of an open folder, each entry asked for once: see glance.py."""
    try:
        from blit.worker.glance import Glanced
    except (ImportError, AttributeError):  # a C library that has it not
        return iter
    return lambda listing: (Glanced(item, folder) for item in listing)


def _c() -> Any:
    # ctypes costs 8 ms to import: only a run that syncs or preallocates pays for it
    global _libc
    if _libc is None:
        import ctypes

        _libc = ctypes.CDLL(None, use_errno=True)
    return _libc


def _checked(result: int) -> None:
    if result:
        import ctypes

        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sync_filesystem(fd: int) -> None:
    """Everything written to the filesystem of `fd` is on its device. OSError (EIO) if not."""
    try:
        _checked(_c().syncfs(fd))
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):  # not allowed here: sync all there is
            raise
        os.sync()


def rename_flagged(name: str, fd: int, other: str, to: int, flags: int) -> None:
    """Rename over nothing (1), or let two names swap their places (2). OSError, AttributeError."""
    _checked(_c().renameat2(fd, os.fsencode(name), to, os.fsencode(other), flags))


def rename_new(old: str, new: str, folder: int) -> None:
    """Rename in an open folder, but never onto something. FileExistsError, OSError."""
    try:
        rename_flagged(old, folder, new, folder, 1)
    except (AttributeError, OSError) as error:  # a C library that has it not
        if isinstance(error, OSError) and error.errno not in CANNOT:
            raise
        from blit.worker import noproc

        noproc.rename_new(old, new, folder)


def preallocate(fd: int, start: int, size: int) -> None:
    """Reserve `size` bytes from `start`, where the filesystem can. Raises OSError (ENOSPC).

    Not `posix_fallocate`: glibc writes to every block where the filesystem cannot.
    """
    import ctypes

    try:
        _checked(_c().fallocate(fd, 0, ctypes.c_long(start), ctypes.c_long(size)))
    except OSError as error:
        if error.errno not in CANNOT:
            raise


def drop_cache(fd: int) -> None:
    """Let the next read of what is on disk come from the device."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def list_xattrs(target: int | str) -> list[str]:
    return os.listxattr(target, follow_symlinks=isinstance(target, int))


# the same for an open file, without a question: for the hot path
list_open_xattrs = os.listxattr


def get_xattr(target: int | str, name: str) -> bytes:
    return os.getxattr(target, name, follow_symlinks=isinstance(target, int))


def set_xattr(target: int | str, name: str, value: bytes) -> None:
    os.setxattr(target, name, value, follow_symlinks=isinstance(target, int))


def remove_xattr(target: int | str, name: str) -> None:
    os.removexattr(target, name, follow_symlinks=isinstance(target, int))


_proc: bool | None = None


def _has_proc() -> bool:
    global _proc
    if _proc is None:
        _proc = os.path.isdir("/proc/self/fd")
    return _proc


def entry_path(folder: int, name: str) -> str | None:
    # the kernel resolves the descriptor itself, so no folder on the way can be swapped for a link
    return f"/proc/self/fd/{folder}/{name}" if _has_proc() else None


def change_mode(name: str, mode: int, folder: int) -> None:
    """The mode of an entry of an open folder, unless it is a link: Linux has no lchmod."""
    # what may not be read, and a FIFO, can only be opened by O_PATH
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if stat.S_ISLNK(os.fstat(handle).st_mode):
            return
        if _has_proc():
            os.chmod(f"/proc/self/fd/{handle}", mode)
        else:
            from blit.worker import noproc

            noproc.change_mode(handle, mode)
    finally:
        os.close(handle)


def mount_id(fd: int) -> int:
    """Tells mounts apart, bind mounts of one device too where the system can."""
    if not _has_proc():
        from blit.worker import noproc

        return noproc.mount_id(fd)
    with open(f"/proc/self/fdinfo/{fd}", "rb") as info:
        for line in info:
            if line.startswith(b"mnt_id:"):
                return int(line[7:])
    return os.fstat(fd).st_dev


def written_to(number: int, device: str) -> tuple[int, int] | None:
    """Writes completed and sectors written by a block device (st_dev, /dev/…); None: it is none."""
    name = os.path.basename(os.path.realpath(device)) if device.startswith("/dev/") else "-"
    by_number = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat"
    for path in (by_number, f"/sys/class/block/{name}/stat"):
        try:
            with open(path, "rb") as table:
                fields = table.read().split()
            return int(fields[4]), int(fields[6])
        except (OSError, ValueError, IndexError):
            continue
    return None


def unwritten() -> int:
    """Pages of all filesystems that are not written out yet, or are being so."""
    pages = 0
    try:
        with open("/proc/vmstat", "rb") as table:
            for line in table:
                if line.startswith((b"nr_writeback ", b"nr_dirty ")):
                    pages += int(line.split()[1])
    except OSError:
        pass
    return pages


def process_start(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        if _has_proc():
            return None
        from blit.worker import noproc

        return noproc.process_exists(pid)
    except OSError:
        return 0
    # a zombie is dead: only its parent has not noticed yet
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def uptime() -> float:
    """Seconds since this host started."""
    import time

    return time.clock_gettime(time.CLOCK_BOOTTIME)


def place() -> tuple[int, int, int]:
    """This host, this boot, this pid namespace: where a process number means something."""
    return _crc("/etc/machine-id") or _crc_of(os.uname().nodename), _crc(_BOOT_ID), _namespace()


_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def _namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def _crc(path: str) -> int:
    try:
        with open(path, encoding="ascii") as text:
            return _crc_of(text.read())
    except (OSError, ValueError):
        return 0


def _crc_of(text: str) -> int:
    from zlib import crc32

    return crc32(text.strip().encode())
