"""Sizes and moments as people write them on a command line."""

from __future__ import annotations

import datetime
import re
import time

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:(b)|([kmgtp])(b|ib)?)?", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?([smhdwy])", re.IGNORECASE)
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_557_600}


def size(text: str) -> int:
    """Bytes: `500`, `64k` and `64KiB` (1,024 each, as rsync and find count), `64kB` (1,000 each).

    ValueError: what is expected.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size: say 500, 64k, 10M or 1.5G")
    number, _, unit, tail = found.groups()
    power = " kmgtp".index(unit.lower()) if unit else 0
    base = 1000 if (tail or "").lower() == "b" else 1024
    return round(float(number) * float(base**power))


def moment(text: str, now: float | None = None) -> float:
    """Unix time: `3d` ago (s, m, h, d, w, y), `2026-11-22` or `2026-11-22T14:05` here, `@seconds`.

    ValueError: what is expected.
    """
    given = text.strip()
    if found := _SPAN.fullmatch(given):
        seconds = float(found[1]) * _SPANS[found[2].lower()]
        return (time.time() if now is None else now) - seconds
    try:
        if given.startswith("@"):
            return float(given[1:])
        return datetime.datetime.fromisoformat(given).timestamp()
    except (ValueError, OverflowError):
        text = f"{text!r} is no time: say 12h, 30d, 2026-11-22 or 2026-11-22T14:05"
        raise ValueError(text) from None
