"""A pool whose workers are on the nodes of a Dask cluster; to the engine it is like any other.

A task is a Dask task that is bound to one node and never tried again by Dask: whether it is done
again, and where, is for the engine to decide. The status pages of the nodes are fetched a few times
a second and copied into this process's own, so that heartbeats, the stall rule and the screen read
them as ever; pause and stop go the other way.
"""

from __future__ import annotations

import os

import anyio

from blit.cluster.link import CONNECT, GOODBYE, FarWorker, Link, Node, Unusable
from blit.cluster.meeting import meet
from blit.engine.workers import Pool, Worker, WorkerDied
from blit.worker import status, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blit.engine.workers import Task

_MOST_WORKERS = 256
# what writes nothing
_READS = frozenset(("probe", "meet", "scan", "sync", "survey", "extras"))


class ClusterPool(Pool):
    most = 512  # slots: those of the dead are not used again

    def __init__(self, address: str, count: int | None = None) -> None:
        """`address`: of the Dask scheduler. `count`: workers at most. Raises Unusable."""
        super().__init__(0)
        session = f"{self.token}-{os.urandom(4).hex()}"
        self.link = Link((session, self.token, self.first, self.most), self.map)
        self.wrote: set[int] = set()  # machines that something may have been written on
        try:
            self.link.wait(self.link.connect(address), 2 * CONNECT)
        except TimeoutError:
            raise Unusable(f"no Dask scheduler answers at {address}") from None
        threads = sum(node.threads for node in self.link.nodes)
        for _ in range(min(threads, count or threads, _MOST_WORKERS)):
            self.start()

    def start(self) -> Worker:
        """One more, on the node with the most room; its process begins with its first task."""
        slot = self.fresh()
        free = [
            (len(node.workers) / node.threads, at)
            for at, node in enumerate(self.link.nodes)
            if not node.lost and len(node.workers) < node.threads
        ]
        if not free:
            raise OSError(11, "no node has room")
        node = self.link.nodes[min(free)[1]]
        worker = FarWorker(slot, node, status.View(self.map, slot))
        node.workers = [*node.workers, worker]
        self.workers.append(worker)
        return worker

    def post(self, worker: Worker, task: Task) -> bytes:
        assert isinstance(worker, FarWorker)
        node = worker.node
        if task["op"] not in _READS:
            self.wrote.add(node.machine)
        far = (node.machine, node.same, node.greeting.mounts)
        whole: Task = {**task, "far": far}
        if task["op"] == "scan":
            whole["large"] = 1 << 62  # one file is never shared by several machines
        rest = super().post(worker, whole)
        worker.task = task
        return rest

    def _push(self, worker: Worker, data: bytes) -> bytes:
        assert isinstance(worker, FarWorker)
        if worker.node.lost or worker.done < 0:
            raise WorkerDied
        self.link.send(worker, data)
        return b""

    def answered(self, worker: Worker) -> Task | None:
        assert isinstance(worker, FarWorker)
        try:
            if not os.read(worker.answers, 1):
                raise WorkerDied
        except BlockingIOError:
            return None
        return self.heard(worker, wire.load(worker.inbox))

    def heard(self, worker: Worker, answer: Task) -> Task:
        assert isinstance(worker, FarWorker)
        if written := answer.pop("written", None):  # each machine has its own numbers
            machine = worker.node.machine << 48
            answer["written"] = {device | machine: place for device, place in written.items()}
        return super().heard(worker, answer)

    async def ask(self, worker: Worker, task: Task) -> Task:
        assert isinstance(worker, FarWorker)
        if task["op"] == "sync":
            return await self._flush(worker, task)
        if task["op"] == "probe" and worker.node.greeting.mounts:
            text = "the nodes that see the paths as they are written were lost"
            return {"refused": ("failed", b"", text)}
        answer = await super().ask(worker, task)
        if task["op"] == "probe" and not answer.keys() & {"refused", "defect"}:
            if unlike := await meet(self, worker, answer):
                answer["refused"] = unlike
            # nothing here tells of the disk behind it; large files are not split
            answer["rotational"], answer["device"] = True, (0, "")
        return answer

    async def _flush(self, worker: FarWorker, task: Task) -> Task:
        """Each machine has written, and has a cache of its own: one worker of each flushes it."""
        chosen = {worker.node.machine: worker}
        for each in self.workers:
            if isinstance(each, FarWorker) and each.task is None and not each.node.lost:
                chosen.setdefault(each.node.machine, each)
        failures: list[tuple[bytes, str, int, str]] = []
        flushed: set[int] = set()

        async def one(machine: int, each: FarWorker) -> None:
            try:
                answer = await Pool.ask(self, each, task if each is worker else {**task})
            except WorkerDied:
                if each is worker:
                    raise
                return
            failures.extend(answer.get("failures", ()))
            flushed.add(machine)

        others = [(machine, each) for machine, each in chosen.items() if each is not worker]
        async with anyio.create_task_group() as group:
            for machine, each in others:
                group.start_soon(one, machine, each)
        await one(worker.node.machine, worker)
        for machine in sorted(self.wrote - flushed):
            at = next(node.address for node in self.link.nodes if node.machine == machine)
            text = (
                "was lost before what it had written was flushed: compare what is there "
                "(--checksum) when it is back"
            )
            failures.append((f"node {at}".encode(), "sync", 0, f"node {at} {text}"))
        return {"failures": failures} if failures else {}

    def replace(self, worker: Worker) -> Worker | None:
        assert isinstance(worker, FarWorker)
        self.bury(worker)
        node = worker.node
        node.workers = [each for each in node.workers if each is not worker]
        node.gone.append(worker.slot)
        os.close(worker.answers)
        self.link.loop.call_soon_threadsafe(self.link.end, worker)
        self.link.wake()
        try:
            return self.start()
        except OSError:
            return None

    def flag(self, flag: int) -> None:
        super().flag(flag)
        self.link.wake()

    def lose(self, node: Node) -> None:
        """Nobody there may go on: it does not see what the others see."""
        self.link.lose(node)

    def kill(self) -> None:
        """End the workers on all nodes that hear it."""
        try:
            living = [node for node in self.link.nodes if not node.lost]
            self.link.wait(self.link.dismiss(living), GOODBYE + 1)
        except (TimeoutError, RuntimeError):
            pass

    def close(self) -> None:
        self.kill()
        for worker in self.workers:
            os.close(worker.answers)
        self.workers.clear()
        try:
            self.link.wait(self.link.leave(), GOODBYE)
        except (TimeoutError, RuntimeError):
            pass
        self.link.loop.call_soon_threadsafe(self.link.loop.stop)
