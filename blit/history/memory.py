"""What all runs together taught: costs, worker counts, pairs of roots; a value; pure.

It follows from the history alone: read again from the first line to the last, it is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from blit.history import predict, profile
from blit.history.predict import Cost, Load, Past, Rate

MOST_PAIRS, MOST_PAST, MOST_PROFILES, MOST_ENTRIES = 200, 10, 50, 20
_MIRRORS = 3  # of one pair that are kept, however many copies come after them
_SETTLED = 5  # runs whose worker count is remembered
_SHORTEST = 1e-4  # seconds; no run is over before
_SETTLES = 1.5  # seconds that a run must last for its worker count to mean something
_IN_A_ROW = 3  # mispredictions that leave an entry
_LONGEST_PAIR = 2_000  # characters
_MIB = 1 << 20
_T = TypeVar("_T")


class Run(NamedTuple):
    """What of one line of the history can teach anything."""

    at: float
    profile: str  # profile.key
    way: str  # profile.way
    pair: str  # empty: not to be compared with others
    load: Load
    seconds: float
    planning: float | None
    workers: int
    batches: tuple[int, float, float]  # files, MiB, seconds of workers
    serial: tuple[int, float, float]  # the same of the one worker of a direct run
    large: Mapping[str, float]  # bytes a second of large files: split, whole
    mirror: bool
    deleted: int
    fresh: bool | None

    @property
    def trains(self) -> bool:
        """A run that had nothing to copy says nothing about copying."""
        return self.load.files > 0


class Known(NamedTuple):
    """What is known of runs between two kinds of places."""

    ways: Mapping[str, Cost] = MappingProxyType({})
    planning: Cost = predict.PLANNING
    batch: Cost = predict.BATCH
    serial: Cost = predict.SERIAL
    large: Mapping[str, Rate] = MappingProxyType({})  # split, whole
    workers: tuple[int, ...] = ()  # the counts that the last runs settled at
    at: float = 0.0  # Unix time of the newest run


class Entry(NamedTuple):
    """A diagnostic entry: forecasts that were wrong again and again."""

    at: float
    profile: str
    way: str
    expected: float  # seconds, the last one
    took: float


class Memory(NamedTuple):
    profiles: Mapping[str, Known] = MappingProxyType({})
    pairs: Mapping[str, tuple[Past, ...]] = MappingProxyType({})  # those used last stand last
    entries: tuple[Entry, ...] = ()

    def after(self, run: Run) -> Memory:
        """With one more run; the oldest goes where there are too many."""
        profiles, entries = self.profiles, self.entries
        if run.trains:
            before = profiles.get(run.profile, Known())
            known, missed = _learned(before, run)
            rest = {name: each for name, each in profiles.items() if name != run.profile}
            profiles = {**_newest(rest, MOST_PROFILES - 1), run.profile: known}
            if missed is not None:
                entry = Entry(run.at, run.profile, run.way, missed, run.seconds)
                entries = (*entries, entry)[-MOST_ENTRIES:]
        pairs = self.pairs
        if run.pair:
            past = Past(run.load, run.seconds, run.deleted, run.mirror, run.fresh)
            kept = _latest((*pairs.get(run.pair, ()), past))
            others = {name: each for name, each in pairs.items() if name != run.pair}
            pairs = {**_newest(others, MOST_PAIRS - 1), run.pair: kept}
        return Memory(profiles, pairs, entries)


def _learned(known: Known, run: Run) -> tuple[Known, float | None]:
    """And what was expected, where the third misprediction in a row has just been made."""
    cost = known.ways.get(run.way, predict.usual(run.way))
    after = cost.learn(run.load, run.seconds)
    missed = cost.seconds(run.load) if after.misses == _IN_A_ROW else None
    planning, batch, workers = known.planning, known.batch, known.workers
    if run.planning is not None:
        listed = run.load._replace(files=run.load.files + run.load.unchanged, unchanged=0)
        planning = planning.learn(listed, run.planning)
    files, mib, seconds = run.batches
    if files and seconds > 0:
        batch = batch.learn(Load(files, mib), seconds)
    serial = known.serial
    files, mib, seconds = run.serial
    if files and seconds > 0:
        serial = serial.learn(Load(files, mib), seconds)
    large = {**known.large}
    for how, bytes_s in run.large.items():
        large[how] = large[how].learn(bytes_s) if how in large else Rate(1, bytes_s)
    few = run.way.startswith(predict.FEW)
    if run.way.startswith("streaming") and not few and run.workers and run.seconds >= _SETTLES:
        workers = (*workers, run.workers)[-_SETTLED:]
    ways = {**known.ways, run.way: after}
    at = max(known.at, run.at)
    return Known(ways, planning, batch, serial, large, workers, at), missed


def _latest(past: tuple[Past, ...]) -> tuple[Past, ...]:
    """The newest, the last mirrors among them: no number of copies may make them forgotten."""
    surplus = len(past) - MOST_PAST
    if surplus <= 0:
        return past
    mirrors = [n for n, each in enumerate(past) if each.mirror][-_MIRRORS:]
    gone = [n for n in range(len(past)) if n not in mirrors][:surplus]
    return tuple(each for n, each in enumerate(past) if n not in gone)


def _newest(found: Mapping[str, _T], most: int) -> dict[str, _T]:
    return dict(list(found.items())[-most:])


# -- from the history -----------------------------------------------------------------------------


def pair_of(sources: Iterable[str], target: str, way: str) -> str:
    """The name of two roots, from their text in the history; empty when it is too long.

    `way`: of no route, for runs that do more to each file are not to be compared with others.
    """
    name = "\n".join([*sources, target]) + way
    return name if len(name) <= _LONGEST_PAIR else ""


def run_of(record: Mapping[str, Any]) -> Run | None:
    """From a line of the history; None when it teaches nothing, or is not what it should be."""
    try:
        return _run_of(record)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _run_of(record: Mapping[str, Any]) -> Run | None:
    if record["outcome"] != "ok" or record.get("retry") or record["command"] == "move":
        return None
    place, route = profile.key(record["profile"]), record["route"]
    seconds, files, size = record["seconds"], record["files"], record["bytes"]
    took = number(seconds["total"]) - number(seconds.get("held") or 0.0)
    if not place or not route or took < _SHORTEST or not f"{place}{route}".isprintable():
        return None
    options = record.get("options", {})
    spent = record.get("spent", {})
    mirror = record["command"] == "mirror"
    load = Load(
        int(number(files["copied"])), number(size["copied"]) / _MIB,
        int(number(files.get("unchanged", 0))),
    )  # fmt: skip
    if route == "streaming" and not mirror and not record.get("filtered") and _few(load):
        route = predict.FEW
    comparable = not record.get("filtered") and record["source_count"] == len(record["sources"])
    planning = seconds.get("planning")
    return Run(
        at=number(record["at"]),
        profile=place,
        way=profile.way(route, options),
        pair=pair_of(record["sources"], record["target"], profile.way("", options))
        if comparable
        else "",
        load=load,
        seconds=took,
        planning=None if planning is None else number(planning),
        workers=int(number(record.get("workers", 0))),
        batches=_batches(spent.get("copy", {})),
        serial=_batches(spent.get("direct", {})),
        large=_rates(record.get("large", {})),
        mirror=mirror,
        deleted=int(number(files.get("deleted", 0))),
        fresh=fresh if isinstance(fresh := record.get("fresh"), bool) else None,
    )  # fmt: skip


def _few(load: Load) -> bool:
    files = load.files + load.unchanged
    return files <= predict.MOST_FEW and load.mib <= predict.MOST_FEW_MIB


def _batches(spent: Mapping[str, Any]) -> tuple[int, float, float]:
    return (
        int(number(spent.get("files", 0))), number(spent.get("bytes", 0)) / _MIB,
        number(spent.get("seconds", 0.0)),
    )  # fmt: skip


def _rates(large: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for how in ("split", "whole"):
        files, size, seconds = large.get(how, (0, 0, 0))
        if number(files) and number(size) and number(seconds):
            found[how] = min(max(size / seconds, 1.0), 1e13)
    return found


def rebuilt(records: Iterable[Mapping[str, Any]]) -> Memory:
    """From the whole history, the oldest first."""
    found = Memory()
    for record in records:
        run = run_of(record)
        if run is not None:
            found = found.after(run)
    return found


def number(value: Any, least: float = 0.0, most: float = 1e15) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    if not least <= value <= most:  # no NaN is, and an integer may have any number of digits
        raise ValueError("a number is out of bounds")
    return value
