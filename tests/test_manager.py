"""Several transfers in one session: turns, commands, plans that are held, and what stays behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import until, workers_of
from hurt import fuse
from trees import assert_same, make

from blit import asking, running
from blit.engine import probing
from blit.engine.workers import Pool
from blit.events import Failed, RunFinished
from blit.job import Job
from blit.manager import MOST_PREVIEWS, Manager
from blit.queue import ENDED, PARKED, PREVIEW, RUNNING, WAITING, Disks, Entry
from blit.state import TransferState
from blit.store import Store

TREE = {f"f{n}": b"x" * 100 for n in range(30)}


@pytest.fixture
def managers() -> Iterator[Callable[..., Manager]]:
    made: list[Manager] = []

    def start(*arguments: Any) -> Manager:
        made.append(Manager(2, *arguments))
        return made[-1]

    yield start
    for manager in made:
        manager.stop_all(now=True)
        until(manager.idle, "all transfers end")
        manager.close()
        manager.join_loop()


@pytest.fixture
def manager(managers: Callable[..., Manager]) -> Manager:
    return managers()


@pytest.fixture
def src(ram: Path) -> Path:
    make(ram / "src", TREE)
    return ram / "src"


def job(source: Path | str, target: Path, command: str = "copy", **options: Any) -> Job:
    return Job(command, (os.fsencode(f"{source}/"),), os.fsencode(target), **options)


def entry(manager: Manager, id: int) -> Entry:
    return next(e for e in manager.entries() if e.id == id)


def stages(manager: Manager) -> dict[int, str]:
    return {e.id: e.stage for e in manager.entries()}


def ends(manager: Manager, id: int) -> Entry:
    return until(lambda: (e := entry(manager, id)).stage == ENDED and e, f"#{id} ends")  # type: ignore[return-value]


def paused(manager: Manager, one: Job) -> int:
    """A transfer that has its disks and does not end: told to pause before its engine is there."""
    with manager._lock:
        id = manager.add(one)
        manager.start_now(id)
        manager.pause(id)
    return id


# -- one transfer ---------------------------------------------------------------------------------


def test_a_transfer_starts_runs_ends_and_leaves_no_process(
    manager: Manager, src: Path, ram: Path
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for n in range(3):
        id = manager.add(job(src, ram / f"dst{n}"))
        found = ends(manager, id)
        assert found.status == "ok" and found.state.files == 30 and found.ended_at > 0
        assert_same(src, ram / f"dst{n}")
        assert manager.codes[id] == 0
    # the one that was asked about the disks stays
    until(lambda: len(workers_of(os.getpid())) <= 1, "the workers leave")
    until(lambda: len(os.listdir("/proc/self/fd")) <= before + 6, "their pipes are closed")


def test_entries_are_the_same_tuple_until_something_changes(
    manager: Manager, src: Path, ram: Path
) -> None:
    assert manager.entries() is manager.entries() and manager.entries() == ()
    id = manager.add(job(src, ram / "dst"))
    ends(manager, id)
    shown = manager.entries()
    assert manager.entries() is shown
    other = manager.add(job(src, ram / "dst2"))
    ends(manager, other)
    assert manager.entries() is not shown and manager.entries()[0] is shown[0]


def test_a_refused_transfer_ends_and_says_why(manager: Manager, ram: Path) -> None:
    found = ends(manager, manager.add(job(ram / "missing", ram / "dst")))
    assert found.status == "failed" and found.state.summary is not None
    assert "does not exist" in found.state.summary.message


def test_an_engine_that_breaks_ends_its_transfer_alone(
    manager: Manager, src: Path, ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ExceptionGroup("group", [ZeroDivisionError("by zero")])

    monkeypatch.delenv("BLIT_DEBUG", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(running, "transfer", broken)
        found = ends(manager, manager.add(job(src, ram / "dst")))
    assert found.status == "failed" and found.state.summary is not None
    assert "ZeroDivisionError: by zero" in found.state.summary.message
    assert "\n" not in found.state.summary.message
    assert ends(manager, manager.add(job(src, ram / "dst"))).status == "ok"


def test_no_process_to_be_had_is_said(
    manager: Manager, src: Path, ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(running, "Pool", refuse)
    found = ends(manager, manager.add(job(src, ram / "dst")))
    assert found.state.summary is not None
    assert "Resource temporarily unavailable" in found.state.summary.message


def test_what_was_begun_before_is_adopted_and_its_whole_story_is_told(
    manager: Manager, src: Path, ram: Path
) -> None:
    one = job(src, ram / "dst")
    pool = Pool(2)
    id, mailbox = manager.adopt(one, pool, probing.start(pool, one), time.monotonic())
    assert entry(manager, id).stage == RUNNING
    assert manager.ended(id, 20)
    story = list(mailbox)
    assert isinstance(story[-1], RunFinished) and story[-1].summary.files.copied == 30
    assert_same(src, ram / "dst")


# -- turns ----------------------------------------------------------------------------------------


def test_the_same_disks_one_after_the_other_in_the_order_of_the_list(
    manager: Manager, src: Path, ram: Path
) -> None:
    first = paused(manager, job(src, ram / "a"))
    second, third = manager.add(job(src, ram / "b")), manager.add(job(src, ram / "c"))
    until(lambda: entry(manager, third).why, "a reason to wait")
    assert entry(manager, second).why == f"after #{first}: same disks"
    assert stages(manager) == {first: RUNNING, second: WAITING, third: WAITING}
    manager.move(third, -1)
    assert [e.id for e in manager.entries()] == [first, third, second]
    manager.resume(first)
    ends(manager, second)
    assert entry(manager, third).ended_at <= entry(manager, second).ended_at
    assert_same(src, ram / "c")


def test_start_now_does_not_wait_for_the_disks(manager: Manager, src: Path, ram: Path) -> None:
    first = paused(manager, job(src, ram / "a"))
    second = manager.add(job(src, ram / "b"))
    until(lambda: entry(manager, second).why, "a reason to wait")
    manager.start_now(second)
    assert ends(manager, second).status == "ok"
    assert entry(manager, first).stage == RUNNING


def test_other_disks_side_by_side(
    manager: Manager, src: Path, ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(10))

    def disks(*_: Any) -> Disks:
        return Disks(frozenset([(1, next(numbers))]))

    monkeypatch.setattr(manager._asker, "disks", disks)
    first = paused(manager, job(src, ram / "a"))
    assert ends(manager, manager.add(job(src, ram / "b"))).status == "ok"
    assert entry(manager, first).stage == RUNNING


def test_disks_that_do_not_answer_are_waited_for(ram: Path, src: Path, managers: Any) -> None:
    with fuse(ram) as faults:
        make(faults.below, {"there": TREE})
        faults.hurt({"op": "getattr", "path": "/there", "hang": True})
        manager = managers()
        manager._asker = asking.Asker(patience=0.3)
        id = manager.add(job(faults.point / "there", ram / "dst"))
        until(lambda: "did not answer" in entry(manager, id).why, "the reason")
        assert entry(manager, id).stage == WAITING
        other = manager.add(job(src, ram / "other"))
        assert ends(manager, other).status == "ok"
        manager.stop(id)
        assert id not in stages(manager)
        faults.hurt()


def test_two_transfers_into_one_folder_share_no_temporary_name(ram: Path, managers: Any) -> None:
    """Each from its own disk, side by side: a name of the one must not be in the other's way."""
    names: set[bytes] = set()
    pools = [Pool(2), Pool(2)]
    for pool in pools:
        for worker in pool.workers:
            with open(f"/proc/{worker.pid}/cmdline", "rb") as line:
                slot, token, _, first = line.read().split(b"\0")[-5:-1]
            names.add(token + b"%d" % (int(slot) + int(first)))
        pool.close()
        until(pool.reap, "the workers leave")
    assert len(names) == 4
    with fuse(ram) as faults:
        for side in "ab":
            make(faults.below, {side: {f"{side}{n}": b"x" * 3000 for n in range(25)}})
        faults.hurt({"op": "read", "delay": 0.02})
        manager = managers()
        ids = [manager.add(job(faults.point / side, ram / "dst")) for side in "ab"]
        manager.start_now(ids[1])
        assert [ends(manager, id).status for id in ids] == ["ok", "ok"]
        assert len(os.listdir(ram / "dst")) == 50


# -- commands -------------------------------------------------------------------------------------


def test_a_paused_one_moves_nothing_until_it_is_resumed(
    manager: Manager, src: Path, ram: Path
) -> None:
    id = paused(manager, job(src, ram / "dst"))
    until(
        lambda: entry(manager, id).state.phase == "paused" or entry(manager, id).stage == ENDED,
        "the pause",
    )
    assert entry(manager, id).status == "paused"
    manager.resume(id)
    assert ends(manager, id).status == "ok"
    assert not entry(manager, id).paused
    assert_same(src, ram / "dst")


def test_a_waiting_one_is_put_aside_and_comes_back(manager: Manager, src: Path, ram: Path) -> None:
    first = paused(manager, job(src, ram / "a"))
    second = manager.add(job(src, ram / "b"))
    manager.pause(second)
    assert entry(manager, second).stage == PARKED
    manager.resume(first)
    ends(manager, first)
    assert entry(manager, second).stage == PARKED
    manager.resume(second)
    assert ends(manager, second).status == "ok"


def test_stop_ends_it_and_a_waiting_one_goes(manager: Manager, src: Path, ram: Path) -> None:
    first = paused(manager, job(src, ram / "a"))
    second = manager.add(job(src, ram / "b"))
    manager.stop(second)
    assert stages(manager) == {first: RUNNING}
    manager.stop(first)
    assert entry(manager, first).status in ("stopping", "interrupted")
    assert ends(manager, first).status == "interrupted"
    assert manager.codes[first] == 130
    manager.remove(first)
    assert manager.entries() == ()


def test_again_and_commands_to_who_is_not_there(manager: Manager, src: Path, ram: Path) -> None:
    first = manager.add(job(src, ram / "dst"))
    ends(manager, first)
    second = manager.again(first)
    assert ends(manager, second).state.unchanged == 30
    for command in (manager.pause, manager.resume, manager.stop, manager.confirm, manager.discard,
                    manager.start_now, manager.wait, manager.skip, manager.remove):  # fmt: skip
        command(77)
    manager.answer(77, True)
    manager.move(77, 1)
    assert manager.extras(77).result(5) == ()


def test_stopping_everything_parks_what_waits(manager: Manager, src: Path, ram: Path) -> None:
    first = paused(manager, job(src, ram / "a"))
    second = manager.add(job(src, ram / "b"))
    preview = manager.preview(job(src, ram / "c"))
    assert not manager.idle()
    manager.stop_all(15)
    assert ends(manager, first).status == "interrupted" and manager.codes[first] == 143
    assert manager.idle() and entry(manager, second).stage == PARKED
    assert preview not in stages(manager)
    assert not (ram / "b").exists() and not (ram / "c").exists()


# -- retry ----------------------------------------------------------------------------------------


def test_retry_takes_only_what_failed(manager: Manager, ram: Path) -> None:
    make(ram / "src", {"good": b"g", "bad": b"b", "worse": b"w"})
    make(ram / "dst", {"bad": {"x": b"x"}, "worse": {"x": b"x"}, "extra": b"e"})
    first = manager.add(job(ram / "src", ram / "dst", "mirror", yes=True))
    # what stands in the way of a mirror is replaced, so a copy is what can fail here
    ends(manager, first)
    manager.remove(first)
    make(ram / "dst2", {"bad": {"x": b"x"}, "worse": {"x": b"x"}, "extra": b"e"})
    first = manager.add(job(ram / "src", ram / "dst2"))
    failed = ends(manager, first).state
    assert failed.failures == 2
    (ram / "dst2" / "bad" / "x").unlink()
    (ram / "dst2" / "bad").rmdir()
    (ram / "src" / "good").write_bytes(b"changed meanwhile")
    bad = next(f.path for f in failed.problems if f.path.endswith(b"/bad"))
    one = manager.retry(first, (bad,))
    assert entry(manager, one).retry_of == first and entry(manager, one).job.only == (bad,)
    assert ends(manager, one).status == "ok"
    assert (ram / "dst2" / "bad").read_bytes() == b"b"
    assert (ram / "dst2" / "good").read_bytes() == b"g"
    rest = ends(manager, manager.retry(first))
    assert rest.status == "partial" and rest.state.failures == 1


# -- previews -------------------------------------------------------------------------------------


def test_a_confirmed_preview_is_the_plan_of_the_run(manager: Manager, src: Path, ram: Path) -> None:
    id = manager.preview(job(src, ram / "dst"))
    until(lambda: entry(manager, id).state.phase == "ready", "the plan")
    state = entry(manager, id).state
    assert entry(manager, id).stage == PREVIEW and state.files_total == 30
    assert not (ram / "dst").exists()
    make(src, {"late": b"not in the plan"})
    manager.confirm(id)
    assert ends(manager, id).state.files == 30
    assert sorted(os.listdir(ram / "dst")) == sorted(TREE)


def test_a_plan_that_waited_long_is_made_anew(manager: Manager, src: Path, ram: Path) -> None:
    id = manager.preview(job(src, ram / "dst"))
    until(lambda: entry(manager, id).state.phase == "ready", "the plan")
    (src / "late").write_bytes(b"late")
    (src / "f1").write_bytes(b"changed")
    plan = manager._known(id).running
    assert plan is not None
    plan._made -= 100
    manager.confirm(id)
    assert ends(manager, id).status == "ok"
    assert_same(src, ram / "dst")


def test_one_that_is_discarded_before_it_began_leaves_nothing(
    manager: Manager, src: Path, ram: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        manager.discard(manager.preview(job(src, ram / "dst")))
    manager._portal.call(lambda: None)
    until(lambda: not workers_of(os.getpid()), "no process stays")
    assert not caplog.records


def test_a_confirmed_preview_keeps_its_plan_while_it_waits(
    manager: Manager, src: Path, ram: Path
) -> None:
    first = paused(manager, job(src, ram / "a"))
    id = manager.preview(job(src, ram / "b"))
    until(lambda: entry(manager, id).state.phase == "ready", "the plan")
    manager.confirm(id)
    until(lambda: entry(manager, id).why, "a reason to wait")
    assert entry(manager, id).stage == WAITING and entry(manager, id).state.files_total == 30
    assert not (ram / "b").exists()
    manager.resume(first)
    assert ends(manager, id).status == "ok"
    assert_same(src, ram / "b")


def test_discarded_previews_leave_nothing(manager: Manager, src: Path, ram: Path) -> None:
    ids = [manager.preview(job(src, ram / f"p{n}")) for n in range(MOST_PREVIEWS + 2)]
    assert list(stages(manager)) == ids[-MOST_PREVIEWS:]  # the oldest went by themselves
    for id in ids:
        manager.discard(id)
    assert manager.entries() == ()
    until(lambda: not workers_of(os.getpid()), "the workers leave")
    assert sorted(os.listdir(ram)) == ["src"]


def test_a_refused_preview_says_so_and_ends_when_confirmed(manager: Manager, ram: Path) -> None:
    id = manager.preview(job(ram / "missing", ram / "dst"))
    until(lambda: entry(manager, id).state.summary, "the refusal")
    assert entry(manager, id).stage == PREVIEW
    manager.confirm(id)
    assert entry(manager, id).stage == ENDED and entry(manager, id).status == "failed"


# -- a mirror that asks ---------------------------------------------------------------------------


def test_what_a_mirror_would_delete_is_named_and_the_answer_obeyed(
    manager: Manager, src: Path, ram: Path
) -> None:
    make(ram / "dst", {"extra": b"e" * 10, "folder": {"a": b"a" * 50, "b": b"b"}})
    id = manager.add(job(src, ram / "dst", "mirror"))
    assert entry(manager, id).job.review
    until(lambda: entry(manager, id).state.asking, "the question")
    found = manager.extras(id).result(10)
    assert [(e.path, e.folder, e.bytes, e.entries) for e in found] == [
        (b"folder", True, 51, 3), (b"extra", False, 10, 1),
    ]  # fmt: skip
    assert [e.path for e in manager.extras(id, b"folder").result(10)] == [b"folder/a", b"folder/b"]
    assert len(manager.extras(id, b"", 1).result(10)) == 1
    manager.answer(id, True)
    assert ends(manager, id).state.deleted == 4
    assert_same(src, ram / "dst")
    assert manager.extras(id).result(10) == ()


# -- questions ------------------------------------------------------------------------------------


def test_folders_are_named_in_order_hidden_ones_last(manager: Manager, ram: Path) -> None:
    make(ram, {"b": {}, "A": {}, ".h": {}, "file": b"", "é": {}})
    os.symlink("b", ram / "link")
    os.symlink("nowhere", ram / "broken")
    found = manager.folders(str(ram)).result(10)
    assert found.names == ("A", "b", "link", "é", ".h") and not found.error
    assert manager.folders(f"{ram}/file").result(10).error == "is not a folder"
    assert manager.folders(f"{ram}/none").result(10).error == "does not exist"


def test_a_helper_that_hangs_or_dies_is_replaced(ram: Path) -> None:
    asker = asking.Asker(patience=0.3)
    with fuse(ram) as faults:
        make(faults.below, {"a": {"b": {}}})
        faults.hurt({"op": "readdir", "path": "/a", "hang": True})
        began = time.monotonic()
        found = asker.folders(str(faults.point / "a")).result(10)
        assert "did not answer" in found.error and time.monotonic() - began < 5
        assert asker.folders(str(faults.point)).result(10).names == ("a",)
        faults.hurt()
    assert asker._pool is not None
    os.kill(asker._pool.workers[0].pid, 9)
    assert "mount" in asker.folders(str(ram)).result(10).names
    asker.close()
    assert asker._pool is not None
    asker._pool.close()
    until(asker._pool.reap, "the helper leaves")


def test_a_deletion_that_failed_is_tried_again_by_the_whole_mirror(
    manager: Manager, src: Path, ram: Path
) -> None:
    make(ram / "dst", {**TREE, "extra": b"e"})
    id = manager.add(job(src, ram / "dst", "mirror", yes=True))
    ends(manager, id)
    failed = Failed(os.fsencode(ram / "dst" / "extra"), "delete", 16, "busy")
    held = manager._known(id)
    summary = held.entry.state.summary
    assert summary is not None
    held.running = None
    held.change(state=held.entry.state._replace(summary=summary._replace(failures=(failed,))))
    (ram / "dst" / "extra").write_bytes(b"e")
    again = ends(manager, manager.retry(id))
    assert (again.status, again.job.command, again.retry_of) == ("ok", "mirror", id)
    assert not (ram / "dst" / "extra").exists()


def test_problems_are_written_where_one_works(
    manager: Manager, ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(ram / "src", {b"bad\n\xff": b"b"})
    make(ram / "dst", {b"bad\n\xff": {"x": b"x"}})
    id = manager.add(job(ram / "src", ram / "dst"))
    ends(manager, id)
    make(ram / "here", {})
    monkeypatch.chdir(ram / "here")
    paths = [manager.save_problems(id).result(10) for _ in range(2)]
    assert len(set(paths)) == 2
    text = Path(paths[0]).read_text()
    assert "bad\\n\\xff" in text and "1 problem" in text and f"{ram}/src" in text


# -- over a restart -------------------------------------------------------------------------------


def test_what_ran_or_waited_comes_back_put_aside(managers: Any, src: Path, ram: Path) -> None:
    first = managers()
    store = Store(ram / "state")
    first.remember(store)
    done = first.add(job(src, ram / "done"))
    ends(first, done)
    running_, waiting = paused(first, job(src, ram / "a")), first.add(job(src, ram / "b"))
    until(lambda: store.kept, "the file is ours")
    path = ram / "state" / "queue.json"
    until(lambda: path.exists() and path.read_text().count('"job"') == 3, "the file is written")
    assert entry(first, running_).stage == RUNNING and entry(first, waiting).stage == WAITING
    store.close()  # as when the process dies
    second = managers()
    second.remember(Store(ram / "state"))
    until(lambda: len(second.entries()) == 3, "the queue comes back")
    found = second.entries()
    assert [e.stage for e in found] == [ENDED, PARKED, PARKED]
    assert found[0].status == "ok" and found[0].state.files == 30
    assert second.idle() and second.mine() == ()
    second.resume(found[2].id)
    assert ends(second, found[2].id).status == "ok"
    assert_same(src, ram / "b")


def test_what_was_left_over_is_of_this_session_once_it_runs(
    managers: Any, src: Path, ram: Path
) -> None:
    first, store = managers(), Store(ram / "state")
    first.remember(store)
    until(lambda: first._store, "the queue")
    first.pause(first.add(job(src, ram / "dst")))
    first.stop_all(now=True)
    first.close()
    store.close()
    second = managers()
    second.remember(Store(ram / "state"))
    left = until(second.entries, "what was left")[0]
    assert second.mine() == ()
    second.resume(left.id)
    ends(second, left.id)
    assert [e.id for e in second.mine()] == [left.id]


def test_the_newest_queue_is_written_last(
    managers: Any, src: Path, ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, store = managers(), Store(ram / "state")
    manager.remember(store)
    until(lambda: manager._store, "the queue")
    within, going, saved = threading.Event(), threading.Event(), list[int]()
    save = store.save

    def slow(entries: Any) -> None:
        if not within.is_set():
            within.set()
            assert going.wait(10)
        saved.append(len(entries))
        save(entries)

    monkeypatch.setattr(store, "save", slow)
    manager.pause(manager.add(job(src, ram / "dst")))
    assert within.wait(10)
    closing = threading.Thread(target=manager.close)
    with manager._lock:
        closing.start()
        manager._held_new(job(src, ram / "dst"), PARKED)
    going.set()
    closing.join(10)
    assert saved == [1, 2]


def test_nothing_is_written_before_the_old_queue_is_read(
    managers: Any, src: Path, ram: Path
) -> None:
    class Slow(Store):
        go = threading.Event()

        def load(self) -> Any:
            self.go.wait(20)
            return super().load()

    old = Store(ram / "state")
    old.load()
    old.save([Entry(1, job(src, ram / "left"))])
    old.close()
    manager, store = managers(), Slow(ram / "state")
    manager.remember(store)
    id = manager.add(job(src, ram / "new"))
    ends(manager, id)
    store.go.set()
    until(lambda: len(manager.entries()) == 2, "the old queue")
    assert [e.stage for e in manager.entries()] == [PARKED, ENDED]


def test_every_transfer_is_recorded_but_no_plan(managers: Any, src: Path, ram: Path) -> None:
    told: list[tuple[Job, TransferState]] = []
    manager = managers(lambda *run: told.append(run))
    manager.discard(manager.preview(job(src, ram / "no")))
    id = manager.add(job(src, ram / "dst"))
    ends(manager, id)
    assert [run[0] for run in told] == [job(src, ram / "dst")]
    assert told[0][1].summary is not None
