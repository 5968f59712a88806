"""What a terminal shows that is too small for the screen: one line with the facts."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from blit import show
from blit.tui.screens.base import Entries, Shown, styles
from blit.tui.widgets import banner
from blit.tui.widgets.room import LEAST


class Small(Shown):
    CSS_PATH = styles("windows")

    def compose(self) -> ComposeResult:
        yield Static("", id="small", markup=False)

    def on_screen_resume(self) -> None:
        self.show(self.manager.entries(), True)

    def show(self, entries: Entries, chart: bool) -> None:
        self.query_one("#small", Static).update(Content(sentence(*self.app.size, entries)))


def too_small(size: Size) -> bool:
    return size.width < LEAST[0] or size.height < LEAST[1]


def sentence(width: int, height: int, entries: Entries) -> str:
    needs = f"blit needs {LEAST[0]}x{LEAST[1]} here, this terminal is {width}x{height}"
    running = [e for e in entries if e.active]
    if not running:
        return f"{needs} – nothing is running"
    rate = show.rate(sum(e.state.rate for e in running))
    percent = f"{running[0].state.percent:.0f} %, " if running[0].state.plan_done else ""
    return f"{needs} – {banner.meanwhile(running[0])}: {percent}{rate}"
