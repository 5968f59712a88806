"""What all runs together taught: costs, worker counts, pairs of roots; a value, and as JSON; pure.

It follows from the history alone: read again from the first line to the last, it is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from blit.history import predict, profile
from blit.history.predict import Cost, Load, Past

VERSION = 1
MOST_PAIRS, MOST_PAST, MOST_PROFILES, MOST_ENTRIES = 200, 10, 50, 20
_SETTLED = 5  # runs whose worker count is remembered
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
            kept = (*pairs.get(run.pair, ()), past)[-MOST_PAST:]
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
    if run.way.startswith("streaming") and run.workers and run.seconds >= _SETTLES:
        workers = (*workers, run.workers)[-_SETTLED:]
    ways = {**known.ways, run.way: after}
    return Known(ways, planning, batch, workers, max(known.at, run.at)), missed


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
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _run_of(record: Mapping[str, Any]) -> Run | None:
    if record["outcome"] != "ok" or record.get("retry") or record["command"] == "move":
        return None
    place, route = profile.key(record["profile"]), record["route"]
    seconds, files, size = record["seconds"], record["files"], record["bytes"]
    took = _number(seconds["total"]) - _number(seconds.get("held") or 0.0)
    if not place or not route or took <= 0:
        return None
    options = record.get("options", {})
    spent = record.get("spent", {}).get("copy", {})
    comparable = not record.get("filtered") and record["source_count"] == len(record["sources"])
    planning = seconds.get("planning")
    return Run(
        at=_number(record["at"]),
        profile=place,
        way=profile.way(route, options),
        pair=pair_of(record["sources"], record["target"], profile.way("", options))
        if comparable
        else "",
        load=Load(
            int(_number(files["copied"])), _number(size["copied"]) / _MIB,
            int(_number(files.get("unchanged", 0))),
        ),
        seconds=took,
        planning=None if planning is None else _number(planning),
        workers=int(_number(record.get("workers", 0))),
        batches=(
            int(_number(spent.get("files", 0))), _number(spent.get("bytes", 0)) / _MIB,
            _number(spent.get("seconds", 0.0)),
        ),
        mirror=record["command"] == "mirror",
        deleted=int(_number(files.get("deleted", 0))),
        fresh=record.get("fresh"),
    )  # fmt: skip


def rebuilt(records: Iterable[Mapping[str, Any]]) -> Memory:
    """From the whole history, the oldest first."""
    found = Memory()
    for record in records:
        run = run_of(record)
        if run is not None:
            found = found.after(run)
    return found


# -- as JSON --------------------------------------------------------------------------------------


def plain(memory: Memory) -> dict[str, Any]:
    return {
        "version": VERSION,
        "profiles": {
            name: {
                "ways": {way: _rounded(cost) for way, cost in known.ways.items()},
                "planning": _rounded(known.planning), "batch": _rounded(known.batch),
                "workers": list(known.workers), "at": known.at,
            }
            for name, known in memory.profiles.items()
        },
        "pairs": {
            name: [
                [list(each.load), round(each.seconds, 3), each.deleted, each.mirror, each.fresh]
                for each in past
            ]
            for name, past in memory.pairs.items()
        },
        "entries": [list(entry) for entry in memory.entries],
    }  # fmt: skip


def from_plain(found: Any) -> Memory:
    """The way back. ValueError where anything is not what it should be: then it is rebuilt."""
    try:
        if found["version"] != VERSION:
            raise ValueError("another version")
        return Memory(
            {_text(name): _known(each) for name, each in found["profiles"].items()},
            {_text(name): tuple(map(_past, each)) for name, each in found["pairs"].items()},
            tuple(
                Entry(_number(at), _text(where), _text(way), _number(expected), _number(took))
                for at, where, way, expected, took in found["entries"]
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _rounded(cost: Cost) -> list[float]:
    return [float(f"{value:.6g}") for value in cost]


def _cost(found: list[Any]) -> Cost:
    base, per_file, per_mib, per_unchanged, runs, spread, bias, misses = found
    return Cost(
        _number(base), _number(per_file), _number(per_mib), _number(per_unchanged),
        int(_number(runs)), _number(spread), _number(bias, -1), int(_number(misses)),
    )  # fmt: skip


def _known(found: Any) -> Known:
    return Known(
        {_text(way): _cost(cost) for way, cost in found["ways"].items()}, _cost(found["planning"]),
        _cost(found["batch"]), tuple(int(_number(n)) for n in found["workers"]),
        _number(found["at"]),
    )  # fmt: skip


def _past(found: Any) -> Past:
    (files, mib, unchanged), seconds, deleted, mirror, fresh = found
    load = Load(int(_number(files)), _number(mib), int(_number(unchanged)))
    if fresh not in (None, True, False):
        raise ValueError("neither fresh nor not")
    return Past(load, _number(seconds), int(_number(deleted)), bool(mirror), fresh)


def _number(value: Any, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r:.40} is no number")
    if not isfinite(value) or not least <= value <= 1e18:
        raise ValueError(f"{value!r:.40} is out of bounds")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is no text")
    return value
