"""The banner: a transfer that stands still, or asks, says so and offers what can be done."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button

from blit import show
from blit.queue import Entry
from blit.tui import words
from blit.tui.widgets.panel import Line, Panel, cut, facts
from blit.tui.widgets.rows import fit

BUTTONS = (  # name, the banner it belongs to, words
    ("wait", "silent", "Wait longer"),
    ("skip", "silent", "Skip this file"),
    ("abort", "silent", "Abort"),
    ("review", "asking", "Review the list"),
    ("keep", "asking", "Keep them all"),
)


def kind(entry: Entry | None) -> str:
    """Which banner an entry needs: silent, asking, or none."""
    if entry is None or not entry.active:
        return ""
    return "asking" if words.asks(entry) else "silent" if entry.status == "silent" else ""


def meanwhile(entry: Entry) -> str:
    """What happens while the question stands."""
    state = entry.state
    if entry.paused or state.phase == "paused":
        return "paused"
    waits = state.phase == "asking" or (state.plan_done and state.files >= state.files_total)
    return "the transfer waits" if waits else "the copy goes on"


class Words(Panel):
    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        state = entry.state
        if kind(entry) == "asking":
            of = f" of {state.deletion.of:,}" if state.deletion is not None else ""
            count = state.deletion.entries if state.deletion is not None else state.extras
            may: Line = ((f"▲ May {count:,}{of} entries be deleted?", "warn strong"),)
            why = "They exist only at the destination."
            return [facts([may, ((why, ""),), ((meanwhile(entry), "muted"),)], width)]
        one = state.suspect
        said = f"▲ Nothing has moved for {state.quiet:.0f} s, gives up at {state.limit:.0f} s"
        if width < 90:
            said = f"▲ Nothing moved for {state.quiet:.0f} of {state.limit:.0f} s"
        device = f" on {show.text(one.device)}" if one is not None and one.device else ""
        where: Line = ()
        if one is not None:
            doing = show.text(one.operation)
            room = width - len(said) - len(doing) - len(device) - 3
            path = show.path(one.path)
            where = ((f": {doing} ", ""), (fit(path, room).rstrip() if room > 8 else "", "strong"))
        return [cut(((said, "warn strong"), *where, (device, "")), width)]


class Banner(Vertical):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    class Chosen(Message):
        """A button: `what` is wait, skip, abort, review or keep."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.border_subtitle = Content("tab and ← → choose, or click")
        self.said: Words | None = None  # made when it is needed: most runs never need it
        self.buttons: list[Button] = []

    def show(self, entry: Entry | None) -> None:
        what = kind(entry)
        if entry is None or not what:
            return
        if self.said is None:
            self.said = Words(id="said")
            self.buttons = [Button(words, id=name, compact=True) for name, _, words in BUTTONS]
            self.mount(self.said, Horizontal(*self.buttons))
        can_skip = entry.state.suspect is not None
        for button, (name, wanted, _) in zip(self.buttons, BUTTONS, strict=True):
            button.display = wanted == what and (can_skip or name != "skip")
        self.said.show(entry)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Chosen(str(event.button.id)))
