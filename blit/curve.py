"""Throughput over the whole run in a fixed number of buckets; pure.

When the buckets are full, neighbours are merged pairwise and each stands for twice the time, so the
curve always shows all of the run and its memory is constant.
"""

from __future__ import annotations

from typing import NamedTuple

MOST = 240  # buckets
FIRST_WIDTH = 0.25  # seconds

_PULSES = 30  # seconds
_SILENCES = 20

MOVING, SILENT, PAUSED = range(3)  # marks: what a bucket without bytes means


class Curve(NamedTuple):
    """Bytes moved in each bucket of `width` seconds since the start."""

    width: float = FIRST_WIDTH
    values: tuple[float, ...] = ()  # bytes
    marks: bytes = b""  # one mark a bucket, see above
    at: float = 0.0  # seconds: up to here
    moved: int = 0  # bytes in all

    def after(self, at: float, moved: int, mark: int = MOVING, most: int = MOST) -> Curve:
        """With what had moved in all at `at` seconds; spread evenly over the time since before."""
        if at <= self.at:
            return self
        width, values, marks = self.width, list(self.values), bytearray(self.marks)
        while at > width * most:
            values = [sum(values[i : i + 2]) for i in range(0, len(values), 2)]
            # a silence is worth seeing although its neighbour moved; a pause is not
            marks = bytearray(_merged(marks[i : i + 2]) for i in range(0, len(marks), 2))
            width *= 2
        rate = max(0, moved - self.moved) / (at - self.at)
        first, last = int(self.at / width), min(most - 1, int(at / width))
        while len(values) <= last:
            values.append(0.0)
            marks.append(mark)
        for index in range(first, last + 1):
            start, end = max(self.at, index * width), min(at, (index + 1) * width)
            values[index] += rate * max(0.0, end - start)
            if end > start and marks[index] != mark:
                marks[index] = _merged(bytearray((marks[index], mark)))
        return Curve(width, tuple(values), bytes(marks), at, max(moved, self.moved))

    def rates(self) -> tuple[float, ...]:
        """Bytes a second of each bucket; the last one over the part that has passed."""
        if not self.values:
            return ()
        last = self.at - (len(self.values) - 1) * self.width
        spans = [self.width] * (len(self.values) - 1) + [max(last, self.width / 4)]
        return tuple(value / span for value, span in zip(self.values, spans, strict=True))

    def resampled(self, columns: int) -> tuple[tuple[float, int], ...]:
        """(bytes a second, mark) for each of `columns` equal parts of the time so far."""
        if not self.values or columns < 1 or self.at <= 0:
            return ()
        step = self.at / columns
        found = []
        for column in range(columns):
            start, end = column * step, (column + 1) * step
            first, last = int(start / self.width), min(int(end / self.width), len(self.values) - 1)
            total, mark = 0.0, MOVING
            for index in range(min(first, last), last + 1):
                left = max(start, index * self.width)
                span = min(self.at, (index + 1) * self.width) - index * self.width
                part = min(end, (index + 1) * self.width) - left
                if part <= 0 or span <= 0:
                    continue
                total += self.values[index] * min(1.0, part / span)
                mark = mark or self.marks[index]
            found.append((total / step, mark))
        return tuple(found)


def _merged(pair: bytearray) -> int:
    if SILENT in pair:
        return SILENT
    return PAUSED if all(mark == PAUSED for mark in pair) else MOVING


def pulses(known: tuple[bool, ...], since: float, at: float, moved: bool) -> tuple[bool, ...]:
    """Did anything move: one more for every whole second between `since` and `at`."""
    return (*known, *[moved] * (int(at) - int(since)))[-_PULSES:]


def silences(
    known: tuple[tuple[float, float], ...], at: float, quiet: float
) -> tuple[tuple[float, float], ...]:
    """(when it began, seconds) of each silence; one that goes on grows. `quiet` 0: none now."""
    if not quiet:
        return known
    began = at - quiet
    if known and abs(known[-1][0] - began) < 1.0:
        known = known[:-1]
    return (*known, (began, quiet))[-_SILENCES:]
