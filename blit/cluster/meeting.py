"""Before anything is copied: whether all nodes see the same folders, and under which devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from blit.cluster.link import FarWorker
from blit.engine.workers import Pool, WorkerDied
from blit.worker import wire

if TYPE_CHECKING:
    from blit.cluster.link import Node
    from blit.cluster.pool import ClusterPool


async def meet(
    pool: ClusterPool, worker: FarWorker, facts: dict[str, Any]
) -> tuple[str, bytes, str] | None:
    """What the first look found, checked on the other nodes: None, or why not, as a refusal.

    Raises WorkerDied for `worker`, who has looked.
    """
    others: dict[str, FarWorker] = {}
    for each in pool.workers:
        if isinstance(each, FarWorker) and each.node is not worker.node:
            others.setdefault(each.node.address, each)
    if not others:
        return None
    machine = worker.node.machine
    targets: list[str] = facts["roots"]
    sources = {wire.load(blob)[0] for blob in facts["folders"]}
    elsewhere = any(each.node.machine != machine for each in others.values())
    writes = elsewhere and not facts["options"] & (wire.DRY | wire.HELD)
    tell = {"op": "meet", "tell": sorted(sources | set(targets))}
    told = await Pool.ask(pool, worker, tell | {"mark": targets if writes else []})
    if "unlike" in told:
        return "failed", *_at(worker.node, told["unlike"])
    unlike: list[tuple[bytes, str]] = []

    async def see(each: FarWorker) -> None:
        strict = each.node.machine == machine
        task = {"op": "meet", "see": told["places"], "marks": told["marks"], "strict": strict}
        try:
            seen = await Pool.ask(pool, each, task)
        except WorkerDied:
            pool.lose(each.node)
            return
        if text := seen.get("unlike", seen.get("defect")):
            unlike.append(_at(each.node, text))
        else:
            each.node.same = seen["same"]

    try:
        async with anyio.create_task_group() as group:
            for each in others.values():
                group.start_soon(see, each)
    finally:
        if told["marks"]:
            with anyio.CancelScope(shield=True):
                await Pool.ask(pool, worker, {"op": "meet", "marks": told["marks"]})
    if not unlike:
        return None
    return "refused", *min(unlike)


def _at(node: Node, text: str) -> tuple[bytes, str]:
    last = text.strip().rpartition("\n")[2]
    return f"node {node.address}:".encode(), f"{last} (mounts that differ: BLIT_MOUNTS)"
