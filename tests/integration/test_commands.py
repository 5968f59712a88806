"""What a face can ask of a running engine: hold a plan, review, retry, skip, wait; on real trees."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from conftest import until
from hurt import fuse
from trees import differences, make

from blit.engine import crew, probing, watch
from blit.engine import plan as plan_module
from blit.engine.control import Control
from blit.engine.pulse import Pulse
from blit.engine.transfer import transfer
from blit.engine.workers import Pool, Worker
from blit.events import (
    DeletionPlanned,
    Event,
    Failed,
    Heartbeat,
    PlanFinished,
    RunStarted,
    Summary,
)
from blit.job import Job
from blit.state import TransferState


class Run:
    """An engine at work in its own thread and loop, as it is beside a screen."""

    def __init__(self, portal: Any, job: Job, early: bool) -> None:
        self.job, self.control, self.events = job, Control(), list[Event]()
        self.state = TransferState()
        self.beats: list[Heartbeat] = []
        self._lock = threading.Lock()
        self.pool = Pool(2)
        begun = probing.start(self.pool, job) if early else None
        self.future: Future[Summary] = portal.start_task_soon(
            transfer, job, self.pool, self._publish, self.control, begun, None, self._glance
        )

    def _publish(self, event: Event) -> None:
        with self._lock:
            self.events.append(event)
            self.state = self.state.after(event)

    def _glance(self, beat: Heartbeat) -> None:
        with self._lock:
            self.beats.append(beat)
            self.state = self.state.after(beat)

    def all(self, kind: type[Any]) -> list[Any]:
        return [e for e in list(self.events) if isinstance(e, kind)]

    def ready(self) -> Heartbeat:
        return until(
            lambda: next((b for b in reversed(self.beats) if b.phase == "ready"), None), "the plan"
        )

    def end(self, timeout: float = 60) -> Summary:
        return self.future.result(timeout)


@contextmanager
def running(job: Job, early: bool = True) -> Iterator[Run]:
    with start_blocking_portal() as portal:
        run = Run(portal, job, early)
        try:
            yield run
        finally:
            if not run.future.done():
                run.control.abort()
            run.future.result(30)
            run.pool.close()


def job(command: str, source: Path, target: Path, slash: bool = True, **more: Any) -> Job:
    return Job(command, (os.fsencode(source) + b"/" * slash,), os.fsencode(target), **more)


def many(folder: Path, count: int, size: int = 10) -> None:
    make(folder, {f"d{i}": {f"f{j}": b"x" * size for j in range(50)} for i in range(count // 50)})


def same_times(changed: Path, copied: Path) -> None:
    """For what the test itself has touched after it was copied."""
    os.utime(changed, ns=(0, copied.stat().st_mtime_ns))


# -- a plan that is held --------------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
def test_a_held_plan_touches_nothing_and_is_carried_out_without_a_second_listing(
    ram: Path, early: bool
) -> None:
    many(ram / "src", 500)
    with running(job("copy", ram / "src", ram / "new" / "dst", held=True), early) as run:
        beat = run.ready()
        assert (beat.planned_files, beat.planned_bytes, beat.files) == (500, 5000, 0)
        assert run.state.free > 0
        assert run.state.elapsed == 0
        assert not (ram / "new").exists()
        (ram / "src" / "late").write_bytes(b"came after the listing")
        run.control.go()
        summary = run.end()
    assert (summary.outcome, summary.files.copied) == ("ok", 500)
    assert not (ram / "new" / "dst" / "late").exists()
    (ram / "src" / "late").unlink()
    same_times(ram / "src", ram / "new" / "dst")
    assert not differences(ram / "src", ram / "new" / "dst")
    assert len(run.all(PlanFinished)) == 1
    assert len(run.all(RunStarted)) == 2  # the second one says when it really began


def test_a_held_plan_that_is_dropped_leaves_no_trace(ram: Path) -> None:
    many(ram / "src", 100)
    make(ram / "dst", {"d0": {"f1": b"old"}, "extra": b"e"})
    before = sorted((p, p.lstat().st_mtime_ns) for p in (ram / "dst").rglob("*"))
    with running(job("mirror", ram / "src", ram / "dst", held=True, can_ask=True)) as run:
        beat = run.ready()
        assert (beat.replaced, beat.extras) == (1, 1)
        run.control.stop()
        assert run.end().outcome == "interrupted"
    assert sorted((p, p.lstat().st_mtime_ns) for p in (ram / "dst").rglob("*")) == before


def test_a_held_plan_larger_than_its_memory_is_kept_whole(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "CAP_FILES", 8)
    monkeypatch.setattr(plan_module, "CAP_BYTES", 2000)
    many(ram / "src", 2000)
    with running(job("copy", ram / "src", ram / "dst", held=True)) as run:
        assert run.ready().planned_files == 2000
        run.control.go()
        assert run.end().files.copied == 2000
    assert not differences(ram / "src", ram / "dst")


def test_a_destination_that_cannot_be_made_is_said_when_the_plan_is_confirmed(ram: Path) -> None:
    many(ram / "src", 50)
    with running(job("copy", ram / "src", ram / "dst", held=True)) as run:
        run.ready()
        (ram / "dst").symlink_to(ram / "nowhere")
        run.control.go()
        summary = run.end()
    assert summary.outcome == "failed"
    assert "cannot be made" in summary.message


# -- the mirror's question ------------------------------------------------------------------------


def mirror_with_extras(ram: Path) -> Job:
    many(ram / "src", 100)
    many(ram / "dst", 100)
    make(
        ram / "dst",
        {"old": {"big": b"b" * 5000, "sub": {"deep": b"d" * 100}}, "small": b"s" * 7, "empty": {}},
    )
    return job("mirror", ram / "src", ram / "dst", can_ask=True, review=True)


def test_a_mirror_is_reviewed_while_it_waits_and_deletes_when_allowed(ram: Path) -> None:
    with running(mirror_with_extras(ram)) as run:
        asked = until(lambda: run.all(DeletionPlanned), "the question")[0]
        assert (asked.entries, asked.asks) == (6, True)
        until(lambda: run.state.phase == "asking", "the end of the copy")
        top = run.control.request_extras(b"", 10).result(10)
        assert top == [(b"old", True, 5100, 4), (b"small", False, 7, 1), (b"empty", True, 0, 1)]
        inside = run.control.request_extras(b"old", 10).result(10)
        assert inside == [(b"old/big", False, 5000, 1), (b"old/sub", True, 100, 2)]
        assert run.control.request_extras(b"", 1).result(10) == top[:1]
        run.control.answer(True)
        summary = run.end()
    assert (summary.outcome, summary.files.deleted) == ("ok", 6)
    assert not differences(ram / "src", ram / "dst")


def test_the_question_comes_while_the_copy_goes_on_and_may_be_answered_then(ram: Path) -> None:
    made = mirror_with_extras(ram)
    with fuse(ram) as faults:
        many(faults.below / "src", 200)
        (faults.below / "src" / "zz").write_bytes(b"z" * 2_000_000)
        faults.hurt({"op": "read", "path": "/src/zz", "hang": True})
        with running(
            job("mirror", faults.point / "src", ram / "dst", can_ask=True, review=True)
        ) as run:
            until(lambda: run.all(DeletionPlanned), "the question")
            assert run.state.phase == "copying"
            assert run.control.request_extras(b"", 10).result(10)[0][0] == b"old"
            run.control.answer(True)
            told = until(lambda: run.all(DeletionPlanned)[1:], "the reply")[0]
            assert (told.allowed, told.asks) == (True, False)
            assert (ram / "dst" / "small").exists()
            faults.hurt()
            assert run.end().files.deleted == 6
    assert made.review


def test_keeping_deletes_nothing(ram: Path) -> None:
    with running(mirror_with_extras(ram)) as run:
        until(lambda: run.all(DeletionPlanned), "the question")
        run.control.answer(False)
        summary = run.end()
    assert (summary.outcome, summary.files.deleted) == ("refused", 0)
    assert (ram / "dst" / "old" / "sub" / "deep").exists()


def test_a_person_who_sees_the_list_may_delete_more_than_half(ram: Path) -> None:
    many(ram / "src", 50)
    many(ram / "dst", 400)
    with running(job("mirror", ram / "src", ram / "dst", can_ask=True, review=True)) as run:
        asked = until(lambda: run.all(DeletionPlanned), "the question")[0]
        assert asked.asks
        assert "more than half" in asked.reason
        assert asked.many
        run.control.answer(True)
        assert run.end().outcome == "ok"
    assert not differences(ram / "src", ram / "dst")


def test_what_the_source_has_by_then_is_not_deleted(ram: Path) -> None:
    with running(mirror_with_extras(ram)) as run:
        until(lambda: run.state.phase == "asking", "the end of the copy")
        make(ram / "src", {"old": {"big": b"b" * 5000, "sub": {"deep": b"d" * 100}}})
        run.control.answer(True)
        summary = run.end()
    assert (summary.outcome, summary.files.deleted) == ("ok", 2)
    assert (ram / "dst" / "old" / "big").read_bytes() == b"b" * 5000
    assert (ram / "dst" / "old" / "sub" / "deep").exists()


@pytest.mark.parametrize("spared", [(), ("*.log",)], ids=("all", "filtered"))
def test_the_same_with_filters(ram: Path, spared: tuple[str, ...]) -> None:
    mirrored = mirror_with_extras(ram)
    with running(mirrored._replace(patterns=spared)) as run:
        until(lambda: run.state.phase == "asking", "the end of the copy")
        make(ram / "src", {"old": {"sub": {}}})
        run.control.answer(True)
        assert run.end().files.deleted == 2
    assert (ram / "dst" / "old" / "sub" / "deep").exists()
    assert (ram / "dst" / "old" / "big").exists()


def test_a_question_that_hangs_does_not_hold_the_run(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "_QUESTION", 1.0)
    many(ram / "src", 100)
    with fuse(ram) as faults:
        make(faults.below, {"extra": b"1"})
        with running(job("mirror", ram / "src", faults.point, can_ask=True, review=True)) as run:
            until(lambda: run.state.phase == "asking", "the end of the copy")
            faults.hurt({"op": "getattr", "path": "/extra", "hang": True})
            with pytest.raises(OSError, match="could not be made"):
                run.control.request_extras(b"", 10).result(10)
            faults.hurt()
            run.control.answer(True)
            summary = run.end()
            assert summary.outcome == "ok", summary.message


def test_what_is_asked_about_a_run_that_is_over_is_not_answered(ram: Path) -> None:
    many(ram / "src", 50)
    with running(job("copy", ram / "src", ram / "dst")) as run:
        run.end()
        assert run.control.request_extras(b"", 10).cancelled()


# -- some paths alone -----------------------------------------------------------------------------


def test_a_retry_copies_what_failed_and_nothing_else(ram: Path) -> None:
    tree = {
        "sub": {"bad": b"bad", "good": b"good"},
        "other": {"x": b"x"},
        "folder": {"y": {"z": b"z"}},
    }
    make(ram / "src", tree)
    make(ram / "dst", {"src": {"sub": {"bad": {"in the way": b""}}, "folder": b"a file"}})
    whole = job("copy", ram / "src", ram / "dst", slash=False)
    with running(whole) as run:
        summary = run.end()
    failed = tuple(f.path for f in summary.failures)
    assert sorted(failed) == [os.fsencode(ram / "dst/src" / name) for name in ("folder", "sub/bad")]
    (ram / "dst/src/sub/bad/in the way").unlink()
    (ram / "dst/src/sub/bad").rmdir()
    (ram / "dst/src/folder").unlink()
    (ram / "src/other/x").write_bytes(b"changed meanwhile")
    again = job("copy", ram / "src", ram / "dst", slash=False, only=failed)
    with running(again) as run:
        summary = run.end()
    assert (summary.outcome, summary.files.copied) == ("ok", 2)
    assert (ram / "dst/src/other/x").read_bytes() == b"x"
    (ram / "src/other/x").write_bytes(b"x")
    same_times(ram / "src/other/x", ram / "dst/src/other/x")
    assert not differences(ram / "src", ram / "dst/src")


def test_a_retry_of_what_is_gone_by_now_is_no_failure(ram: Path) -> None:
    make(ram / "src", {"a": b"a"})
    gone = (os.fsencode(ram / "src" / "gone"), os.fsencode(ram / "elsewhere"))
    with running(job("copy", ram / "src", ram / "dst", only=gone)) as run:
        summary = run.end()
    assert (summary.outcome, summary.files.copied) == ("ok", 0)


def test_a_retry_of_a_single_file(ram: Path) -> None:
    (ram / "one").write_bytes(b"1")
    one = job("copy", ram / "one", ram / "two", slash=False, only=(os.fsencode(ram / "one"),))
    with running(one) as run:
        assert run.end().files.copied == 1
    assert (ram / "two").read_bytes() == b"1"


# -- what stands still ----------------------------------------------------------------------------


HANGS = {
    "a small file": ({"op": "open", "path": "/src/d0/f1"}, "src/d0/f1"),
    "a large file": ({"op": "read", "path": "/src/large"}, "src/large"),
    "a folder": ({"op": "readdir", "path": "/src/d1"}, "src/d1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("hang", HANGS)
def test_what_stands_still_is_skipped_and_the_rest_goes_on(ram: Path, hang: str) -> None:
    rule, bad = HANGS[hang]
    with fuse(ram) as faults:
        many(faults.below / "src", 200)
        (faults.below / "src" / "large").write_bytes(os.urandom(150 << 20))
        faults.hurt({**rule, "hang": True})
        with running(job("copy", faults.point / "src", ram / "dst")) as run:
            until(lambda: run.state.quiet > 2 or run.future.done(), "the silence")
            assert not run.future.done(), run.end()
            run.control.skip()
            until(lambda: run.all(Failed), "the failure")
            summary = run.end()
        faults.hurt()
        assert summary.outcome == "partial"
        assert [f.path for f in summary.failures] == [os.fsencode(faults.point / bad)]
        left = differences(faults.below / "src", ram / "dst")
    assert left
    assert all(bad.removeprefix("src/") in line for line in left), left


@pytest.mark.slow
def test_what_stands_still_among_a_few_files_is_skipped_alone(ram: Path) -> None:
    with fuse(ram) as faults:
        make(faults.below, {f"f{n}": b"x" * 100 for n in range(6)})
        faults.hurt({"op": "open", "path": "/f2", "hang": True})
        with running(job("copy", faults.point, ram / "dst")) as run:
            until(lambda: run.beats and run.beats[-1].quiet > 1, "silence")
            run.control.skip()
            summary = run.end()
            faults.hurt()
    assert summary.route == "direct"
    assert [f.path for f in summary.failures] == [os.fsencode(faults.point / "f2")]
    assert sorted(os.listdir(ram / "dst")) == ["f0", "f1", "f3", "f4", "f5"]


def test_a_destination_folder_that_hangs_with_its_file_is_given_up_too(ram: Path) -> None:
    many(ram / "src", 200)
    with fuse(ram) as faults:
        make(faults.below, {"d2": {}})
        faults.hurt({"op": "rename", "path": "/d2/*", "hang": True})
        with running(job("copy", ram / "src", faults.point)) as run:
            until(lambda: run.beats and run.beats[-1].quiet > 1, "silence")
            run.control.skip()
            folder = os.fsencode(faults.point / "d2")
            until(lambda: folder in [w.path for w in run.beats[-1].workers], "the next to hang")
            run.control.skip()
            until(lambda: len(run.all(Failed)) == 2, "the folder is given up")
            until(lambda: run.beats[-1].files >= 150, "the rest")
            faults.hurt()  # the folder's own times are set at the end
            summary = run.end()
    assert summary.outcome == "partial"
    assert run.all(Failed)[1].path == folder
    assert summary.files.copied == 150


def test_workers_that_do_not_begin_are_a_stall_at_the_destination(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the words for it in watch.py this fails: no path would be named."""

    class Stopped(Pool):
        def start(self) -> Worker:
            worker = super().start()
            os.kill(worker.pid, signal.SIGSTOP)
            return worker

    monkeypatch.setattr(sys.modules[__name__], "Pool", Stopped)
    monkeypatch.setattr(watch, "Pulse", partial(Pulse, stall_after=0.5))
    with running(job("copy", ram, ram / "dst")) as run:
        summary = run.end()
    assert summary.outcome == "stalled"
    assert f"waited for: a worker process to begin at {ram / 'dst'} on" in summary.message


def test_a_pause_does_not_keep_a_stop_from_leaving_what_hangs(ram: Path) -> None:
    with fuse(ram) as faults:
        many(faults.below, 100)
        faults.hurt({"op": "read", "path": "/d0/f7", "hang": True})
        with running(job("copy", faults.point, ram / "dst")) as run:
            until(lambda: run.beats and run.beats[-1].quiet > 1, "silence")
            run.control.pause()
            until(lambda: run.state.phase == "paused", "the pause")
            run.control.stop()
            assert run.end(8).outcome == "interrupted"
            faults.hurt()


def test_a_person_may_wait_for_what_stands_still(ram: Path) -> None:
    with fuse(ram) as faults:
        make(faults.below / "src", {"big": b"b" * 3_000_000, **{f"f{i}": b"f" for i in range(20)}})
        faults.hurt({"op": "read", "path": "/src/big", "hang": True})
        with running(job("copy", faults.point / "src", ram / "dst")) as run:
            until(lambda: run.state.quiet > 3, "the silence")
            run.control.wait()
            until(lambda: run.state.quiet > 11, "more than the usual limit")
            assert run.state.beat is not None
            assert run.state.beat.limit > 60
            faults.hurt()
            summary = run.end()
            assert summary.outcome == "ok", summary.message
        assert not differences(faults.below / "src", ram / "dst")


def test_a_worker_that_cannot_be_started_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool(1)
    before = len(os.listdir("/proc/self/fd"))

    def none(*_: Any, **__: Any) -> int:
        raise OSError(11, "no process to give")

    monkeypatch.setattr(os, "posix_spawn", none)
    for _ in range(3):
        with pytest.raises(OSError, match="no process"):
            pool.start()
    assert len(os.listdir("/proc/self/fd")) == before
    pool.close()
