"""While the program imports its engine the workers are fed, and the engine takes over whatever is."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from blit.engine import probing
from blit.engine.control import Control
from blit.engine.feeding import Feeder
from blit.engine.transfer import transfer
from blit.engine.workers import Pool
from blit.events import Event, Failed, Summary
from blit.job import Job
from blit.worker import wire
from tests.trees import assert_same, temporaries


def tree(root: Path, folders: int = 60, files: int = 40) -> Path:
    for number in range(folders):
        folder = root / "source" / f"d{number}"
        folder.mkdir(parents=True)
        for name in range(files):
            (folder / f"f{name}").write_bytes(b"x" * (name * 7))
    return root / "source"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The first look is waited for, however busy the machine is."""
    monkeypatch.setattr(probing, "_PATIENCE", 30.0)
    pace = sys.getswitchinterval()
    yield
    sys.setswitchinterval(pace)


@contextmanager
def begun(source: Path, target: Path) -> Iterator[tuple[Job, Pool, probing.Early, Feeder]]:
    """A copy that has set out, with an engine that does not come up yet."""
    job = Job("copy", (os.fsencode(f"{source}/"),), os.fsencode(target))
    pool = Pool(2)
    try:
        early = probing.start(pool, job)
        assert early.feeder is not None
        yield job, pool, early, early.feeder
    finally:
        pool.kill()
        pool.close()
        while not pool.reap():
            pass


def ended(
    job: Job, pool: Pool, early: probing.Early, control: Control | None = None
) -> tuple[Summary, list[Event]]:
    told: list[Event] = []
    control = control or Control()
    return anyio.run(transfer, job, pool, told.append, control, early), told


def thread_of(feeder: Feeder) -> None:
    assert feeder._thread is not None
    feeder._thread.join(30)
    assert not feeder._thread.is_alive()


def test_all_is_copied_before_the_engine_comes_up(ram: Path) -> None:
    """Without `go_on` only the first listings are done by then."""
    source, target = tree(ram), ram / "target"
    with begun(source, target) as (job, pool, early, feeder):
        probing.go_on(early)
        thread_of(feeder)  # it leaves when nothing is left to do
        assert pool.counters()[1] == 60 * 40
        summary, _ = ended(job, pool, early)
    assert (summary.outcome, summary.files.copied) == ("ok", 60 * 40)
    assert_same(source, target)


def test_the_engine_takes_over_in_the_middle(ram: Path) -> None:
    """Without the `stop` in transfer.py two of us would read the same answers."""
    source, target = tree(ram, 400), ram / "target"
    with begun(source, target) as (job, pool, early, feeder):
        probing.go_on(early)
        summary, _ = ended(job, pool, early)
        assert feeder._thread is None
    assert (summary.outcome, summary.files.copied) == ("ok", 400 * 40)
    assert_same(source, target)


def test_trouble_is_left_to_the_engine(ram: Path) -> None:
    """Without the look at `failures` it goes on, and the engine hears of it late."""
    source, target = tree(ram), ram / "target"
    for number in range(60):  # wherever it begins it meets one
        (target / f"d{number}/f1").mkdir(parents=True)
    with begun(source, target) as (job, pool, early, feeder):
        probing.go_on(early)
        thread_of(feeder)
        assert feeder.trouble and pool.counters()[1] < 60 * 39
        summary, told = ended(job, pool, early)
    assert (summary.outcome, summary.files.failed) == ("partial", 60)
    assert summary.files.copied == 60 * 39
    assert sum(isinstance(event, Failed) for event in told) == 60


def test_a_worker_that_dies_meanwhile_is_replaced_by_the_engine(ram: Path) -> None:
    """Without the task being noted before it is sent, what it had in hand would be lost."""
    source, target = tree(ram, 400), ram / "target"
    with begun(source, target) as (job, pool, early, feeder):
        os.kill(pool.workers[1].pid, signal.SIGKILL)
        probing.go_on(early)
        thread_of(feeder)
        assert feeder.trouble
        summary, _ = ended(job, pool, early)
    assert (summary.outcome, summary.files.failed) == ("ok", 0)
    assert_same(source, target)
    assert not temporaries(target)


def test_a_worker_that_dies_before_it_has_work_is_replaced_by_the_engine(ram: Path) -> None:
    """Without WorkerDied being caught in `feed` the run ends here, with exit code 1."""
    source, target = tree(ram), ram / "target"
    job = Job("copy", (os.fsencode(f"{source}/"),), os.fsencode(target))
    pool = Pool(2)
    try:
        os.kill(pool.workers[1].pid, signal.SIGKILL)
        assert select.select([pool.workers[1].answers], [], [], 30)[0]  # it is gone
        early = probing.start(pool, job)
        assert early.feeder is not None and early.feeder.trouble
        summary, _ = ended(job, pool, early)
    finally:
        pool.kill()
        pool.close()
    assert (summary.outcome, summary.files.failed) == ("ok", 0)
    assert_same(source, target)


@pytest.mark.parametrize("trouble", [False, True])
def test_what_was_done_is_told_when_the_run_is_stopped_by_then(ram: Path, trouble: bool) -> None:
    """Without `catch_up` in `left_text` nothing of it is counted, and no failure is told."""
    source, target = tree(ram), ram / "target"
    for number in range(60 * trouble):
        (target / f"d{number}/f1").mkdir(parents=True)
    with begun(source, target) as (job, pool, early, feeder):
        probing.go_on(early)
        thread_of(feeder)
        assert feeder.trouble == trouble
        control = Control()
        control.stop(signal.SIGINT)
        summary, told = ended(job, pool, early, control)
    there = sum(len(files) for _, _, files in os.walk(target))
    assert (summary.outcome, summary.files.copied) == ("interrupted", there)
    assert summary.files.failed == sum(isinstance(event, Failed) for event in told)
    assert bool(summary.files.failed) == trouble
    assert f"interrupted: {there:,} of " in summary.message


def test_half_an_answer_keeps_nobody() -> None:
    """With `answer_now` in feeding.py `stop` waits for a worker that stands still."""
    pool = Pool(1)
    try:
        worker = pool.workers[0]
        theirs, ours = os.pipe()
        os.set_blocking(theirs, False)
        os.close(worker.answers)
        worker.answers = theirs
        os.write(ours, b"\x10\0")
        feeder = Feeder(pool, SimpleNamespace(next=lambda slot: None), (0, 0))  # type: ignore[arg-type]
        feeder.tasks[worker.slot] = {}
        feeder.go_on()
        stopping = threading.Thread(target=feeder.stop, daemon=True)
        stopping.start()
        stopping.join(20)
        assert not stopping.is_alive()
        os.close(ours)
    finally:
        pool.kill()
        pool.close()


def test_an_engine_in_its_own_thread_does_not_wait_for_the_screen_to_be_imported(ram: Path) -> None:
    """With the interval set back in any case the engine would wait 5 ms at each step."""
    usual = 0.005
    sys.setswitchinterval(usual)
    try:
        with begun(tree(ram), ram / "target") as (_, _, early, feeder):
            probing.go_on(early)
            engine = threading.Thread(target=feeder.stop)
            engine.start()
            engine.join()
            assert sys.getswitchinterval() < usual
            sys.setswitchinterval(usual)
            probing.go_on(early)
            feeder.stop()
            assert sys.getswitchinterval() == usual
    finally:
        sys.setswitchinterval(usual)


def test_a_defect_of_the_feeder_is_told_by_the_engine() -> None:
    """Without `_run` a traceback reaches the terminal, and the engine waits for what is lost."""
    pool = Pool(1)

    def broken(slot: int) -> None:
        raise ZeroDivisionError("a defect")

    try:
        feeder = Feeder(pool, SimpleNamespace(next=broken), (0, 0))  # type: ignore[arg-type]
        feeder.go_on()
        with pytest.raises(ZeroDivisionError):
            feeder.stop()
    finally:
        pool.kill()
        pool.close()


@pytest.mark.parametrize("files", [3, 2400])
@pytest.mark.parametrize("when", ["at once", "after the look"])
def test_a_worker_that_dies_over_the_first_task_is_replaced(
    ram: Path, monkeypatch: pytest.MonkeyPatch, files: int, when: str
) -> None:
    """With `post_all` instead of `_post` in probing.py the run ends without a summary."""
    source, target = tree(ram, 1 if files == 3 else 60, min(files, 40)), ram / "target"
    job = Job("copy", (os.fsencode(f"{source}/"),), os.fsencode(target))
    pool = Pool(2)

    def die() -> None:
        worker = pool.workers[0]
        os.kill(worker.pid, signal.SIGKILL)
        os.waitpid(worker.pid, 0)

    try:
        if when == "at once":
            die()
        else:
            choose = probing.choose
            monkeypatch.setattr(probing, "choose", lambda *given: (die(), choose(*given))[1])
        early = probing.start(pool, job)
        monkeypatch.undo()
        summary, _ = ended(job, pool, early)
    finally:
        pool.kill()
        pool.close()
    assert (summary.outcome, summary.files.copied, summary.files.failed) == ("ok", files, 0)
    assert_same(source, target)


def test_a_signal_ends_the_feeding_before_the_engine_hears_of_it(ram: Path) -> None:
    """Without `_signals` all is copied while a slow disk still gives the engine's modules; without
    the text made anew in `clear` what is in hand then is missing in it."""
    source, target = tree(ram, 400), ram / "target"
    with begun(source, target) as (job, pool, early, feeder):
        while not (copying := [n for n, t in feeder.tasks.items() if t["op"] == "copy"]):
            feeder.feed(0.005)
        assert all(wire.ready(w.answers, 30) for w in pool.workers if w.slot in copying)
        probing.go_on(early, [signal.SIGINT])
        thread_of(feeder)
        assert not feeder.trouble
        control = Control()
        control.stop(signal.SIGINT)
        summary, _ = ended(job, pool, early, control)
    assert (summary.outcome, summary.exit_code) == ("interrupted", 130)
    there = sum(len(files) for _, _, files in os.walk(target))
    assert summary.files.copied == there < 400 * 40
    assert f"interrupted: {there:,} of " in summary.message
    assert not temporaries(target)
