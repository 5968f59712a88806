"""What every task tells beside its own, and which worker keeps the lock on the destination."""

from __future__ import annotations

TYPE_CHECKING = False  # typing would cost the workers 4 ms: they start after this is imported
if TYPE_CHECKING:
    from typing import Any

    Task = dict[str, Any]


class Told:
    def __init__(self) -> None:
        self.words: Task = {}  # see worker.main: `said`, and once `lock`
        self.locked: Any = None  # the folders that are locked and how, see worker.opening
        self.keeper = -1  # the slot of who keeps that

    def task(self, slot: int, task: Task) -> Task:
        """A task as this worker is given it."""
        whole = {**self.words, **task}
        if "lock" in self.words:  # for one alone
            self.keeper = slot
            del self.words["lock"]
        return whole

    def heard(self, slot: int, answer: Task) -> None:
        if locked := answer.pop("locked", None):
            self.locked, self.keeper = locked, slot
            if answer.pop("borrowed"):  # of one that hangs, and ends some day
                self.take()

    def lost(self, slot: int) -> None:
        """A worker is gone, and its lock with it: the next to work takes it."""
        if slot == self.keeper:
            self.take()

    def take(self) -> None:
        """Let the next to work take the lock."""
        self.words["lock"] = self.locked
