"""Transfers, the first of the two places: the queue above, the chosen transfer below."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from blit.queue import ENDED, PARKED, RUNNING, WAITING, Entry
from blit.tui.screens.base import Entries, Shown
from blit.tui.widgets import banner, report, room
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
        self.top = Top("Transfers")
        self.queue = Queue(id="queue")
        self.banner = Banner(id="banner")
        self.welcome = Welcome(id="welcome")
        found = (
            Overview(id="overview"), Speed("Speed", id="speed"), Batches("Batches", id="batches"),
            Health("Health", id="health"), Happened(id="happened"), Spending(id="spending"),
            Pulse(id="pulse"), Latest("Latest files", id="latest"),
        )  # fmt: skip
        self.panels: dict[str, Panel] = {str(panel.id): panel for panel in found}

    def compose(self) -> ComposeResult:
        yield self.top
        yield self.queue
        yield self.banner
        yield self.panels["overview"]
        yield self.panels["speed"]
        with Horizontal(id="middle"):
            for id in ("batches", "health", "happened", "spending"):
                yield self.panels[id]
        yield self.panels["pulse"]
        yield self.panels["latest"]
        yield self.welcome
        yield Keys()

    @property
    def chosen(self) -> Entry | None:
        return self.queue.chosen

    # -- showing -----------------------------------------------------------------------------------

    def show(self, entries: Entries, chart: bool) -> None:
        queue = self.queue
        if self._wanted is not None and any(e.id == self._wanted for e in entries):
            queue.follow(entries, self._wanted)
            self._wanted = None
        else:
            queue.follow(entries)
        self.top.follow(entries)
        self.follow(chart)

    def choose(self, id: int) -> None:
        """Select an entry as soon as it is there."""
        self._wanted = id

    def follow(self, chart: bool = True) -> None:
        """Everything below the queue shows the chosen entry."""
        entry = self.chosen
        self.fit_in(entry)
        for panel in self.panels.values():
            if chart or not isinstance(panel, Speed) or _another(panel.entry, entry):
                panel.show(entry)
        self.banner.show(entry)

    def fit_in(self, entry: Entry | None) -> None:
        """Give the panels their rows; only when something changed that they depend on."""
        width, height = self.app.size
        active = entry is not None and entry.active
        workers = max(2, len(entry.state.running)) if entry is not None and active else 0
        count = self.queue.count()
        asks = banner.kind(entry)
        rest = () if entry is None or active else (entry.id, entry.stage, entry.why)
        seen = (width, height, count, active, workers, asks, rest, self.actions())
        if seen == self._seen:
            return
        self._seen = seen
        rows, spent = 0, report.spent(entry.state) if entry is not None else []
        if entry is not None and not active:
            rows = max(len(report.happened(entry, 80)), len(spent))
        chart = entry is not None and bool(active or entry.state.bytes)
        got = room.share(width, height, count, bool(asks), workers, rows, chart)
        for widget in self.children:
            given = got._asdict().get(str(widget.id))
            if given is None:
                continue
            widget.display = given > 0 and entry is not None
            widget.styles.height = given
        wide = width >= room.WIDE
        for id, wanted in (
            ("batches", active), ("health", active and wide), ("happened", not active),
            ("spending", not active and wide and bool(spent)),
        ):  # fmt: skip
            self.panels[id].display = wanted
        self.welcome.display = entry is None
        self.welcome.styles.height = 14 if height >= 20 else 8
        self.refresh_bindings()

    def on_mount(self) -> None:
        self.queue.focus()
        self.show(self.manager.entries(), True)

    def on_screen_resume(self) -> None:
        self.show(self.manager.entries(), True)  # it was not followed while it was covered

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

    @property
    def ended(self) -> tuple[int, ...]:
        return tuple(e.id for e in self.manager.entries() if e.stage == ENDED)

    def action_clear(self) -> None:
        for id in self.ended:
            self.manager.remove(id)
        self.app.call_later(self.app.tick)  # type: ignore[attr-defined]

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
        self.queue.focus()


def _another(shown: Entry | None, entry: Entry | None) -> bool:
    """Another transfer, or one that has begun or ended meanwhile."""
    if shown is None or entry is None:
        return shown is not entry
    return (shown.id, shown.stage) != (entry.id, entry.stage)
