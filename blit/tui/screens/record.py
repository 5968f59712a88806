"""One past run: its curve, all that is known of it, and running it again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from blit import show
from blit.history import views
from blit.history.records import RunRecord
from blit.tui.screens.base import Entries, Shown, styles
from blit.tui.widgets.facts import Fact, Facts
from blit.tui.widgets.keys import Keys
from blit.tui.widgets.past import RunCurve
from blit.tui.widgets.top import Top


class Record(Shown):
    """One run: its curve, and all that is known of it."""

    CSS_PATH = styles("history")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "again", "Run again"),
        Binding("escape,enter,h", "dismiss", "Back", key_display="esc"),
    ]

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self.record = record

    def compose(self) -> ComposeResult:
        yield Top("History")
        yield RunCurve("", id="curve")
        with VerticalScroll(id="all", can_focus=True):
            yield Facts(id="record")
        yield Keys()

    def on_mount(self) -> None:
        self.query_one(RunCurve).choose(self.record)
        facts = tuple(Fact(label, text) for label, text in views.facts(self.record))
        self.query_one("#record", Facts).facts = facts
        self.query_one("#all").border_title = "Record"
        self.query_one("#all").focus()
        self.show(self.manager.entries(), True)

    def show(self, entries: Entries, chart: bool) -> None:
        for top in self.query(Top):
            top.follow(entries)

    def action_again(self) -> None:
        again(self, self.record)


def again(screen: Shown, record: RunRecord) -> None:
    """A new transfer like an old one, shown among the transfers."""
    if record.unrepeatable:
        text = f"It cannot be run again from here: {record.unrepeatable}"
        screen.notify(show.text(text), markup=False, severity="warning")
        return
    id = screen.manager.add(record.job())
    screen.app.show_entry(id)  # type: ignore[attr-defined]
