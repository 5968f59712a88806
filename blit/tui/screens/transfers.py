"""Transfers, the first of the two places: the queue above, the chosen transfer below."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer, Static

from blit import show
from blit.tui.screens.base import Entries, Shown


class Transfers(Shown):
    def __init__(self, focus: int | None = None) -> None:
        super().__init__()
        self.chosen = focus

    def compose(self) -> ComposeResult:
        yield Static("", id="queue", markup=False)
        yield Footer(compact=True)

    def show(self, entries: Entries, chart: bool) -> None:
        lines = [f"{e.status} {show.path(e.job.target)}" for e in entries]
        self.query_one("#queue", Static).update("\n".join(lines))
