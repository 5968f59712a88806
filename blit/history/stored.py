"""What was learned as plain data for JSON, and the way back; pure."""

from __future__ import annotations

from typing import Any

from blit.history.memory import Entry, Known, Memory, number
from blit.history.predict import Cost, Load, Past, Rate

VERSION = 2
_MOST_SPREAD = 10.0  # what predict.Cost.learn can reach, and no more


def plain(memory: Memory) -> dict[str, Any]:
    return {
        "version": VERSION,
        "profiles": {
            name: {
                "ways": {way: rounded(cost) for way, cost in known.ways.items()},
                "planning": rounded(known.planning), "batch": rounded(known.batch),
                "serial": rounded(known.serial),
                "large": {
                    how: [rate.runs, float(f"{rate.bytes_s:.6g}")]
                    for how, rate in known.large.items()
                },
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
                Entry(number(at), _text(where), _text(way), number(expected), number(took))
                for at, where, way, expected, took in found["entries"]
            ),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def rounded(cost: Cost) -> list[float]:
    return [float(f"{value:.6g}") for value in cost]


def _cost(found: list[Any]) -> Cost:
    base, per_file, per_mib, per_unchanged, runs, spread, bias, misses = found
    return Cost(
        number(base, most=1e6), number(per_file, most=1e6), number(per_mib, most=1e6),
        number(per_unchanged, most=1e6), int(number(runs, most=1e9)),
        number(spread, most=_MOST_SPREAD), number(bias, -1, _MOST_SPREAD),
        int(number(misses, most=1e9)),
    )  # fmt: skip


def _known(found: Any) -> Known:
    return Known(
        {_text(way): _cost(cost) for way, cost in found["ways"].items()}, _cost(found["planning"]),
        _cost(found["batch"]), _cost(found["serial"]),
        {
            _text(how): Rate(int(number(runs, 1, 1e9)), number(bytes_s, 1e-6))
            for how, (runs, bytes_s) in found["large"].items()
        },
        tuple(int(number(n)) for n in found["workers"]),
        number(found["at"]),
    )  # fmt: skip


def _past(found: Any) -> Past:
    (files, mib, unchanged), seconds, deleted, mirror, fresh = found
    load = Load(int(number(files)), number(mib), int(number(unchanged)))
    if fresh not in (None, True, False):
        raise ValueError("neither fresh nor not")
    return Past(load, number(seconds), int(number(deleted)), bool(mirror), fresh)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is no text")
    return value
