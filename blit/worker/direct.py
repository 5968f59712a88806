"""A tiny job in one task: list, copy, link, finish, without a planner or a second hop."""

from __future__ import annotations

from errno import ENOSPC
from time import monotonic

from blit.worker import finish, wire
from blit.worker.context import Result, raw
from blit.worker.copy import Copier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blit.worker.main import Worker


def run(worker: Worker, task: dict[str, Any]) -> dict[str, Any]:
    """Task: as for a scan. Answer: a scan's counts and a copy's result together, and `took`."""
    context, began = worker.c, monotonic()
    scan = worker.scan({**task, "budget": 1e9, "want": 1 << 60, "large": 1 << 62})
    if "fatal" in scan:
        return {"fatal": scan["fatal"]}
    need, (free, inodes, certain) = scan.get("need"), task["room"]
    if need and certain and not task["options"] & wire.DRY:
        from blit.worker import room

        if text := room.lacking(need, free, inodes, True):
            root = wire.load(task["folders"][0])[1]
            return {"fatal": (raw(root), "space", ENOSPC, text)}
    copier = Copier(context, task["options"])
    groups = [blob for _, _, blob in scan["groups"]]
    if dead := task.get("dead"):
        from blit.worker import redone

        redone.sweep(context, groups, dead, [])
    if skip := task.get("skip"):
        from blit.worker.retry import without

        groups = without(groups, skip)
    # the source may have grown since it was probed: it is done all the same
    result = copier.run(groups)
    results = [result]
    if scan["links"]:
        from blit.worker import links

        parts = [blob for _, _, blob in scan["links"]]
        results.append(links.run(context, {"parts": parts, "options": task["options"]}))
    stopped = any(r.left or r.fatal for r in results)
    folders = [scan["finish"]] if scan["finish"] else []
    folders += [wire.dump(r.finish) for r in results if r.finish]
    if folders and not stopped and not copier.dry:
        ending = {
            "folders": folders,
            "options": task["options"],
            "swapped": False,
            "last": True,
        }
        results.append(finish.run(context, ending))
    answer = merge(results)
    answer.pop("finish", None)
    for key in ("unchanged", "failures", "skipped", "changes", "vanished"):
        if key in scan:
            answer[key] = scan[key] + answer[key] if key in answer else scan[key]
    for key in ("files", "bytes", "listed", "unchanged_bytes", "overlap"):
        if key in scan:
            answer["planned_" + key if key in ("files", "bytes") else key] = scan[key]
    if scan["folders"]:
        answer["left"] = answer.get("left", 0) + len(scan["folders"])
    answer["took"] = monotonic() - began
    return answer


def merge(results: list[Result]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for result in results:
        for key, value in result.as_dict().items():
            if key == "methods":
                old = total.get(key, [0] * len(value))
                total[key] = [a + b for a, b in zip(old, value, strict=True)]
            elif key not in total or value is None:
                total[key] = value
            elif key != "fatal":
                total[key] = total[key] + value
    return total
