"""A FUSE filesystem that passes everything on to a folder, except what a rules file tells it to hurt.

    faultfs.py FOLDER MOUNTPOINT RULES

RULES is a JSON list that is read anew at every call: `{"op": "read", "path": "/big", "hang": true}`,
`{"op": "write", "path": "*", "errno": 5}`, `{"op": "readdir", "delay": 1.5}`. An absent path means all.
`"from": 2, "to": 2` counts the calls that it fits. A hang ends when its rule goes. Run by the tests in a process of its own.
"""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations

_STAT = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_dev", "st_ino", "st_blocks")


def hurt(method: Callable[..., Any]) -> Callable[..., Any]:
    """Obey the rules first; what the folder below says no to is passed on."""

    def hurting(self: Faulty, path: str, *args: Any) -> Any:
        self.suffer(method.__name__, path)
        try:
            return method(self, path, *args)
        except OSError as error:
            raise FuseOSError(error.errno or errno.EIO) from error

    return hurting


class Faulty(Operations):  # type: ignore[misc]
    use_ns = True

    def __init__(self, root: str, rules: str) -> None:
        self.root, self.rules = os.path.realpath(root), rules

    def _read_rules(self) -> list[dict[str, Any]]:
        try:
            with open(self.rules, encoding="utf-8") as text:
                found: list[dict[str, Any]] = json.load(text)
                return found
        except (OSError, ValueError):
            return []

    def suffer(self, op: str, path: str) -> None:
        for rule in self._read_rules():
            if rule["op"] != op or not fnmatch.fnmatchcase(path, rule.get("path", "*")):
                continue
            if "from" in rule or "to" in rule:
                met = self.count(rule)
                if not rule.get("from", 1) <= met <= rule.get("to", 1 << 60):
                    continue
            if "mark" in rule:  # tells the test that somebody waits here
                with open(rule["mark"], "a", encoding="utf-8"):
                    pass
            while rule.get("hang") and rule in self._read_rules():
                time.sleep(0.05)
            time.sleep(rule.get("delay", 0))
            if "errno" in rule:
                raise FuseOSError(rule["errno"])

    def count(self, rule: dict[str, Any]) -> int:
        """The how-manieth time this rule is met; kept in a file beside the rules for who asks."""
        name = f"{self.rules}.{zlib.crc32(json.dumps(rule).encode()):x}"
        fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(fd, b".")
            return os.lseek(fd, 0, os.SEEK_CUR)  # after our own dot: no two calls get one number
        finally:
            os.close(fd)

    def _at(self, path: str) -> str:
        return self.root + path

    def init(self, path: str) -> None:
        pass

    def access(self, path: str, mode: int) -> int:
        return 0

    @hurt
    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        info = os.lstat(self._at(path))
        times = {f"st_{x}time": getattr(info, f"st_{x}time_ns") for x in "amc"}
        return {name: getattr(info, name) for name in _STAT} | times

    @hurt
    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]

    @hurt
    def readlink(self, path: str) -> str:
        return os.readlink(self._at(path))

    @hurt
    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags & ~os.O_DIRECT)

    @hurt
    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    @hurt
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        data = os.pread(fh, size, offset)
        for rule in self._read_rules():
            # a device that gives back other bytes; `size` tells which file, since names change
            if rule.get("flip") and os.fstat(fh).st_size == rule["size"] and data:
                return bytes((data[0] ^ 1,)) + data[1:]
        return data

    @hurt
    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    @hurt
    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        os.truncate(self._at(path), length)

    @hurt
    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    @hurt
    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._at(path), mode)

    @hurt
    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))

    @hurt
    def rename(self, old: str, new: str) -> None:
        os.rename(self._at(old), self._at(new))

    @hurt
    def link(self, new: str, old: str) -> None:
        os.link(self._at(old), self._at(new))

    @hurt
    def symlink(self, new: str, to: str) -> None:
        os.symlink(to, self._at(new))

    @hurt
    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)

    @hurt
    def chown(self, path: str, uid: int, gid: int) -> None:
        os.lchown(self._at(path), uid, gid)

    @hurt
    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path), ns=times or (0, 0), follow_symlinks=False)

    @hurt
    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.fsync(fh)

    @hurt
    def flush(self, path: str, fh: int) -> None:
        pass

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    @hurt
    def statfs(self, path: str) -> dict[str, int]:
        room = os.statvfs(self._at(path))
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_ffree", "f_files", "f_frsize")
        return {name: getattr(room, name) for name in names} | {"f_namemax": 255}


if __name__ == "__main__":
    mount: Callable[..., Any] = FUSE
    mount(
        Faulty(sys.argv[1], sys.argv[3]),
        sys.argv[2],
        foreground=True,
        attr_timeout=0,
        entry_timeout=0,
    )
