"""The ways to move a file's bytes, best first, and what of them does not work between two devices.

clone (FICLONE, shares the blocks) → copy_file_range → sendfile → read/write. "Cannot here" (see
`system.CANNOT`) goes one rung down and is remembered for the pair of devices; any other error is
the file's. A kernel copy that returns 0 before the end is not believed: read/write goes on from
there.
"""

from __future__ import annotations

import errno

from blit.worker import status, system, wire
from blit.worker.system import os

FIRST_CHUNK = 1 << 20
LARGEST_CHUNK = 64 << 20
GENTLE_CHUNK = 128 << 10  # what Linux reads ahead at once
BUFFER = 1 << 20
_BLOCK = 4096
# seconds that one system call may take: long enough not to matter, short enough to show progress,
# to obey a stop, and not to be mistaken for a stall on a device of 1 MB/s
CALL_SHORT, CALL_LONG = 0.05, 0.4


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _always() -> bool:
    return True


class Stopped(Exception):
    """The program asked this worker to leave the file in hand."""


class Vanished(Exception):
    """The source is gone."""


class Shrunk(Exception):
    """The source ended before its size: it was cut while it was copied."""


class Ladder:
    """Remembers per device pair the best rung that works."""

    def __init__(self, page: status.Page) -> None:
        from time import monotonic

        self.page = page
        self.rungs: dict[tuple[int, int], int] = {}
        self.cloned: set[tuple[int, int]] = set()  # where clones have worked
        self.clock = monotonic
        self.chunk = FIRST_CHUNK
        self.begun = False
        self.may_continue: Callable[[], bool] = _always

    def begin(self, gentle: bool) -> None:
        """`gentle`: each 128 KiB may take seconds, and one call must not pass for a stall."""
        if gentle and not self.begun:
            self.chunk = GENTLE_CHUNK
        self.begun = True

    def way(self, pair: tuple[int, int]) -> int | None:
        """How files are copied there, as far as one has shown it."""
        return self.rungs.get(pair, wire.CLONE if pair in self.cloned else None)

    def copy(
        self, s: int, d: int, start: int, end: int, pair: tuple[int, int], holes: bool,
        reserve: bool = False, least: int = wire.CLONE,
    ) -> int:  # fmt: skip
        """Copy the bytes [start, end); returns the method. Raises OSError, Shrunk, Stopped.

        `holes`: the source has fewer blocks than its size needs, so only its data is copied; the
        target must have its final size already. `reserve`: take the space first, if not cloned.
        `least`: begin no higher than there.
        """
        rung = max(self.rungs.get(pair, wire.CLONE), least)
        if rung == wire.CLONE:
            if start == 0 and self.clone(s, d):
                self.cloned.add(pair)
                return wire.CLONE
            rung = wire.KERNEL
            self.rungs.setdefault(pair, wire.KERNEL)
        if reserve and not holes:
            system.preallocate(d, start, end - start)
        if not holes:
            return self._span(s, d, start, end, rung, pair)
        method = rung
        position = start
        zeros = False  # holes cannot be asked for: what reads as zeros is left out
        while position < end:
            try:
                data = os.lseek(s, position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break  # a hole up to the end
                if error.errno not in system.CANNOT:
                    raise
                data, end_of_data, zeros = position, end, True
            else:
                end_of_data = os.lseek(s, data, os.SEEK_HOLE) if data < end else end
            if data >= end:
                break
            stop = min(end_of_data, end)
            rung = wire.READ_WRITE if zeros else max(self.rungs.get(pair, rung), least)
            method = self._span(s, d, data, stop, rung, pair, zeros)
            position = stop
        return method

    def clone(self, s: int, d: int) -> bool:
        try:
            system.clone(s, d)
        except OSError as error:
            if error.errno not in system.CANNOT:
                raise
            return False
        return True

    def _span(
        self, s: int, d: int, start: int, end: int, rung: int, pair: tuple[int, int],
        zeros: bool = False,
    ) -> int:  # fmt: skip
        position = start
        page, clock = self.page, self.clock
        while position < end:
            want = min(end - position, self.chunk if rung < wire.READ_WRITE else BUFFER)
            before = clock()
            try:
                if rung == wire.KERNEL:
                    done = system.copy_range_at(s, d, want, position)
                elif rung == wire.SENDFILE:
                    done = system.send(s, d, want, position)
                else:
                    done = _read_write(s, d, want, position, zeros)
            except OSError as error:
                if rung == wire.READ_WRITE or error.errno not in system.CANNOT:
                    raise
                rung += 1
                self.rungs[pair] = max(self.rungs.get(pair, 0), rung)
                continue
            if done == 0:
                if rung == wire.READ_WRITE:
                    raise Shrunk
                rung = (
                    wire.READ_WRITE
                )  # for this file: is it the end, or did the kernel stop early?
                continue
            position += done
            page.moved(done, position)
            took = clock() - before
            if took < CALL_SHORT and done == self.chunk < LARGEST_CHUNK:
                self.chunk *= 2
            elif took > CALL_LONG and self.chunk > GENTLE_CHUNK:
                self.chunk //= 2
            flag = page.flag()
            if (flag and not self.obey(flag, end - position)) or not self.may_continue():
                raise Stopped
        return rung

    def obey(self, flag: int, left: int = 0) -> bool:
        """Wait out a pause; False when the file in hand should be left. `left`: its bytes to go."""
        from time import sleep

        page = self.page
        if flag == status.PAUSE:
            was = page.map[page.base + 32]
            page.operation(status.PAUSED)
            while (flag := page.flag()) == status.PAUSE and self.may_continue():
                sleep(0.05)
            page.operation(was)
        if flag == status.RUN:
            return True
        # "let what is nearly done finish": what takes less than about half a second more
        return flag == status.STOP and left <= self.chunk * 4 and self.may_continue()


def shared(options: int) -> int:
    """The first way worth trying where several workers write into one file.

    An in-kernel copy holds the file's lock from the first page read to the last page written, so
    two take as long as one. Reads need no such lock: only the writes wait for one another.
    """
    return wire.READ_WRITE if options & wire.CACHED else wire.CLONE


def _read_write(s: int, d: int, count: int, offset: int, zeros: bool = False) -> int:
    """`zeros`: blocks of nothing else are not written, since the target is a hole as yet."""
    data = os.pread(s, count, offset)
    if not zeros:
        _write(d, data, offset)
        return len(data)
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        if block.strip(b"\0"):
            _write(d, block, offset + start)
    return len(data)


def _write(d: int, data: bytes, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(d, data[done:] if done else data, offset + done)
