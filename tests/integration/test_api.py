"""`blit.transfer`, `blit.copy`, `blit.mirror`: from a program's own loop, and out of it again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from conftest import Blit, until, workers_of
from hurt import Faults, fuse
from trees import assert_same, make

import blit as api
from blit.history import records
from blit.running import Running

FILES = 60


@pytest.fixture(autouse=True)
def no_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(tmp_path / "config"))


def slow(faults: Faults) -> str:
    """A source that gives ten files a second."""
    make(faults.below, {"src": {f"f{n:02}": b"x" * 20_000 for n in range(FILES)}})
    faults.hurt({"op": "read", "delay": 0.2})
    return f"{faults.point}/src/"


async def test_events_come_in_order_and_the_summary_is_there_after(tmp_path: Path) -> None:
    make(tmp_path / "src", {f"d{n}": {"f": b"x" * n} for n in range(50)})
    job = api.make_job("copy", f"{tmp_path}/src/", tmp_path / "dst", itemize=True)
    async with api.transfer(job) as run:
        with pytest.raises(RuntimeError, match="has not ended"):
            _ = run.summary
        events = [event async for event in run]
        assert run.summary.files.copied == 50
    assert isinstance(events[0], api.RunStarted) and isinstance(events[-1], api.RunFinished)
    changes = [c for e in events if isinstance(e, api.BatchFinished) for c in e.changes]
    assert sum(change.reason == "new" and change.method != "" for change in changes) >= 50
    assert events[-1].summary == run.summary and not workers_of(os.getpid())
    assert_same(tmp_path / "src", tmp_path / "dst")
    assert not (tmp_path / "config").exists()


def test_a_run_from_a_program_or_the_screen_leaves_a_line_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the clock started after the first task, the first byte came before the run, and the
    line of every quick run counted as damaged."""
    make(tmp_path / "src", {"a": b"x"})
    begin = Running._begin

    def quick(self: Running) -> None:
        assert self._started is not None, "the clock starts before the first task"
        begin(self)
        pool, end = self._pool, time.monotonic() + 2  # seldom, the first look leaves it to others
        assert pool is not None
        while not pool.counters()[3] and time.monotonic() < end:
            time.sleep(0.01)

    monkeypatch.setattr(Running, "_begin", quick)
    done = api.copy(f"{tmp_path}/src/", tmp_path / "dst", history=True)
    assert done.seconds.first_byte is not None
    assert 0 < done.seconds.first_byte < done.seconds.total
    found = records.read()
    assert (len(found.records), found.damaged) == (1, 0)


async def test_a_program_that_blocks_its_loop_does_not_stop_the_copy(tmp_path: Path) -> None:
    """With the engine in the caller's loop nothing is copied while that is blocked."""
    make(tmp_path / "src", {f"d{n}": {"f": b"x" * n} for n in range(50)})
    job = api.make_job("copy", f"{tmp_path}/src/", tmp_path / "dst")
    async with api.transfer(job) as run:
        until(lambda: (tmp_path / "dst/d49/f").exists(), "everything is copied meanwhile")
        assert (await run.wait()).outcome == "ok"


async def test_leaving_early_stops_it(ram: Path) -> None:
    with fuse(ram) as faults:
        job = api.make_job("copy", slow(faults), ram / "dst")
        async with api.transfer(job) as run:
            async for event in run:
                if isinstance(event, api.RouteChosen):
                    break
        assert run.summary.outcome == "interrupted"
        assert not workers_of(os.getpid())
        assert not [name for name in os.listdir(ram / "dst") if name.startswith(".blit-")]
        assert len(os.listdir(ram / "dst")) < FILES


async def test_an_exception_in_the_block_stops_it_and_goes_on_its_way(ram: Path) -> None:
    with fuse(ram) as faults:
        job = api.make_job("copy", slow(faults), ram / "dst")
        with pytest.raises(ZeroDivisionError):
            async with api.transfer(job) as run:
                _ = 1 / 0
        assert run.summary.outcome == "interrupted" and not workers_of(os.getpid())


async def test_a_cancelled_block_ends_with_its_run(ram: Path) -> None:
    """Without the shield in `__aexit__` the workers are still there."""
    with fuse(ram) as faults:
        job = api.make_job("copy", slow(faults), ram / "dst")
        run = api.transfer(job)

        async def watch() -> None:
            async with run:
                async for _ in run:
                    pass

        async with anyio.create_task_group() as group:  # which cancels each await anew
            group.start_soon(watch)
            while not (ram / "dst").exists():
                await asyncio.sleep(0.02)
            group.cancel_scope.cancel()
        assert run.summary.outcome == "interrupted" and not workers_of(os.getpid())


async def test_an_event_is_not_lost_with_a_look_that_was_given_up(tmp_path: Path) -> None:
    make(tmp_path / "src", {f"d{n}": {"f": b"x" * n} for n in range(50)})
    job = api.make_job("copy", f"{tmp_path}/src/", tmp_path / "dst")
    kinds: list[type] = []
    async with api.transfer(job) as run:
        while api.RunFinished not in kinds:
            try:
                async with asyncio.timeout(0.002):
                    async for event in run:
                        kinds.append(type(event))
            except TimeoutError:
                pass
    assert kinds.count(api.RunStarted) == 1 and kinds.count(api.PlanFinished) == 1
    assert kinds.count(api.BatchStarted) == kinds.count(api.BatchFinished)


async def test_pause_and_resume(ram: Path) -> None:
    with fuse(ram) as faults:
        job = api.make_job("copy", slow(faults), ram / "dst")
        async with api.transfer(job) as run:
            kinds = []
            async for event in run:
                kinds.append(type(event))
                if isinstance(event, api.RouteChosen):
                    run.pause()
                elif isinstance(event, api.Paused):
                    faults.hurt()
                    run.resume()
        assert run.summary.outcome == "ok"
        assert kinds.index(api.Paused) < kinds.index(api.Resumed)


def test_a_mirror_deletes_only_with_yes(tmp_path: Path) -> None:
    make(tmp_path, {"src": {"a": b"a"}, "dst": {"b": b"b"}})
    with pytest.raises(api.TransferError) as error:
        api.mirror(f"{tmp_path}/src/", tmp_path / "dst")
    assert error.value.outcome == "refused" and error.value.exit_code == 4
    assert (tmp_path / "dst/b").exists()
    assert api.mirror(f"{tmp_path}/src/", tmp_path / "dst", yes=True).files.deleted == 1
    assert_same(tmp_path / "src", tmp_path / "dst")


def test_failures_are_raised_by_name_or_returned(tmp_path: Path) -> None:
    make(tmp_path, {"src": {"a": {"in": b""}}, "dst": {"a": b"a file"}})
    with pytest.raises(api.TransferError, match=r"1 problem; .*/a: ") as error:
        api.copy(f"{tmp_path}/src/", tmp_path / "dst")
    assert error.value.exit_code == 3 and error.value.summary.failures
    assert api.copy(f"{tmp_path}/src/", tmp_path / "dst", check=False).outcome == "partial"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sync", "a", "b"), "copy or mirror"),
        (("copy", "", "b"), "no path"),
        (("copy", [], "b"), "no source"),
        (("mirror", ["a", "b"], "c"), "one source"),
    ],
)
def test_what_cannot_be_meant_is_a_value_error(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        api.make_job(*arguments)


def test_the_slash_of_a_source_is_kept(tmp_path: Path) -> None:
    job = api.make_job("copy", ["a/", b"b", Path("c")], "d", exclude=["*.o", "!k.o"])
    here = os.getcwdb()
    assert job.sources == (here + b"/a/", here + b"/b", here + b"/c")
    assert job.patterns == ("*.o", "!k.o")


def test_ctrl_c_in_the_one_line_form(blit: Blit, ram: Path) -> None:
    with fuse(ram) as faults:
        code = f"import blit\nblit.copy({slow(faults)!r}, {str(ram / 'dst')!r})"
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=blit.environment, stderr=subprocess.PIPE
        )
        until(lambda: (ram / "dst").exists(), "the copy runs")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert said.rstrip().endswith(b"KeyboardInterrupt") and process.returncode != 0
        assert not [name for name in os.listdir(ram / "dst") if name.startswith(".blit-")]


def test_the_name_alone_loads_nothing() -> None:
    code = (
        "import sys, blit; print(*(m for m in sys.modules if m.split('.')[0] in "
        "('blit', 'anyio', 'asyncio', 'pydantic', 'rich'))); assert 'copy' in dir(blit)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["blit"]
    assert time.monotonic() - began < 10


def test_every_public_name_is_there() -> None:
    import blit

    for names in blit._HOMES.values():
        for name in names.split():
            assert getattr(blit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = blit.nothing  # type: ignore[attr-defined]
