"""Mirror review: the list, and that nothing but the typed number allows the deletion."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from blit.events import DeletionPlanned, Heartbeat, PlanFinished, RunFinished, Summary
from blit.queue import ENDED, PREVIEW, RUNNING, Entry, Extra
from blit.tui.app import BlitApp
from blit.tui.screens.review import Review
from blit.tui.widgets import outline
from blit.tui.widgets.outline import Outline
from tests.tui.conftest import screen_text
from tests.tui.fakes import StillManager
from tests.tui.stories import HOSTILE, MUSIC, beats, opening, told

BOTH = [(80, 24), (120, 36)]
EXTRAS = {
    b"": (
        Extra(b"Lost & Found", True, 6_100_000_000, 812),
        Extra(b"podcasts", True, 2_900_000_000, 301),
        Extra(b"bad [/oops] \x1b]0;pwn\x07.txt", False, 1_000_000_000, 1),
        Extra(b"old/.sync.log", False, 1_100_000, 1),
    ),
    b"podcasts": (
        Extra(b"podcasts/one", True, 4_000, 2),
        Extra(b"podcasts/two.mp3", False, 1_400, 1),
    ),
}
PLAN = PlanFinished(31_200, 21_300_000_000, 9_120, 400, 1_204, 1.0)
QUESTION = DeletionPlanned(1_204, 3_870, True, True, "1,204 entries to delete")
STATE = told([*opening(MUSIC, b"/mnt/backup/Music"), PLAN, *beats(8.0, extras=1_204)])
ASKING = told([QUESTION], STATE)


def managed(state=ASKING, stage: str = RUNNING, extras=EXTRAS) -> StillManager:
    return StillManager([Entry(1, MUSIC, state, stage)], extras=extras)


async def opened(pilot: Pilot[str]) -> Outline:
    await pilot.app.push_screen(Review(1))
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return pilot.app.screen.query_one(Outline)


def answers(manager: StillManager) -> list[tuple[object, ...]]:
    return [call for call in manager.calls if call[0] == "answer"]


def delete_button(app: BlitApp) -> Button:
    return app.screen.query_one("#delete", Button)


@pytest.mark.parametrize("size", [*BOTH, (60, 15)], ids=str)
async def test_picture(size, snapshot) -> None:
    app = BlitApp(managed())
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("down", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        snapshot(app, "review")


async def test_folders_are_asked_for_when_they_are_opened() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        rows = await opened(pilot)
        assert app.focused is rows
        assert ("extras", 1, b"podcasts") not in manager.calls
        await pilot.press("down", "right")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert manager.calls[-1] == ("extras", 1, b"podcasts")
        assert [i.name for i in rows.flat][1:4] == ["podcasts/", "one/", "two.mp3"]
        assert not rows.flat[3].foldable
        await pilot.press("down", "left")  # from what is in it to the folder, then shut
        assert rows.current is rows.flat[1]
        await pilot.press("left")
        assert len(rows.flat) == 4


async def test_only_the_exact_number_allows_it() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("tab")
        assert isinstance(app.focused, Input)
        await pilot.press(*"1203")
        assert delete_button(app).disabled
        await pilot.press("enter", "enter")  # the way of who does not read: it keeps
        assert answers(manager) == [("answer", 1, False)]
        assert not isinstance(app.screen, Review)


@pytest.mark.parametrize("typed", ["1204", "1,204"])
async def test_the_number_and_then_delete(typed: str) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press(*typed)  # from the list: a digit means the number
        assert not delete_button(app).disabled
        await pilot.press("enter")
        assert answers(manager) == []  # only the button does it
        assert app.focused is delete_button(app)
        await pilot.press("enter")
        assert answers(manager) == [("answer", 1, True)]
        assert not isinstance(app.screen, Review)


async def test_letters_do_not_get_into_the_number() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("tab", *"12n04")
        assert app.screen.query_one("#count", Input).value == "1204"


async def test_another_number_meanwhile_forbids_it_again() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("tab", *"1204")
        manager.fold(1, QUESTION._replace(entries=1_205))
        app.tick()
        await pilot.pause()
        assert delete_button(app).disabled and "Type 1205" in screen_text(app)


@pytest.mark.parametrize("button", ["#keep", "#delete"])
async def test_buttons_by_mouse(button: str) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(60, 15)) as pilot:
        await opened(pilot)
        await pilot.press("tab", *"1204")
        assert await pilot.click(button)
        await pilot.pause()
        assert answers(manager) == [("answer", 1, button == "#delete")]


async def test_escape_leaves_the_question_open() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        assert not isinstance(app.screen, Review) and answers(manager) == []


async def test_the_copy_goes_on_behind_it() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "copying: " in screen_text(app)
        beat = manager.entry(1).state.beat
        assert isinstance(beat, Heartbeat)
        manager.fold(1, beat._replace(phase="asking", elapsed=40.0))
        app.tick()
        await pilot.pause()
        assert "waits for your answer" in screen_text(app)


async def test_a_preview_has_a_list_and_no_question() -> None:
    manager = managed(STATE, PREVIEW)
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        text = screen_text(app)
        assert "podcasts/" in text and "asked again before anything is deleted" in text
        assert not app.screen.query_one("#answer").display


async def test_the_list_is_read_again_when_all_is_listed() -> None:
    counting = told([*opening(MUSIC), *beats(2.0, plan_done=False, extras=3)])
    manager = managed(counting, extras={})
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        rows = await opened(pilot)
        assert "still being listed" in screen_text(app)
        manager.deletions = {k: tuple(v) for k, v in EXTRAS.items()}
        manager.change(1, state=ASKING)
        app.tick()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert rows.flat[0].name == "Lost & Found/"


async def test_an_error_is_a_line_of_the_list() -> None:
    manager = managed()

    def fail(*_: object) -> Future[tuple[Extra, ...]]:
        future: Future[tuple[Extra, ...]] = Future()
        future.set_exception(OSError(5, "bad [/oops] \x1b"))
        return future

    manager.extras = fail  # type: ignore[method-assign]
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "cannot be read:" in screen_text(app) and "\x1b" not in screen_text(app)


async def test_a_list_that_does_not_come_leaves_the_keys_alive(monkeypatch) -> None:
    monkeypatch.setattr(outline, "QUICK", 0.0)
    monkeypatch.setattr(outline, "PATIENCE", 0.0)
    manager, never = managed(), Future()
    manager.extras = lambda *_: never  # type: ignore[method-assign]
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(Review(1))
        while "does not answer" not in screen_text(app):
            await pilot.pause()
        await pilot.press("tab", *"1204")
        assert not delete_button(app).disabled
        never.set_result(EXTRAS[b""])
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "Lost & Found/" in screen_text(app)


async def test_after_the_end_it_says_what_became_of_them() -> None:
    summary = Summary("ok", 0, "mirror", b"/a", b"/b", None)
    app = BlitApp(managed(told([RunFinished(summary)], ASKING), ENDED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "Nothing was deleted." in screen_text(app)
        assert not app.screen.query_one("#answer").display


async def test_a_guard_that_forbids_it_gives_its_reason() -> None:
    no = DeletionPlanned(1_204, 1_300, False, False, "nothing was deleted: more than half")
    app = BlitApp(managed(told([no], STATE)))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "more than half" in screen_text(app)
        assert not app.screen.query_one("#answer").display


@pytest.mark.parametrize("size", BOTH, ids=str)
async def test_hostile_names(size) -> None:
    extras = {b"": [Extra(name, False, 1, 1) for name in HOSTILE]}
    app = BlitApp(managed(extras=extras))
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        for _ in HOSTILE:
            await pilot.press("down", "enter")
        text = screen_text(app)
        assert "[red]x[/red]" in text and not {"\x1b", "\u202e", "\x9b", "\x07"} & set(text)
