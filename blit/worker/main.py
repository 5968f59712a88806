"""A worker process: read a task, do it, answer, until the pipe closes."""

from __future__ import annotations

import mmap
import sys
from time import monotonic, process_time

from blit.worker import status, wire
from blit.worker.context import Context
from blit.worker.folders import MOST_HANDLES, take_umask
from blit.worker.signals import signal
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TASKS, ANSWERS, SHARED = 3, 4, 5  # the descriptors that a worker is started with


class Worker:
    """Dispatches tasks by `op`; modules a run may not need are imported by their first task."""

    def __init__(self, context: Context) -> None:
        self.c = context
        self.scanner: Any = None
        self.trashed: Any = None
        self.told = 0  # devices written to that the program knows of

    def do(self, task: dict[str, Any]) -> dict[str, Any]:
        operation: str = task["op"]
        folders = self.c.folders
        folders.learn(task["known"])
        if far := task.get("far"):
            folders.far(*far)
        if said := task.get("said"):
            self.c.trash = said
        if lock := task.get("lock"):
            answer = self.lock(lock, task)
        else:
            answer = getattr(self, operation)(task)
        if len(folders.known) > len(task["known"]):
            answer["known"] = folders.known
        if len(self.c.devices) > self.told:
            self.told = len(self.c.devices)
            answer["written"] = self.c.devices
        if lost := self.c.me.xattrs_lost:
            answer["xattrs_lost"], self.c.me.xattrs_lost = lost, 0
        if lost := self.c.me.owners_lost:
            answer["owners_lost"], self.c.me.owners_lost = lost, 0
        if self.c.locked is not None:
            answer["locked"], self.c.locked = self.c.locked, None
            answer["borrowed"] = self.c.borrowed
        return answer

    def lock(self, places: Any, task: dict[str, Any]) -> dict[str, Any]:
        """The task, under a lock that is taken before, or taken anew because its keeper died."""
        from blit.worker import opening

        self.c.page.folder("", "")
        self.c.page.operation(status.LIST_TARGET)
        try:
            opening.lock(self.c, *places)
        except opening.Held as held:
            self.c.locked = None
            fatal = (held.path.encode("utf-8", "surrogateescape"), "lock", 0, str(held))
            if task["op"] == "roots":
                return {"fatal": fatal}
            return getattr(self, task["op"])(task) | {"fatal": fatal}  # type: ignore[no-any-return]
        answer: dict[str, Any] = getattr(self, task["op"])(task)
        return answer

    def probe(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import probe

        return probe.run(self.c, task)

    def survey(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import survey

        return survey.run(self.c, task)

    def roots(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import opening

        return opening.make(self.c, task)

    def extras(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import extras

        return extras.run(self.c, task)

    def folders(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import browse

        return browse.folders(task)

    def devices(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import browse

        return browse.devices(task)

    def scan(self, task: dict[str, Any]) -> dict[str, Any]:
        if self.scanner is None:
            from blit.worker.scan import Scanner

            self.scanner = Scanner(self.c)
        answer: dict[str, Any] = self.scanner.run(task)
        return answer

    def copy(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import giving
        from blit.worker.copy import Copier

        groups, skip = task["groups"], task.get("skip")
        if skip:
            from blit.worker.retry import outside, without

            groups = outside(groups, skip)
        copier = Copier(self.c, task["options"], task.get("budget", giving.NEVER))
        if dead := task.get("dead"):
            from blit.worker import redone

            redone.sweep(self.c, groups, dead, task.get("spare", ()))
            redone.touch(copier, groups)
        if skip:
            groups = without(groups, skip)
        before = process_time()
        answer: dict[str, Any] = copier.run(groups).as_dict()
        answer["took"] = monotonic() - copier.began
        answer["worked"] = process_time() - before
        return answer

    def direct(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import direct

        return direct.run(self, task)

    def again(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import retry

        return retry.run(self.c, task)

    def links(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import links

        return links.run(self.c, task).as_dict()

    def finish(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import finish

        return finish.run(self.c, task).as_dict()

    def delete(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import remove

        return remove.run(self.c, task).as_dict()

    def relocate(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import retire

        return retire.relocate(self.c, task)

    def retire(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import retire

        return retire.run(self.c, task)

    def swap(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import remove

        return remove.swap(self.c, task).as_dict()

    def trash(self, task: dict[str, Any]) -> dict[str, Any]:
        """What lies in a trash: begun by a task with a `verb`, gone on with by those without."""
        from blit.worker.trash_work import Work

        if "verb" in task:
            self.trashed = Work(self.c, task)
        answer: dict[str, Any] = self.trashed.step()
        return answer

    def large_begin(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import large

        return large.begin(self.c, task)

    def large_range(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import large

        return large.ranges(self.c, task)

    def large_end(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import large

        return large.end(self.c, task)

    def large_abandon(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import large

        return large.abandon(self.c, task)

    def meet(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import meeting

        return meeting.run(self.c, task)

    def sync(self, task: dict[str, Any]) -> dict[str, Any]:
        from blit.worker import flush

        return flush.run(self.c, task)


def main() -> None:
    # whatever else was open in the caller's caller is none of ours: an inherited pipe would keep
    # its reader waiting after the program has left
    os.closerange(SHARED + 1, 65536)
    slot, token, parent, first = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    # the terminal signals the whole group; the program tells us what to do about it by the flag
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(
        signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
    )
    files = _raise_limit()
    take_umask()
    page = status.Page(mmap.mmap(SHARED, 0), slot)
    worker = Worker(Context(page, token, slot, parent, min(MOST_HANDLES, files // 3), first))
    _prepare(slot)
    while True:
        task = wire.read_frame(TASKS)
        if task is None:
            break
        try:
            answer = worker.do(task)
        except (
            BaseException
        ) as error:  # a defect of ours: told, not swallowed, and the worker lives on
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                raise
            answer = {"defect": _describe(error), "at": page.map[page.base + 32]}
            page.operation(status.IDLE)
        try:
            wire.write_all(ANSWERS, wire.frame(answer))
        except OSError:
            break  # the program is gone
    os._exit(0)


def _prepare(slot: int) -> None:
    """While the program still reads its arguments: the modules that nearly every run needs.

    Whoever is started late has a task by now, and imports what that needs.
    """
    from select import select

    first = ("probe", "scan", "copy", "direct") if slot == 0 else ("copy", "scan")
    for name in (*first, "finish"):
        if select([TASKS], (), (), 0)[0]:
            return
        __import__(f"blit.worker.{name}")


def _raise_limit() -> int:
    """As many open files as the user may have: folders are kept open. Returns the limit."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def _describe(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


if __name__ == "__main__":
    main()
