"""What failed in a way that may be over by now is tried once more, at the end of the copying."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from blit.engine import probing
from blit.engine.crew import Listed, Task

if TYPE_CHECKING:
    from blit.engine.transfer import Run


async def tries(run: Run, facts: dict[str, Any]) -> None:
    """Before anything is linked or deleted. What fails again, or cannot be found, has failed."""
    ledger, schedule = run.ledger, run.schedule
    failures = dict(ledger.later)
    if not failures:
        ledger.deferring = False
        return
    found: dict[str, Any] = {}
    paths = [path.decode("utf-8", "surrogateescape") for path in failures]
    tokens = facts.get("base", facts["folders"])
    task: Task = {"op": "again", "what": "list", "tokens": tokens, "only": paths}
    await run.crew.work(Listed([task], lambda _, answer: found.update(answer)))
    run.check()
    lost = {os.fsencode(path) for path in found.get("lost", paths)}
    ledger.later = {path: ledger.later[path] for path in failures if path in lost}
    ledger.settle()
    ledger.kept.clear()  # they are gone on with now
    if not found.get("folders"):
        return
    if schedule is None:
        task = probing.direct_task(
            facts | {"folders": found["folders"], "small": (len(failures), 0)}
        )
        await run.crew.work(Listed([task]))
    else:
        totals = schedule.files, schedule.bytes
        schedule.open.extend(found["folders"])
        await run.crew.work(schedule)
        if not any(failure.step == "list" for failure in failures.values()):
            schedule.files, schedule.bytes = totals  # each was counted when it was first met
    run.check()
