"""A plan that waits for its confirmation, and what a person sees of a mirror's deletions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from blit.engine import mirror
from blit.events import DeletionPlanned
from blit.worker import status, wire

if TYPE_CHECKING:
    from blit.engine.control import Request
    from blit.engine.transfer import Run

_MOST_TASK = 64 << 20  # bytes of records that one question carries


def release(run: Run) -> None:
    """Carry out the plan that was held; its time begins now."""
    schedule = run.schedule
    if schedule is None or not schedule.held:
        return
    run.control.held = False
    run.started = time.monotonic()
    run.options = run.options & ~wire.HELD | wire.WAITED
    assert run.begun is not None
    run.begun = run.begun._replace(started_at=time.time())
    run.publish(run.begun)
    opening = {"op": "roots", "what": "list", "roots": run.roots, "options": run.options}
    run.pool.told.take()  # not taken yet: nothing could be written
    schedule.release(opening, run.options)
    run.crew.wake()


def ask_early(run: Run) -> None:
    """As soon as all is listed, while the copy goes on: what would be deleted, for a person."""
    schedule, job = run.schedule, run.job
    if not (job.mirror and job.review and job.can_ask) or schedule is None or run.asked:
        return
    if not schedule.extra_count or run.control.held:
        return
    verdict = guard(run)
    if verdict.asks:
        run.asked = True
        tell(run, verdict)


def guard(run: Run) -> mirror.Verdict:
    """Whether what was found may be deleted, as things stand now."""
    schedule, job = run.schedule, run.job
    assert schedule is not None
    if job.check:
        return mirror.Verdict(True, False, "only compared")
    return mirror.guard(
        schedule.extra_count, schedule.dst_entries, not run.ledger.incomplete, job.max_delete,
        job.yes, job.can_ask, job.dry_run, job.review, run.forecast.deletes,
        job.trash,
        (schedule.files + schedule.unchanged, run.forecast.held),
        job.filtered and not job.allow_empty_source
        and not (schedule.files or schedule.unchanged or run.ledger.skipped),
    )  # fmt: skip


def tell(run: Run, verdict: mirror.Verdict) -> None:
    schedule = run.schedule
    assert schedule is not None
    run.publish(
        DeletionPlanned(
            schedule.extra_count, schedule.dst_entries, verdict.allowed, verdict.asks,
            verdict.reason, verdict.many, run.job.trash,
        )
    )  # fmt: skip


def tell_reply(run: Run) -> None:
    """A person has answered, perhaps long before the deletions' turn."""
    reply = run.control.reply
    if not run.asked or reply is None or reply == run.told_reply:
        return
    run.told_reply = reply
    text = "to be deleted, as you answered" if reply else "kept, as you answered"
    tell(run, mirror.Verdict(reply, False, text))


def answer_questions(run: Run) -> None:
    """Have what a face asks about the deletions answered by a worker."""
    while run.control.requests:
        _answer(run, run.control.requests.popleft())


def _answer(run: Run, request: Request) -> None:
    schedule = run.schedule
    future = request.answer
    if schedule is None or run.crew.stopping:
        future.cancel()
        return
    blobs: list[bytes] = []
    size = 0
    for blob in schedule.extras:
        size += len(blob)
        if size > _MOST_TASK:
            break
        blobs.append(blob)
    task: dict[str, Any] = {
        "op": "extras", "what": "list", "extras": blobs, "folder": request.folder,
        "limit": request.limit,
    }  # fmt: skip

    again = True

    def answered(answer: dict[str, Any]) -> None:
        nonlocal again
        if future.done():
            return
        if "found" in answer:
            future.set_result(answer["found"])
        elif again and not (run.crew.stopping or run.over or run.scope.cancel_called):
            again = False  # the workers were just leaving a phase: now one is asked alone
            run.group.start_soon(run.crew.ask_alone, task, answered)
        else:
            future.set_exception(OSError(5, "the list could not be made"))

    if not run.crew.ask(task, answered):
        run.group.start_soon(run.crew.ask_alone, task, answered)


def skip(run: Run, last: dict[int, tuple[int, float]], now: float) -> None:
    """Give up what the worker that has been silent longest stands at."""
    busy = [w for w in run.pool.workers if w.task is not None]
    if run.phase != "copying" or not busy:
        return
    worst = min(busy, key=lambda w: last.get(w.slot, (0, now))[1])
    operation, path, _, _ = worst.view.activity()
    if not path or operation == status.OPERATIONS[status.IDLE]:
        return
    for worker in busy:  # several may have a piece of the same large file in hand
        if worker.view.activity()[1] == path:
            run.crew.give_up(worker.slot, path)
