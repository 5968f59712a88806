"""What every screen has in common: it is shown the entries, and asks the manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

from blit.queue import Entry

if TYPE_CHECKING:
    from blit.tui.messages import Manager

Entries = tuple[Entry, ...]


class Shown(Screen[None]):
    """A screen that follows the entries. `show` is called 4 times a second, when they changed."""

    def show(self, entries: Entries, chart: bool) -> None:
        """`chart`: whether it is the chart's turn too, once a second."""

    @property
    def manager(self) -> Manager:
        return self.app.manager  # type: ignore[attr-defined, no-any-return]

    def entry(self, id: int) -> Entry | None:
        return next((e for e in self.manager.entries() if e.id == id), None)
