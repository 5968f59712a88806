"""The line above the two places: where one is, and what is going on."""

from __future__ import annotations

from textual import events

from blit.tui import words
from blit.tui.screens.base import Entries
from blit.tui.widgets.panel import Line, Panel, facts, length, spread

PLACES = ("Transfers", "History")


class Top(Panel):
    """A click on a place goes there."""

    ALLOW_SELECT = False

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place
        self.facts: list[tuple[str, str]] = []

    def follow(self, entries: Entries) -> None:
        self.facts = words.overall(entries)
        self.draw()

    def draw(self) -> None:
        width = self.content_size.width
        left: Line = (("blit ", "main strong"),)
        for place in PLACES:
            left = (*left, (f" {place} ", "place" if place == self.place else "muted"))
        if width:
            room = width - length(left) - 1
            self.put([spread(left, facts([(fact,) for fact in self.facts], room), width)])

    def on_click(self, event: events.Click) -> None:
        at = event.x - self.gutter.left - len("blit ")
        for place in PLACES:
            if 0 <= at < len(place) + 2:
                if place != self.place:
                    self.app.call_later(self.app.run_action, f"app.{place.lower()}")
                return
            at -= len(place) + 2
