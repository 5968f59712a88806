"""The Transfers screen: every situation as a picture, every key and click as what was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from textual import events
from textual.geometry import Size
from textual.pilot import Pilot
from textual.timer import Timer
from textual.widgets import Button

from blit.events import ByteCounts, Counts
from blit.queue import ENDED, RUNNING, WAITING
from blit.settings import Settings, load
from blit.state import TransferState
from blit.terminal import POP, Terminal
from blit.tui.app import BlitApp
from blit.tui.messages import Choice
from blit.tui.screens.help import Help
from blit.tui.screens.leave import Leave
from blit.tui.screens.small import Small
from blit.tui.screens.stop import Stop
from blit.tui.screens.transfers import Transfers
from blit.tui.widgets.keys import Keys
from blit.tui.widgets.overview import headline
from blit.tui.widgets.queue import Queue

from . import stories
from .conftest import click_key, screen_text
from .fakes import StillManager
from .stories import PHOTOS, STORIES, entry

Snapshot = Callable[[BlitApp, str], None]
SIZES = [(80, 24), (120, 36)]


async def settled(pilot: Pilot[Any]) -> None:
    """Two rounds: laying out again may wait for what the first one found."""
    for _ in range(2):
        await pilot.pause()
        await pilot.wait_for_scheduled_animations()


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", STORIES)
async def test_every_situation(name: str, size: tuple[int, int], snapshot: Snapshot) -> None:
    app = BlitApp(StillManager(STORIES[name]))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        snapshot(app, f"transfers-{name}")


@pytest.mark.parametrize("size", [(60, 15), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", ["running", "silent", "partial", "empty"])
async def test_smallest_and_largest(name: str, size: tuple[int, int], snapshot: Snapshot) -> None:
    app = BlitApp(StillManager(STORIES[name]))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        snapshot(app, f"transfers-{name}")


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize(("name", "key"), [("leave", "q"), ("stop", "x"), ("help", "?")])
async def test_windows(name: str, key: str, size: tuple[int, int], snapshot: Snapshot) -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await settled(pilot)
        snapshot(app, name)


# -- keys -----------------------------------------------------------------------------------------

KEYS: dict[str, tuple[str, str, list[tuple[Any, ...]]]] = {  # story, key, what the manager heard
    "pause": ("running", "space", [("pause", 1)]),
    "go on": ("paused", "space", [("resume", 1)]),
    "pause a waiting one": ("waiting", "space", [("pause", 1)]),
    "let a parked one wait": ("parked", "space", [("resume", 1)]),
    "start now": ("waiting", "enter", [("start_now", 1)]),
    "start a parked one": ("parked", "enter", [("start_now", 1)]),
    "run again": ("done", "enter", [("again", 1)]),
    "wait longer": ("silent", "enter", [("wait", 1)]),
    "remove an ended one": ("done", "x", [("remove", 1)]),
    "remove a waiting one": ("waiting", "x", [("remove", 1)]),
    "retry": ("partial", "r", [("retry", 1)]),
    "up": ("waiting", "[", [("move", 1, -1)]),
    "down": ("waiting", "]", [("move", 1, 1)]),
    "nothing to retry": ("done", "r", []),
    "nothing to start": ("running", "enter", []),
    "no order among the running": ("running", "[", []),
    "nothing at all": ("empty", "space", []),
}


def heard(manager: StillManager) -> list[tuple[Any, ...]]:
    return [call[:2] if call[0] == "retry" else call for call in manager.calls]


@pytest.mark.parametrize("name", KEYS)
async def test_keys(name: str) -> None:
    story, key, asked = KEYS[name]
    manager = StillManager(STORIES[story])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await settled(pilot)
    assert heard(manager) == asked


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("enter",), []),
        (("escape",), []),
        (("down", "enter"), [("stop", 1, False)]),
        (("down", "down", "enter"), [("stop", 1, True)]),
    ],
)
async def test_stop_asks(keys: tuple[str, ...], asked: list[tuple[Any, ...]]) -> None:
    manager = StillManager(STORIES["running"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("x")
        await settled(pilot)
        assert isinstance(app.screen, Stop)
        await pilot.press(*keys)
        await settled(pilot)
        assert not isinstance(app.screen, Stop)
    assert manager.calls == asked


async def test_the_question_goes_when_the_transfer_has_ended_by_itself() -> None:
    manager = StillManager(STORIES["running"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("x")
        await settled(pilot)
        manager.change(1, stage=ENDED, state=stories.DONE_STATE)
        app.tick()
        await settled(pilot)
        assert isinstance(app.screen, Transfers)
    assert manager.calls == []


async def test_other_places() -> None:
    app = BlitApp(StillManager(STORIES["partial"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for key, name in (("p", "Problems"), ("n", "NewTransfer"), ("h", "History")):
            await pilot.press(key)
            await settled(pilot)
            assert type(app.screen).__name__ == name
            await pilot.press("escape")
            await settled(pilot)
            assert isinstance(app.screen, Transfers), name


async def test_a_mirror_that_asks_opens_its_review_by_enter_and_by_its_button() -> None:
    manager = StillManager(STORIES["asking"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert type(app.screen).__name__ == "Review"
        app.pop_screen()
        await settled(pilot)
        await pilot.click("#review")
        await settled(pilot)
        assert type(app.screen).__name__ == "Review"


@pytest.mark.parametrize(
    ("button", "asked"),
    [("wait", ("wait", 1)), ("skip", ("skip", 1)), ("abort", ("stop", 1, True))],
)
async def test_the_banner_by_mouse_and_by_tab(button: str, asked: tuple[Any, ...]) -> None:
    manager = StillManager(STORIES["silent"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.click(f"#{button}")
        await settled(pilot)
        assert manager.calls == [asked]
        for _ in range(10):
            await pilot.press("tab")
            if isinstance(app.focused, Button) and app.focused.id == button:
                break
        while app.query_one(f"#{button}").has_class("-active"):  # a click holds it down for 0.2 s
            await pilot.pause(0.02)
        await pilot.press("enter")
        await settled(pilot)
        assert manager.calls == [asked, asked]


async def test_keep_them_all() -> None:
    manager = StillManager(STORIES["asked-early"])
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "needs an answer" in screen_text(app)
        await pilot.click("#keep")
        await settled(pilot)
        assert "needs an answer" not in screen_text(app)
    assert manager.calls == [("answer", 1, False)]


async def test_who_waits_longer_is_told_for_how_long() -> None:
    manager = StillManager(STORIES["silent"])
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "gives up at 10 s" in screen_text(app)
        await pilot.press("enter")
        assert manager.calls == [("wait", 1)]
        beat = stories.SILENT_STATE.beat
        assert beat is not None
        patient = stories.SILENT_STATE.after(beat._replace(limit=67.0))
        manager.change(1, state=patient)
        app.tick()
        await settled(pilot)
        assert "gives up at 67 s" in screen_text(app)


# -- mouse ----------------------------------------------------------------------------------------


async def outcomes(story: str, size: tuple[int, int], click: bool) -> dict[str, Any]:
    """Of every key at the bottom: what the manager heard, and which screen is in front then."""
    manager = StillManager(STORIES[story])
    app = BlitApp(manager)
    found: dict[str, Any] = {}
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for key in [k.key for k in app.screen.query_one(Keys).keys]:
            if key == "q" and not any(e.active for e in manager.entries()):
                continue  # it leaves at once: tested below
            if click:
                assert await click_key(pilot, key=key), f"{key} cannot be clicked"
            else:
                await pilot.press(key)
            await settled(pilot)
            found[key] = heard(manager), type(app.screen).__name__
            while not isinstance(app.screen, Transfers):
                app.pop_screen()
            manager.shown, manager.calls = STORIES[story], []
            app.tick()
            await settled(pilot)
            app.screen.query_one(Queue).cursor = 0
    return found


@pytest.mark.parametrize(
    ("story", "size"),
    [("running", (80, 24)), ("paused", (200, 60)), ("waiting", (80, 24)), ("partial", (80, 24)),
     ("silent", (60, 15))],
)  # fmt: skip
async def test_every_key_at_the_bottom_does_by_click_what_it_does_by_key(
    story: str, size: tuple[int, int]
) -> None:
    by_key = await outcomes(story, size, click=False)
    assert len(by_key) >= 6
    assert [
        key for key, (asked, screen) in by_key.items() if not asked and screen == "Transfers"
    ] == []
    assert await outcomes(story, size, click=True) == by_key


async def test_a_click_selects_and_does_no_more() -> None:
    manager = StillManager(STORIES["running"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.click(Queue, offset=(20, 2))
        await settled(pilot)
        assert app.screen.query_one(Queue).chosen == STORIES["running"][1]
        await pilot.click(Queue, offset=(20, 4))
        await settled(pilot)
        chosen = app.screen.query_one(Queue).chosen
        assert chosen is not None and chosen.id == 4
        assert "What happened" in screen_text(app)
        await pilot.press("up", "up")
        await settled(pilot)
        assert app.screen.query_one(Queue).chosen == STORIES["running"][1]
    assert manager.calls == []


async def test_the_places_above_are_clickable() -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.click("Top", offset=(20, 0))
        await settled(pilot)
        assert type(app.screen).__name__ == "History"


# -- leaving --------------------------------------------------------------------------------------


async def left_with(story: str, *keys: str) -> str | None:
    app = BlitApp(StillManager(STORIES[story]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
    return app.return_value


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_leaving_is_immediate_when_nothing_runs(key: str) -> None:
    assert await left_with("done", key) == Choice.DONE
    assert await left_with("parked", key) == Choice.DONE


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_leaving_asks_while_something_runs(key: str) -> None:
    assert await left_with("running", key) is None
    assert await left_with("running", key, "escape") is None
    assert await left_with("running", key, "enter") is None
    assert await left_with("running", key, "down", "enter") == Choice.GO_ON
    assert await left_with("running", key, "down", "down", "enter") == Choice.FINISH
    assert await left_with("running", key, "down", "down", "down", "enter") == Choice.NOW


async def test_two_quick_ctrl_c_stop_now() -> None:
    assert await left_with("running", "ctrl+c", "ctrl+c") == Choice.NOW


async def test_two_ctrl_c_at_once_stop_now() -> None:
    """A held key: the second is read before the question stands. Without leave.py's 2nd binding it is lost."""
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for _ in range(2):
            app.post_message(events.Key("ctrl+c", None))
        await settled(pilot)
    assert app.return_value == Choice.NOW


async def test_leaving_when_the_last_one_ends_while_it_is_asked() -> None:
    manager = StillManager(STORIES["alone"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await settled(pilot)
        assert isinstance(app.screen, Leave)
        manager.change(1, stage=ENDED, state=stories.DONE_STATE)
        app.tick()
        await settled(pilot)
    assert app.return_value == Choice.DONE


# -- commands by name -----------------------------------------------------------------------------


async def test_every_action_has_a_name_in_the_palette() -> None:
    app = BlitApp(StillManager(STORIES["partial"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        names = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Run again", "Retry failed files", "Problems", "Remove from the list", "Quit",
                "New transfer", "History", "Copy command", "Theme", "Keys and signs"} <= names  # fmt: skip
        copy = next(c for c in app.get_system_commands(app.screen) if c.title == "Copy command")
        copy.callback()
        assert app.clipboard == "blit copy /home/you/Photos /mnt/backup"
        await pilot.press("ctrl+p")
        await settled(pilot)
        await pilot.press(*"retry failed")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await settled(pilot)
        assert heard(app.manager) == [("retry", 1)]  # type: ignore[arg-type]


# -- sizes, names, load ---------------------------------------------------------------------------


async def test_resizing_there_and_back_is_the_same_picture() -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        before = screen_text(app)
        for size in ((60, 15), (200, 60), (80, 24), (61, 16), (99, 19), (100, 20), (120, 36)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            lines = screen_text(app).splitlines()
            assert len(lines) == size[1]
            assert lines[-1].strip().startswith("n New"), size
        assert screen_text(app) == before


async def test_a_size_that_is_over_is_laid_out_for_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where two sizes are on their way, screens without Steady send each other both for ever."""
    monkeypatch.setattr(BlitApp, "_fit", lambda self: None)
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for window in (Help(), Stop(STORIES["running"][0]), Small()):
            app.push_screen(window)
            await settled(pilot)
        over = Size(90, 30)
        for screen in app.screen_stack:
            screen.post_message(events.Resize(over, over))
        await settled(pilot)
        assert {screen.outer_size for screen in app.screen_stack} == {app.size}


async def test_a_resize_whose_timer_never_fires_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without BlitApp._fit the picture keeps its old size for ever."""
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        real = app.set_timer

        def lost(delay: float, *arguments: Any, **options: Any) -> Timer:
            return real(delay, *arguments, **{**options, "pause": delay < 0.01})

        monkeypatch.setattr(app, "set_timer", lost)
        for size in ((100, 30), (80, 24)):
            app.post_message(events.Resize(Size(*size), Size(*size)))
            with anyio.fail_after(20):
                while app.screen.outer_size != size:
                    await pilot.pause(0.05)


async def test_a_size_that_no_signal_told_of_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look at the terminal in BlitApp._fit the picture keeps its old size."""
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        monkeypatch.setattr("blit.terminal.hung_up", lambda fd: False)
        monkeypatch.setattr("blit.terminal.size", lambda: (80, 24))
        monkeypatch.setattr(BlitApp, "is_headless", property(lambda self: False))
        with anyio.fail_after(20):
            while app.screen.outer_size != (80, 24):
                await pilot.pause(0.05)
        monkeypatch.undo()


async def test_too_small_says_so_and_comes_back() -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        before = screen_text(app)
        await pilot.resize_terminal(48, 12)
        await settled(pilot)
        said = " ".join(screen_text(app).split())
        assert "blit needs 60x15 here, this terminal is 48x12" in said
        assert "57 %, 382 MB/s" in said
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert screen_text(app) == before


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36), (200, 60)], ids=str)
@pytest.mark.parametrize("ended", [False, True])
async def test_hostile_names_are_inert(size: tuple[int, int], ended: bool) -> None:
    manager = StillManager(STORIES["hostile"])
    if ended:
        state = manager.entry(1).state.after(
            stories.ending("partial", 3, message="\x1b[31m[/x]", failures=stories.FAILURES,
                           warnings=("\x9b31m",), notes=("\u202e[red]",))
        )  # fmt: skip
        manager.change(1, stage=ENDED, state=state)
    app = BlitApp(manager)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        found = screen_text(app)
        bad = [c for c in found if not c.isprintable() and c != "\n"]
        assert bad == []
        found.encode("utf-8")
        assert "oops] \\x1b]0;pwn\\x07" in found or size == (60, 15)
        for key in ("x", "escape", "q", "escape"):
            await pilot.press(key)
            await settled(pilot)


async def test_a_hundred_thousand_problems_cost_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = StillManager([entry(1, PHOTOS, stories.many_problems())])
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "✗ 100,000" in screen_text(app)
        slowest = 0.0
        for n in range(5):
            manager.change(1, state=stories.many_problems(100_000 + n))
            began = time.perf_counter()
            app.tick(chart=True)
            await pilot.pause()
            slowest = max(slowest, time.perf_counter() - began)
        assert slowest < 0.3


async def test_a_thousand_entries_can_be_walked() -> None:
    many = [entry(n, PHOTOS, TransferState(), WAITING) for n in range(1, 1001)]
    app = BlitApp(StillManager(many), focus=1)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("end")
        await settled(pilot)
        assert "#1000" in screen_text(app)


async def test_the_entry_to_look_at_first() -> None:
    app = BlitApp(StillManager(STORIES["running"]), focus=4)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        chosen = app.screen.query_one(Queue).chosen
        assert chosen is not None and chosen.id == 4


async def test_a_new_one_by_again_is_chosen_when_it_comes() -> None:
    manager = StillManager(STORIES["done"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        chosen = app.screen.query_one(Queue).chosen
        assert chosen is not None and (chosen.id, chosen.stage) == (2, WAITING)


async def test_numbers_follow_and_nothing_is_painted_when_nothing_changed() -> None:
    manager = StillManager(STORIES["alone"])
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "382 MB/s now" in screen_text(app)
        manager.change(1, state=stories.RUNNING_STATE._replace(rate=77e6), stage=RUNNING)
        app.tick()
        await settled(pilot)
        assert "77.0 MB/s now" in screen_text(app)


async def test_a_row_is_painted_anew_although_the_queue_is_scrolled() -> None:
    waiting = [entry(id, PHOTOS, TransferState(), stage=WAITING) for id in range(1, 13)]
    manager = StillManager(waiting)
    app = BlitApp(manager, focus=12)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert app.screen.query_one(Queue).scroll_offset.y > 3
        manager.change(12, why="same disks")
        app.tick()
        await settled(pilot)
        assert "waiting: same disks" in screen_text(app)


async def test_what_runs_stands_first_and_what_has_ended_last() -> None:
    stages = (ENDED, WAITING, RUNNING, ENDED)
    manager = StillManager(entry(n, PHOTOS, TransferState(), stage=s, ended_at=n)
                           for n, s in enumerate(stages, 1))  # fmt: skip
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        transfers = app.screen
        assert isinstance(transfers, Transfers)
        assert [e.id for e in transfers.queue._entries] == [3, 2, 4, 1]
        transfers.action_clear()
    assert manager.calls == [("remove", 1), ("remove", 4)]


@pytest.mark.parametrize("theme", ["blit", "blit-light", "textual-light", "ansi-dark", "nord"])
async def test_themes_change_colours_and_no_word(theme: str) -> None:
    app = BlitApp(StillManager(STORIES["running"]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        before = screen_text(app)
        app.theme = theme
        await settled(pilot)
        assert screen_text(app) == before


async def test_the_picture_is_the_same_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    for value in ("", "1"):
        if value:
            monkeypatch.setenv("NO_COLOR", value)
        app = BlitApp(StillManager(STORIES["silent"]))
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            texts.append(screen_text(app))
    assert texts[0] == texts[1]


async def test_text_is_copied_with_the_mouse_and_ctrl_c() -> None:
    app = BlitApp(StillManager(STORIES["alone"]))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.mouse_down("#overview", offset=(2, 1))
        await pilot.hover("#overview", offset=(8, 1))
        await pilot.mouse_up("#overview", offset=(8, 1))
        await settled(pilot)
        await pilot.press("ctrl+c")
        await settled(pilot)
        assert app.clipboard.startswith("Copying"[:6])
        assert isinstance(app.screen, Transfers)


# -- the terminal's own -----------------------------------------------------------------------------


class Noted(BlitApp):
    def __init__(self, manager: StillManager, looking: bool = True) -> None:
        super().__init__(manager)
        self.said: list[str] = []
        self.bells = 0
        self.looking = looking
        environment = {"TERM": "xterm", "WT_SESSION": "1"}
        self.status.terminal = Terminal(self.said.append, environment)

    def on_mount(self) -> None:
        super().on_mount()
        self.app_focus = self.looking

    def bell(self) -> None:
        self.bells += 1


async def test_title_and_progress_follow_and_are_taken_back() -> None:
    manager = StillManager(STORIES["alone"])
    app = Noted(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        app.tick()
        await settled(pilot)
        assert "\x1b]2;blit 57 % Photos\x07" in app.said
        assert "\x1b]9;4;1;57\x07" in app.said
        manager.change(1, state=stories.PAUSED_STATE, paused=True)
        app.tick()
        assert app.said[-1] == "\x1b]9;4;4;57\x07"
        manager.change(1, state=stories.ASKED_EARLY_STATE, paused=False)
        app.tick()
        assert "\x1b]2;▲ blit 57 % Photos\x07" in app.said
    assert app.said[-2:] == ["\x1b]9;4;0;\x07", POP]


@pytest.mark.parametrize(
    ("looking", "seconds", "bells"), [(True, 5.0, 0), (True, 55.0, 1), (False, 5.0, 1)]
)
async def test_the_bell_rings_for_who_looks_away_or_has_waited_long(
    looking: bool, seconds: float, bells: int
) -> None:
    manager = StillManager(STORIES["alone"])
    app = Noted(manager, looking)
    async with app.run_test(size=(80, 24)) as pilot:
        app.tick()
        await settled(pilot)
        app.app_focus = looking
        state = stories.DONE_STATE._replace(elapsed=seconds)
        manager.change(1, stage=ENDED, state=state)
        app.tick()
        app.tick(chart=True)
        await settled(pilot)
    assert app.bells == bells


async def test_the_bell_rings_once_for_a_question() -> None:
    manager = StillManager(STORIES["alone"])
    app = Noted(manager, looking=False)
    async with app.run_test(size=(80, 24)) as pilot:
        app.tick()
        app.app_focus = False
        for _ in range(3):
            manager.change(1, state=stories.ASKED_EARLY_STATE._replace())
            app.tick()
        await settled(pilot)
    assert app.bells == 1


@pytest.mark.parametrize(
    ("wish", "looking", "seconds", "notes"),
    [("auto", False, 55.0, 1), ("auto", True, 55.0, 0), ("auto", False, 5.0, 0),
     ("always", True, 5.0, 1), ("never", False, 55.0, 0)],
)  # fmt: skip
async def test_the_desktop_is_told_of_the_end_of_a_long_run_that_nobody_watches(
    wish: Any, looking: bool, seconds: float, notes: int
) -> None:
    manager = StillManager(STORIES["alone"])
    app = BlitApp(manager, choices=Settings(notify=wish))
    said: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        app.status.terminal.notify = said.append  # type: ignore[method-assign]
        app.tick()
        await settled(pilot)
        app.app_focus = looking
        manager.change(1, stage=ENDED, state=stories.DONE_STATE._replace(elapsed=seconds))
        app.tick()
    assert len(said) == notes
    assert not said or said[0].startswith("Photos → /mnt/backup/Photos: done, ")


async def test_the_theme_that_was_chosen_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(tmp_path))
    app = BlitApp(StillManager(STORIES["empty"]), choices=Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        app.theme = "blit-light"
        await pilot.pause()
        await app.workers.wait_for_complete()
    kept = load()[0]
    assert kept.theme == "blit-light"
    assert BlitApp(StillManager([]), choices=kept).theme == "blit-light"
    assert BlitApp(StillManager([]), choices=Settings(theme="gone")).theme == "blit"


def test_a_move_by_rename_is_said_to_be_one() -> None:
    """Not a file of 0 B, whatever the folder holds."""
    for copied, said in ((1, "Renamed 1 entry"), (4, "Renamed 1 entry, moved 0 B in 3 files")):
        told = stories.ending("ok", 0, command="move", methods={"rename": 1})
        summary = told.summary._replace(files=Counts(copied), bytes=ByteCounts())
        state = stories.DONE_STATE._replace(summary=summary)
        lines = headline(entry(1, PHOTOS._replace(command="move"), state, ENDED), 80)
        assert said in "".join(text for text, _ in lines[0])
