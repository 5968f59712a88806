"""A recorded run as transfers that move again: what `--json` wrote, told at its own pace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import NamedTuple

from blit import events
from blit.events import Event, Heartbeat, RunFinished, RunStarted, Summary
from blit.job import Job
from blit.queue import ENDED, RUNNING, Entry, Extra, Folders
from blit.state import TransferState

MOST_BYTES = 256 << 20  # of a log
_PACE = 0.05  # seconds between two looks at the clock


class Unreadable(Exception):
    """In one sentence why the file is no recorded run."""


class Told(NamedTuple):
    at: float  # seconds since the run began
    event: Event


def read(path: str) -> tuple[Told, ...]:
    """The story in a log. Raises Unreadable."""
    story: list[Event] = []
    try:
        with open(path, "rb") as file:
            lines = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    if len(lines) > MOST_BYTES:
        raise Unreadable(f"{path} is larger than {MOST_BYTES >> 20} MiB")
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if not isinstance(value, dict) or "type" not in value:
                raise ValueError("it is no event")
            event = events.from_plain(value)
        except (ValueError, RecursionError) as error:
            if number > 1 and number == len(lines.splitlines()) and not lines.endswith(b"\n"):
                break  # the run was killed while it wrote
            words = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
            raise Unreadable(
                f"{path}, line {number}: not what blit --json writes ({words})"
            ) from None
        if event is not None:
            story.append(event)
    if not story or not isinstance(story[0], RunStarted | RunFinished):
        raise Unreadable(f"{path} does not begin as what blit --json writes")
    if not isinstance(story[-1], RunFinished):
        story.append(RunFinished(_broken_off(story)))
    return tuple(timed(story))


def _broken_off(story: list[Event]) -> Summary:
    """The end of a log that has none."""
    state = TransferState()
    for event in story:
        state = state.after(event)
    source, destination = state.landings[0] if state.landings else (b"", b"")
    return Summary(
        "interrupted", 130, state.command, source, destination, state.route or None,
        events.Counts(state.files, failed=state.failures), events.ByteCounts(state.bytes),
        events.Seconds(state.elapsed), message="the recording ends here",
    )  # fmt: skip


def timed(story: list[Event]) -> Iterator[Told]:
    """Beats say when they were; what lies between two of them is spread evenly."""
    before, between = 0.0, list[Event]()
    for event in story:
        between.append(event)
        if isinstance(event, Heartbeat | RunFinished):
            beat = isinstance(event, Heartbeat)
            at = event.elapsed if beat else event.summary.seconds.total  # type: ignore[union-attr]
            at = max(before, at)
            for index, one in enumerate(between, 1):
                yield Told(before + (at - before) * index / len(between), one)
            before, between = at, []


class Replay:
    """Implements `blit.tui.messages.Manager` for one entry; no command does anything but pause."""

    def __init__(self, story: tuple[Told, ...], speed: float = 1.0) -> None:
        self._story, self._speed = story, speed
        started = story[0].event
        if isinstance(started, RunStarted):
            job = Job(
                started.command, started.sources, started.destination, started.dry_run,
                trash=started.trash,
            )  # fmt: skip
        else:
            summary = story[-1].event.summary  # type: ignore[union-attr]
            job = Job(summary.command, (summary.source,), summary.destination)
        self._entry = Entry(1, job, stage=RUNNING, added_at=time.time())
        self._shown = (self._entry,)
        self._lock = threading.Lock()
        self._going = threading.Event()
        self._going.set()
        threading.Thread(target=self._tell, name="replay", daemon=True).start()

    def _tell(self) -> None:
        now, state, last = 0.0, TransferState(), time.monotonic()
        for told in self._story:
            while now < told.at:
                if not self._going.is_set():
                    self._going.wait()
                    last = time.monotonic()
                time.sleep(min(_PACE, (told.at - now) / self._speed))
                clock = time.monotonic()
                now, last = now + (clock - last) * self._speed, clock
            state = state.after(told.event)
            over = isinstance(told.event, RunFinished)
            with self._lock:
                self._entry = replace(self._entry, state=state)
                if over:
                    self._entry = replace(
                        self._entry, stage=ENDED, paused=False, ended_at=time.time()
                    )

    def entries(self) -> tuple[Entry, ...]:
        with self._lock:
            if self._shown[0] is not self._entry:
                self._shown = (self._entry,)
            return self._shown

    def pause(self, id: int) -> None:
        self._going.clear()
        self._paused(True)

    def resume(self, id: int) -> None:
        self._going.set()
        self._paused(False)

    def _paused(self, paused: bool) -> None:
        with self._lock:
            if self._entry.stage == RUNNING:
                self._entry = replace(self._entry, paused=paused)

    # -- what a recording cannot do ----------------------------------------------------------------

    def add(self, job: Job) -> int:
        return self._entry.id

    def preview(self, job: Job) -> int:
        return self._entry.id

    def confirm(self, id: int) -> None: ...
    def discard(self, id: int) -> None: ...
    def start_now(self, id: int) -> None: ...
    def stop(self, id: int, now: bool = False) -> None: ...
    def answer(self, id: int, allow: bool) -> None: ...
    def wait(self, id: int) -> None: ...
    def skip(self, id: int) -> None: ...

    def retry(self, id: int, paths: tuple[bytes, ...] = ()) -> int:
        return self._entry.id

    def again(self, id: int) -> int:
        return self._entry.id

    def move(self, id: int, by: int) -> None: ...
    def remove(self, id: int) -> None: ...

    def folders(self, path: str) -> Future[Folders]:
        answer: Future[Folders] = Future()
        answer.set_result(Folders(path, error="a recording looks at no disk"))
        return answer

    def extras(self, id: int, folder: bytes = b"", limit: int = 1_000) -> Future[tuple[Extra, ...]]:
        answer: Future[tuple[Extra, ...]] = Future()
        answer.set_result(())
        return answer

    def save_problems(self, id: int) -> Future[str]:
        answer: Future[str] = Future()
        answer.set_exception(OSError("a recording is not saved again"))
        return answer
