"""Transfers from a program: `async with blit.transfer(job) as run`, and `blit.copy` in one line.

The engine runs in a thread and loop of its own, as with the screen: a program that is slow, or that
blocks its own loop, does not slow the copy. No signal handler is set.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import anyio.to_thread

from blit import show
from blit.engine.workers import usual_count
from blit.errors import BlitError
from blit.events import Event, Summary
from blit.job import Job
from blit.running import Running
from blit.sentences import failure_line

if TYPE_CHECKING:
    from blit.bus import Mailbox

Place: TypeAlias = "str | bytes | os.PathLike[str] | os.PathLike[bytes]"
_LOOK = 0.5  # seconds that a thread which nobody wants any more waits on


class TransferError(BlitError):
    """A run that was not all well, as `copy` and `mirror` raise it; `summary` says how it was."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary
        text = summary.message
        if summary.failures:
            text = f"{text}; {failure_line(summary.failures[0])}"
        super().__init__(show.text(text or summary.outcome))
        self.outcome = summary.outcome

    @property
    def exit_code(self) -> int:
        return self.summary.exit_code


class Run:
    """A transfer that runs as long as its `async with` block; its events are what it yields.

    Leaving the block, also by an exception, stops what is still running and waits for its end.
    """

    def __init__(self, job: Job, history: bool = False) -> None:
        predictor = None
        if history:
            from blit.history.predictor import Learned

            predictor = Learned(job)
        self.job = job
        self._history = history
        self._running = Running(job, usual_count(), predictor, awake=False)
        self._mailbox: Mailbox = self._running.board.join()[1]
        self._thread = threading.Thread(target=self._work, name="blit", daemon=True)
        self._looks = anyio.CapacityLimiter(2)  # not of the caller's threads

    @property
    def summary(self) -> Summary:
        """What became of it. RuntimeError before its end."""
        if not self._running.ended.is_set():
            raise RuntimeError("the run has not ended: `await run.wait()` waits for that")
        summary = self._running.board.state.summary
        assert summary is not None
        return summary

    def pause(self) -> None:
        """Nothing moves until `resume`; no time passes for a stall."""
        self._running.control.pause()

    def resume(self) -> None:
        self._running.control.resume()

    def stop(self) -> None:
        """Finish what is in hand and end; a second call ends at once. Outcome: `interrupted`."""
        self._running.control.stop()

    def answer(self, allow: bool) -> None:
        """The reply to a `DeletionPlanned` with `asks`, of a mirror made with `ask=True`."""
        self._running.control.answer(allow)

    async def wait(self) -> Summary:
        """To its end, without looking at events."""
        while not self._running.ended.is_set():
            await self._thread_does(self._running.ended.wait)
        return self.summary

    async def __aenter__(self) -> Run:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if not self._running.ended.is_set():
            self.stop()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join, limiter=self._looks)

    def __aiter__(self) -> Run:
        return self

    async def __anext__(self) -> Event:
        while (event := self._mailbox.get(0)) is None:
            if self._mailbox.ended:
                await self.wait()
                raise StopAsyncIteration
            await self._thread_does(self._mailbox.wait)
        return event

    async def _thread_does(self, wait: Any) -> None:
        """Cancelled at once; it takes nothing, so that nothing is lost then."""
        await anyio.to_thread.run_sync(
            wait, _LOOK, abandon_on_cancel=True, limiter=self._looks
        )  # fmt: skip

    def _work(self) -> None:
        anyio.run(self._running.run, self._over)

    async def _over(self) -> None:
        if self._history:
            from blit.history import recorder

            recorder.record(self.job, self._running.board.state)

    def _to_the_end(self) -> Summary:
        """Without a loop; an exception that comes meanwhile, as KeyboardInterrupt, stops it."""
        self._thread.start()
        try:
            self._thread.join()
        except BaseException:
            self.stop()
            try:
                self._thread.join()
            except BaseException:
                self.stop()
                self._thread.join()
                raise
            raise
        return self.summary


def transfer(job: Job, *, history: bool = False) -> Run:
    """The run of a job, for `async with`. `history`: learn from earlier runs, leave a line."""
    return Run(job, history)


def copy(
    sources: Place | Iterable[Place], target: Place, *, check: bool = True, history: bool = False,
    **options: Any,
) -> Summary:  # fmt: skip
    """`blit copy`: returns when it is over. `options`: those of `make_job`.

    Raises TransferError unless all went well, or `check` is False; ValueError for what cannot be
    meant.
    """
    return _checked(make_job("copy", sources, target, **options), check, history)


def mirror(
    source: Place, target: Place, *, check: bool = True, history: bool = False, **options: Any
) -> Summary:
    """`blit mirror`, as `copy` above; it deletes with `yes=True` alone."""
    return _checked(make_job("mirror", source, target, **options), check, history)


def _checked(job: Job, check: bool, history: bool) -> Summary:
    summary = Run(job, history)._to_the_end()
    if check and summary.exit_code:
        raise TransferError(summary)
    return summary


def make_job(
    command: str,
    sources: Place | Iterable[Place],
    target: Place,
    *,
    dry_run: bool = False,
    checksum: bool = False,
    verify: bool = False,
    durable: bool = False,
    itemize: bool = False,
    exclude: Iterable[str] = (),
    exclude_from: Iterable[Place] = (),
    gitignore: bool = False,
    min_size: int | None = None,
    max_size: int | None = None,
    newer: float | None = None,
    older: float | None = None,
    yes: bool = False,
    ask: bool = False,
    max_delete: int | None = None,
    allow_empty_source: bool = False,
    delete_excluded: bool = False,
) -> Job:
    """What the command line would say; the options are its own. ValueError: what cannot be meant.

    A slash at the end of a source means what is in it: a `pathlib.Path` cannot say that, a `str`
    can. `exclude`: lines of a .gitignore, `!` takes back; they come after those of `exclude_from`.
    `min_size`, `max_size`: bytes, and `newer`, `older`: Unix times, leave regular files out.
    `itemize`: `BatchFinished.changes` names every change. `ask`: a mirror publishes
    `DeletionPlanned` with `asks` and waits for `Run.answer`.
    """
    if command not in ("copy", "mirror"):
        raise ValueError(f"the command is copy or mirror, not {command!r}")
    given = [sources] if isinstance(sources, str | bytes | os.PathLike) else list(sources)
    if not given or (command == "mirror" and len(given) > 1):
        raise ValueError("a mirror has one source" if given else "there is no source")
    lines = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    if bad := [line for line in lines if "\n" in line or "\0" in line or not line]:
        raise ValueError(f"{bad[0]!r} is no pattern")
    if isinstance(exclude_from, str | bytes | os.PathLike):
        exclude_from = [exclude_from]
    return Job(
        command, tuple(map(_absolute, given)), _absolute(target), dry_run=dry_run,
        checksum=checksum, verify=verify, durable=durable, itemize=itemize or dry_run,
        patterns=(*map(_absolute, exclude_from), *lines), gitignore=gitignore, yes=yes,
        can_ask=ask, max_delete=max_delete, allow_empty_source=allow_empty_source,
        delete_excluded=delete_excluded, min_size=min_size, max_size=max_size, newer=newer,
        older=older,
    )  # fmt: skip


def _absolute(place: Place) -> bytes:
    path = os.fsencode(place)
    if not path or b"\0" in path:
        raise ValueError(f"{place!r} is no path")
    return path if path.startswith(b"/") else os.path.join(os.getcwdb(), path)
