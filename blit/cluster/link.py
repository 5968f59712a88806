"""The thread that talks to the Dask scheduler: tasks and flags out, answers and status pages in."""

from __future__ import annotations

import asyncio
import mmap
import os
import platform
import threading
import time
from collections.abc import Coroutine, Iterable
from typing import Any

import blit
from blit.cluster import node as remote
from blit.engine.workers import Worker
from blit.worker import status

_LOOK = 0.2  # seconds between two looks at a node's pages
# Seconds without an answer after which a node is lost. Less than the stall rule gives (10 s), so
# that its work is done elsewhere instead.
DEAF = 6.0
CONNECT, GOODBYE = 5.0, 3.0  # seconds
_TRIES = 3  # workers of one node that die in turn before it counts as lost


class Unusable(Exception):
    """There is no such cluster, or it cannot do this: one sentence for the user."""


class Node:
    """One Dask worker."""

    def __init__(self, address: str, threads: int, greeting: remote.Greeting) -> None:
        self.address, self.threads, self.greeting = address, threads, greeting
        self.machine = 0  # its number: nodes of one machine share it
        self.same: dict[int, int] = {}  # see Folders.far
        self.lost = False
        self.gone: list[int] = []  # slots of workers that must end
        self.died = 0
        self.heard = time.monotonic()
        self.wake = asyncio.Event()
        self.least = 0  # pages unwritten, at least so far
        self.flushes = 0  # times that they became fewer
        self.workers: list[FarWorker] = []  # replaced as a whole: two threads read it


class FarWorker(Worker):
    __slots__ = ("done", "inbox", "node", "number", "ticks")

    def __init__(self, slot: int, node: Node, view: status.View) -> None:
        answers, self.done = os.pipe()  # a byte an answer; its end is the worker's
        os.set_blocking(answers, False)
        super().__init__(slot, -1, -1, answers, view)
        self.node = node
        self.number = 0  # tasks that it was given
        self.ticks = 0  # of the newest page that came
        self.inbox = b""


class Link:
    """Everything here but `__init__`, `wait`, `send`, `wake` and `lose` runs in its own thread."""

    def __init__(self, run: tuple[str, str, int, int], pages: mmap.mmap) -> None:
        """`run`: the first arguments of remote.work. `pages`: this process's status pages."""
        self.run, self.map = run, pages
        self.nodes: list[Node] = []
        self.client: Any = None
        self._flying: set[asyncio.Task[None]] = set()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="blit-cluster", daemon=True).start()

    def wait(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        """Have it done over there. Raises TimeoutError, and what it raises."""
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), self.loop).result()

    def send(self, worker: FarWorker, frame: bytes) -> None:
        number, worker.number = worker.number, worker.number + 1
        self.loop.call_soon_threadsafe(self._fly, self._carry(worker, number, frame))

    def wake(self) -> None:
        """Bring the flags, and the news of who must end, to all nodes now."""
        for node in self.nodes:
            self.loop.call_soon_threadsafe(node.wake.set)

    def lose(self, node: Node) -> None:
        """From now on nobody is given anything there."""
        node.lost = True
        self.loop.call_soon_threadsafe(self._lose, node)

    def _fly(self, work: Coroutine[Any, Any, None]) -> None:
        """To be called over there: do it beside everything else."""
        task = self.loop.create_task(work)
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)

    async def connect(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            text = "--cluster needs Dask, which is not installed: pip install 'blit[cluster]'"
            raise Unusable(text) from None
        import logging

        logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
        try:
            self.client = await Client(
                address, asynchronous=True, timeout=CONNECT, set_as_default=False
            )
        except (OSError, ValueError, TimeoutError) as error:
            first = str(error).partition("\n")[0]
            raise Unusable(f"no Dask scheduler answers at {address}: {first}") from None
        threads: dict[str, int] = await self.client.nthreads()
        if not threads:
            raise Unusable(f"the Dask cluster at {address} has no workers")
        greetings = await self.client.run(remote.greet, on_error="return")
        machines: dict[str, int] = {}
        for at, greeting in sorted(greetings.items()):
            if not isinstance(greeting, remote.Greeting):
                raise Unusable(
                    f"node {at} cannot run blit ({type(greeting).__name__}: {greeting}): install "
                    "it there, in the Python of the Dask worker"
                )
            if greeting.trouble:
                raise Unusable(f"node {at}: {greeting.trouble}")
            if greeting.version != blit.__version__:
                raise Unusable(f"node {at} has blit {greeting.version}, here is {blit.__version__}")
            if greeting.python.split(".")[:2] != platform.python_version().split(".")[:2]:
                here = platform.python_version()
                raise Unusable(f"node {at} has Python {greeting.python}, here is {here}")
            if threads.get(at):
                self.nodes.append(Node(at, threads[at], greeting))
        # the first looks at the arguments: it must see the paths as they were written
        self.nodes.sort(key=lambda node: bool(node.greeting.mounts))
        if not self.nodes or self.nodes[0].greeting.mounts:
            raise Unusable("all nodes have BLIT_MOUNTS: one must see the paths as they are written")
        for node in self.nodes:
            node.machine = machines.setdefault(node.greeting.machine, len(machines))
            self._fly(self._follow(node))
        self._fly(self._count())

    async def _carry(self, worker: FarWorker, number: int, frame: bytes) -> None:
        """One task there and its answer back; whatever goes wrong, the worker is dead."""
        node, future = worker.node, None
        try:
            future = self.client.submit(
                remote.work, *self.run, worker.slot, number, frame,
                key=f"blit-{self.run[0]}-{worker.slot}-{number}", workers=[node.address],
                allow_other_workers=False, pure=False, retries=0,
            )  # fmt: skip
            page, clock, worker.inbox = await future.result()
        except Exception:
            node.died += 1
            if node.died >= _TRIES:
                self._lose(node)
            self.end(worker)
        else:
            node.died = 0
            self._show(worker, page, clock)
            if worker.done >= 0:
                os.write(worker.done, b".")
        finally:
            if future is not None:
                future.release()

    async def _follow(self, node: Node) -> None:
        """Fetch a node's pages, bring it the flags, and notice when it is deaf."""
        while not node.lost:
            mine = {w.slot: w for w in node.workers}
            flags = {slot: self.map[w.view.base + 33] for slot, w in mine.items()}
            gone = list(node.gone)
            node.wake.clear()
            try:
                call = self.client.run(
                    remote.poll, self.run[0], flags, gone, workers=[node.address],
                    on_error="return",
                )  # fmt: skip
                look = (await asyncio.wait_for(call, DEAF)).get(node.address)
            except Exception:
                look = None
            if isinstance(look, remote.Look):
                node.heard = time.monotonic()
                node.gone = node.gone[len(gone) :]
                if look.unwritten < node.least:
                    node.flushes += 1
                node.least = look.unwritten if not node.least else min(node.least, look.unwritten)
                for slot, page in look.pages.items():
                    if slot in mine:
                        self._show(mine[slot], page, look.clock)
            elif time.monotonic() - node.heard > DEAF:
                self._lose(node)
                break
            try:
                await asyncio.wait_for(node.wake.wait(), _LOOK)
            except TimeoutError:
                pass

    async def _count(self) -> None:
        """Notice nodes that the scheduler has lost; without a scheduler all are."""
        heard = time.monotonic()
        while True:
            await asyncio.sleep(1)
            try:
                there = await asyncio.wait_for(self.client.nthreads(), DEAF)
                heard = time.monotonic()
            except Exception:
                if time.monotonic() - heard < DEAF:
                    continue
                there = {}
            for node in self.nodes:
                if node.address not in there and not node.lost:
                    self._lose(node)

    def _lose(self, node: Node) -> None:
        node.lost = True
        for worker in node.workers:
            self.end(worker)
        self._fly(self.dismiss([node]))

    async def dismiss(self, nodes: Iterable[Node]) -> None:
        """Have the workers ended, where anybody hears it; elsewhere their lease runs out."""
        try:
            addresses = [node.address for node in nodes]
            call = self.client.run(
                remote.end, self.run[0], workers=addresses, on_error="ignore"
            )  # fmt: skip
            await asyncio.wait_for(call, GOODBYE)
        except Exception:
            pass

    def end(self, worker: FarWorker) -> None:
        """Who waits for its answer reads the end of the pipe."""
        done, worker.done = worker.done, -1
        if done >= 0:
            os.close(done)

    def _show(self, worker: FarWorker, page: bytes, clock: int) -> None:
        """Copy a page here, unless a newer one is; the flag on it is ours."""
        ticks = int.from_bytes(page[:8], "little")
        if ticks < worker.ticks:
            return
        worker.ticks = ticks
        if page[32] == status.SYNC:
            ticks += worker.node.flushes  # a flush moves as long as pages are written out
        first = int.from_bytes(page[24:32], "little")
        if first:
            first = max(1, first + time.monotonic_ns() - clock)
        base = worker.view.base
        self.map[base : base + 8] = max(ticks, worker.view.counters()[0]).to_bytes(8, "little")
        self.map[base + 8 : base + 24] = page[8:24]
        self.map[base + 24 : base + 32] = first.to_bytes(8, "little")
        self.map[base + 32] = page[32]
        self.map[base + 34 : base + status.PAGE] = page[34:]

    async def leave(self) -> None:
        for task in list(self._flying):
            if task is not asyncio.current_task():
                task.cancel()
        if self.client is not None:
            await self.client.close()
