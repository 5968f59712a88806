"""How many workers pay: more while they wait rather than compute and throughput rises; pure.

Hill climbing: double the workers, look for one window, keep the doubling if things moved at least
`_GAIN` times as fast, else go back and stay. The first step is a leap where it is known how long a
worker waits for a file, or for a look at one: to as many as keep the cores at work meanwhile. On a
fast filesystem, or beside other work, the cores are busy and nothing is ever started; on a slow one
(2 ms an operation) it settles where the server saturates. A run that begins with what earlier ones
settled at climbs only while few of them agree, and falls where the cores turn out to be busy:
halve, and go back if that was slower.
"""

from __future__ import annotations

from typing import Any

from blit.worker.wire import SLOW

WINDOW = 0.7  # seconds that one number of workers is watched
MOST = 32
_BUSY = 0.6  # of the cores' time: above this another worker has nothing to run on
_IDLE = 0.2  # below this they do nothing but wait: two doublings at once
_FULL = 0.95  # above this there may be too many
_COMPUTES = 0.5  # of the time with a core that it can have at most: it waits for nobody
_GAIN = 1.2
_LOSS = 0.9
_WORK = 0.00025  # seconds that a worker, and what serves it, have a core in hand for an entry
_A_CORE = 8  # workers a core before anything was measured of what they move
_SHORT = 0.2  # seconds that are watched before a leap
_SMALL, _FILES = 64 << 10, 4  # bytes a file, and files, from which `Waits` learns
_LOOKS = 4  # a file that is copied is waited for as long as so many looks at it
_SURE = 3  # earlier runs that agree: no more climbing


def at_once(pace: float, cores: int, most: int = MOST) -> int:
    """Workers to begin with where nothing is known but `pace`, seconds that a look at an entry
    takes (0: not known): 0 where that is no reason for more than usual.

    Each waits for nearly all of it, so that many fit on a core; how many pay the server alone
    knows, which `Growth` finds out from there.
    """
    if pace < SLOW:
        return 0
    return min(round(cores * pace / _WORK), cores * _A_CORE, most)


class Waits:
    """What the workers that copied or compared small files have waited for so far."""

    def __init__(self) -> None:
        self.files, self.seconds, self.worked = 0, 0.0, 0.0

    def add(self, task: dict[str, Any], answer: dict[str, Any]) -> None:
        """Take in the answer to a batch, where it tells how long its worker had a core."""
        if (worked := answer.get("worked")) is None:
            return
        files = task["files"] - answer.get("back", (0, 0))[0]
        if answer.get("bytes", 0) <= files * _SMALL:
            self.take(files, answer["took"], worked)

    def take(self, files: int, took: float, worked: float) -> None:
        """So many small files took so long, and their worker had a core for so much of it."""
        self.files, self.worked = self.files + files, self.worked + worked
        self.seconds += took

    def compute(self, workers: int, cores: int) -> bool:
        """Whether they use the cores rather than wait: more would have nothing to run on."""
        most = min(1.0, cores / workers)  # of its time that each can have a core
        return self.files >= _FILES and self.worked > _COMPUTES * most * self.seconds

    @property
    def pace(self) -> float:
        """Seconds that a look at an entry would take; 0 where it is not known, or mere work."""
        if self.files < _FILES or self.worked > _IDLE * self.seconds:
            return 0.0
        return (self.seconds - self.worked) / self.files / _LOOKS


class Growth:
    def __init__(
        self, now: float, workers: int, cores: int, most: int = MOST, warm: int = 0
    ) -> None:
        """`warm`: earlier runs that settled at this number of workers."""
        self.workers, self.cores, self.most = workers, cores, most
        self.settled = workers >= most and not warm
        self._climbs, self._falls = warm < _SURE and workers < most, warm > 0
        self._before: tuple[int, float] | None = None  # the number before, and what moved with it
        self._began, self._ticks, self._spare = now, -1, 0.0
        self._leapt = warm > 0

    def look(self, now: float, ticks: int, spare: float, idle: int, pace: float = 0.0) -> int:
        """How many workers there should be.

        `spare`: seconds that the machine's cores have had nothing to do, all together; `idle`:
        workers that have no work now; `pace`: see `at_once`.
        """
        if self.settled:
            return self.workers
        if self._ticks < 0 or idle:
            # nothing to compare with yet, or not enough work for those that there are
            self._start_window(now, ticks, spare)
            return self.workers
        span = now - self._began
        leap = 0 if self._leapt else at_once(pace, self.cores, self.most)
        if span < (_SHORT if leap > self.workers else WINDOW):
            return self.workers
        speed = (ticks - self._ticks) / span
        busy = 1 - (spare - self._spare) / span / self.cores
        if self._before is not None:
            count, moved = self._before
            if speed < (_GAIN if self.workers > count else _LOSS) * moved:
                self.workers, self.settled = count, True
                return self.workers
        if self._climbs and busy < _BUSY and speed > 0:
            self._before = (self.workers, speed)
            factor = 4 if busy < _IDLE else 2
            further = min(self.workers * factor, self.most)
            self.workers = leap if leap > self.workers else further
            self._leapt = self._leapt or leap > 0
            self.settled = self.workers >= self.most
            self._falls = False
        elif self._falls and busy > _FULL and self.workers > self.cores and speed > 0:
            self._before = (self.workers, speed)
            self.workers = max(self.workers // 2, self.cores)
            self._climbs = False
        elif self._falls:
            self._falls, self.settled = False, not self._climbs
        self._start_window(now, ticks, spare)
        return self.workers

    def _start_window(self, now: float, ticks: int, spare: float) -> None:
        self._began, self._ticks, self._spare = now, ticks, spare
