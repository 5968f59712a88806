"""Help: one page with the keys and the signs."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

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


class Help(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "close", "Close", show=False)
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as window:
            window.border_title = Content("Keys and signs")
            window.border_subtitle = Content("esc closes")
            lines = [
                Content.assemble((f"{key:<13}", "bold $primary"), words) for key, words in KEYS
            ]
            signs = [Content.assemble((sign, "bold"), f" {words}   ") for sign, words in SIGNS]
            lines += [
                Content(""),
                Content.assemble(("Signs        ", "bold"), *signs[:4]),
                Content.assemble(" " * 13, *signs[4:]),
                Content.assemble(("Chart        ", "bold"), CHART),
            ]
            yield Static(Content("\n").join(lines))

    def action_close(self) -> None:
        self.dismiss()
