"""Help: one page with the keys and the signs."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from blit.tui.screens.base import Steady, styles

KEYS = (
    ("↑ ↓ tab esc", "move, next panel, back — the mouse does all of it too"),
    ("enter", "the obvious: review, start now, wait longer, run again"),
    ("n", "new transfer"),
    ("space", "pause or go on"),
    ("x", "stop the chosen transfer (asks); take one off the list"),
    ("p", "problems of the chosen transfer"),
    ("r", "try its failed files again"),
    ("h", "history"),
    ("[ ]", "move a waiting transfer up or down"),
    ("ctrl+p", "every command by name, themes"),
    ("? or F1", "this page"),
    ("q, ctrl+q", "leave (asks while something runs)"),
    ("ctrl+c", "copy selected text; otherwise as q, twice stops now"),
)
SIGNS = (
    ("▶", "running"), ("◦", "waiting"), ("‖", "paused"), ("▲", "stands still or asks"),
    ("✓", "done"), ("✗", "failed"), ("■", "stopped"),
)  # fmt: skip
CHART = "× nothing moved   ‖ paused   ▴ higher than the scale"

_KEY = 13  # cells for the name of a key
_FRAME = 8  # border, padding and the scroll bar


class Help(Steady, ModalScreen[None]):
    CSS_PATH = styles("windows")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "close", "Close", show=False)
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as window:
            window.border_title = Content("Keys and signs")
            window.border_subtitle = Content("esc closes")
            yield Static()

    def on_mount(self) -> None:
        self.write()

    def on_resize(self) -> None:
        self.write()

    def write(self) -> None:
        """What does not fit beside its key goes on below itself."""
        room = max(20, min(78, self.size.width * 96 // 100) - _FRAME - _KEY)
        lines: list[Content] = []
        for key, words in KEYS:
            first, *more = textwrap.wrap(words, room)
            lines.append(Content.assemble((key.ljust(_KEY), "bold $primary"), first))
            lines += [Content(" " * _KEY + line) for line in more]
        signs = [Content.assemble((sign, "bold"), f" {words}   ") for sign, words in SIGNS]
        parts = (4, 7) if room >= 52 else (3, 4, 7)
        lines.append(Content(""))
        for n, (start, end) in enumerate(zip((0, *parts), parts, strict=False)):
            head = ("" if n else "Signs").ljust(_KEY)
            lines.append(Content.assemble((head, "bold"), *signs[start:end]))
        for n, line in enumerate(textwrap.wrap(CHART, room, drop_whitespace=True)):
            lines.append(Content.assemble((("" if n else "Chart").ljust(_KEY), "bold"), line))
        self.query_one(Static).update(Content("\n").join(lines))

    def action_close(self) -> None:
        self.dismiss()
