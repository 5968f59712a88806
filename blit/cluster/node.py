"""What runs in a Dask worker: it keeps worker processes of blit's, and passes tasks and pages on.

`work` runs in a thread of the Dask worker, once a task; the others are called in its event loop and
must not wait for anything.
"""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from typing import NamedTuple

import blit
from blit.engine import spawning
from blit.worker import status, wire
from blit.worker.system import unwritten

# seconds without a word from the program after which its workers here end: it was killed, or the
# network between is gone for good
LEASE = 60.0


class Died(Exception):
    """The worker process is not there (any more)."""


class Greeting(NamedTuple):
    version: str  # of blit
    python: str
    machine: str  # the boot of its kernel: whose page cache it is, and who numbers its devices
    mounts: tuple[tuple[str, str], ...]  # (path as the run calls it, path here)
    trouble: str  # why it cannot take part; "" if it can


class Look(NamedTuple):
    """What a node shows of its workers."""

    clock: int  # CLOCK_MONOTONIC here, ns
    unwritten: int  # pages that this machine has not written out yet
    pages: dict[int, bytes]  # status pages by slot


class _Hosted:
    def __init__(self, pid: int, tasks: int, answers: int) -> None:
        self.pid, self.tasks, self.answers = pid, tasks, answers
        self.done = 0  # tasks that it was given
        self.busy = self.closed = False  # a thread waits for it; its pipes are closed


class _Session:
    """The workers of one run on this node."""

    def __init__(self, name: str, token: str, first: int, most: int) -> None:
        self.name, self.token, self.first = name, token, first
        self.shared, self.map = spawning.pages(most)
        self.hosted: dict[int, _Hosted] = {}
        self.dead: list[int] = []  # killed and not collected yet
        self.heard = time.monotonic()
        self.ended = False
        self.lock = threading.Lock()
        threading.Thread(target=self._watch, name="blit-lease", daemon=True).start()

    def take(self, slot: int, number: int) -> _Hosted:
        """The worker of a slot for its task `number`, from 0: none is done twice. Raises Died."""
        with self.lock:
            hosted = self.hosted.get(slot)
            if hosted is None and number == 0 and not self.ended:
                made = spawning.spawn(slot, self.token, self.first, self.shared)
                hosted = self.hosted[slot] = _Hosted(*made)
            if hosted is None or hosted.done != number or hosted.pid < 0:
                raise Died(f"worker {slot} is not there for task {number}")
            hosted.done += 1
            hosted.busy = True
            return hosted

    def kill(self, slot: int) -> None:
        """Its thread, if it waits for it, gets the end of the pipe."""
        hosted = self.hosted.get(slot)
        if hosted is None or hosted.pid < 0:
            return
        try:
            os.kill(hosted.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.dead.append(hosted.pid)
        hosted.pid = -1

    def end(self) -> None:
        with self.lock:
            self.ended = True
            for slot in self.hosted:
                self.kill(slot)
        _sessions.pop(self.name, None)

    def _watch(self) -> None:
        while True:
            time.sleep(1)
            if time.monotonic() - self.heard > LEASE:
                self.end()
            for pid in list(self.dead):
                try:
                    if os.waitpid(pid, os.WNOHANG)[0]:
                        self.dead.remove(pid)
                except ChildProcessError:
                    self.dead.remove(pid)
            with self.lock:
                for hosted in self.hosted.values():
                    if hosted.pid < 0 and not hosted.busy and not hosted.closed:
                        os.close(hosted.tasks)
                        os.close(hosted.answers)
                        hosted.closed = True
                open_ = any(not hosted.closed for hosted in self.hosted.values())
            if self.ended and not self.dead and not open_:
                os.close(self.shared)
                return  # the pages go with the last who looks at them


_sessions: dict[str, _Session] = {}
_lock = threading.Lock()


def greet() -> Greeting:
    trouble = ""
    mounts: tuple[tuple[str, str], ...] = ()
    try:
        mounts = read_mounts(os.environ.get("BLIT_MOUNTS", ""))
    except ValueError as error:
        trouble = str(error)
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            machine = file.read().strip()
    except OSError:
        machine = platform.node()
    return Greeting(blit.__version__, platform.python_version(), machine, mounts, trouble)


def read_mounts(text: str) -> tuple[tuple[str, str], ...]:
    """`/shared=/mnt/a:/home=/net/home` → pairs, the deepest first. ValueError: what is wrong."""
    found = []
    for part in filter(None, text.split(":")):
        theirs, equals, mine = part.partition("=")
        if not (equals and theirs.startswith("/") and mine.startswith("/")):
            raise ValueError(f"BLIT_MOUNTS: {part!r} is not /PATH=/PATH-HERE")
        found.append((theirs.rstrip("/") or "/", mine.rstrip("/") or "/"))
    return tuple(sorted(found, key=lambda pair: -len(pair[0])))


def work(
    name: str, token: str, first: int, most: int, slot: int, number: int, frame: bytes
) -> tuple[bytes, int, bytes]:
    """Have a task done by a worker process: its page, the clock here (ns), and the answer.

    Raises Died; OSError where there is no process to be had.
    """
    with _lock:
        session = _sessions.get(name)
        if session is None:
            if number:
                raise Died(f"worker {slot} was of another process")
            session = _sessions[name] = _Session(name, token, first, most)
    hosted = session.take(slot, number)
    try:
        wire.write_all(hosted.tasks, frame)
        answer = wire.read_body(hosted.answers)
    except OSError:
        answer = None
    finally:
        hosted.busy = False
    session.heard = time.monotonic()
    if answer is None:
        with session.lock:
            session.kill(slot)
        raise Died(f"worker {slot} has ended")
    return _page(session, slot), time.monotonic_ns(), answer


def poll(name: str, flags: dict[int, int], gone: list[int]) -> Look:
    """Set the flags by slot, end the workers in `gone`, and show the pages of the others."""
    session = _sessions.get(name)
    if session is None:
        return Look(time.monotonic_ns(), 0, {})
    session.heard = time.monotonic()
    for slot in gone:
        session.kill(slot)
    pages = {}
    for slot, hosted in list(session.hosted.items()):
        if hosted.pid < 0:
            continue
        if slot in flags:
            status.View(session.map, slot).set_flag(flags[slot])
        pages[slot] = _page(session, slot)
    return Look(time.monotonic_ns(), unwritten(), pages)


def end(name: str) -> None:
    if (session := _sessions.get(name)) is not None:
        session.end()


def _page(session: _Session, slot: int) -> bytes:
    return bytes(session.map[slot * status.PAGE : (slot + 1) * status.PAGE])
