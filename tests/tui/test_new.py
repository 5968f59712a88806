"""New transfer: typing, completing and picking paths, the plan that follows, and starting it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, RadioSet

from blit.events import Failed, Heartbeat, RouteChosen, RunFinished, RunStarted, Summary
from blit.job import Job
from blit.queue import WAITING, Folders
from blit.state import TransferState
from blit.tui.app import BlitApp
from blit.tui.screens import new
from blit.tui.screens.new import NewTransfer, means_contents, places
from blit.tui.screens.review import Review
from blit.tui.widgets import outline
from blit.tui.widgets.choices import Check, Radio
from blit.tui.widgets.folder_tree import FolderTree
from blit.tui.widgets.path_field import PathField
from tests.tui.conftest import screen_text
from tests.tui.fakes import StillManager

BOTH = [(80, 24), (120, 36)]
HOSTILE = "bad [/oops] \x1b]0;pwn\x07\udce9"
TREE = {
    "/": ["home", "mnt"],
    "/home": ["you"],
    "/home/you": ["Documents", "Music", "Photos", "Videos", HOSTILE],
    "/home/you/Photos": ["2014", "2015"],
    "/mnt": ["backup", "nas"],
    "/mnt/backup": ["Documents", "vm"],
}
Calls = list[tuple[Any, ...]]


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(new, "REST", 0.01)


class Confirming(StillManager):
    def confirm(self, id: int) -> None:
        super().confirm(id)
        self.change(id, stage=WAITING)


def managed() -> StillManager:
    return Confirming([], TREE)


async def opened(pilot: Pilot[str], start: str = "/home/you") -> NewTransfer:
    screen = NewTransfer(start)
    await pilot.app.push_screen(screen)
    await settled(pilot)
    return screen


async def settled(pilot: Pilot[str]) -> None:
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def typed(pilot: Pilot[str], text: str) -> None:
    await pilot.press(*text)
    await settled(pilot)


async def planned(pilot: Pilot[str], source: str = "Photos", target: str = "/mnt/backup") -> int:
    """Both ends are filled in; the entry of the plan that was made for them."""
    screen = pilot.app.screen
    assert isinstance(screen, NewTransfer)
    screen.field("from").put(source)
    screen.field("to").put(target)
    screen.field("to").focus()
    await settled(pilot)
    return await replanned(pilot)


async def replanned(pilot: Pilot[str]) -> int:
    screen = pilot.app.screen
    assert isinstance(screen, NewTransfer)
    while not screen.preview:
        await pilot.pause(0.01)
    return screen.preview


def previews(manager: StillManager) -> list[Job]:
    return [call[1] for call in manager.calls if call[0] == "preview"]


def counted(manager: StillManager, id: int, **fields: Any) -> None:
    usual: dict[str, Any] = {
        "phase": "ready", "files": 0, "bytes": 0, "planned_files": 22_080,
        "planned_bytes": 12_400_000_000, "plan_done": True, "waiting_batches": 0,
        "waiting_bytes": 0, "starved": 0, "quiet": 0.0, "workers": (), "unchanged": 9_120,
        "replaced": 14,
    }  # fmt: skip
    ends = (b"/home/you/Photos", b"/mnt/backup/Photos")
    manager.fold(
        id, RunStarted("copy", ends[:1], ends[1], (ends,), False, 0.0, fields.pop("free", 10**13)),
        RouteChosen("streaming", "", 48.0, 3, ("ext4", "ext4")), Heartbeat(1.0, **usual | fields),
    )  # fmt: skip


async def shown(pilot: Pilot[str]) -> str:
    pilot.app.tick()  # type: ignore[attr-defined]
    await pilot.pause()
    return screen_text(pilot.app)


# -- pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*BOTH, (60, 15)], ids=str)
async def test_picture(size, snapshot) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        id = await planned(pilot)
        counted(manager, id)
        await shown(pilot)
        snapshot(app, "new-transfer")


@pytest.mark.parametrize("size", BOTH, ids=str)
async def test_picture_of_a_mirror_that_does_not_fit(size, snapshot) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await planned(pilot)
        await pilot.press("tab", "tab", "right", "space")
        counted(manager, await replanned(pilot), extras=1_204, free=9_100_000_000)
        await shown(pilot)
        snapshot(app, "new-transfer-mirror")


# -- the paths -------------------------------------------------------------------------------------


async def test_tab_completes_and_only_then_goes_on() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        field = screen.field("from")
        assert app.focused is field
        await typed(pilot, "/home/you/Ph")
        assert "/home/you/Photos" in screen_text(app)  # the rest of the name, on offer
        await pilot.press("tab")
        assert field.value == "/home/you/Photos" and app.focused is field
        await pilot.press("tab")
        assert app.focused is screen.folders("from")


async def test_right_completes_too() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await typed(pilot, "Doc")
        await pilot.press("right")
        assert screen.field("from").raw == "/home/you/Documents"


async def test_home_is_known_by_its_sign(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/you")
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, "/mnt")
        await typed(pilot, "~/Mus")
        await pilot.press("tab")
        assert screen.field("from").value == "~/Music"
        assert screen.field("from").raw == "/home/you/Music"


async def test_typing_moves_the_tree() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await typed(pilot, "/mnt/na")
        tree = screen.folders("from")
        assert [i.name for i in tree.flat if not i.note] == ["/", "home", "mnt", "backup", "nas"]
        assert tree.current is not None and tree.current.key == "/mnt/nas"
        assert screen.folders("to").base == "/home/you"


async def test_a_folder_that_does_not_exist_is_a_line_in_the_tree() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await typed(pilot, "/nowhere/x")
        assert "No such file or directory" in screen_text(app)


async def test_picking_with_enter_fills_the_line_and_opens_the_folder() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("tab", "down", "down", "down", "enter")
        await settled(pilot)
        assert screen.field("from").raw == "/home/you/Photos"
        assert "2014" in screen_text(app) and "◂ from" in screen_text(app)
        before = list(manager.calls)
        await pilot.press("left", "right")  # shut and open: nothing is asked, nothing is picked
        await settled(pilot)
        assert manager.calls == before and screen.field("from").raw == "/home/you/Photos"


async def test_picking_with_the_mouse() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        tree = screen.folders("to")
        row = next(n for n, item in enumerate(tree.flat) if item.name == "Music")
        assert await pilot.click(tree, offset=(6, row))
        await settled(pilot)
        assert screen.field("to").raw == "/home/you/Music"


async def test_up_and_up_to_the_root() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        tree = screen.folders("from")
        await pilot.press("tab", "left")
        await settled(pilot)
        assert tree.base == "/home" and tree.current.key == "/home/you"  # type: ignore[union-attr]
        await pilot.press("home", "enter")
        await settled(pilot)
        assert tree.base == "/" and [i.name for i in tree.flat] == ["/", "home", "mnt"]
        await pilot.press("home", "left")
        await settled(pilot)
        assert tree.base == "/" and screen.field("from").raw == ""


async def test_a_hostile_name_is_shown_safely_and_copied_as_it_is() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot)
        await pilot.press("tab", "end", "enter")
        await settled(pilot)
        raw = f"/home/you/{HOSTILE}"
        assert screen.field("from").raw == raw
        await pilot.press("shift+tab")
        await typed(pilot, "/inner")
        assert screen.field("from").raw == raw + "/inner"
        for _ in "/inner":
            await pilot.press("backspace")
        await pilot.press("enter")
        await typed(pilot, "/mnt/backup")
        await replanned(pilot)
        assert previews(manager)[-1].sources == (raw.encode("utf-8", "surrogateescape"),)
        text = screen_text(app)
        assert "[/oops]" in text and not {"\x1b", "\x07", "\udce9"} & set(text)


async def test_a_hostile_name_is_completed() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot)
        await typed(pilot, "bad")
        await pilot.press("tab")
        assert screen.field("from").raw == f"/home/you/{HOSTILE}"
        assert "\x1b" not in screen.field("from").value


async def test_what_is_pasted_never_reaches_the_terminal_raw() -> None:
    from textual.events import Paste

    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        screen.field("from").post_message(Paste("/a\x1b]0;pwn\x07"))
        await settled(pilot)
        assert "\x1b" not in screen_text(app) and screen.field("from").raw == "/a\x1b]0;pwn\x07"


async def test_a_folder_that_does_not_answer_leaves_the_keys_alive(monkeypatch) -> None:
    monkeypatch.setattr(outline, "QUICK", 0.0)
    monkeypatch.setattr(outline, "PATIENCE", 0.0)
    manager, dead = managed(), Future[Folders]()
    answer = manager.folders
    manager.folders = lambda path: dead if path == "/dead" else answer(path)  # type: ignore[method-assign]
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"/dead/x")
        while "does not answer" not in screen_text(app):
            await pilot.pause()
        await pilot.press("enter", *"/mnt/backup")
        await replanned(pilot)
        assert previews(manager)[-1].sources == (b"/dead/x",)
        dead.set_result(Folders("/dead", ("xylophone",)))
        await settled(pilot)
        assert "xylophone" in screen_text(app) and screen.field("to").raw == "/mnt/backup"


# -- how -------------------------------------------------------------------------------------------


async def test_contents_or_folder_is_the_trailing_slash() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot)
        await planned(pilot)
        text = screen_text(app)
        assert "(•) Photos → /mnt/backup/Photos" in text
        assert "( ) what is in Photos → /mnt/backup" in text
        screen.query_one("#place", RadioSet).focus()
        await pilot.press("right", "space")
        await pilot.pause()
        assert screen.field("from").value == "Photos/"
        await replanned(pilot)
        assert previews(manager)[-1].sources == (b"/home/you/Photos/",)
        screen.field("from").focus()
        await pilot.press("backspace")
        await pilot.pause()
        assert screen.query_one("#folder", Radio).value
        await replanned(pilot)
        assert previews(manager)[-1].sources == (b"/home/you/Photos",)


def test_both_ways_in_words() -> None:
    assert places("/a/b/", "/c/") == ("b → /c/b", "what is in b → /c")
    assert places("/a/b", "/") == ("b → /b", "what is in b → /")
    assert places("", "/c") == places("/", "/c") == ("the folder itself", "only what is in it")
    assert means_contents("/a/") and means_contents("/a/.") and not means_contents("/a")


async def test_every_choice_is_in_the_job() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot)
        await planned(pilot)
        job = previews(manager)[-1]
        assert job == Job("copy", (b"/home/you/Photos",), b"/mnt/backup", review=True)
        screen.query_one("#mirror", Radio).value = True
        for id in "checksum", "verify", "trash":
            screen.query_one(f"#{id}", Check).focus()
            await pilot.press("space")
            assert "[x]" in screen_text(app)
        screen.query_one("#patterns").focus()
        await pilot.press(*r"*.tmp  a\ b #x")
        await replanned(pilot)
        job = previews(manager)[-1]
        assert (job.command, job.checksum, job.verify, job.can_ask) == ("mirror", True, True, True)
        assert job.trash
        assert job.patterns == ("*.tmp", r"a\ b", r"\#x")


async def test_a_move_is_compared_read_back_and_flushed() -> None:
    """Without one of the three the engine refuses to empty the source."""
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await planned(pilot)
        assert await pilot.click("#move")
        await replanned(pilot)
        job = previews(manager)[-1]
        assert (job.command, job.checksum, job.verify, job.durable) == ("move", True, True, True)
        assert not job.can_ask
        assert "Removes" in screen_text(app)
        assert not screen.query_one("#mirror", Radio).value


async def test_the_mouse_chooses_too() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(60, 15)) as pilot:
        await opened(pilot)
        await planned(pilot)
        for id in "#mirror", "#contents", "#checksum", "#verify", "#trash":
            assert await pilot.click(id)
            await pilot.pause()
        await replanned(pilot)
        job = previews(manager)[-1]
        assert job.command == "mirror" and job.checksum and job.verify and job.trash
        assert job.sources == (b"/home/you/Photos/",)


async def test_a_stray_letter_loses_nothing_and_down_leads_to_the_folders() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await typed(pilot, "Photos")
        await pilot.press("down", "n", "h", "q")
        await settled(pilot)
        assert app.screen is screen and isinstance(screen.focused, FolderTree)
        assert screen.field("from").value == "Photos"


async def test_start_before_there_is_a_plan_starts_once_something_is_found(monkeypatch) -> None:
    monkeypatch.setattr(new, "REST", 3600)
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        screen.field("from").put("Photos")
        screen.field("to").put("/mnt/backup")
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert "starts as soon as" in screen_text(app) and app.screen is screen
        screen.make_plan()
        assert app.screen is screen
        manager.change(screen.preview, state=TransferState(files_total=7))
        app.tick()
        await settled(pilot)
        assert manager.calls[-1][0] == "confirm" and app.screen is not screen


# -- the plan --------------------------------------------------------------------------------------


async def test_the_plan_is_made_when_the_typing_rests(monkeypatch) -> None:
    monkeypatch.setattr(new, "REST", 3600)
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await typed(pilot, "Photos")
        await pilot.press("enter")
        await typed(pilot, "/mnt/backup")
        assert previews(manager) == []
        screen.make_plan()
        assert len(previews(manager)) == 1


async def test_a_change_throws_the_old_plan_away_at_once(monkeypatch) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        id = await planned(pilot)
        counted(manager, id)
        assert "22,080 files" in await shown(pilot)
        monkeypatch.setattr(new, "REST", 3600)
        await pilot.press("s")
        assert ("discard", id) in manager.calls and screen.preview == 0
        await pilot.press("ctrl+s")  # there is nothing to confirm now
        assert not [c for c in manager.calls if c[0] == "confirm"]
        assert "22,080" not in screen_text(app)


async def test_counting_says_at_least() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        counted(manager, await planned(pilot), phase="counting", plan_done=False)
        text = await shown(pilot)
        assert "≥ 22,080 files, ≥ 12.4 GB" in text and "counting… 31,200 files so far" in text


async def test_what_it_would_do_in_words() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        id = await planned(pilot)
        counted(manager, id)
        text = await shown(pilot)
        for words in (
            "/mnt/backup/Photos", "22,080 files, 12.4 GB", "about 48 s", "9,120 are the same",
            "14 files with other content", "fits: 12.4 GB of 10.0 TB free", "nothing is changed",
        ):  # fmt: skip
            assert words in text
        assert "Deletes" not in text
        manager.fold(id, Failed(b"/x/[oops]", "list", 13, "Permission denied"))
        assert "▲ Problems  [oops]: Permission denied" in await shown(pilot)


async def test_a_disk_that_is_too_small_is_said_first() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        counted(manager, await planned(pilot), free=9_100_000_000)
        assert "▲ Space   needs 12.4 GB, 9.1 GB free" in await shown(pilot)


async def test_a_refusal_is_shown_in_words_and_cannot_be_started() -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        id = await planned(pilot)
        no = Summary("refused", 4, "copy", b"/a", b"/b", None, message="/a lies inside of [/b]")
        manager.fold(id, RunFinished(no))
        assert "✗ Cannot  /a lies inside of [/b]" in await shown(pilot)
        assert screen.query_one("#start", Button).disabled
        await pilot.press("ctrl+s")
        assert not [c for c in manager.calls if c[0] == "confirm"]
        assert app.screen is screen


# -- starting and leaving --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["ctrl+s", "ctrl+enter", "enter", "click"])
async def test_start_confirms_the_plan_that_is_shown(way: str) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        id = await planned(pilot)
        counted(manager, id)
        await shown(pilot)
        if way == "click":
            assert await pilot.click("#start")
        elif way == "enter":
            await pilot.press("enter")
            assert app.focused is screen.query_one("#start")
            await pilot.press("enter")
        else:
            await pilot.press(way)
        await pilot.pause()
        assert [c for c in manager.calls if c[0] in ("confirm", "discard")][-1] == ("confirm", id)
        assert not isinstance(app.screen, NewTransfer)
        assert app.transfers().chosen.id == id


@pytest.mark.parametrize("way", ["escape", "#cancel"])
async def test_cancel_discards_the_plan(way: str) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        id = await planned(pilot)
        await (pilot.click(way) if way.startswith("#") else pilot.press(way))
        await pilot.pause()
        assert manager.calls[-1] == ("discard", id)
        assert not isinstance(app.screen, NewTransfer)


@pytest.mark.parametrize("way", ["ctrl+r", "#review"])
async def test_a_mirror_leads_to_its_review_and_back(way: str) -> None:
    manager = managed()
    app = BlitApp(manager)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("ctrl+r")
        assert app.screen is screen  # nothing to review yet
        await planned(pilot)
        screen.query_one("#mirror", Radio).value = True
        await pilot.pause()
        id = await replanned(pilot)
        counted(manager, id, extras=1_204)
        assert "▲ Deletes  1,204 entries" in await shown(pilot)
        await (pilot.click(way) if way.startswith("#") else pilot.press(way))
        await pilot.pause()
        assert isinstance(app.screen, Review) and app.screen.id_ == id
        await pilot.press("escape")
        assert app.screen is screen and screen.preview == id


async def test_letters_are_text_in_a_line_and_keys_elsewhere() -> None:
    app = BlitApp(managed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"nhq?")
        assert screen.field("from").value == "nhq?" and app.screen is screen
        assert isinstance(screen.field("from"), PathField)
        assert isinstance(screen.folders("to"), FolderTree)
