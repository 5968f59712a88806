"""The heartbeat and the stall rule; pure, time is an argument.

A beat comes every second, every half second while workers starve. When nothing has moved for 10 s
(no entry listed, no file done, no byte) the run has stalled. A pause and an open question stop the
clock, and so does being stopped oneself: a gap between two looks that is far longer than the
interval was not the filesystem's.
"""

from __future__ import annotations

LOOK = 0.25  # seconds between two looks at the status pages
BEAT, STARVED_BEAT = 1.0, 0.5
STALL = 10.0
_FIRST_BEAT = 0.4  # a face has something to show before the first second is over
_OWN_GAP = 2.0  # a later look than this means that we were stopped


class Pulse:
    def __init__(self, now: float, stall_after: float = STALL) -> None:
        self.stall_after = self.limit = stall_after
        self.looked = self.moved = now
        self.beaten = now - BEAT + _FIRST_BEAT
        self.signs: object = None

    def look(self, now: float, signs: object, starved: bool, held: bool) -> bool:
        """Take note of the counters; True when a beat is due.

        `signs`: anything that changes when something moves. `held`: paused, or a question is open.
        """
        gap = now - self.looked
        if gap > _OWN_GAP:
            self.moved += gap - LOOK  # Ctrl-Z, a suspended machine
        self.looked = now
        if held or signs != self.signs:
            self.signs = signs
            self.moved = now
            self.limit = self.stall_after
        if now - self.beaten >= (STARVED_BEAT if starved else BEAT) - LOOK / 10:
            self.beaten = now
            return True
        return False

    @property
    def quiet(self) -> float:
        """Seconds since anything moved."""
        return max(0.0, self.looked - self.moved)

    @property
    def stalled(self) -> bool:
        return self.quiet >= self.limit

    def be_patient(self, seconds: float = 60.0) -> None:
        """Somebody wishes to wait on: so much longer than it is quiet already."""
        self.limit = max(self.limit, self.quiet + seconds)
