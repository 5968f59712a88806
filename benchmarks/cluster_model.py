"""How far would more machines go? The real schedule, with nodes, a network and a file server that
are only imagined.

cluster_model.py      the table of docs/performance.md, "More than one machine"; a second

Each node has 4 workers. A task crosses the network twice (`HOP`), and each one takes time of the
planner and the scheduler, which do one at a time (`ANSWER`). A file costs a worker 2 ms and its
node's link its bytes, there and back; the file server takes so many operations and so many bytes a
second from all. Not imagined is which task goes to whom, and how large it is: that is `Schedule`.
"""

from __future__ import annotations

import heapq
import sys
from typing import Any, NamedTuple

from blit.engine.schedule import Schedule
from blit.worker import wire

NODES = (1, 2, 4, 8, 16, 32, 64)
THREADS = 4  # workers a node
HOP = 0.002  # seconds from the planner through the scheduler to a node, or back
ANSWER = 0.001  # seconds that a task costs the planner and the scheduler, which do one at a time
LIST_S, FILE_S = 100e-6, 0.002  # a worker alone: an entry listed, a file copied, of waiting mostly
LINK = 1.25e9  # bytes/s of one node (10 Gbit/s), read and written: half of it is copied
FOLDER = 100  # files each
ROOTS = ("/shared/a", "/shared/b")


class Server(NamedTuple):
    """What all nodes share."""

    operations: float  # a second; a file takes 10
    bandwidth: float  # bytes a second, read and written


class Work(NamedTuple):
    name: str
    files: int
    size: int  # bytes each


SERVERS = {"small": Server(50_000, 2.5e9), "large": Server(2_000_000, 100e9)}
WORK = (Work("4 kB", 400_000, 4096), Work("10 MB", 40_000, 10_000_000))


class Queue:
    """One thing after another: when what asks at `now` for so many seconds is done."""

    def __init__(self) -> None:
        self.free = self.used = 0.0

    def take(self, now: float, seconds: float) -> float:
        self.free = max(self.free, now) + seconds
        self.used += seconds
        return self.free


def run(nodes: int, work: Work, server: Server, answer: float = ANSWER) -> tuple[float, str]:
    """Seconds of the whole run, and what was busiest."""
    workers = nodes * THREADS
    folders = work.files // FOLDER
    token = wire.dump((*ROOTS, "folder", "folder", None, 0))
    schedule = Schedule([token] * folders, 0, ((), ()), workers, split=False)
    planner, disks = Queue(), Queue()
    links = [Queue() for _ in range(nodes)]
    idle = list(range(workers))
    busy: list[tuple[float, int, dict[str, Any], dict[str, Any]]] = []
    now, copied, spent = 0.0, 0, 0.0
    while True:
        waiting = []
        for slot in idle:
            task = schedule.next(slot)
            if task is None:
                waiting.append(slot)
                continue
            begins = planner.take(now, answer) + HOP
            if task["op"] == "scan":
                count = len(task["folders"])
                entries = count * FOLDER
                ends = begins + entries * LIST_S
                ends = max(ends, disks.take(begins, entries / server.operations))
                size = FOLDER * work.size
                told: dict[str, Any] = {
                    "folders": [], "open": False, "large": [], "links": [], "extras": b"",
                    "groups": [(FOLDER, size, bytes(FOLDER * 40))] * count, "swaps": [],
                    "finish": b"", "bare": b"", "files": entries, "bytes": count * size,
                }  # fmt: skip
            else:
                files, size = task["files"], task["bytes"]
                copied += files
                ends = begins + files * FILE_S
                shared = max(10 * files / server.operations, 2 * size / server.bandwidth)
                ends = max(ends, disks.take(begins, shared))
                ends = max(ends, links[slot // THREADS].take(begins, 2 * size / LINK))
                told = {"files": files, "bytes": size, "took": ends - begins}
            spent += ends - begins
            heapq.heappush(busy, (ends + HOP, slot, task, told))
        idle = waiting
        if not busy:
            break
        now, slot, task, told = heapq.heappop(busy)
        schedule.done(slot, task, told)
        idle.insert(0, slot)
    assert schedule.exhausted and copied == work.files, copied
    shares = {
        "server": disks.used / now, "planner": planner.used / now,
        "link": sum(link.used for link in links) / nodes / now,
        "workers": spent / workers / now,
    }  # fmt: skip
    limit = next((name for name, share in shares.items() if share > 0.8), "")
    if not limit:
        limit = max(shares, key=lambda name: shares[name])
        limit = f"{limit} ({shares[limit]:.0%})"
    return now, limit


def table() -> str:
    lines = ["server  files   nodes  workers       s  times  files/s     GB/s  limit"]
    for name, server in SERVERS.items():
        for work in WORK:
            one = 0.0
            for nodes in NODES:
                seconds, limit = run(nodes, work, server)
                one = one or seconds
                lines.append(
                    f"{name:<7} {work.name:<6} {nodes:>6} {nodes * THREADS:>8} {seconds:>7.1f} "
                    f"{one / seconds:>6.1f} {work.files / seconds:>8,.0f} "
                    f"{work.files * work.size / seconds / 1e9:>8.2f}  {limit}"
                )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
