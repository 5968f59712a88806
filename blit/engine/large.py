"""Large files under way: begun by one worker, copied in pieces by all, ended by one; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from blit.engine import route

Task = dict[str, Any]


@dataclass(slots=True)
class Large:
    """One large file."""

    size: int
    blob: bytes
    temporary: str = ""
    identity: tuple[int, int, int] = (0, 0, 0)
    pieces: deque[tuple[int, int]] = field(default_factory=deque)
    running: int = 0
    method: int = 0
    broken: bool = False
    sparse: bool = False  # has holes: each piece copies only its data


class LargeFiles:
    """Those that wait and the one that is active. `split`: pieces side by side pay on this disk."""

    def __init__(self, options: int, split: bool) -> None:
        self.options, self.split = options, split
        self.waiting: deque[Large] = deque()
        self.active: Large | None = None

    @property
    def over(self) -> bool:
        return not self.waiting and self.active is None

    def step(self, workers: int) -> Task | None:
        """The beginning of the next file, or the end of the one whose pieces are all there."""
        large = self.active
        if large is None:
            if not self.waiting:
                return None
            large = self.waiting.popleft()
            enough = len(self.waiting) >= workers
            if large.size < route.LARGE_BYTES and (not self.split or enough):
                return self._whole(large)
            self.active = large
            return self._task("large_begin", large)
        if large.temporary and not large.running and (large.broken or not large.pieces):
            task = self._task("large_abandon" if large.broken else "large_end", large)
            large.temporary = ""  # asked for once
            return task
        return None

    def piece(self, most: int) -> Task | None:
        """The next piece of the active file, if fewer than `most` are being copied."""
        large = self.active
        if large is not None and large.running >= most:
            return None
        if large is None or not large.temporary or not large.pieces or large.broken:
            return None
        start, end = large.pieces.popleft()
        large.running += 1
        task = self._task("large_range", large)
        return task | {"start": start, "end": end, "bytes": end - start}

    def done(self, task: Task, answer: dict[str, Any], workers: int) -> None:
        large = self.active
        if large is None:
            return
        match task["op"]:
            case "large_begin" if "temporary" in answer:
                large.temporary, large.identity = answer["temporary"], answer["identity"]
                large.sparse = answer["sparse"]
                large.pieces.extend(route.pieces(answer["size"], workers, self.split))
            case "large_range":
                large.running -= 1
                large.method = max(large.method, answer.get("method", 0))
                if "method" not in answer:
                    large.broken = True  # failed, changed, gone or stopped: the temporary goes
                    large.pieces.clear()
            case _:  # ended, abandoned; or cloned, failed or gone at its beginning
                self.active = None

    def lost(self, task: Task) -> None:
        """The worker died over it: the file is given up, and told as failed."""
        large = self.active
        if large is not None:
            large.running -= task["op"] == "large_range"
            large.broken = True
            if not large.temporary:
                self.active = None

    def _whole(self, large: Large) -> Task:
        """One worker copies all of it: there are enough others for the rest of the crew."""
        return {
            "op": "copy", "what": "copy", "groups": [large.blob], "options": self.options,
            "files": 1, "bytes": large.size,
        }  # fmt: skip

    def _task(self, operation: str, large: Large) -> Task:
        return {
            "op": operation, "what": operation, "file": large.blob, "options": self.options,
            "temporary": large.temporary, "identity": large.identity, "method": large.method,
            "sparse": large.sparse,             "files": 1, "bytes": large.size,
        }  # fmt: skip
