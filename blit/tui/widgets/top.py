"""The line above the two places: where one is, and what is going on."""

from __future__ import annotations

from textual import events

from blit.tui import words
from blit.tui.screens.base import Entries
from blit.tui.widgets.panel import Line, Panel, spread

PLACES = ("Transfers", "History")


class Top(Panel):
    """A click on a place goes there."""

    ALLOW_SELECT = False

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.fact = ""

    def follow(self, entries: Entries) -> None:
        self.fact = words.overall(entries)
        self.draw()

    def draw(self) -> None:
        width = self.content_size.width
        left: Line = (("blit ", "main strong"),)
        for place in PLACES:
            left = (*left, (f" {place} ", "place" if place == self.place else "muted"))
        role = "warn strong" if "▲" in self.fact else "bad" if "✗" in self.fact else "muted"
        if width:
            self.put([spread(left, ((self.fact, role),), width)])

    def on_click(self, event: events.Click) -> None:
        at = event.x - self.gutter.left - len("blit ")
        for place in PLACES:
            if 0 <= at < len(place) + 2:
                if place != self.place:
                    self.app.call_later(self.app.run_action, f"app.{place.lower()}")
                return
            at -= len(place) + 2
