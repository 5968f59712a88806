"""Gathers groups of files into batches of about 100 ms of work, by what has been measured; pure."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from blit.engine.spool import Spool
from blit.worker import wire

BATCH_SECONDS = 0.1
SMALLEST_SECONDS = 0.005
# a worker gives back what it has not begun of a batch after this, and three times what the batch
# was to take: see worker/giving.py
LEAST_PATIENCE, PATIENCE = 0.25, 3.0
_FAR = (0, 4096, 256, 64, 16)  # what is believed of a batch at most, by the root that is taken
# what waits to be copied is held in memory as bytes: above this the scan waits
CAP_FILES = 200_000
CAP_BYTES = 24 << 20


MOST_SHARE, LEAST_SHARE = 64, 6  # folders


def share_of(folders: int, workers: int, slow: bool) -> int:
    """How many of so many folders one worker lists next: fewer and fewer, so that all end together.

    But not one by one, unless a look at an entry is `slow`: asking for the next takes longer than
    to list a small folder.
    """
    least = 1 if slow else min(LEAST_SHARE, -(-folders // workers))
    return max(1, least, min(MOST_SHARE, folders // (2 * workers)))


class Group(NamedTuple):
    files: int
    size: int  # bytes
    blob: bytes  # names and sizes, opaque


class Batch(NamedTuple):
    number: int
    files: int
    size: int
    blobs: tuple[bytes, ...]


class Cost:
    """Seconds that files and bytes take, learned from the batches of this run.

    A multiplicative correction of both coefficients by the fourth root of actual / predicted: it
    converges within a dozen batches and one outlier moves it by no more than a factor of 2. Where
    nothing is known the first batch is believed as it is, the next ones by their square and cube
    root: between a disk in memory and a slow mount lies a factor of a thousand.
    """

    def __init__(
        self, per_file: float = 40e-6, per_byte: float = 1 / 1.5e9, measured: int = 3
    ) -> None:
        """`measured`: batches that have taught it already."""
        self.per_file, self.per_byte, self.measured = per_file, per_byte, measured

    def seconds(self, files: int, size: int) -> float:
        return files * self.per_file + size * self.per_byte

    def learn(self, files: int, size: int, seconds: float) -> None:
        expected = self.seconds(files, size)
        if files < 1 or seconds <= 0 or expected <= 0:
            return
        root = min(self.measured + 1, 4)
        most = _FAR[root]
        step = min(max(seconds / expected, 1 / most), most) ** (1 / root)
        self.measured += 1
        self.per_file *= step
        self.per_byte *= step


class Plan:
    """What was found and is not copied yet."""

    def __init__(self) -> None:
        self.groups: deque[Group] = deque()
        self.waiting_files = 0
        self.waiting_bytes = 0
        self.held = 0  # bytes of memory
        self.batches = 0
        self.cost = Cost(measured=0)
        self.made_only = False  # nobody copies yet: what memory may not hold goes to a file
        self._spilled: Spool | None = None
        self._read = 0  # of what was spilled

    def add(self, group: Group) -> None:
        self.waiting_files += group.files
        self.waiting_bytes += group.size
        if self._spilled is not None or (self.made_only and self._memory_full):
            self._spilled = self._spilled if self._spilled is not None else Spool(1 << 20)
            self._spilled.append(wire.dump(tuple(group)))
            return
        self.groups.append(group)
        self.held += len(group.blob)

    @property
    def _memory_full(self) -> bool:
        return self.held >= CAP_BYTES or len(self.groups) >= CAP_FILES

    @property
    def full(self) -> bool:
        if self.made_only:
            return False
        return self.waiting_files >= CAP_FILES or self.held >= CAP_BYTES

    def _refill(self) -> None:
        """Back into memory what was spilled, in its order, a good part at a time."""
        while self._spilled is not None and self.held < CAP_BYTES // 4:
            group = Group(*wire.load(self._spilled[self._read]))
            self.groups.append(group)
            self.held += len(group.blob)
            self._read += 1
            if self._read >= len(self._spilled):
                self._spilled, self._read = None, 0

    def patience(self, batch: Batch) -> float:
        """Seconds after which a worker may give back the rest of a batch."""
        return max(LEAST_PATIENCE, PATIENCE * self.cost.seconds(batch.files, batch.size))

    def waiting_seconds(self) -> float:
        return self.cost.seconds(self.waiting_files, self.waiting_bytes)

    def waiting_batches(self) -> int:
        """About how many batches the waiting groups will make."""
        if not self.waiting_files:
            return 0
        return max(1, round(self.waiting_seconds() / BATCH_SECONDS))

    def take(self, workers: int, complete: bool) -> Batch | None:
        """The next batch for a hungry worker; None when nothing waits.

        About 100 ms of work. While the scan goes on no worker takes more than its share of what
        waits, so that a second hungry one finds something; once the plan is complete the batches
        shrink towards the end, so that all workers end together (guided self-scheduling,
        Polychronopoulos and Kuck 1987).
        """
        if not self.groups:
            self._refill()
        if not self.groups:
            return None
        waiting = self.waiting_seconds()
        share = waiting / (2 * workers if complete else workers)
        budget = min(BATCH_SECONDS, max(SMALLEST_SECONDS, share))
        files = size = 0
        blobs: list[bytes] = []
        while self.groups:
            group = self.groups[0]
            seconds = self.cost.seconds(files + group.files, size + group.size)
            if blobs and seconds > budget:
                break
            self.groups.popleft()
            files, size = files + group.files, size + group.size
            self.held -= len(group.blob)
            blobs.append(group.blob)
        self.waiting_files -= files
        self.waiting_bytes -= size
        self.batches += 1
        return Batch(self.batches, files, size, tuple(blobs))
