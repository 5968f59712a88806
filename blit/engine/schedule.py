"""Which worker does what next while the tree is listed and copied; pure, one call a decision.

A hungry worker gets, in this order: the beginning or the end of a large file; a share of the
listing when nobody lists and the plan has room; a batch; a piece of a large file; a share of the
listing. So one worker lists while others copy, all list when nothing waits, and nobody lists when
the plan is full.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from blit.engine import route
from blit.engine.large import Large, LargeFiles
from blit.engine.plan import MOST_SHARE, Group, Plan, share_of
from blit.engine.spool import Spool
from blit.engine.stack import Stack
from blit.engine.tally import Tally
from blit.worker import room, wire

# the first answers come early, so that the first byte does; later ones save hops
FIRST_BUDGET, BUDGET, LONG = 0.004, 0.03, 0.1
FIRST_WANT, WANT = 48, 8192
MOST_LARGE = 20_000  # files that go alone and wait: above this nobody lists

Task = dict[str, Any]


class Schedule:
    """A source of tasks for the crew (see crew.py): `next`, `done`, `lost`, `exhausted`."""

    def __init__(
        self,
        folders: list[bytes],
        options: int,
        same: tuple[Any, Any],
        workers: int,
        split: bool = True,
        held: bool = False,
        filters: bytes = b"",
    ) -> None:
        """`held`: only make the plan, until `release`. `filters`: for the scanners, opaque."""
        self.open = Stack(folders)  # last in, first out: keeps the number of open folders small
        self.options, self.same, self.workers, self.split = options, same, workers, split
        self.held = held
        self.filters = filters
        self.hits: set[int] = set()  # of the job's patterns, those that matched something
        self.opening: Task | None = None  # what must be done before anything is copied
        self.opened = not held
        self.later: list[bytes] = []  # folders that only a confirmed plan may open
        self.plan, self.tally = Plan(), Tally()
        self.plan.made_only = held
        self.scans = 0  # tasks given
        self.scanning: set[int] = set()
        self.suspended: set[int] = set()  # workers that hold a listing open
        self.shares: dict[int, list[bytes]] = {}  # what each lister was given and has not finished
        self.second: set[int] = set()  # workers that list what a dead one had begun
        self.skips: list[bytes] = []  # what was given up, since it did not answer
        self.large = LargeFiles(options, split)
        self.group = 0  # files that a listing puts together at most; 0: as many as it likes
        self.slow = False  # looking at an entry takes long
        self.running = self.link_names = 0
        self.links = [Spool(1 << 18) for _ in range(wire.LINK_BUCKETS)]
        self.finish, self.bare, self.extras = Spool(), Spool(), Spool()
        self.swaps: list[bytes] = []
        self.redo: deque[Task] = deque()
        # totals of what the scan found
        self.files = self.bytes = self.unchanged = self.unchanged_bytes = self.folders = 0
        self.extra_count = self.dst_entries = self.kept = self.replaced = 0
        self.overlap = b""
        # see room.py: what it takes, what was free at the last listing, listed twice in part
        self.need = room.NONE
        self.room: tuple[int, int] | None = None
        self.twice = False

    # -- what the crew asks ------------------------------------------------------------------------

    @property
    def plan_done(self) -> bool:
        listing = self.open or self.scanning or self.suspended
        return not (listing or any(task["op"] == "scan" for task in self.redo))

    @property
    def exhausted(self) -> bool:
        return (
            self.opened and self.plan_done and not self.running and not self.plan.waiting_files
            and self.large.over and not self.redo
        )  # fmt: skip

    @property
    def _full(self) -> bool:
        return self.plan.full or len(self.large.waiting) >= MOST_LARGE

    def release(self, opening: Task, options: int) -> None:
        """Carry out the plan: first `opening`, and when that is done everything else."""
        self.held, self.opening = False, opening
        self.options = self.large.options = options
        self.plan.made_only = False
        self.open.extend(self.later)
        self.later = []

    def next(self, slot: int) -> Task | None:
        task = self._next(slot)
        if task is not None:
            self.running += 1
        return task

    def _next(self, slot: int) -> Task | None:
        if not self.opened:
            return self._only_plan(slot)
        if self.redo:
            return self._again(slot)
        if (task := self.large.step(self.workers)) is not None:
            return task
        can_scan = (self.open or slot in self.suspended) and not self._full
        if can_scan and not self.scanning:
            return self._scan(slot)
        # a large file under way keeps up to half of the workers from the first moment on
        if (piece := self.large.piece(max(1, self.workers // 2))) is not None:
            return piece
        batch = self.plan.take(self.workers, self.plan_done)
        if batch is not None:
            return {
                "op": "copy", "what": "copy", "groups": list(batch.blobs), "options": self.options,
                "number": batch.number, "files": batch.files, "bytes": batch.size,
                "budget": self.plan.patience(batch),
            }  # fmt: skip
        if (piece := self.large.piece(self.workers)) is not None:
            return piece
        return self._scan(slot) if can_scan else None

    def _only_plan(self, slot: int) -> Task | None:
        """A share of the listing, or what opens the way once the plan is confirmed."""
        opening, self.opening = self.opening, None
        if opening is not None:
            return opening
        if self.redo and self.redo[0]["op"] == "scan":
            return self._again(slot)
        return self._scan(slot) if self.open or slot in self.suspended else None

    def _again(self, slot: int) -> Task:
        again = self.redo.popleft()
        if again["op"] == "scan":
            self.second.add(slot)
            self.scanning.add(slot)
            self.shares.setdefault(slot, []).extend(again["folders"])
        return again

    def holds(self, slot: int) -> bool:
        """Whether this worker has a listing open that only it can go on with."""
        return slot in self.suspended

    def done(self, slot: int, task: Task, answer: dict[str, Any]) -> None:
        """Take in an answer; `seconds` of a batch teach the plan what files cost."""
        self.running -= 1
        match task["op"]:
            case "scan" if "defect" in answer:  # told by the ledger; the run ends
                self.scanning.discard(slot)
            case "scan":
                self._scanned(slot, answer)
            case "roots":
                self.opened = True
            case "copy":
                moved = answer.get("bytes", 0) - answer.get("cloned_bytes", 0)
                files = task["files"] - answer.get("back", (0, 0))[0]
                seconds = answer.get("took", answer.get("seconds", 0.0))
                self.plan.cost.learn(files, moved, seconds)
                if "free" in task:
                    self.large.whole_done(task, answer)
                self._found(answer)
            case _:
                self.large.done(task, answer, self.workers)
                self.bytes -= answer.get("matched", 0)  # there already: never to be moved

    def lost(self, slot: int, task: Task, skip: bytes = b"") -> bool:
        """The worker died over this task: queue it again. False when it was its second chance.

        `skip`: the worker was given up because this path did not answer: the rest is done.
        """
        self.running -= 1
        lists = task["op"] == "scan"
        if task["op"] == "roots":
            if task.get("dead"):
                return False
            self.opening = {**task, "dead": slot + 1}
            return True
        if skip:
            self.second.discard(slot)
            task = {**task, "dead": 0, "skip": [*task.get("skip", ()), skip]}
            self.skips.append(skip)
        begun_anew = self._list_anew(slot) if lists or slot in self.suspended else True
        if lists:
            return begun_anew
        if task["op"].startswith("large"):
            self.large.lost(task)
            return False
        if task.get("dead"):
            return False
        self.redo.append({**task, "dead": slot + 1, "spare": self._pending_names()})
        return begun_anew

    def _list_anew(self, slot: int) -> bool:
        """Hand out again what a dead worker was listing; False when that has killed one before.

        What it had told already is passed by (worker/begun.py) or, if need be, planned twice.
        """
        self.suspended.discard(slot)
        self.scanning.discard(slot)
        share = self.shares.pop(slot, [])
        if slot in self.second:
            return False
        self.redo.append(self._scan_task(share))
        self.twice = True
        return True

    def _pending_names(self) -> list[str]:
        """Temporaries still waited for: of the large file under way, and what is built beside."""
        large = self.large.active
        names = [large.temporary] if large is not None and large.temporary else []
        return names + [wire.load(blob)[3] for blob in self.swaps]

    # -- listing -----------------------------------------------------------------------------------

    def _scan(self, slot: int) -> Task:
        share: list[bytes] = []
        if slot not in self.suspended:
            share = self.open.take(share_of(len(self.open), self.workers, self.slow))
        self.scanning.add(slot)
        self.shares.setdefault(slot, []).extend(share)
        return self._scan_task(share)

    def _scan_task(self, share: list[bytes]) -> Task:
        early = self.scans < self.workers
        # where there is nothing to do nobody waits for what is found, while much is left to list
        usual = LONG if not self.files and len(self.open) > MOST_SHARE else BUDGET
        self.scans += 1
        task: Task = {
            "op": "scan", "what": "list", "folders": share,
            "options": self.options, "same": self.same,
            "budget": FIRST_BUDGET if early else usual, "want": FIRST_WANT if early else WANT,
            "large": route.SPLIT_BYTES,
        }  # fmt: skip
        task |= {"group": self.group} if self.group else {}
        task |= {"slow": 1 + early} if self.slow else {}
        task |= {"skip": self.skips} if self.skips else {}  # others may hold parts of that folder
        if self.filters:
            task["filters"] = self.filters
        return task

    def _scanned(self, slot: int, answer: dict[str, Any]) -> None:
        self.scanning.discard(slot)
        if answer["open"]:
            self.suspended.add(slot)
            self.shares[slot] = answer.get("at") or self.shares[slot]  # the rest is told
        else:
            self.suspended.discard(slot)
            self.second.discard(slot)
            self.shares.pop(slot, None)
        self.open.extend(answer["folders"] + self.tally.take(answer))
        (self.later if self.held else self.open).extend(answer.get("later", ()))
        for files, size, blob in answer["groups"]:
            self.plan.add(Group(files, size, blob))
        for size, blob in answer["large"]:
            self.large.waiting.append(Large(size, blob))
        self._found(answer)
        if answer["extras"]:
            self.extras.append(answer["extras"])
        self.swaps.extend(answer["swaps"])
        self.hits.update(answer.get("hits", ()))
        self.files += answer.get("files", 0)
        self.bytes += answer.get("bytes", 0)
        self.unchanged += answer.get("unchanged", 0)
        self.unchanged_bytes += answer.get("unchanged_bytes", 0)
        self.folders += answer.get("listed", 0)
        self.extra_count += answer.get("extra_count", 0)
        self.dst_entries += answer.get("dst_entries", 0)
        self.kept += answer.get("kept", 0)
        self.replaced += answer.get("replaced", 0)
        self.overlap = self.overlap or answer.get("overlap", b"")
        self.need = room.add(self.need, answer.get("need", room.NONE))
        self.room = answer.get("room", self.room)

    def linked(self, task: dict[str, Any], answer: dict[str, Any]) -> None:
        """Folders in which names were linked anew: only that showed that they change."""
        if blob := answer.get("finish"):
            self.finish.append(blob)

    def _found(self, answer: dict[str, Any]) -> None:
        """What a listing, or a comparison by content, adds to the later phases."""
        for bucket, count, blob in answer.get("links", ()):
            self.links[bucket].append(blob, count)
            self.link_names += count
        if blob := answer.get("finish"):
            self.finish.append(blob)
        if blob := answer.get("bare"):
            self.bare.append(blob)
        for group in answer.get("again", ()):
            self.plan.add(Group(*group))
        self.bytes += answer.get("found_bytes", 0)
