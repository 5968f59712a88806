"""How long a filesystem takes to answer."""

from __future__ import annotations

_SAMPLES = 4


def of(files: list[float], folders: list[float]) -> float:
    """Seconds that it takes to look at an entry; 0 where too few were looked at to tell.

    The median: on a busy machine some of them take long everywhere. Of folders only where there
    were no files, since many filesystems name the kind of an entry in the listing.
    """
    for looks in (files, folders):
        if len(looks) >= _SAMPLES:
            return sorted(looks)[(len(looks) - 1) // 2]
    return 0.0
