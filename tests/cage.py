"""A process that can write nowhere but below one folder: what a monkey gets to play in.

    cage.py ROOM FOLDER COMMAND…

The command runs in FOLDER with every mount read-only but those of ROOM, and without the folders at
the top that hold nothing it needs. For root alone; it ends with 125 where that cannot be had.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_NEW_MOUNTS, _PRIVATE, _REC, _DETACH = 0x20000, 1 << 18, 1 << 14, 2
_MOUNT_SETATTR, _RECURSIVE, _READ_ONLY = 442, 0x8000, 1


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user")]


def shut(room: Path) -> None:
    """OSError where the system does not allow it."""
    libc = ctypes.CDLL(None, use_errno=True)

    def must(done: int) -> None:
        if done:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def read_only(path: str, on: bool) -> None:
        given = _Attributes(_READ_ONLY * on, _READ_ONLY * (not on), 0, 0)
        size = ctypes.sizeof(given)
        where = os.fsencode(path)
        must(libc.syscall(_MOUNT_SETATTR, -1, where, _RECURSIVE, ctypes.byref(given), size))

    must(libc.unshare(_NEW_MOUNTS))
    must(libc.mount(None, b"/", None, _PRIVATE | _REC, None))
    needed = [sys.prefix, sys.base_prefix, str(Path(__file__).resolve()), str(room), "/usr", "/etc"]
    keep = {Path(path).parts[1] for path in needed} | {"dev", "proc", "bin", "sbin", "etc"}
    for top in os.scandir("/"):
        library = top.name.startswith("lib")
        if top.is_dir(follow_symlinks=False) and not library and top.name not in keep:
            must(libc.mount(b"none", os.fsencode(top.path), b"tmpfs", 0, b"size=4k"))
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        point = line.split()[4]  # what other tests have mounted meanwhile lasts no longer for us
        if "/blit-test-" in point and point != str(room) and not point.startswith(f"{room}/"):
            libc.umount2(os.fsencode(point), _DETACH)
    read_only("/", True)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4]
        if point == str(room) or point.startswith(f"{room}/"):
            read_only(point, False)


if __name__ == "__main__":
    try:
        shut(Path(sys.argv[1]))
        os.chdir(sys.argv[2])
    except OSError as error:
        print(f"no cage: {error}", file=sys.stderr)
        sys.exit(125)
    os.execvp(sys.argv[3], sys.argv[3:])
