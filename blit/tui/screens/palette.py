"""The command palette and the list of themes, as steady as every other screen."""

from __future__ import annotations

from textual.command import CommandPalette

from blit.tui.screens.base import Steady, styles


class Palette(Steady, CommandPalette):
    CSS_PATH = styles("windows")

    def on_mount(self) -> None:
        self.query_one("#--input").border_title = self.title or "Commands"
