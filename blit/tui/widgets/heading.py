"""The line above a full screen: where one is, and what is going on."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from blit.tui.widgets.rows import fit


class Heading(Widget):
    DEFAULT_CSS = "Heading { height: 1; dock: top; background: $panel; }"

    fact: reactive[str] = reactive("")  # at the right

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def render(self) -> Content:
        width = self.size.width - 2
        left = f"blit  {self.place}"
        room = width - cell_len(left) - 2
        right = self.fact if cell_len(self.fact) <= room else fit(self.fact, max(0, room))
        gap = " " * (width - cell_len(left) - cell_len(right))
        return Content.assemble(
            " ", ("blit", "bold $primary"), f"  {self.place}", gap, (right, "$foreground 80%")
        )
