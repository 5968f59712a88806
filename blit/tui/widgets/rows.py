"""A list of lines with a cursor, of which only what is visible is ever drawn."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual


class Rows(ScrollView, can_focus=True):
    """Subclasses say how many rows there are and what a row looks like at a width.

    A table of Textual takes 0.13 s for 1,000 rows (2026-11-22), too long for one that grows while
    a transfer runs; this one costs the same for any number.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "go(0)", "First", show=False),
        Binding("end", "go(-1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--row", "rows--cursor", "rows--cursor-blurred"}
    DEFAULT_CSS = """
    Rows {
        height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; background: transparent;
        & > .rows--cursor { background: $primary 35%; color: $foreground; text-style: bold; }
        & > .rows--cursor-blurred { background: $foreground 10%; color: $foreground; }
    }
    """

    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, rows: Rows) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> Rows:
            return self.rows

    class Chosen(Moved):
        """Enter or a click on a row."""

    # -- for subclasses ----------------------------------------------------------------------------

    def count(self) -> int:
        raise NotImplementedError

    def line(self, index: int, width: int) -> Content:
        raise NotImplementedError

    # -- drawing -----------------------------------------------------------------------------------

    def changed(self, cursor: int | None = None) -> None:
        """There are other rows now; the cursor stays within them."""
        rows = self.count()
        self.virtual_size = Size(0, rows)
        self.cursor = max(0, min(self.cursor if cursor is None else cursor, rows - 1))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if index >= self.count():
            return Strip.blank(width, self.get_visual_style("rows--row").rich_style)
        name = "rows--row"
        if index == self.cursor:
            name = "rows--cursor" if self.has_focus else "rows--cursor-blurred"
        style = self.get_visual_style(name)
        strips = Visual.to_strips(self, self.line(index, width), width, 1, style, pad=True)
        return strips[0].adjust_cell_length(width, style.rich_style)

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self.count() - 1))

    def watch_cursor(self) -> None:
        self.refresh()
        if self.size.height:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)

    def on_resize(self) -> None:
        self.virtual_size = Size(0, self.count())
        self.watch_cursor()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # -- keys and mouse ----------------------------------------------------------------------------

    def _go(self, index: int) -> None:
        before = self.cursor
        self.cursor = index
        if self.cursor != before:
            self.post_message(self.Moved(self))

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._go(self.cursor + by * max(1, self.size.height - 1))

    def action_go(self, index: int) -> None:
        self._go(index if index >= 0 else self.count() - 1)

    def action_choose(self) -> None:
        if self.count():
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if 0 <= index < self.count():
            self._go(index)
            self.action_choose()


def fit(text: str, width: int) -> str:
    """Exactly so many cells: cut in the middle, since a name's end tells as much as its start."""
    if cell_len(text) <= width:
        return set_cell_size(text, max(0, width))
    if width < 8:
        return set_cell_size(text, max(0, width - 1)) + "…" * (width > 0)
    tail = (width - 1) * 3 // 5
    head = width - 1 - tail
    end = text[-tail:]
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(text, head) + "…" + set_cell_size(end, tail)
