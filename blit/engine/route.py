"""Which way a job takes, and why: one pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from blit.worker.wire import DIRECT_BYTES, DIRECT_FILES

if TYPE_CHECKING:
    from blit.engine.borders import Few

LARGE_BYTES = 1 << 30
# files from here are handed out alone; split too, unless there are enough of them for all workers
SPLIT_BYTES = 128 << 20
# below this a piece is not worth a hop, and pieces of one file keep several workers busy
SMALLEST_PIECE = 64 << 20


class Route(NamedTuple):
    name: str  # direct, streaming, large_file
    reason: str
    workers: int = 0  # that a few files are shared by; 0: nothing speaks for any number


def choose(
    mirror: bool, checksum: bool, small: tuple[int, int] | None, largest: int | None = None,
    filtered: bool = False, few: Few | None = None,
) -> Route:  # fmt: skip
    """`small`: files and bytes of the whole source when the first look saw all of it, else None.

    `largest`: the size of a single file given as the source, where that is all there is. `few`:
    what was measured between such places speaks for (see borders.few); None: nothing is known.
    """
    if mirror:
        return Route("streaming", "a mirror always takes the full planner")
    if checksum:
        return Route("streaming", "a comparison by content always takes the full planner")
    if filtered:
        return Route("streaming", "filters need the full planner: it asks them name by name")
    if largest is not None and largest >= LARGE_BYTES:
        return Route(
            "large_file", f"one file of {largest / (1 << 30):.1f} GiB: split over the workers"
        )
    if small is not None and few is not None and few.why:
        seen = f"{small[0]} files, {_size(small[1])}: "
        return Route("direct" if few.direct else "streaming", seen + few.why, few.workers)
    if small is not None and small[0] <= DIRECT_FILES and small[1] <= DIRECT_BYTES:
        files = "1 file" if small[0] == 1 else f"{small[0]} files"
        return Route("direct", f"{files}, {_size(small[1])}: one worker, no planner")
    return Route(
        "streaming",
        f"more than {DIRECT_FILES} files or {DIRECT_BYTES // 1_000_000} MB: "
        "batches over the workers",
    )


def _size(count: int) -> str:
    """As `show.size` has it, which is not imported yet."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def pieces(size: int, workers: int, split: bool) -> list[tuple[int, int]]:
    """Cut a large file into ranges for several workers; one range when not `split`."""
    piece = max(SMALLEST_PIECE, size // (workers * 8) >> 20 << 20) if split else size
    starts = range(0, size, piece) if size else range(0)
    cut = [(start, min(start + piece, size)) for start in starts]
    if len(cut) > 1 and cut[-1][1] - cut[-1][0] < piece // 2:  # no crumb at the end
        _, end = cut.pop()
        cut[-1] = (cut[-1][0], end)
    return cut
