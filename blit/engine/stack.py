"""Folders still to be listed, the last found first; of very many all but the top lie in a file."""

from __future__ import annotations

from collections.abc import Iterable

from blit.engine.spool import Spool
from blit.worker import wire

MOST = 65_536  # in memory: some 15 MB; a folder of a million folders would take 200 MB
_PART = MOST // 2  # what one record of the file holds


class Stack:
    """Opaque tokens, last in, first out."""

    def __init__(self, tokens: Iterable[bytes] = ()) -> None:
        self._top = list(tokens)
        self._below: Spool | None = None
        self._spilled = 0  # tokens in the file

    def __len__(self) -> int:
        return len(self._top) + self._spilled

    def extend(self, tokens: Iterable[bytes]) -> None:
        self._top.extend(tokens)
        while len(self._top) > MOST:
            if self._below is None:
                self._below = Spool(0)
            self._below.append(wire.dump(self._top[:_PART]))
            self._spilled += _PART
            del self._top[:_PART]

    def take(self, most: int) -> list[bytes]:
        """At least one of the last `most`, and none that is not there."""
        if not self._top and self._below is not None and self._spilled:
            self._top = wire.load(self._below.pop())
            self._spilled -= _PART
        taken = self._top[-most:]
        del self._top[-most:]
        return taken
