"""What mirrors between the same two roots usually found and deleted: for the delete guard; pure."""

from __future__ import annotations

from collections.abc import Sequence

from blit.history.predict import Past


def deletes(past: Sequence[Past]) -> int | None:
    """The most that one of at least three mirrors has deleted; None where none has."""
    mirrors = [each.deleted for each in past if each.mirror]
    return max(mirrors) or None if len(mirrors) >= 3 else None


def held(past: Sequence[Past]) -> int:
    """What the source held in the middle of at least two runs; 0 where that is not known.

    A mirror that ended well was looked at, or let through, with what the source held then: from
    that on it is usual, however many runs before it found more; and a source that has shrunk to so
    little before, and grown again, may do so. Nobody looks at what a copy finds: where mirrors
    have told, copies have no say.
    """
    mirrors = [_entries(each) for each in past if each.mirror]
    counts = sorted(mirrors if len(mirrors) > 1 else map(_entries, past))
    if len(counts) < 2:
        return 0
    shrunk = [
        count for n, count in enumerate(mirrors) if n and count * 2 < max(mirrors[:n])
    ]  # fmt: skip
    return min([counts[(len(counts) - 1) // 2], *shrunk, *mirrors[-1:]])


def _entries(past: Past) -> int:
    return past.load.files + past.load.unchanged
