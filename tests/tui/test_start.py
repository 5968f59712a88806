"""What the first picture costs, and what must not be lost by having it sooner; the keys' mouse."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App
from textual.css.stylesheet import Stylesheet

from blit.settings import Settings
from blit.tui import themes
from blit.tui.app import BlitApp
from blit.tui.screens.transfers import Transfers
from blit.tui.widgets.banner import Banner
from blit.tui.widgets.keys import Key, Keys, placed

from .conftest import screen_text
from .fakes import StillManager
from .stories import STORIES


def ground(app: App[Any], y: int) -> str:
    """The background at the end of a line."""
    *_, last = app.screen._compositor.render_strips()[y]
    assert last.style is not None and last.style.bgcolor is not None
    return last.style.bgcolor.get_truecolor().hex


async def test_the_style_sheet_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `refresh_css` in app.py, or with the classes for the size set later, this fails."""
    read: list[object] = []
    styled: list[object] = []
    again, apply = Stylesheet.reparse, Stylesheet.apply
    monkeypatch.setattr(Stylesheet, "reparse", lambda sheet: (read.append(sheet), again(sheet)))

    def counted(sheet: Stylesheet, node: Any, **given: Any) -> None:
        styled.append(node)
        apply(sheet, node, **given)

    monkeypatch.setattr(Stylesheet, "apply", counted)
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert not read
        # a widget is styled when it is registered, when its screen is shown, and once by its parent
        assert len(styled) <= 4 * len(app.screen.query("*")), len(styled)
        assert len(app.screen.query("*")) < 25
        app.theme = "blit-light"
        await pilot.pause()
        assert read


@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT])
async def test_the_first_picture_has_the_colours_of_the_theme_that_was_chosen(theme: Any) -> None:
    """Without `set_variables` in app.py the light one has the colours of Textual's own."""
    app = BlitApp(StillManager(STORIES["running"]), choices=Settings(theme=theme.name))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert ground(app, 1) == theme.background
        assert ground(app, 0) == theme.panel
        other = themes.LIGHT if theme is themes.DARK else themes.DARK
        app.theme = other.name
        await pilot.pause()
        assert ground(app, 1) == other.background


@pytest.mark.parametrize("size", [(60, 15), (120, 36), (200, 60)])
async def test_the_first_screen_has_the_classes_that_its_size_gives_it_later(
    size: tuple[int, int],
) -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=size) as pilot:
        screen = app.get_default_screen()
        assert isinstance(screen, Transfers) and isinstance(app.screen, Transfers)
        await pilot.resize_terminal(90, 25)
        await pilot.resize_terminal(*size)
        await pilot.pause()
        given = {c for c in app.screen.classes if c.startswith("-")}
        assert given and given == {c for c in screen.classes if c.startswith("-")}


async def test_the_buttons_of_the_banner_are_made_when_it_is_needed() -> None:
    """They are a third of all widgets, and most runs never show them."""
    manager = StillManager(STORIES["running"])
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        assert not app.screen.query("Banner Button")
        manager.shown = STORIES["silent"]
        app.tick()
        await pilot.pause()
        assert len(app.screen.query("Banner Button")) == 5
        assert app.screen.query_one(Banner).display and "Wait longer" in screen_text(app)


# -- the keys ---------------------------------------------------------------------------------------


async def test_a_key_under_the_mouse_is_marked_until_it_leaves() -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        keys = app.screen.query_one(Keys)
        before = list(keys.render_line(0))
        last = keys.keys[-1]
        assert last.last and last.tip == "Open the command palette"
        await pilot.hover(Keys, offset=(1 + last.at, 0))
        assert keys.styles.pointer == "pointer" and keys.tooltip == last.tip
        assert list(keys.render_line(0)) != before
        await pilot.hover(Keys, offset=(1 + last.at - 2, 0))
        assert keys.styles.pointer == "default" and keys.tooltip is None
        assert list(keys.render_line(0)) == before
        await pilot.hover(Keys, offset=(1 + last.at, 0))
        await pilot.hover("#overview")
        assert keys.styles.pointer == "default" and list(keys.render_line(0)) == before


async def test_a_key_that_cannot_be_pressed_now_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    rung: list[bool] = []
    pressed: list[str] = []
    monkeypatch.setattr(app, "bell", lambda: rung.append(True))
    monkeypatch.setattr(app, "simulate_key", pressed.append)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        keys = app.screen.query_one(Keys)
        keys._able = (Key("x", "x", "Stop", "stop", able=False), Key("n", "n", "New", "app.new"))
        keys.draw()
        await pilot.click(Keys, offset=(1, 0))
        assert rung and not pressed
        await pilot.click(Keys, offset=(1 + len("x Stop "), 0))
        await pilot.click(Keys, offset=(60, 0))
        assert pressed == ["n"] and len(rung) == 1


def test_where_the_keys_stand() -> None:
    keys = (Key("n", "n", "New", "app.new"), Key("x", "x", "Stop", "stop"),
            Key("ctrl+p", "^p", "palette", "command_palette", last=True))  # fmt: skip
    assert [(k.at, k.cells) for k in placed(keys, 60)] == [(0, 5), (6, 6), (49, 10)]
    assert [k.words for k in placed(keys, 24)] == ["New", "Stop", ""]  # known words go first
    assert [k.words for k in placed(keys, 10)] == ["", "Stop", ""]
