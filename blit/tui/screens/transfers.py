"""Transfers, the first of the two places: the queue above, the chosen transfer below."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from blit.queue import ENDED, PARKED, RUNNING, WAITING, Entry
from blit.tui.screens.base import Entries, Shown
from blit.tui.widgets import banner, room
from blit.tui.widgets.banner import Banner
from blit.tui.widgets.keys import Keys
from blit.tui.widgets.overview import Overview
from blit.tui.widgets.panel import Panel
from blit.tui.widgets.queue import Queue
from blit.tui.widgets.report import Happened, Spending
from blit.tui.widgets.rows import Rows
from blit.tui.widgets.speed import Speed
from blit.tui.widgets.top import Top
from blit.tui.widgets.welcome import Welcome
from blit.tui.widgets.work import Batches, Health, Latest, Pulse


class Transfers(Shown):
    BINDINGS: ClassVar[list[BindingType]] = [
        # enter does the obvious: one of these, whatever the chosen transfer needs
        Binding("enter", "review", "Review", key_display="enter"),
        Binding("enter", "wait", "Wait longer", key_display="enter"),
        Binding("enter", "start", "Start now", key_display="enter"),
        Binding("enter", "again", "Run again", key_display="enter"),
        Binding("n", "app.new", "New"),
        Binding("space", "pause", "Pause"),
        Binding("space", "resume", "Go on"),
        Binding("x", "stop", "Stop"),
        Binding("x", "remove", "Remove"),
        Binding("r", "retry", "Retry"),
        Binding("p", "problems", "Problems"),
        Binding("left_square_bracket", "move(-1)", "Up", key_display="["),
        Binding("right_square_bracket", "move(1)", "Down", key_display="]"),
    ]

    def __init__(self, focus: int | None = None) -> None:
        super().__init__()
        self._wanted = focus
        self._seen: tuple[object, ...] = ()  # what the keys and the room depend on
        self._entries: Entries = ()

    def compose(self) -> ComposeResult:
        yield Top("Transfers")
        yield Queue(id="queue")
        yield Banner(id="banner")
        yield Overview(id="overview")
        yield Speed("Speed", id="speed")
        with Horizontal(id="middle"):
            yield Batches("Batches", id="batches")
            yield Health("Health", id="health")
            yield Happened("What happened", id="happened")
            yield Spending("Where the time went", id="spending")
        yield Pulse(id="pulse")
        yield Latest("Latest files", id="latest")
        yield Welcome(id="welcome")
        yield Keys()

    @property
    def chosen(self) -> Entry | None:
        return self.query_one(Queue).chosen

    # -- showing -----------------------------------------------------------------------------------

    def show(self, entries: Entries, chart: bool) -> None:
        queue = self.query_one(Queue)
        if self._wanted is not None and any(e.id == self._wanted for e in entries):
            queue.follow(entries, self._wanted)
            self._wanted = None
        else:
            queue.follow(entries)
        self._entries = entries
        self.query_one(Top).follow(entries)
        self.follow(chart)

    def choose(self, id: int) -> None:
        """Select an entry as soon as it is there."""
        self._wanted = id

    def follow(self, chart: bool = True) -> None:
        """Everything below the queue shows the chosen entry."""
        entry = self.chosen
        self.fit_in(entry)
        for panel in self.query(Panel):
            if panel.id in ("said", "welcome") or isinstance(panel, Top):
                continue
            other = entry is None or panel.entry is None or panel.entry.id != entry.id
            if chart or other or not isinstance(panel, Speed):
                panel.show(entry)
        self.query_one(Banner).show(entry)

    def fit_in(self, entry: Entry | None) -> None:
        """Give the panels their rows; only when something changed that they depend on."""
        width, height = self.app.size
        ended = entry is not None and entry.stage == ENDED
        busy = entry.state.running if entry is not None else ()
        workers = max(2, len(busy)) if entry is not None and entry.active else 0
        count = self.query_one(Queue).count()
        seen = (
            width, height, count, ended, workers, banner.kind(entry), *self.actions(),
        )  # fmt: skip
        if seen == self._seen:
            return
        self._seen = seen
        rows = 0
        if entry is not None and ended:
            rows = max(len(Happened().lines(entry, 80, 99)), len(Spending().lines(entry, 80, 99)))
        got = room.share(
            width, height, count, bool(banner.kind(entry)), workers, max(rows, 1) * ended
        )
        for id, given in zip(got._fields, got, strict=True):
            widget = self.query_one(f"#{id}")
            widget.display = given > 0 and entry is not None
            widget.styles.height = given
        wide = width >= room.WIDE
        begun = ended or (entry is not None and entry.active)
        for id, wanted in (
            ("batches", not ended), ("health", not ended and wide), ("happened", ended),
            ("spending", ended and wide),
        ):  # fmt: skip
            self.query_one(f"#{id}").display = wanted and begun
        welcome = self.query_one(Welcome)
        welcome.display = entry is None
        welcome.styles.height = 14 if height >= 20 else 8
        self.refresh_bindings()

    def on_mount(self) -> None:
        self.query_one(Queue).focus()

    def on_resize(self, event: events.Resize) -> None:
        self.follow()

    def on_rows_moved(self, event: Rows.Moved) -> None:
        self.follow()

    # -- what can be done --------------------------------------------------------------------------

    def actions(self) -> tuple[str, ...]:
        """Those that make sense for the chosen entry now."""
        entry = self.chosen
        if entry is None:
            return ()
        state, found = entry.state, []
        if entry.stage == RUNNING:
            what = banner.kind(entry)
            found = {"asking": ["review"], "silent": ["wait"]}.get(what, [])
            found += ["resume" if entry.paused else "pause"] * (not entry.stopping) + ["stop"]
        elif entry.stage in (WAITING, PARKED):
            found = ["start", "pause" if entry.stage == WAITING else "resume", "remove", "move"]
        elif entry.stage == ENDED:
            found = ["again", "remove"] + ["retry"] * bool(state.failures)
        return (*found, *["problems"] * bool(state.failures))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        own = (
            "review", "wait", "start", "again", "pause", "resume", "stop", "remove", "retry",
            "problems", "move",
        )  # fmt: skip
        if action not in own:
            return True
        if not self.is_mounted:
            return False
        return action in self.actions()

    def _do(self, command: str, *more: object) -> int | None:
        entry = self.chosen
        if entry is None:
            return None
        found = getattr(self.manager, command)(entry.id, *more)
        self.app.call_later(self.app.tick)  # type: ignore[attr-defined]
        return found if isinstance(found, int) else None

    def action_review(self) -> None:
        if self.chosen is not None:
            self.app.review(self.chosen.id)  # type: ignore[attr-defined]

    def action_problems(self) -> None:
        if self.chosen is not None:
            self.app.problems(self.chosen.id)  # type: ignore[attr-defined]

    def action_wait(self) -> None:
        if self.chosen is not None:
            self.query_one(Banner).patient = self.chosen.id
        self._do("wait")

    def action_start(self) -> None:
        self._do("start_now")

    def action_again(self) -> None:
        if (id := self._do("again")) is not None:
            self.choose(id)

    def action_retry(self) -> None:
        if (id := self._do("retry")) is not None:
            self.choose(id)

    def action_pause(self) -> None:
        self._do("pause")

    def action_resume(self) -> None:
        self._do("resume")

    def action_remove(self) -> None:
        self._do("remove")

    def action_move(self, by: int) -> None:
        self._do("move", by)

    def action_stop(self) -> None:
        from blit.tui.screens.stop import Stop

        entry = self.chosen
        if entry is None:
            return
        id = entry.id

        def answered(how: str | None) -> None:
            if how in ("finish", "now"):
                self.manager.stop(id, how == "now")

        self.app.push_screen(Stop(entry), answered)

    def on_banner_chosen(self, event: Banner.Chosen) -> None:
        entry = self.chosen
        if entry is None:
            return
        match event.what:
            case "wait":
                self.action_wait()
            case "skip":
                self._do("skip")
            case "abort":
                self._do("stop", True)
            case "review":
                self.action_review()
            case "keep":
                self._do("answer", False)
        self.query_one(Queue).focus()
