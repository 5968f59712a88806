"""How many workers pay: more while they wait rather than compute and throughput rises; pure.

Plain hill climbing: double the workers, look for one window, keep the doubling if things moved at
least `_GAIN` times as fast, else go back and stay. On a fast filesystem, or beside other work, the
cores are busy and nothing is ever started; on a slow one (2 ms an operation) it settles where the
server saturates. A run that begins with what earlier ones settled at climbs only while few of them
agree, and falls where the cores turn out to be busy: halve, and go back if that was slower.
"""

from __future__ import annotations

WINDOW = 0.7  # seconds that one number of workers is watched
MOST = 32
_BUSY = 0.6  # of the cores' time: above this another worker has nothing to run on
_IDLE = 0.2  # below this they do nothing but wait: two doublings at once
_FULL = 0.95  # above this there may be too many
_GAIN = 1.2
_LOSS = 0.9
_SURE = 3  # earlier runs that agree: no more climbing


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

    def look(self, now: float, ticks: int, spare: float, idle: int) -> int:
        """How many workers there should be.

        `spare`: seconds that the machine's cores have had nothing to do, all together; `idle`:
        workers that have no work now.
        """
        if self.settled:
            return self.workers
        if self._ticks < 0 or idle:
            # nothing to compare with yet, or not enough work for those that there are
            self._start_window(now, ticks, spare)
            return self.workers
        span = now - self._began
        if span < WINDOW:
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
            self.workers = min(self.workers * factor, self.most)
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
