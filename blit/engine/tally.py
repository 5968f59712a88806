"""Whether a folder that was compared in shares has names that only the destination has; pure."""

from __future__ import annotations

from typing import Any


class Tally:
    """Counts what the shares of each folder found at the destination.

    As many as lie there: the source has them all, and nobody need list the folder once more.
    """

    def __init__(self) -> None:
        self._met: dict[str, list[int]] = {}  # by folder: shares that are done, names they found
        self._whole: dict[str, tuple[int, int, bytes]] = {}  # shares, names there, what to open

    def take(self, answer: dict[str, Any]) -> list[bytes]:
        """`met` of an answer to a listing; the folders that must be listed for what is extra."""
        found = []
        for folder, shares, names in answer.get("met", ()):
            seen = self._met.setdefault(folder, [0, 0])
            seen[0] += shares
            seen[1] += names
        for folder, *expected in answer.get("whole", ()):
            self._whole[folder] = tuple(expected)
        for folder, (shares, names, token) in list(self._whole.items()):
            done, met = self._met.get(folder, (0, 0))
            if done >= shares:
                del self._whole[folder]
                self._met.pop(folder, None)
                if met != names:
                    found.append(token)
        return found
