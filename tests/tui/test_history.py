"""History: the browser of past runs, in pictures, and what each of its keys does."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from blit.history import jsonl, records
from blit.queue import ENDED, Entry
from blit.tui.app import BlitApp
from blit.tui.screens.ask import Ask
from blit.tui.screens.history import History
from blit.tui.screens.record import Record
from blit.tui.screens.transfers import Transfers
from blit.tui.widgets.past import PastRows, RunCurve, Trend
from tests import past
from tests.test_report import HOSTILE
from tests.tui.conftest import click_key, screen_text
from tests.tui.fakes import StillManager

SIZES = [(60, 15), (80, 24), (120, 36), (200, 60)]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What was told in passing; never parsed as markup."""
    found: list[str] = []

    def notify(self: object, message: str, *, markup: bool, **_: object) -> None:
        assert not markup
        found.append(message)

    for kind in (BlitApp, History, Record):
        monkeypatch.setattr(kind, "notify", notify)
    return found


async def settled(pilot: Pilot[Any]) -> None:
    for _ in range(2):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
        await pilot.wait_for_scheduled_animations()


def app_with(*entries: Entry) -> BlitApp:
    return BlitApp(StillManager(entries), history=True)


def rows(pilot: Pilot[Any]) -> PastRows:
    return pilot.app.screen.query_one(PastRows)


def ids(pilot: Pilot[Any]) -> list[str]:
    return [each.id for each in rows(pilot).shown]


# -- pictures -------------------------------------------------------------------------------------

VIEWS: dict[str, tuple[str, ...]] = {
    "history": ("down",) * 4,
    "history-filter": ("slash", *"music", "enter"),
    "history-record": (*("down",) * 4, "enter"),
    "history-forget": ("x",),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", VIEWS)
async def test_picture(name, size, config, snapshot) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(*VIEWS[name])
        await settled(pilot)
        snapshot(app, name)


@pytest.mark.parametrize("size", SIZES[:3], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_picture_of_nothing(size, snapshot) -> None:
    app = app_with()
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        snapshot(app, "history-empty")
        await pilot.press("enter", "o", "g", "s", "x", "slash", "down")
        await settled(pilot)
        assert isinstance(app.screen, History) and app.manager.calls == []


@pytest.mark.parametrize("size", SIZES[1:3], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_hostile_names(size, config, snapshot) -> None:
    past.write(config, past.facts(0, sources=[HOSTILE], destination=HOSTILE, route_why="[/b]\x1b",
                                  profile__source="[x\x1b", methods={"\x9b[": 1}))  # fmt: skip
    app = app_with()
    async with app.run_test(size=size) as pilot:
        for keys in ((), ("x",), ("escape",), ("enter",)):
            await settled(pilot)
            await pilot.press(*keys)
            await settled(pilot)
            assert not {"\x1b", "\u202e", "\x9b", "\x07"} & set(screen_text(app))
        snapshot(app, "history-hostile")


async def test_it_follows_the_size(config) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        wide = screen_text(app)
        await pilot.resize_terminal(70, 20)
        await settled(pilot)
        assert max(map(len, screen_text(app).splitlines())) <= 70
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        assert screen_text(app) == wide


# -- the table ------------------------------------------------------------------------------------


async def test_orders(config) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("down", "down")
        chosen = rows(pilot).chosen
        assert ids(pilot)[:3] == ["run-0", "run-1", "run-2"]
        orders = []
        for _ in range(5):
            await pilot.press("o")
            assert rows(pilot).chosen is chosen  # it stays selected
            orders.append((rows(pilot).order.words, ids(pilot)[0]))
        assert orders == [
            ("largest first", "run-4"), ("fastest first", "run-12"), ("longest first", "run-4"),
            ("troubles first", "run-0"), ("newest first", "run-0"),
        ]  # fmt: skip


FILTERS = {
    "music": ["run-2"], "MIRROR": ["run-1", "run-2"], "backup mirror doc": ["run-1"],
    "stalled": ["run-6"], "2026-11-20": ["run-4", "run-5"], "nfs4": ["run-4"],
    "stopped": ["run-5"], "no such words": [],
}  # fmt: skip


async def test_filter(config) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for words, found in FILTERS.items():
            await pilot.press("slash", words[0])
            app.screen.query_one(Input).insert_text_at_cursor(words[1:])
            await pilot.press("enter")
            assert ids(pilot) == found, words
            assert rows(pilot).has_focus or not found
            await pilot.press("escape")  # first out of the filter
            assert len(ids(pilot)) == 14 and not app.screen.query_one(Input).display
            assert isinstance(app.screen, History)
        await pilot.press("escape")
        assert isinstance(app.screen, Transfers)


async def test_letters_in_the_filter_are_letters(config) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"xgsonhq")
        assert app.screen.query_one(Input).value == "xgsonhq"
        assert isinstance(app.screen, History) and app.manager.calls == []


async def test_the_curve_and_the_trend_are_those_of_the_chosen_run(config) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        trend, curve = app.screen.query_one(Trend), app.screen.query_one(RunCurve)
        assert "ext4 → btrfs, 11 runs" in str(trend.border_title)
        speeds = [run.at for run in trend.runs]
        assert speeds == sorted(speeds)  # the newest at the right
        await pilot.press(*("down",) * 4)
        await settled(pilot)
        assert "xfs → nfs4, one run" in str(trend.border_title)
        assert str(curve.border_title).startswith("vm → /mnt/nas/vm")
        assert "×××" in screen_text(app)  # it stood still
        await pilot.press("up")
        await settled(pilot)
        assert "no bytes had to move" in screen_text(app)


async def test_a_run_that_ends_meanwhile_appears(config) -> None:
    past.write(config, past.facts(1))
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert ids(pilot) == ["run-1"]
        jsonl.append(str(config / "perf_local.jsonl"), json.dumps(past.facts(0)).encode())
        app.manager.shown = (Entry(1, past.record(0).job(), stage=ENDED),)
        app.tick()
        await settled(pilot)
        assert ids(pilot) == ["run-0", "run-1"]
        assert rows(pilot).chosen.id == "run-1"  # what was selected stays so


async def test_damage_is_told_and_so_is_a_file_that_cannot_be_read(config) -> None:
    past.write(config, past.facts(), more=b"{\n")
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "1 damaged line skipped" in screen_text(app)
    (config / "perf_local.jsonl").unlink()
    (config / "perf_local.jsonl").mkdir()
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "The history cannot be read" in screen_text(app)


async def test_ten_thousand_runs(config, monkeypatch) -> None:
    """Found, shown and walked through without a pause that anybody would notice: the newest are
    there at once, while all of them are read."""
    many = [json.dumps(past.facts(n % 900, id=f"r{n}")).encode() for n in range(10_000)]
    config.mkdir()
    (config / "perf_local.jsonl").write_bytes(b"\n".join(many) + b"\n")
    go_on, read = threading.Event(), records.read

    def slow(path: str = "", newest: int = 0) -> records.History:
        assert newest or go_on.wait(20)
        return read(path, newest)

    monkeypatch.setattr(records, "read", slow)
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        while not isinstance(app.screen, History) or not rows(pilot).count():
            await pilot.pause(0.01)
        assert rows(pilot).count() == 300 and "300 runs" in screen_text(app)
        await pilot.press("down", "down")
        chosen = rows(pilot).chosen
        go_on.set()
        await settled(pilot)
        assert rows(pilot).count() == 10_000 and rows(pilot).chosen == chosen
    monkeypatch.undo()
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(config))
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert rows(pilot).count() == 10_000
        began = time.monotonic()
        await pilot.press("end", "home", "pagedown", "o", "o", "end")
        assert time.monotonic() - began < 5  # 0.9 s here, with the waits of the pilot


# -- what can be done -----------------------------------------------------------------------------


async def press_or_click(pilot: Pilot[Any], how: str, key: str, action: str) -> None:
    if how == "key":
        await pilot.press(key)
    else:
        await settled(pilot)  # the keys stand there only once they are drawn
        assert await click_key(pilot, action=action), f"{action} is not at the bottom"
    await settled(pilot)


BOTH = pytest.mark.parametrize("how", ["key", "click"])


@BOTH
async def test_run_again(how, config) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("down")
        job = rows(pilot).chosen.job()
        await press_or_click(pilot, how, "g", "again")
        assert app.manager.calls == [("add", job)]
        assert (job.command, job.review, job.yes) == ("mirror", True, False)
        assert isinstance(app.screen, Transfers) and app.screen.chosen.id == 1


async def test_what_cannot_run_again_says_why(config, said) -> None:
    past.write(config, past.facts(filtered=True))
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("g")
        assert app.manager.calls == [] and "filters are not kept" in said[0]


@BOTH
async def test_open_a_record_and_run_it_again(how, config) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press_or_click(pilot, how, "enter", "choose")
        assert isinstance(app.screen, Record)
        await press_or_click(pilot, how, "escape", "dismiss")
        assert isinstance(app.screen, History)
        await pilot.press("enter")
        await press_or_click(pilot, how, "g", "again")
        assert [call[0] for call in app.manager.calls] == ["add"]
        assert isinstance(app.screen, Transfers)


async def choose(pilot: Pilot[Any], answer: str) -> None:
    assert isinstance(pilot.app.screen, Ask)
    options = pilot.app.screen.query_one(OptionList)
    options.highlighted = options.get_option_index(answer)
    await pilot.press("enter")
    await settled(pilot)


async def test_save_what_is_shown(config, said, tmp_path, monkeypatch) -> None:
    past.write(config, *past.story())
    monkeypatch.chdir(tmp_path)
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("slash", *"mirror", "enter")
        for how, kind, lines in (("key", "csv", 3), ("click", "json", 2)):
            await press_or_click(pilot, how, "s", "save")
            await choose(pilot, kind)
            file = tmp_path / f"blit-history.{kind}"
            assert said.pop() == f"Saved: {file}"
            assert len(file.read_text().splitlines()) == lines


async def test_saving_into_a_full_or_closed_folder_is_told(config, said, monkeypatch) -> None:
    past.write(config, *past.story())
    app = app_with()
    monkeypatch.setattr(os, "getcwd", lambda: "/proc/nowhere")
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("s")
        await choose(pilot, "csv")
        assert said == ["The runs could not be saved: No such file or directory"]


@BOTH
async def test_forget_asks_and_keeps_unless_told(how, config, said) -> None:
    past.write(config, *past.story())
    app = app_with()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await press_or_click(pilot, how, "x", "forget")
        await pilot.press("enter")  # the first answer keeps it
        await settled(pilot)
        assert len(past.read(config).records) == 14
        await press_or_click(pilot, how, "x", "forget")
        await choose(pilot, "one")
        assert ids(pilot)[0] == "run-1" and len(past.read(config).records) == 13
        await pilot.press("slash", *"mirror", "enter", "x")
        await choose(pilot, "all")
        assert len(past.read(config).records) == 11
        assert said == ["1 run forgotten", "2 runs forgotten"]


async def test_leaving_while_it_is_read(config, monkeypatch) -> None:
    """A history on a disk that does not answer holds nobody."""
    import threading

    go = threading.Event()

    def slow() -> records.History:
        go.wait(20)
        return records.History()

    monkeypatch.setattr(records, "read", slow)
    app = app_with()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "Reading" in screen_text(app)
        await pilot.press("escape")
        assert isinstance(app.screen, Transfers)
    go.set()
