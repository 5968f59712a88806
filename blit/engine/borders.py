"""Where one route ends and the next begins, moved by what was measured between such places; pure.

Each question has a usual answer, kept where nothing is known. The other one is taken where it was
faster, or where what is known makes that likely, and one time in sixteen the slower one of the two
is tried again, for disks change. Runs decide, not chance: the same history gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from blit.engine.large import Split
from blit.history.predict import BATCH, Cost, Load, Rate
from blit.worker.wire import DIRECT_BYTES, DIRECT_FILES

AGAIN = 16  # runs; the last of each so many takes the way that was slower
_WORTH = 0.5  # seconds of one worker: less is not worth several
_LIKELY = 0.75  # of the time: what several workers must be expected to need at most
_BETTER = 0.9  # of the time: what another way must have been measured to need at most
_SURE = 3  # runs that a way must have been taken before it loses anything by a comparison
_QUICK = 0.02  # seconds of one worker: more is never left to one worker alone
_HOPS = 0.02  # seconds that a plan costs
_HANDS = 8  # workers for few files, where no number is known to be better
_HALF = 0.5


class Known(NamedTuple):
    """What was measured between two kinds of places."""

    direct: Cost | None = None  # whole runs by that route
    few: Cost | None = None  # whole streaming runs of so few files
    serial: Cost | None = None  # the one worker of a direct run
    batch: Cost = BATCH  # one worker of many
    workers: int = 0  # to start with
    split: Rate | None = None  # large files in pieces, by several workers
    whole: Rate | None = None  # by one


class Few(NamedTuple):
    """How a handful of files is copied, and why when that is not the usual way."""

    direct: bool
    why: str = ""
    workers: int = 0  # for streaming


def known_of(found: Mapping[str, Any], direct: str = "direct", few: str = "") -> Known:
    """From what history.routes keeps of one profile; nothing where it is not what it should be.

    `direct`, `few`: the names of the ways, by the options of the job.
    """
    try:
        ways = found["ways"]
        large = found["large"]
        return Known(
            _cost(ways.get(direct)), _cost(ways.get(few)), _cost(found["serial"]),
            _cost(found["batch"]) or BATCH, int(found["workers"]),
            _rate(large.get("split")), _rate(large.get("whole")),
        )  # fmt: skip
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return Known()


def _cost(found: Any) -> Cost | None:
    if found is None:
        return None
    base, per_file, per_mib, per_unchanged = (float(value) for value in found[:4])
    cost = Cost(base, per_file, per_mib, per_unchanged, int(found[4]))
    if not all(0 < value < 1e9 for value in cost[:4]) or cost.runs < 0:
        raise ValueError
    return cost if cost.runs else None


def _rate(found: Any) -> Rate | None:
    if found is None:
        return None
    rate = Rate(int(found[0]), float(found[1]))
    if rate.runs < 1 or not 0 < rate.bytes_s < 1e15:
        raise ValueError
    return rate


def few(known: Known, files: int, size: int) -> Few:
    """One worker in one task, or several that share the files. `files`, `size` (bytes): of all."""
    load = Load(files, size / (1 << 20))
    usual = files <= DIRECT_FILES and size <= DIRECT_BYTES
    if files < 2 or size > DIRECT_BYTES or known.direct is None or known.serial is None:
        return Few(usual)
    one = known.direct.seconds(load)
    alone = known.serial.seconds(load)
    hands = min(files, max(known.workers, _HANDS))
    if not usual:
        return _many(known, load, one, alone, hands)
    if alone < _WORTH:
        return Few(True)
    several = Few(False, workers=hands)
    if known.few is None:
        guess = one - alone * (1 - 1 / hands) + _HOPS
        if guess > _LIKELY * one:
            return Few(True)
        why = f"they take one worker about {alone:.1f} s here, so {hands} share them"
        return several._replace(why=why)
    shared = known.few.seconds(load)
    better = shared < _BETTER * one
    told = f"{shared:.1f} s instead of {one:.1f} s in earlier runs"
    if _turn(known.direct.runs + known.few.runs) and _close(shared, one):
        if better:
            return Few(True, "one worker, no planner, to see whether that still is slower")
        return several._replace(why=f"shared by {hands} workers, to see whether that is faster now")
    if better:
        return several._replace(why=f"shared by {hands} workers, {told}")
    return Few(True, f"one worker, no planner: several were no faster in {_runs(known.few.runs)}")


def _many(known: Known, load: Load, one: float, alone: float, hands: int) -> Few:
    """More files than usual for one worker: where they are quick and the planner costs more."""
    streaming = Few(False)
    assert known.direct is not None
    if known.few is None or min(known.direct.runs, known.few.runs) < _SURE or alone > _QUICK:
        return streaming
    shared = known.few.seconds(load)
    better = one < shared
    if _turn(known.direct.runs + known.few.runs) and _close(shared, one):
        if better:
            return Few(False, "batches over the workers, to see whether they still are slower")
        return Few(True, "one worker, no planner, to see whether that is faster now")
    if better:
        text = f"one worker, no planner: {1000 * one:.0f} ms, as measured here"
        return Few(True, text + f"; with batches {1000 * shared:.0f} ms")
    return streaming


def large(known: Known, may_split: bool) -> Split:
    """Whether large files are split over the workers. `may_split`: no disk must move its head."""
    split, whole = known.split, known.whole
    if not may_split:
        return Split(False)
    if split is None and whole is None:
        return Split(True)
    if whole is None or split is None:
        tried = split or whole
        assert tried is not None
        trial = tried.runs >= _SURE
        return Split(whole is None, trial, _trial(whole is None) if trial else "")
    better = whole.bytes_s * _BETTER > split.bytes_s
    slow, fast = sorted((split.bytes_s, whole.bytes_s))
    trial = _turn(split.runs + whole.runs) and slow > _HALF * fast
    if better:
        times = f"{whole.bytes_s / split.bytes_s:.1f} × as fast as split"
        why = f"by one worker, {times} in {_runs(whole.runs)}"
    else:
        why = f"split over the workers, {_times(split, whole)} in {_runs(split.runs)}"
    return Split(not better, trial, _trial(not better) if trial else why)


def _trial(split: bool) -> str:
    return f"{'by one worker' if split else 'split over the workers'} this time, to compare"


def _times(split: Rate, whole: Rate) -> str:
    times = split.bytes_s / whole.bytes_s
    return f"{times:.1f} × as fast as whole" if times >= 1.05 else "no slower than whole"


def _turn(runs: int) -> bool:
    return runs % AGAIN == AGAIN - 1


def _close(one: float, other: float) -> bool:
    """Trying the slower way again must not cost much more than twice the time."""
    return max(one, other) * _HALF <= min(one, other)


def _runs(count: int) -> str:
    return "an earlier run" if count == 1 else f"{count} earlier runs"
