"""Screens as text: what stands in the cells, and snapshots of it."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.segment import Segment
from textual._context import active_app
from textual.app import App
from textual.pilot import Pilot

from blit.tui import words
from blit.tui.widgets.keys import Keys

SNAPSHOTS = Path(__file__).parent.parent.parent / "snapshots"


def screen_text(app: App[Any]) -> str:
    """The cells of the screen, line by line, without colours; the one private call of the tests."""
    update = app.screen._compositor.render_update(
        full=True, screen_stack=app._background_screens
    )  # fmt: skip
    console = Console(
        width=app.size.width, height=app.size.height, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", legacy_windows=False,
    )  # fmt: skip
    lines = Segment.split_lines(s for s in console.render(update) if not s.control)
    return "\n".join("".join(s.text for s in line).rstrip() for line in lines) + "\n"


async def click_key(pilot: Pilot[Any], key: str = "", action: str = "") -> bool:
    """Click a key at the bottom, as it stands there; False where it does not, or is covered."""
    keys = pilot.app.screen.query_one(Keys)
    found = [k for k in keys.keys if (k.key == key if key else k.action.endswith(action))]
    text = screen_text(pilot.app).splitlines()[-1]
    if len(found) != 1 or text[1 + found[0].at :][: len(found[0].sign)] != found[0].sign:
        return False
    return await pilot.click(Keys, offset=(1 + found[0].at, 0))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day on the screens are local ones."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(words, "clock", lambda: 1_795_349_100.0)  # the day of the stories
    yield
    monkeypatch.undo()
    time.tzset()


async def _idle(min_sleep: float = 0.02, max_sleep: float = 1.0) -> None:
    """Until no widget has a message left, and what they changed was drawn.

    Textual's own waits until the process has used no CPU for 20 ms, twice a key: most of the time
    that these tests took, and no more certain on a busy machine.
    """
    await _quiet()
    if min_sleep:
        await asyncio.sleep(1 / 60)  # screens are drawn by a timer
        await _quiet()


async def _quiet() -> None:
    app = active_app.get()
    rounds = 0
    while rounds < 3:
        await asyncio.sleep(0)
        nodes = (app, *app.screen_stack, *app._registry)
        busy = any(not n._message_queue.empty() for n in nodes if n._message_queue is not None)
        rounds = 0 if busy else rounds + 1


@pytest.fixture(autouse=True)
def quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drawn(min_sleep: float = 0.02, max_sleep: float = 1.0) -> None:
        await _idle()
        await _idle()  # the keys at the bottom are made anew once the first picture stands

    monkeypatch.setattr("textual.app.wait_for_idle", _idle)
    monkeypatch.setattr("textual.pilot.wait_for_idle", drawn)


@pytest.fixture
def text_of() -> Callable[[App[Any]], str]:
    return screen_text


@pytest.fixture
def snapshot() -> Callable[[App[Any], str], None]:
    """Compare with snapshots/<name>-<W>x<H>.txt; UPDATE_SNAPSHOTS=1 rewrites what differs."""

    def compare(app: App[Any], name: str) -> None:
        file = SNAPSHOTS / f"{name}-{app.size.width}x{app.size.height}.txt"
        found = screen_text(app)
        if os.environ.get("UPDATE_SNAPSHOTS"):
            file.write_text(found, encoding="utf-8")
            return
        assert file.exists(), f"no {file.name} yet: UPDATE_SNAPSHOTS=1 pytest tests/tui makes it"
        assert found == file.read_text(encoding="utf-8"), f"{file.name} differs"

    return compare
