"""What a move does beside copying: a rename where that is all, and at the end the source goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blit import errors
from blit.engine.crew import Listed
from blit.engine.spool import Spool
from blit.worker import wire

if TYPE_CHECKING:
    from blit.engine.crew import Task
    from blit.engine.transfer import Run

_SHARE = 16  # folders a task
_TICK = 0.01  # seconds that the ctime of a file may lag behind the clock


class Retiring:
    """A source of tasks (see crew.py): a share of folders each; what lies below them comes next."""

    def __init__(self, run: Run, folders: list[bytes], since: int, filters: bytes) -> None:
        self.open = list(folders)  # last in, first out
        self.emptied = Spool()
        self._base: Task = {
            "op": "retire", "what": "delete", "which": "files", "options": run.options,
            "since": since, "filters": filters,
        }  # fmt: skip
        self._redo: list[Task] = []
        self._running = 0

    @property
    def exhausted(self) -> bool:
        return not self.open and not self._redo and not self._running

    def next(self, slot: int) -> Task | None:
        if self._redo:
            task = self._redo.pop()
        elif self.open:
            share = self.open[-_SHARE:]
            del self.open[-_SHARE:]
            task = {**self._base, "folders": share}
        else:
            return None
        self._running += 1
        return task

    def done(self, slot: int, task: Task, answer: dict[str, Any]) -> None:
        self._running -= 1
        self.open += answer.get("folders", ())
        if blob := answer.get("emptied"):
            self.emptied.append(blob)

    def lost(self, slot: int, task: Task, skip: bytes = b"") -> bool:
        self._running -= 1
        if task.get("again") or skip:
            return False
        self._redo.append({**task, "again": True})
        return True

    def holds(self, slot: int) -> bool:
        return False


async def rename(run: Run, facts: dict[str, Any]) -> None:
    """Move what one rename moves; `facts` keeps the rest of the sources."""
    job = run.job
    if job.dry_run or job.filtered or job.selected or job.held:
        return
    run.phase = "copying"
    task: Task = {
        "op": "relocate", "what": "copy", "folders": facts["folders"], "options": run.options,
        "files": len(facts["folders"]),
    }  # fmt: skip

    def rest(_: Task, answer: dict[str, Any]) -> None:
        facts["folders"] = answer.get("rest", [])

    await run.crew.work(Listed([task], rest))
    run.check()


async def retire(run: Run, facts: dict[str, Any]) -> None:
    """Empty the source, when everything is at the destination, was read back, and is on disk."""
    ledger = run.ledger
    if run.job.dry_run or not facts["folders"]:
        return
    if ledger.incomplete or ledger.mismatched or ledger.left:
        run.kept_why = "nothing was removed from the source"
        return
    if ledger.xattrs_lost:  # nobody could bring them back
        raise errors.Refused(
            "nothing was removed from the source: the destination cannot keep its extended "
            "attributes; if they may go, remove the source yourself"
        )
    if not all(run.options & each for each in (wire.VERIFY, wire.CHECKSUM, wire.DURABLE)):
        raise errors.Failed("internal error: a move must verify, compare and sync")
    run.phase = "deleting"
    since = int((run.since - _TICK) * 1e9)
    source = Retiring(run, facts["folders"], since, facts.get("filters", b""))
    await run.crew.work(source)
    run.check()
    stay = {wire.load(blob)[0] for blob in facts["folders"] if wire.load(blob)[3] == ""}
    common: Task = {
        "op": "retire", "what": "delete", "which": "folders", "options": run.options,
        "since": since, "stay": sorted(stay), "patterns": run.job.gitignore,
    }  # fmt: skip
    # one after another: a folder can only go when those below it have gone
    for blob in reversed(source.emptied):
        await run.crew.work(Listed([common | {"folders": [blob]}]))
    run.check()
