"""Review: what a mirror would delete, and the question whether it may."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label

from blit import show
from blit.queue import ENDED, PREVIEW, Entry, Extra
from blit.state import TransferState
from blit.tui import words
from blit.tui.screens.base import Entries, Shown, styles
from blit.tui.widgets import banner
from blit.tui.widgets.facts import Fact, Facts
from blit.tui.widgets.heading import Heading
from blit.tui.widgets.keys import Keys
from blit.tui.widgets.outline import Item, Outline, note

MOST = 1_000  # entries of one folder that are shown


class Review(Shown):
    CSS_PATH = styles("review")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next", show=True),
        Binding("escape", "dismiss", "Back", key_display="esc"),
    ]

    def __init__(self, entry_id: int) -> None:
        super().__init__()
        self.id_ = entry_id
        self.listed: tuple[bool, int] | None = None  # when the list was read: plan done, how many

    def compose(self) -> ComposeResult:
        yield Heading("Mirror review")
        yield Facts(id="facts")
        with Vertical(id="extras-box"):
            yield Outline(self.load, id="extras")
        yield Facts(id="rule")
        with Horizontal(id="answer"):
            yield Label("", id="type", markup=False)
            yield Input(id="count", restrict=r"[\d, .]*", max_length=14, compact=True,
                        select_on_focus=False)  # fmt: skip
            yield Button(Content("[ Keep them ]"), id="keep", compact=True, variant="primary")
            yield Button(
                Content("[ Delete ]"), id="delete", compact=True, variant="error", disabled=True
            )
        yield Keys()

    def on_mount(self) -> None:
        box = self.query_one("#extras-box")
        box.border_title = "Only the destination has these"
        self.query_one("#count", Input).cursor_blink = False
        self.show(self.manager.entries(), True)
        self.query_one(Outline).focus()

    # -- the list ----------------------------------------------------------------------------------

    def ask(self, folder: bytes) -> asyncio.Future[tuple[Extra, ...]]:
        return asyncio.wrap_future(self.manager.extras(self.id_, folder, MOST))

    async def load(self, item: Item, outline: Outline) -> list[Item]:
        try:
            found = await outline.answer(self.ask(item.key), item)
        except Exception as error:  # whatever it is: said in the list, and the screen stays
            return [note(f"cannot be read: {error}")]
        return _items(found, item.key)

    async def read(self) -> None:
        outline = self.query_one(Outline)
        try:
            found = await outline.answer(self.ask(b""))
        except Exception as error:
            outline.put([note(f"cannot be read: {error}")])
            return
        entry = self.entry(self.id_)
        outline.put(_items(found, b"") or [note(_nothing(entry))])

    def on_rows_chosen(self) -> None:
        outline = self.query_one(Outline)
        if outline.current is not None:
            outline.toggle(outline.current)

    # -- what is shown -----------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        if self.is_mounted:  # else this is the first time, and it will be shown anyway
            self.show(self.manager.entries(), True)

    def show(self, entries: Entries, chart: bool) -> None:
        entry = next((e for e in entries if e.id == self.id_), None)
        if entry is None:
            return
        state = entry.state
        known = (state.plan_done, state.deletion.entries if state.deletion else 0)
        if self.listed is None or known != self.listed:
            self.listed = known
            self.run_worker(self.read(), exclusive=True, group="read", exit_on_error=False)
        count = extras(state)
        self.query_one(Facts).facts = tuple(_facts(entry, count))
        self.query_one(Heading).fact = _heading(entry)
        box = self.query_one("#extras-box")
        more = "" if state.plan_done or state.deletion else "≥ "
        box.border_title = f"Only the destination has these: {more}{_entries(count)}"
        box.border_subtitle = "largest first · enter opens a folder"
        self.query_one("#rule", Facts).facts = (Fact(*_rule(entry)),)
        asking = state.asking and entry.stage != ENDED
        self.query_one("#answer").display = asking
        if asking:
            self.query_one("#type", Label).update(
                f"Type {count} to allow it:" if self.size.width >= 70 else f"Type {count}:"
            )
            self._allow()

    def _allow(self) -> bool:
        """Whether the number stands there that allows it."""
        entry = self.entry(self.id_)
        typed = self.query_one("#count", Input).value
        typed = "".join(char for char in typed if char.isdecimal())
        deletion = entry.state.deletion if entry is not None and entry.state.asking else None
        allowed = deletion is not None and typed == str(deletion.entries)
        self.query_one("#delete", Button).disabled = not allowed
        return allowed

    # -- the answer --------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A digit means the number, wherever one stands."""
        count = self.query_one("#count", Input)
        asked = self.query_one("#answer").display
        if asked and self.focused is not count and (event.character or "").isdecimal():
            event.stop()
            count.focus()
            count.insert_text_at_cursor(event.character or "")

    def on_input_changed(self) -> None:
        self._allow()

    def on_input_submitted(self) -> None:
        self.query_one("#delete" if self._allow() else "#keep", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        allow = event.button.id == "delete"
        if allow and not self._allow():
            return
        entry = self.entry(self.id_)
        self.manager.answer(self.id_, allow)
        count = extras(entry.state) if entry is not None else 0
        goes = "go to the trash" if entry is not None and entry.job.trash else "be deleted"
        said = f"{_entries(count)} will {goes} when every file is copied."
        self.notify(said if allow else "Nothing will be deleted.", markup=False)
        self.dismiss()


def extras(state: TransferState) -> int:
    return state.deletion.entries if state.deletion is not None else state.extras


def _entries(count: int) -> str:
    return show.count(count, "entry", "entries")


def _items(found: tuple[Extra, ...], folder: bytes) -> list[Item]:
    """As rows; `folder` is what they are in, already said by the row above them."""
    start = len(folder) + 1 if folder else 0
    items = [
        Item(
            extra.path,
            show.path(extra.path[start:]) + "/" * extra.folder,
            foldable=extra.folder and extra.entries > 1,
            cells=(
                _entries(extra.entries) if extra.folder else "",
                show.size(extra.bytes),
            ),
        )
        for extra in found
    ]
    if len(found) >= MOST:
        items.append(note(f"these are the {MOST:,} largest; the others are not shown"))
    return items


def _nothing(entry: Entry | None) -> str:
    """Why the list is empty."""
    if entry is None or (entry.stage == ENDED and extras(entry.state)):
        return "the list was only known while the transfer ran"
    if not entry.state.plan_done and entry.stage != ENDED:
        return "nothing yet: the destination is still being listed"
    return "nothing: all that the destination has, the source has too"


def _facts(entry: Entry, count: int) -> list[Fact]:
    state = entry.state
    source, there = (
        state.landings[0] if state.landings else (entry.job.sources[0], entry.job.target)
    )
    found = [Fact("Mirror", f"{show.path(source)} → {show.path(there)}")]
    deletion, goes = state.deletion, "To trash" if entry.job.trash else "Deletes"
    if deletion is not None and deletion.of:
        share = f"{100 * count / deletion.of:.0f} %"
        found.append(
            Fact(goes, f"{count:,} of the destination's {deletion.of:,} entries ({share})")
        )
    elif count:
        found.append(Fact(goes, _entries(count)))
    if entry.stage != PREVIEW:
        found.append(Fact("Meanwhile", meanwhile(entry)))
    return found


def meanwhile(entry: Entry) -> str:
    """The copy goes on behind this screen: how far it is."""
    state = entry.state
    if entry.stage == ENDED:
        return "the transfer has ended."
    if state.phase == "asking":
        return "all is copied; the transfer waits for your answer."
    parts = [words.of_total(state)]
    if state.plan_done:
        parts.insert(0, f"{state.percent:.0f} %")
    if entry.paused or state.phase == "paused":
        return "paused at " + " · ".join(parts)
    if state.rate:
        parts.append(show.rate(state.rate))
    if left := words.left(state):
        parts.append(left)
    return "copying: " + " · ".join(parts)


def _heading(entry: Entry) -> str:
    if entry.stage == PREVIEW:
        return "a plan: nothing is touched yet"
    if entry.state.asking and entry.stage != ENDED:
        return f"▲ needs an answer · {banner.meanwhile(entry)}"
    return ""


def _rule(entry: Entry) -> tuple[str, str, str]:
    """What will become of them."""
    state, deletion, trash = entry.state, entry.state.deletion, entry.job.trash
    if entry.stage == ENDED:
        gone = "went to the trash" if trash else "deleted"
        done = f"{_entries(state.deleted)} {gone}." if state.deleted else "Nothing was deleted."
        return ("", done, "bold")
    if state.asking:
        return (
            "",
            f"{'To the trash' if trash else 'Deleted'} after the copy, if nothing failed. "
            "esc: answer later, it waits.",
            "",
        )
    if entry.stage == PREVIEW:
        return ("", "You are asked again before anything is deleted.", "bold")
    if deletion is None:
        return ("", "The destination is still being listed; you are asked when that is done.", "")
    if not deletion.allowed:
        return ("▲", show.text(deletion.reason), "$warning bold")
    goes = "go to the trash" if trash else "are deleted"
    return ("▲", f"Allowed: they {goes} when every file is copied.", "$warning bold")
