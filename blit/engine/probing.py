"""The first steps of a run, before the engine is imported: look, choose the route, post a task.

Importing the engine takes longer than all of this. A worker that has its first task by then has the
first files copied, or the first folders listed, when the engine comes up.
"""

from __future__ import annotations

import select
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from blit.engine import route
from blit.engine.schedule import Schedule
from blit.engine.workers import Pool
from blit.job import Job

# seconds to wait for the first look, and the first listing, before the imports go on beside them
_PATIENCE = 0.03
_LISTING_PATIENCE = 0.012
_EARLY_BUDGET = 0.05  # seconds that a later listing may take: about as long as the imports
_EARLY_WANT = 4096  # entries: nobody can take them before the engine is up

Task = dict[str, Any]


class Early(NamedTuple):
    """What was done before the engine was imported."""

    facts: dict[str, Any] | None = None  # None: the probe is still under way
    route: route.Route | None = None
    schedule: Schedule | None = None
    listed: dict[str, Any] | None = None  # the answer to the first listing, already in the schedule
    tasks: Mapping[int, Task] = MappingProxyType({})  # posted to workers, by slot


def probe_task(job: Job) -> Task:
    return {
        "op": "probe",
        "sources": [wire_text(s) for s in job.sources],
        "target": wire_text(job.target),
        "options": job.options(),
    }


def wire_text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def start(pool: Pool, job: Job) -> Early:
    """Post the probe and, if its answer is quick and harmless, the first task of the route."""
    worker = pool.workers[0]
    pool.post_all(worker, probe_task(job))
    if not select.select([worker.answers], [], [], _PATIENCE)[0]:
        return Early()
    facts = pool.answer_now(worker)
    if facts is None or not harmless(facts, job):
        return Early(facts)
    chosen = route.choose(job.mirror, job.checksum, facts["small"], facts["largest"])
    if chosen.name == "direct":
        task = direct_task(facts)
        pool.post_all(worker, task)
        return Early(facts, chosen, None, None, {worker.slot: task})
    schedule = streaming(facts, len(pool.workers))
    first = schedule.next(worker.slot)
    assert first is not None
    pool.post_all(worker, first)
    if not select.select([worker.answers], [], [], _LISTING_PATIENCE)[0]:
        return Early(facts, chosen, schedule, None, {worker.slot: first})
    listed = pool.answer_now(worker)
    if listed is None or "defect" in listed:
        return Early(facts, chosen, schedule, listed)
    schedule.done(worker.slot, first, listed)
    tasks = {}
    # the others first: whoever lists holds what it was given, and the rest is there to be copied
    for each in (*pool.workers[1:], worker):
        given = schedule.next(each.slot)
        if given is None:
            continue
        if given["op"] == "scan":
            given["budget"], given["want"] = _EARLY_BUDGET, _EARLY_WANT
        pool.post_all(each, given)
        tasks[each.slot] = given
    return Early(facts, chosen, schedule, listed, tasks)


def harmless(facts: dict[str, Any], job: Job) -> bool:
    """Nothing speaks against going on: what does is said by the engine, which can publish it."""
    if "refused" in facts or "defect" in facts:
        return False
    return not (job.mirror and facts["empty"] and not job.allow_empty_source)


def direct_task(facts: dict[str, Any]) -> Task:
    files, size = facts["small"]
    return {
        "op": "direct", "what": "direct", "folders": facts["folders"], "options": facts["options"],
        "same": facts["same"], "files": files, "bytes": size,
    }  # fmt: skip


def streaming(facts: dict[str, Any], workers: int) -> Schedule:
    same = [tuple(pair) for pair in facts["same"]]
    return Schedule(
        facts["folders"], facts["options"], same, workers, split=not facts["rotational"]
    )
