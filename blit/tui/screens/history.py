"""History, the second of the two places: what past runs were like, and running one again."""

from __future__ import annotations

import os
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input

from blit import show
from blit.history import export, records, views
from blit.history.records import RunRecord
from blit.queue import ENDED
from blit.tui.aside import aside
from blit.tui.screens.ask import Answer, Ask
from blit.tui.screens.base import Entries, Shown, styles
from blit.tui.screens.record import Record, again
from blit.tui.widgets.facts import Fact, Facts
from blit.tui.widgets.keys import Keys
from blit.tui.widgets.past import ORDERS, Header, PastRows, RunCurve, Trend, usual
from blit.tui.widgets.rows import Rows
from blit.tui.widgets.top import Top

_FIRST = 300  # runs that are shown at once; with the others, where there are any, a moment later

# the runs between two kinds of disk that have a speed, oldest first, and what they are like
Pairs = dict[str, tuple[tuple[RunRecord, ...], views.Between]]


def _look(newest: int) -> tuple[records.History, Pairs]:
    found = records.read(newest=newest)
    alike: dict[str, list[RunRecord]] = {}
    for run in found.records:
        if run.speed is not None:
            alike.setdefault(run.pair, []).append(run)
    betweens = views.between(found.records)
    return found, {each.pair: (tuple(alike.get(each.pair, ())), each) for each in betweens}


class History(Shown):
    CSS_PATH = styles("history")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("o", "order", "Order"),
        Binding("g", "again", "Run again"),
        Binding("s", "save", "Save"),
        Binding("x,delete", "forget", "Forget", key_display="x"),
        Binding("escape,h", "back", "Back", key_display="esc"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._ended: frozenset[int] | None = None  # a run that ends meanwhile appears
        self._found: records.History | None = None
        self._facts: tuple[str, ...] = ()
        self._trouble = ""
        self._pairs: Pairs = {}

    def compose(self) -> ComposeResult:
        yield Top("History")
        with Horizontal(id="trends"):
            yield Trend(id="trend")
            yield Facts(id="usual")
        with Vertical(id="past"):
            yield Header(id="columns")
            yield PastRows()
            yield Facts(id="empty")
            yield Input(placeholder="words of a path, a day, an outcome", id="filter")
        with Horizontal(id="one"):
            yield RunCurve("", id="curve")
            yield Facts(id="record")
        yield Keys()

    def on_mount(self) -> None:
        self.query_one("#past").border_title = "Past transfers"
        self.query_one("#usual").border_title = "What is usual there"
        self.query_one("#record").border_title = "Record"
        self.query_one(Input).display = False
        self.query_one(PastRows).focus()
        self.show(self.manager.entries(), True)
        self.follow()

    # -- what is shown -----------------------------------------------------------------------------

    def show(self, entries: Entries, chart: bool) -> None:
        if not self.query(Top):  # not made yet, or being taken down
            return
        ended = frozenset(entry.id for entry in entries if entry.stage == ENDED)
        if self._ended is None or ended - self._ended:
            self.run_worker(self._load(), exclusive=True, group="load", exit_on_error=False)
        self._ended = ended
        top = self.query_one(Top)
        top.follow(entries)
        if self._found is not None and not any(entry.active for entry in entries):
            top.facts = [(fact, "muted") for fact in self._facts]
            top.draw()

    async def _load(self) -> None:
        for newest in (_FIRST if self._found is None else 0, 0):
            try:
                found, self._pairs = await aside(partial(_look, newest))
                self._trouble = ""
            except OSError as error:
                found, self._pairs = records.History(), {}
                self._trouble = f"cannot be read: {error.strerror}"
            self._found = found
            moved = show.size(sum(run.bytes.copied for run in found.records))
            self._facts = (show.count(len(found.records), "run"), moved, "on this machine only")
            if not self.query(Keys):
                return
            self.query_one(PastRows).put(found.records)
            self.show(self.manager.entries(), True)
            self.follow()
            if not found.older:
                return

    def follow(self) -> None:
        """Everything around the table shows the chosen run."""
        if not self.query(Keys):  # the screen has been left meanwhile
            return
        rows, found = self.query_one(PastRows), self._found
        record = rows.chosen
        self._words(rows, found)
        self.query_one("#one").display = record is not None
        self.query_one("#trends").display = record is not None
        if record is not None and found is not None:
            self.query_one(RunCurve).choose(record)
            facts = tuple(Fact(label, text) for label, text in views.facts(record))
            self.query_one("#record", Facts).facts = facts
            alike, between = self._pairs[record.pair]
            self.query_one(Trend).choose(alike, record.pair)
            self.query_one("#usual", Facts).facts = usual(between)
        self.refresh_bindings()

    def _words(self, rows: PastRows, found: records.History | None) -> None:
        """What the frame says, and what stands where the rows would."""
        facts = [rows.order.words] if rows.order is not ORDERS[0] else []
        if rows.words:
            facts.insert(0, f"{rows.count():,} of {len(rows.all):,} match")
        if found is not None and found.damaged:
            facts.append(f"{show.count(found.damaged, 'damaged line')} skipped")
        self.query_one("#past").border_subtitle = Content(" · ".join(facts))
        text = ""
        if self._trouble:
            text = f"The history {show.text(self._trouble)}"
        elif not rows.all:
            text = "No runs yet: each copy and mirror leaves a line here." if found else "Reading…"
        elif not rows.count():
            text = "Nothing matches; esc shows all again."
        self.query_one("#empty", Facts).facts = (Fact("", text),) if text else ()
        for widget, wanted in ((rows, not text), (self.query_one(Header), not text)):
            widget.display = wanted
        self.query_one("#empty").display = bool(text)
        if not text and self.focused is None:
            rows.focus()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        self.follow()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.action_open()

    def on_resize(self) -> None:
        self.query_one(Header).refresh()

    # -- keys --------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("order", "again", "save", "forget") and self.is_mounted:
            return True if self.query_one(PastRows).count() else None
        if action == "filter" and self.is_mounted:
            return True if self.query_one(PastRows).all else None
        return True

    def say(self, text: str, severity: str = "information") -> None:
        self.notify(show.text(text), markup=False, severity=severity)  # type: ignore[arg-type]

    def action_open(self) -> None:
        record = self.query_one(PastRows).chosen
        if record is not None:
            self.app.push_screen(Record(record))

    def action_order(self) -> None:
        rows = self.query_one(PastRows)
        rows.order = ORDERS[(ORDERS.index(rows.order) + 1) % len(ORDERS)]
        rows.refill()
        self.follow()

    def action_again(self) -> None:
        record = self.query_one(PastRows).chosen
        if record is not None:
            again(self, record)

    def action_back(self) -> None:
        """First out of the filter, then out of the screen."""
        if self.query_one(Input).display:
            self._filter("")
        else:
            self.dismiss()

    # -- the filter --------------------------------------------------------------------------------

    def action_filter(self) -> None:
        field = self.query_one(Input)
        field.display = True
        field.focus()

    def _filter(self, text: str) -> None:
        field, rows = self.query_one(Input), self.query_one(PastRows)
        field.value = text
        field.display = bool(text)
        rows.words = tuple(text.casefold().split())
        rows.refill()
        self.follow()
        rows.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        rows = self.query_one(PastRows)
        words = tuple(event.value.casefold().split())
        if words != rows.words:
            rows.words = words
            rows.refill()
            self.follow()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._filter(event.value)

    # -- saving and forgetting ---------------------------------------------------------------------

    def action_save(self) -> None:
        shown = tuple(self.query_one(PastRows).shown)
        folder = _here()
        if not folder:
            self.say("The current folder does not exist any more", "error")
            return
        answers = (
            Answer("stay", "Do not save"), Answer("csv", "CSV, for a spreadsheet"),
            Answer("json", "JSON, one run a line, with the curves"),
        )  # fmt: skip

        def answered(kind: str | None) -> None:
            if kind in export.KINDS:
                self.run_worker(self._save(shown, kind, folder), exit_on_error=False)

        text = f"into {show.path(folder)}"
        self.app.push_screen(Ask(f"Save {show.count(len(shown), 'run')}", text, answers), answered)

    async def _save(self, shown: tuple[RunRecord, ...], kind: str, folder: str) -> None:
        try:
            path = await aside(lambda: export.save(shown, kind, folder))
        except OSError as error:
            self.say(f"The runs could not be saved: {error.strerror}", "error")
        else:
            self.say(f"Saved: {path}")

    def action_forget(self) -> None:
        rows = self.query_one(PastRows)
        record = rows.chosen
        if record is None:
            return
        one, shown = frozenset({record.id}), frozenset(each.id for each in rows.shown)
        answers = [Answer("stay", "Keep it"), Answer("one", "Forget this run")]
        if len(shown) > 1:
            every = "that match" if rows.words else "of them"
            answers.append(Answer("all", f"Forget all {len(shown):,} {every}"))

        def answered(which: str | None) -> None:
            if which in ("one", "all"):
                ids = one if which == "one" else shown
                self.run_worker(self._forget(ids), exit_on_error=False)

        facts = f"{views.when(record)}  {record.command}  {views.where(record)}\n"
        facts += "Its line in the history goes; no file is touched."
        self.app.push_screen(Ask("Forget this run?", facts, tuple(answers)), answered)

    async def _forget(self, ids: frozenset[str]) -> None:
        try:
            gone = await aside(lambda: records.forget(ids))
        except OSError as error:
            self.say(f"The history cannot be changed: {error.strerror}", "error")
            return
        self.say(f"{show.count(gone, 'run')} forgotten")
        await self._load()


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""
