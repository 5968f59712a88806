"""Where the benchmark works: a folder in RAM, a filesystem on a loop device over RAM, slow FUSE."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench_machine import warm
from bench_trees import MIB, clear

LOOPED = {
    # all of the inode tables now, not in the background of the first rounds
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}
CLONING = ("xfs", "btrfs")
PLACES = ["tmpfs", *LOOPED, "fuse"]
DELAY = 0.002  # seconds an operation on FUSE
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 1 << 18
_PR_SET_PDEATHSIG = 1


class Unavailable(Exception):
    """Why there is no such place here."""


class Place(NamedTuple):
    name: str
    folder: Path  # where the trees lie
    image: bool = False  # has a device below it whose writing goes on after a run

    def settle(self, size: int) -> None:
        """Write back what the run before has left, so that it is not charged to the next one.

        `size`: bytes that the next one writes, for which memory is made ready.
        """
        if self.image:
            subprocess.run(["sync", "-f", str(self.folder)], check=True)
        # what a loop device holds lies in the page cache once more
        warm(size * (2 if self.image else 1) * 5 // 4 + 64 * MIB)


def own_mounts() -> None:
    """Mounts from now on are this process's alone: even killed it leaves none, and no loop device.

    Where that is not allowed they are unmounted as well as can be, see `_unmount`.
    """
    if sys.platform != "linux" or os.geteuid():
        return
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNS) == 0:
        libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)


@contextlib.contextmanager
def place(name: str, work: Path, size: int) -> Iterator[Place]:
    """The place, as long as it is needed. `size`: bytes that a filesystem must have room for."""
    if name in LOOPED:
        with _looped(name, work, size) as point:
            yield Place(name, point, True)
    elif name == "fuse":
        with _slow(work):
            yield Place(name, work)
    else:
        yield Place(name, work)


@contextlib.contextmanager
def _looped(name: str, work: Path, size: int) -> Iterator[Path]:
    maker = LOOPED[name]
    if os.geteuid():
        raise Unavailable("only root can mount it")
    if not shutil.which(maker[0]):
        raise Unavailable(f"{maker[0]} is not installed")
    image, point = work / f"{name}.image", work / name
    try:
        with open(image, "wb") as file:
            file.truncate(max(size, 1 << 30))
        _do([*maker, str(image)])
        point.mkdir()
        # the mount owns the loop device: the one goes with the other
        _do(["mount", "-t", name, "-o", "loop,noatime", str(image), str(point)])
        image.unlink()  # the device holds it; nothing is left when we are killed
        yield point
    finally:
        _unmount(point)
        image.unlink(missing_ok=True)


@contextlib.contextmanager
def _slow(work: Path) -> Iterator[None]:
    """`work/slow` shows `work/below`, each operation `DELAY` later."""
    below, point = work / "below", work / "slow"
    below.mkdir()
    point.mkdir()
    script = Path(__file__).with_name("slow_fs.py")
    null = subprocess.DEVNULL
    server = subprocess.Popen(
        [sys.executable, str(script), str(below), str(point), str(DELAY)],
        stdin=null, stdout=null, stderr=null, start_new_session=True, preexec_fn=_die_with_parent,
    )  # fmt: skip
    try:
        until = time.monotonic() + 20
        while not os.path.ismount(point):
            if server.poll() is not None or time.monotonic() > until:
                raise Unavailable("FUSE cannot be mounted (mfusepy, /dev/fuse, root)")
            time.sleep(0.01)
        yield
    finally:
        _unmount(point)
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        clear(below)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


def _unmount(point: Path) -> None:
    """A process that was just killed may still be busy there: try again, then let it go lazily."""
    for attempt in range(50):
        if not os.path.ismount(point):
            return
        lazy = ["-l"] if attempt == 49 else []
        subprocess.run(["umount", *lazy, str(point)], capture_output=True)
        if attempt:
            time.sleep(0.1)
