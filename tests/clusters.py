"""A Dask cluster of processes on this machine; a node may pass for another machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import requires_mounts, until, workers_of

_SCHEDULER = """
import asyncio
from distributed import Scheduler

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        print(scheduler.address, flush=True)
        met = 0
        while True:
            while len(scheduler.workers) <= met:
                await asyncio.sleep(0.02)
            met += 1
            print(met, flush=True)

asyncio.run(main())
"""
_BOOT = "/proc/sys/kernel/random/boot_id"


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.nodes: list[subprocess.Popen[bytes]] = []
        self._scheduler = self._start([sys.executable, "-c", _SCHEDULER], stdout=subprocess.PIPE)
        self.address = self._line()

    def _line(self) -> str:
        assert self._scheduler.stdout is not None
        line = self._scheduler.stdout.readline().decode().strip()
        assert line, (self.folder / "dask.log").read_text()
        return line

    def _start(
        self, command: list[str], stdout: int | None = None, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with open(self.folder / "dask.log", "ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log if stdout is None else stdout,
                stderr=log, env={**os.environ, **(env or {})}, start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        return process

    def node(self, threads: int = 2, machine: bool = False, mounts: str = "") -> None:
        """One more Dask worker. `machine`: it passes for another machine."""
        command = [
            sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--no-nanny",
            "--nthreads", str(threads), "--no-dashboard", "--local-directory", str(self.folder),
        ]  # fmt: skip
        if machine:
            requires_mounts()
            boot = self.folder / str(uuid.uuid4())
            boot.write_text(f"{boot.name}\n")
            over = f"mount --bind {boot} {_BOOT} && exec "
            command = ["unshare", "-m", "sh", "-c", over + " ".join(command)]
        env = {"BLIT_MOUNTS": mounts} if mounts else None
        self.nodes.append(self._start(command, env=env))
        while self._line() != str(len(self.nodes)):
            pass

    def workers(self) -> list[int]:
        """Worker processes of blit on all living nodes."""
        return [pid for node in self.nodes if node.poll() is None for pid in workers_of(node.pid)]

    def kill(self, number: int) -> None:
        """A node is gone from one moment to the next, and all that ran on it."""
        node = self.nodes[number]
        children = workers_of(node.pid)
        os.kill(node.pid, signal.SIGKILL)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        node.wait(10)

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def cluster(folder: Path, nodes: int = 2) -> Iterator[Cluster]:
    folder.mkdir()
    made = Cluster(folder)
    try:
        for _ in range(nodes):
            made.node()
        yield made
        until(lambda: not made.workers(), "the nodes to be left by blit's workers")
    finally:
        made.close()
