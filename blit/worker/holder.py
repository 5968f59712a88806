"""Who holds the lock on a folder: found in /proc, named by its run, its command and its time."""

from __future__ import annotations

import os
import time

from blit.worker import system
from blit.worker.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WORKER = b"blit.worker.main"  # stands in the command line of every worker


class Holder:
    """A process that holds a lock: its run if it is a worker of blit's, else itself."""

    def __init__(self, pid: int) -> None:
        words = _command(pid)
        self.run: tuple[str, str] | None = None  # token and number of its pool
        self.pid = pid
        self.ended = False  # it is a worker, and its run is gone
        if any(_WORKER in word for word in words) and len(words) > 4:
            _, token, parent, first = (word.decode("ascii", "replace") for word in words[-4:])
            self.run = (token, first)
            if parent.isdigit():
                self.pid = int(parent)
                self.ended = system.process_start(self.pid) is None
                words = _command(self.pid) or words
        self.words = words

    def __str__(self) -> str:
        if self.ended:
            return f"a worker of a run that has ended (process {self.pid}) still waits for its disk"
        import shlex

        words = [os.fsdecode(word) for word in self.words]
        for index, word in enumerate(words):
            name = os.path.basename(word)
            if name == "blit" or (name == "__main__.py" and "blit" in word):
                words = ["blit", *words[index + 1 :]]
                break
        what = shlex.join(words)[:300] or "a program"
        return f"{what} (process {self.pid}, since {_since(self.pid)}) works there"


class _Unknown(Holder):
    def __init__(self) -> None:
        self.run, self.pid, self.ended, self.words = None, 0, False, []

    def __str__(self) -> str:
        return "another program holds its lock, in another container or on another machine"


def first(context: Context, fd: int) -> Holder | None:
    """Who holds the lock: a run of blit's if there is one; None when it is this very run."""
    ours = (context.token, str(context.first))
    pids = _pids(fd)
    holders = [Holder(pid) for pid in pids]
    others = [holder for holder in holders if holder.run != ours]
    if not others:
        context.borrowed = context.borrowed or (bool(pids) and os.getpid() not in pids)
        return None if holders else _Unknown()
    others.sort(key=lambda holder: holder.run is None)
    return others[0]


def _pids(fd: int) -> list[int]:
    """The processes that hold a flock on this open file or folder, as far as they can be seen."""
    number, found = _number(fd), []
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as table:
            for line in table:
                fields = line.split()
                if len(fields) < 6 or fields[1] != "FLOCK" or not fields[4].isdigit():
                    continue
                major, minor, inode = fields[5].split(":")
                if (int(major, 16), int(minor, 16), int(inode)) == number:
                    found.append(int(fields[4]))
    except (OSError, ValueError):
        pass
    return found


def _number(fd: int) -> tuple[int, int, int]:
    """Device and inode as the table of locks counts them: on btrfs `fstat` tells another device.

    By the kernel's words about our own handle alone: a look at what others have open would hang
    with them, wherever on this machine one waits for a dead mount.
    """
    info = os.fstat(fd)
    inode, mount = info.st_ino, b""
    device = os.major(info.st_dev), os.minor(info.st_dev)
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb") as words:
            for line in words:
                key, _, value = line.partition(b":")
                if key == b"ino":  # since Linux 5.14
                    inode = int(value)
                elif key == b"mnt_id":
                    mount = value.strip()
        with open("/proc/self/mountinfo", "rb") as table:
            for line in table:
                fields = line.split(b" ", 3)
                if fields[0] == mount:
                    major, _, minor = fields[2].partition(b":")
                    device = int(major), int(minor)
    except (OSError, ValueError):
        pass
    return *device, inode


def _command(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        return []


def _since(pid: int) -> str:
    """When a process began, as a clock on the wall says it."""
    start: Any = system.process_start(pid)
    if not start:
        return "an unknown time"
    age = system.uptime() - start / os.sysconf("SC_CLK_TCK")
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - age))
