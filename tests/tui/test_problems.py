"""Problems: what is listed, what each key asks of the manager, and that nothing loses its place."""

from __future__ import annotations

import errno

import pytest
from textual.pilot import Pilot

from blit.events import Failed
from blit.queue import ENDED, RUNNING, WAITING, Entry
from blit.state import TransferState
from blit.tui.app import BlitApp
from blit.tui.screens.problems import ProblemRows, Problems
from blit.tui.widgets.facts import Facts
from tests.tui.conftest import click_key, screen_text
from tests.tui.fakes import StillManager
from tests.tui.stories import HOSTILE, MUSIC, PHOTOS, opening, told

DENIED = ("open source", errno.EACCES, "Permission denied")
ODD = b"/home/you/Photos/"
FAILURES = (
    Failed(b"/home/you/Photos/2014/scans/old [copy].tif", *DENIED),
    Failed(b"/home/you/Photos/2016/backup/thumbs.db", "copy", errno.EIO, "Input/output error"),
    Failed(b"/mnt/backup/Photos/what?.txt", "create", errno.EINVAL, "Invalid argument"),
    Failed(b"/home/you/Photos/2018/private.tif", *DENIED),
)
BOTH = [(80, 24), (120, 36)]


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What was told in passing; never parsed as markup."""
    found: list[str] = []

    def notify(self: object, message: str, *, markup: bool, **_: object) -> None:
        assert not markup
        found.append(message)

    monkeypatch.setattr(BlitApp, "notify", notify)
    return found


def entry(*failures: Failed, stage: str = RUNNING) -> Entry:
    return Entry(1, PHOTOS, told([*opening(), *failures]), stage)


async def opened(pilot: Pilot[str]) -> ProblemRows:
    await pilot.app.push_screen(Problems(1))
    await pilot.pause()
    return pilot.app.screen.query_one(ProblemRows)


def selected(pilot: Pilot[str]) -> str:
    return "\n".join(
        f"{f.label}: {f.text}" for f in pilot.app.screen.query_one("#selected", Facts).facts
    )


@pytest.mark.parametrize("size", [*BOTH, (60, 15)], ids=str)
async def test_picture(size, snapshot) -> None:
    retry = PHOTOS._replace(only=(FAILURES[1].path,))
    app = BlitApp(StillManager([entry(*FAILURES), Entry(2, retry, stage=WAITING, retry_of=1)]))
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("down", "down")
        snapshot(app, "problems")


@pytest.mark.parametrize("size", BOTH, ids=str)
async def test_hostile_names(size, snapshot) -> None:
    failures = [Failed(b"/home/you/Photos/" + n, "copy", 0, n.decode("latin-1")) for n in HOSTILE]
    app = BlitApp(StillManager([entry(*failures)]))
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        for _ in HOSTILE:
            await pilot.press("down")
            assert not {"\x1b", "\u202e", "\x9b", "\x07"} & set(screen_text(app))
        snapshot(app, "problems-hostile")


async def test_one_cause_stands_together_and_counts() -> None:
    app = BlitApp(StillManager([entry(*FAILURES)]))
    async with app.run_test(size=(120, 36)) as pilot:
        rows = await opened(pilot)
        assert [f.path for f in rows.sorted[:2]] == [FAILURES[0].path, FAILURES[3].path]
        text = screen_text(app)
        assert "Permission denied · 2" in text and "2014/scans/old [copy].tif" in text
        assert "EACCES" in selected(pilot) and "chmod u+r" in selected(pilot)


async def test_what_comes_later_does_not_take_the_selection_away() -> None:
    manager = StillManager([entry(*FAILURES[:2])])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        rows = await opened(pilot)
        await pilot.press("down")
        assert rows.chosen == FAILURES[1]
        manager.fold(1, *FAILURES[2:])
        app.tick()
        await pilot.pause()
        assert rows.count() == 4 and rows.chosen == FAILURES[1]
        assert rows.cursor == 2  # another of the first cause stands above it now
        assert "thumbs.db" in selected(pilot)


async def test_each_key_asks_the_manager(said) -> None:
    manager = StillManager([entry(*FAILURES)])
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await pilot.press("down", "r")
        assert manager.calls[-1] == ("retry", 1, (FAILURES[3].path,))
        await pilot.press("a")
        assert manager.calls[-1] == ("retry", 1, ())
        await pilot.press("c")
        assert app.clipboard == "/home/you/Photos/2018/private.tif"
        await pilot.press("s")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert manager.calls[-1] == ("save_problems", 1)
        assert said[-1] == "Saved: /home/you/blit-problems.txt"
        await pilot.press("escape")
        assert not isinstance(app.screen, Problems)


@pytest.mark.parametrize(
    ("key", "call"), [("r", "retry"), ("a", "retry"), ("s", "save_problems"), ("c", "")]
)
async def test_a_click_on_a_key_does_the_same(key: str, call: str) -> None:
    manager = StillManager([entry(*FAILURES)])
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await pilot.pause()
        assert await click_key(pilot, key=key)
        await pilot.pause()
        assert (manager.calls[-1][0] == call) if call else app.clipboard


async def test_a_list_that_cannot_be_saved_is_told_and_the_screen_stays(said) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    app = BlitApp(StillManager([entry(*FAILURES)], saved=full))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await pilot.press("s")
        await pilot.app.workers.wait_for_complete()
        assert "No space left on device" in said[-1]
        assert isinstance(app.screen, Problems)


async def test_what_is_being_tried_again_is_marked_and_not_tried_twice() -> None:
    retry = Entry(7, PHOTOS._replace(only=(FAILURES[0].path,)), stage=RUNNING, retry_of=1)
    manager = StillManager([entry(*FAILURES), retry])
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        rows = await opened(pilot)
        assert rows.tries == {FAILURES[0].path: "▶"}
        assert "1 file by transfer 7: ▶ under way" in screen_text(app)
        await pilot.press("r")
        assert not any(call[0] == "retry" for call in manager.calls)
        manager.change(7, stage=ENDED, state=told([*opening(), FAILURES[0]]))
        app.tick()
        await pilot.pause()
        assert rows.tries == {FAILURES[0].path: "✗"}
        assert "1 failed again" in screen_text(app)
        manager.change(7, state=TransferState())
        app.tick()
        await pilot.pause()
        assert rows.tries == {FAILURES[0].path: "✓"}


async def test_newest_thousand_of_many() -> None:
    state = told(opening())
    many = tuple(Failed(b"/f/%d" % n, *DENIED) for n in range(1_000))
    state = state._replace(problems=many, failures=31_200)
    app = BlitApp(StillManager([Entry(1, PHOTOS, state, RUNNING)]))
    async with app.run_test(size=(80, 24)) as pilot:
        rows = await opened(pilot)
        assert "newest 1,000 of 31,200 · s saves all" in screen_text(app)
        await pilot.press("end")
        assert rows.chosen == many[-1] and "/f/999" in screen_text(app)
        await pilot.press("home")
        assert rows.chosen == many[0]


async def test_nothing_wrong_yet_says_so_and_greys_the_keys_out() -> None:
    manager = StillManager([entry()])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "Nothing went wrong so far" in screen_text(app)
        await pilot.press("r", "a", "s", "c")
        assert not {c[0] for c in manager.calls} & {"retry", "save_problems"}
        manager.fold(1, FAILURES[0])
        app.tick()
        await pilot.pause()
        await pilot.press("r")
        assert manager.calls[-1] == ("retry", 1, (FAILURES[0].path,))


async def test_a_mirror_says_that_it_deletes_nothing() -> None:
    app = BlitApp(StillManager([Entry(1, MUSIC, told([*opening(MUSIC), FAILURES[0]]), RUNNING)]))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "deletes nothing" in screen_text(app)


async def test_an_entry_that_was_taken_off_the_list_stays_readable() -> None:
    manager = StillManager([entry(*FAILURES, stage=ENDED)])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        manager.shown = ()
        app.tick()
        await pilot.press("a", "down")
        assert "old [copy].tif" in screen_text(app)
