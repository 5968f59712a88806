"""The command palette and the list of themes, as steady as every other screen."""

from __future__ import annotations

from textual.command import CommandPalette

from blit.tui.screens.base import Steady


class Palette(Steady, CommandPalette):
    pass
