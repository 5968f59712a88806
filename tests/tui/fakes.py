"""A manager that stands still: it shows given entries and records what it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from blit.job import Job
from blit.queue import ENDED, PREVIEW, WAITING, Entry, Extra, Folders

_T = TypeVar("_T")


def done(value: _T) -> Future[_T]:
    future: Future[_T] = Future()
    future.set_result(value)
    return future


class StillManager:
    """Every command is one tuple in `calls`: ("pause", 3). Nothing else happens unless said below.

    `change` replaces fields of an entry, `fold` tells its state events; `add`, `preview`, `retry`
    and `again` make an entry, as the protocol promises an id, and `discard`, `remove` take it away.
    """

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        tree: Mapping[str, Iterable[str]] | None = None,
        extras: Mapping[bytes, Iterable[Extra]] | None = None,
        saved: str | OSError = "/home/you/blit-problems.txt",
    ) -> None:
        self.shown = tuple(entries)
        self.calls: list[tuple[Any, ...]] = []
        self.tree = {path: tuple(names) for path, names in (tree or {}).items()}
        self.deletions = {folder: tuple(rows) for folder, rows in (extras or {}).items()}
        self.saved = saved

    # -- for the tests -----------------------------------------------------------------------------

    def change(self, id: int, **fields: Any) -> None:
        self.shown = tuple(replace(e, **fields) if e.id == id else e for e in self.shown)

    def fold(self, id: int, *events: Any) -> None:
        for event in events:
            self.change(id, state=self.entry(id).state.after(event))

    def entry(self, id: int) -> Entry:
        return next(e for e in self.shown if e.id == id)

    def _new(self, job: Job, stage: str = WAITING, **fields: Any) -> int:
        id = max((e.id for e in self.shown), default=0) + 1
        self.shown = (*self.shown, Entry(id, job, stage=stage, **fields))
        return id

    # -- the protocol ------------------------------------------------------------------------------

    def entries(self) -> tuple[Entry, ...]:
        return self.shown

    def add(self, job: Job) -> int:
        self.calls.append(("add", job))
        return self._new(job)

    def preview(self, job: Job) -> int:
        self.calls.append(("preview", job))
        return self._new(job, PREVIEW)

    def confirm(self, id: int) -> None:
        self.calls.append(("confirm", id))

    def discard(self, id: int) -> None:
        self.calls.append(("discard", id))
        self.shown = tuple(e for e in self.shown if e.id != id)

    def start_now(self, id: int) -> None:
        self.calls.append(("start_now", id))

    def pause(self, id: int) -> None:
        self.calls.append(("pause", id))

    def resume(self, id: int) -> None:
        self.calls.append(("resume", id))

    def stop(self, id: int, now: bool = False) -> None:
        self.calls.append(("stop", id, now))

    def answer(self, id: int, allow: bool) -> None:
        self.calls.append(("answer", id, allow))
        self.change(id, answered=True)

    def wait(self, id: int) -> None:
        self.calls.append(("wait", id))

    def skip(self, id: int) -> None:
        self.calls.append(("skip", id))

    def retry(self, id: int, paths: tuple[bytes, ...] = ()) -> int:
        self.calls.append(("retry", id, paths))
        return self._new(self.entry(id).job, retry_of=id)

    def again(self, id: int) -> int:
        self.calls.append(("again", id))
        return self._new(self.entry(id).job)

    def move(self, id: int, by: int) -> None:
        self.calls.append(("move", id, by))

    def remove(self, id: int) -> None:
        self.calls.append(("remove", id))
        self.shown = tuple(e for e in self.shown if e.id != id or e.stage not in (WAITING, ENDED))

    def folders(self, path: str) -> Future[Folders]:
        self.calls.append(("folders", path))
        if path not in self.tree:
            return done(Folders(path, error="No such file or directory"))
        return done(Folders(path, self.tree[path]))

    def extras(self, id: int, folder: bytes = b"", limit: int = 1_000) -> Future[tuple[Extra, ...]]:
        self.calls.append(("extras", id, folder))
        return done(self.deletions.get(folder, ())[:limit])

    def save_problems(self, id: int) -> Future[str]:
        self.calls.append(("save_problems", id))
        if isinstance(self.saved, OSError):
            future: Future[str] = Future()
            future.set_exception(self.saved)
            return future
        return done(self.saved)
