"""Labelled sentences: a column of words and what they say, wrapped beside them."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

MUTED = "$foreground 60%"


class Fact(NamedTuple):
    label: str
    text: str  # safe to show
    style: str = ""


class Facts(Widget):
    DEFAULT_CSS = "Facts { height: auto; width: 1fr; }"

    facts: reactive[tuple[Fact, ...]] = reactive((), layout=True)

    def lines(self, width: int) -> list[Content]:
        column = max((cell_len(f.label) for f in self.facts), default=0)
        column += 2 * (column > 0)
        found = []
        for fact in self.facts:
            text = Content.styled(fact.text, fact.style) if fact.style else Content(fact.text)
            label = set_cell_size(fact.label, column)
            for part in text.wrap(max(1, width - column)) or [Content("")]:
                found.append(Content.assemble((label, MUTED), part))
                label = " " * column
        return found

    def render(self) -> Content:
        return Content("\n").join(self.lines(self.content_size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))
