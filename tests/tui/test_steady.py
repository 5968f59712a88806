"""Much at once: keys, clicks and sizes that come before the last ones have been dealt with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import Screen

from blit.tui.app import BlitApp
from blit.tui.screens.help import Help
from blit.tui.screens.history import History
from blit.tui.screens.leave import Leave
from blit.tui.screens.new import NewTransfer
from blit.tui.screens.palette import Palette
from blit.tui.screens.problems import Problems
from blit.tui.screens.review import Review
from blit.tui.screens.small import Small
from blit.tui.screens.stop import Stop
from blit.tui.screens.transfers import Transfers

from .conftest import screen_text
from .fakes import StillManager
from .stories import STORIES

SCREENS: dict[str, Callable[[], Screen[Any]]] = {
    "help": Help, "history": History, "new": NewTransfer, "palette": Palette,
    "problems": lambda: Problems(1), "review": lambda: Review(1),
    "stop": lambda: Stop(STORIES["running"][0]), "leave": lambda: Leave(STORIES["running"]),
}  # fmt: skip


async def settled(pilot: Pilot[Any]) -> None:
    await pilot.pause()
    await pilot.pause()


def names(app: BlitApp) -> list[str]:
    return [type(screen).__name__ for screen in app.screen_stack]


@pytest.mark.parametrize("name", SCREENS)
async def test_leaving_twice_leaves_once(name: str) -> None:
    """A second esc, or a click, that was on its way: without Steady.dismiss nothing is left but an
    empty screen."""
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        screen = SCREENS[name]()
        app.push_screen(screen)
        await settled(pilot)
        for _ in range(3):
            app.post_message(events.Key("escape", "\x1b"))
        await settled(pilot)
        assert names(app) == ["Transfers"]
        screen.dismiss()
        await settled(pilot)
        assert names(app) == ["Transfers"]
        assert "Transfers" in screen_text(app)


async def test_what_is_covered_takes_nobody_else_along() -> None:
    """The last transfer ends while the question of leaving lies under the one line."""
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        leave = Stop(STORIES["running"][0])
        app.push_screen(leave)
        await pilot.resize_terminal(40, 10)
        await settled(pilot)
        small = app.screen
        assert isinstance(small, Small)
        leave.dismiss("stay")
        assert app.screen is small
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        assert names(app) == ["Transfers", "Stop"]


@pytest.mark.parametrize("key", ["n", "h", "question_mark", "ctrl+p"])
async def test_nothing_is_opened_where_there_is_no_room(key: str) -> None:
    """Without BlitApp.check_action it lay above the one line, which then came back for good."""
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        before = screen_text(app)
        await pilot.resize_terminal(40, 10)
        await settled(pilot)
        await pilot.press(key)
        await settled(pilot)
        assert isinstance(app.screen, Small)
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        assert screen_text(app) == before


async def test_the_one_line_goes_where_a_window_stood_above_it() -> None:
    """Without make_room in BlitApp._tick it stays, in a terminal that is large enough."""
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.resize_terminal(40, 10)
        await settled(pilot)
        await pilot.press("q")
        await settled(pilot)
        assert isinstance(app.screen, Leave)
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        await pilot.press("escape")
        await settled(pilot)
        app._tick()
        await settled(pilot)
        assert isinstance(app.screen, Transfers)


async def test_the_palette_knows_one_size_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's own tells itself two that are on their way for ever."""
    monkeypatch.setattr(BlitApp, "_fit", lambda self: None)
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+p")
        await settled(pilot)
        assert isinstance(app.screen, Palette)
        for _ in range(2):
            await pilot.press("ctrl+p")
        assert names(app).count("Palette") == 1
        for size in (Size(90, 30), Size(100, 30)):
            app.screen.post_message(events.Resize(size, size))
        await settled(pilot)
        assert app.screen.outer_size == app.size
        await pilot.press(*"theme", "enter")
        await settled(pilot)
        assert isinstance(app.screen, Palette) and "─ Themes ─" in screen_text(app)


async def test_a_tick_without_a_screen_is_none() -> None:
    """As while the program ends: asked for its screen, Textual raises."""
    app = BlitApp(StillManager(STORIES["running"]))
    app._tick()
    async with app.run_test(size=(40, 10)) as pilot:
        await settled(pilot)
    app._tick()
