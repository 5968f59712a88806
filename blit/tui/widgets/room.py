"""How many rows each panel of the Transfers screen gets; pure."""

from __future__ import annotations

from typing import NamedTuple

LEAST = (60, 15)  # columns and rows below which only one line is shown
FRAMED = 20  # rows from which panels have frames
WIDE = 100  # columns from which two panels stand side by side
BANNER = 2  # rows of a banner


class Room(NamedTuple):
    """Rows with frames; 0: not shown."""

    queue: int
    banner: int
    overview: int
    speed: int
    middle: int  # batches, and health beside it; or the report
    pulse: int
    latest: int


def share(
    width: int,
    height: int,
    entries: int,
    banner: bool = False,
    workers: int = 0,
    report: int = 0,
    chart: bool = True,
) -> Room:
    """`workers`: how many lines the batches would like; `report`: how many the report has.

    Without a report it is a transfer that runs; without a chart one that has not begun.
    """
    frame = 2 if height >= FRAMED else 0
    most = 2 if not frame else 4 if height < 30 else 6 if height < 46 else 12
    queue = max(1, min(entries, most)) + frame
    over = 3 + frame
    ask = BANNER + frame if banner else 0
    left = max(0, height - 2 - queue - over - ask)
    if report and not chart:
        return Room(queue, ask, over, 0, min(report + frame, left), 0, 0)
    if report:
        half = min(left // 2, left - 3 - frame)  # the curve keeps three rows
        middle = max(0, min(report + frame, max(left - 5 - frame, half)))
        return Room(queue, ask, over, left - middle, middle, 0, 0)
    wide = width >= WIDE
    pulse = min(1, left)
    left -= pulse
    speed = min(left, 5 + frame)
    left -= speed
    middle = latest = 0
    wanted = max(1 + workers, 6 if wide else 2)
    least = (4 if wide else 2) + frame
    if left + (pulse if wide else 0) >= least:
        if wide:
            left, pulse = left + pulse, 0  # health says it, at the side
        middle = min(left, wanted + frame)
        left -= middle
    if left >= 2 + frame:
        latest = min(left, 4 + frame)
        left -= latest
    grown = min(left, max(0, min(20, height // 3) - speed))
    speed += grown
    left -= grown
    if latest:
        latest += left
    else:
        speed += left
    return Room(queue, ask, over, speed, middle, pulse, latest)
