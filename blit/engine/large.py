"""Large files under way: begun by one worker, copied in pieces by all, ended by one; pure."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from blit.engine import route
from blit.worker import wire

Task = dict[str, Any]


_MOST_TRIED = 4 << 30  # bytes: a larger file is no place for an experiment


class Split(NamedTuple):
    """Whether large files are split; `trial`: the first one that may goes the other way."""

    split: bool
    trial: bool = False
    why: str = ""


class Large:
    """One large file."""

    def __init__(self, size: int, blob: bytes) -> None:
        self.size, self.blob = size, blob
        self.temporary = ""
        self.identity = (0, 0, 0)
        self.pieces: deque[tuple[int, int]] = deque()
        self.running = 0
        self.method = 0
        self.broken = False
        self.sparse = False  # has holes: each piece copies only its data
        self.split = False
        self.free = False  # nothing else decided whether it is split: its time tells which pays
        self.began = 0.0
        self.old = False  # its temporary comes from an earlier run: what it holds is compared
        self.moved = 0  # bytes done, those that were there already among them
        self.matched = 0  # bytes that were there already
        self.spoilt = False  # what is there of it is of no use later
        self.failed = False  # a call did: only what is on disk counts


class LargeFiles:
    """Those that wait and the one that is active.

    `may_split`: no disk must move its head. `choice`: what was measured, see borders.large.
    """

    def __init__(
        self, options: int, may_split: bool, choice: Split | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.options, self.may_split, self.clock = options, may_split, clock
        self.choice = choice if choice is not None else Split(may_split)
        # what each way took of those that could have gone either: files, bytes, seconds
        self.tried: dict[str, tuple[int, int, float]] = {}
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
            self._decide(large, enough and large.size < route.LARGE_BYTES, workers)
            if large.size < route.LARGE_BYTES and not large.split:
                return self._whole(large)
            self.active = large
            large.began = self.clock()
            return self._task("large_begin", large)
        if large.temporary and not large.running and (large.broken or not large.pieces):
            task = self._task("large_abandon" if large.broken else "large_end", large)
            large.temporary = ""  # asked for once
            return task
        return None

    def _decide(self, large: Large, enough: bool, workers: int) -> None:
        """`enough`: others like it keep all workers busy."""
        large.free = self.may_split and not enough and workers > 1
        large.split = self.choice.split and not enough
        if large.free and self.choice.trial and large.size <= _MOST_TRIED:
            large.split = not large.split
            self.choice = self.choice._replace(trial=False)

    def whole_done(self, task: Task, answer: dict[str, Any]) -> None:
        """One that a single worker copied as a batch of its own."""
        if task["free"] and answer.get("files") and not answer.get("cloned"):
            self._told("whole", task["bytes"], answer.get("took", 0.0))

    def _told(self, how: str, size: int, seconds: float) -> None:
        if seconds > 0:
            files, before, spent = self.tried.get(how, (0, 0, 0.0))
            self.tried[how] = (files + 1, before + size, spent + seconds)

    def piece(self, most: int) -> Task | None:
        """The next piece of the active file, if fewer than `most` are being copied."""
        large = self.active
        if large is not None and large.running >= most:
            return None
        if large is None or not large.temporary or not large.pieces or large.broken:
            return None
        start, end = large.pieces.popleft()
        large.running += 1
        task = self._task("large_range", large) | {"shared": large.running > 1}
        return task | {"start": start, "end": end, "bytes": end - start}

    def done(self, task: Task, answer: dict[str, Any], workers: int) -> None:
        large = self.active
        if large is None:
            return
        match task["op"]:
            case "large_begin" if "temporary" in answer:
                large.temporary, large.identity = answer["temporary"], answer["identity"]
                large.sparse, large.old = answer["sparse"], answer.get("old", False)
                large.free &= not large.old  # it takes less than all of it: that tells nothing
                large.pieces.extend(route.pieces(answer["size"], workers, large.split))
                large.split = len(large.pieces) > 1
            case "large_range":
                large.running -= 1
                large.method = max(large.method, answer.get("method", 0))
                large.matched += answer.get("matched", 0)
                large.moved += answer.get("moved", 0) + answer.get("matched", 0)
                if "method" not in answer:
                    large.broken = True  # failed, changed, gone or stopped: it will not be ended
                    large.failed |= "left" not in answer
                    large.spoilt |= not _serves_later(answer)
                    large.pieces.clear()
            case "large_end" if answer.get("files") and large.free:
                how = "split" if large.split else "whole"
                self._told(how, large.size, self.clock() - large.began)
                self.active = None
            case _:  # ended, abandoned; or cloned, failed or gone at its beginning
                self.active = None

    def lost(self, task: Task) -> None:
        """The worker died over it: the file is given up, and told as failed."""
        large = self.active
        if large is not None:
            large.running -= task["op"] == "large_range"
            large.broken = large.failed = True
            if not large.temporary:
                self.active = None

    def _whole(self, large: Large) -> Task:
        """One worker copies all of it: there are enough others for the rest of the crew."""
        return {
            "op": "copy", "what": "copy", "groups": [large.blob], "options": self.options,
            "files": 1, "bytes": large.size, "free": large.free,
        }  # fmt: skip

    def _task(self, operation: str, large: Large) -> Task:
        return {
            "op": operation, "what": operation, "file": large.blob, "options": self.options,
            "temporary": large.temporary, "identity": large.identity, "method": large.method,
            "sparse": large.sparse, "old": large.old, "moved": large.moved,
            "matched": large.matched, "keep": not large.spoilt, "failed": large.failed,
            "files": 1, "bytes": large.size,
        }  # fmt: skip

    def abandon(self) -> Task | None:
        """After a stop: the file under way is left as it is."""
        large = self.active
        if large is None or not large.temporary:
            return None
        return self._task("large_abandon", large) | {"what": "clear"}


def _serves_later(answer: dict[str, Any]) -> bool:
    """Whether a piece ended in a way that may be over when the next run goes on: not `changed`."""
    failures = [*answer.get("failures", ()), *filter(None, [answer.get("fatal")])]
    return "left" in answer or any(
        code in wire.TRANSIENT or "fatal" in answer for _, _, code, _ in failures
    )
