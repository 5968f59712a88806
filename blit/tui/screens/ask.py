"""A question in a small window: a few answers, one of them chosen."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from blit.tui.screens.base import Entries, Steady, styles


class Answer(NamedTuple):
    id: str
    words: str


class Ask(Steady, ModalScreen[str]):
    """Left with the id of the answer; esc gives the first, which changes nothing."""

    CSS_PATH = styles("windows")

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "stay", "Stay", show=False)]

    def __init__(self, title: str, facts: str, answers: tuple[Answer, ...]) -> None:
        super().__init__()
        self.question, self.facts, self.answers = title, facts, answers

    def compose(self) -> ComposeResult:
        with Vertical(id="ask") as window:
            window.border_title = Content(self.question)
            yield Static(Content(self.facts), id="facts")
            options = [Option(Content(f" {words}"), id=id) for id, words in self.answers]
            yield OptionList(*options, markup=False)
            first = self.answers[0].words.lower()
            yield Static(Content(f"↑ ↓ choose · enter · esc {first}"), id="hint")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def tell(self, facts: str) -> None:
        if facts != self.facts:
            self.facts = facts
            self.query_one("#facts", Static).update(Content(facts))

    def show(self, entries: Entries, chart: bool) -> None:
        """The facts go on while one thinks."""

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_stay(self) -> None:
        self.dismiss(self.answers[0].id)
