"""Folders still to be listed, the last found first; of very many all but the top lie in a file."""

from __future__ import annotations

from collections.abc import Iterable

from blit.engine.spool import Spool
from blit.worker import wire

MOST = 65_536  # in memory: some 15 MB; a folder of a million folders would take 200 MB
MOST_BYTES = 16 << 20  # the same for shares of a huge folder, each of which holds many names


class Stack:
    """Opaque tokens, last in, first out."""

    def __init__(self, tokens: Iterable[bytes] = ()) -> None:
        self._top = list(tokens)
        self._held = sum(map(len, self._top))  # bytes
        self._below: Spool | None = None
        self._spilled = 0  # tokens in the file

    def __len__(self) -> int:
        return len(self._top) + self._spilled

    def extend(self, tokens: Iterable[bytes]) -> None:
        before = len(self._top)
        self._top.extend(tokens)
        self._held += sum(map(len, self._top[before:]))
        while len(self._top) > MOST or (self._held > MOST_BYTES and len(self._top) > 1):
            if self._below is None:
                self._below = Spool(0)
            part = self._top[: min(len(self._top), MOST) // 2]
            self._below.append(wire.dump(part))
            self._spilled += len(part)
            self._held -= sum(map(len, part))
            del self._top[: len(part)]

    def take(self, most: int) -> list[bytes]:
        """At least one of the last `most`, and none that is not there."""
        if not self._top and self._below is not None and self._spilled:
            self._top = wire.load(self._below.pop())
            self._spilled -= len(self._top)
            self._held = sum(map(len, self._top))
        taken = self._top[-most:]
        del self._top[-most:]
        self._held -= sum(map(len, taken))
        return taken
