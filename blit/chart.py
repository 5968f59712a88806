"""The eighth-block area chart of a whole run: live, in the report and in the history; pure text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blit import show
from blit.curve import PAUSED, SILENT

GUTTER = 9  # columns of the labels at the left
_EIGHTHS = " ▁▂▃▄▅▆▇█"
SILENCE, PAUSE, MORE = "×", "‖", "▴"  # nothing moved · paused · higher than the scale
_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)

Points = Sequence[tuple[float, int]]  # (bytes a second, mark) as `Curve.resampled` gives them


class Chart(NamedTuple):
    """Lines of one width: `labels[n] + area[n]`, then the time axis."""

    labels: tuple[str, ...]
    area: tuple[str, ...]
    axis: str

    def lines(self) -> list[str]:
        rows = [label + row for label, row in zip(self.labels, self.area, strict=True)]
        return [*rows, self.axis]


def columns(width: int) -> int:
    """How many points to ask a curve for."""
    return max(0, width - GUTTER)


def draw(
    points: Points, width: int, height: int, seconds: float, mean: float = 0.0, ended: bool = False
) -> Chart:
    """`height` counts the axis too. Few points are stretched: the time axis has the full width."""
    rows, room = max(1, height - 1), columns(width)
    values = [value for value, _ in points][:room]
    top = scale(values, mean)
    area = _area(points[:room], rows, top, room)
    labels = [" " * GUTTER] * rows
    labels[-1] = "0".rjust(GUTTER - 1) + " "
    if mean > 0 and rows > 2:
        at = rows - 1 - min(rows - 1, int(mean / top * rows))
        if 0 < at < rows - 1:
            labels[at] = "avg".rjust(GUTTER - 1) + " "
    if rows > 1:
        round_one = show.rate(top).replace(".0 ", " ")  # it is round, and has no room
        labels[0] = round_one.rjust(GUTTER - 1)[: GUTTER - 1] + " "
    return Chart(tuple(labels), tuple(area), _axis(room, seconds, ended))


def scale(values: Sequence[float], mean: float = 0.0) -> float:
    """The value of the top line: round, never below the mean, and not for one burst alone.

    A burst of a cache may be ten times of what follows: what is more than twice as high as nearly
    all of the run is cut off, and marked.
    """
    moving = sorted(value for value in values if value > 0)
    if not moving:
        return _round(max(mean, 1.0))
    usual = moving[min(len(moving) - 1, int(len(moving) * 0.9))]
    highest = moving[-1]
    return _round(max(mean, highest if highest <= 2.2 * usual else 1.6 * usual))


def _round(value: float) -> float:
    """Up to a round number, so that the scale does not change all the time."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    return next(power * step for step in _STEPS if power * step >= value * 0.999)


def _area(points: Points, rows: int, top: float, room: int) -> list[str]:
    lines = []
    for row in range(rows - 1, -1, -1):
        cells = []
        for value, mark in points:
            eighths = round(value / top * rows * 8)
            if value > 0 and eighths == 0:
                eighths = 1  # something did move
            cell = _EIGHTHS[min(8, max(0, eighths - row * 8))]
            if row == rows - 1 and value > top * 1.02:
                cell = MORE
            if row == 0 and eighths < 4 and mark:
                cell = {SILENT: SILENCE, PAUSED: PAUSE}.get(mark, cell)
            cells.append(cell)
        lines.append("".join(cells).ljust(room))
    return lines


def clock(seconds: float) -> str:
    """`0:07`, `12:40`, `1:02:00`."""
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _axis(room: int, seconds: float, ended: bool) -> str:
    left, middle = clock(0), clock(seconds / 2)
    right = clock(seconds) if ended else f"now {clock(seconds)}"
    if room < len(left) + len(right) + 1:
        return " " * GUTTER + (right if len(right) <= room else "").rjust(room)
    line = left.ljust(room - len(right)) + right
    at = room // 2 - len(middle) // 2
    if seconds >= 2 and line[at - 2 : at + len(middle) + 2].strip() == "":
        line = line[:at] + middle + line[at + len(middle) :]
    return " " * GUTTER + line
