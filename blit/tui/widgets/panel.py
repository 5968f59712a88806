"""Panels: lines of words with roles; only the lines that changed are painted again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.content import Content
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from blit.queue import Entry

Span = tuple[str, str]  # text that is safe to show, and its role: words of _styles
Line = tuple[Span, ...]

_COLOURS = {"main": "primary", "good": "success", "bad": "error", "warn": "warning"}


@lru_cache(maxsize=4096)
def style_of(role: str, colours: tuple[tuple[str, str], ...], back: Color) -> Style:
    """A role's words: main good bad warn, muted track, strong; or place."""
    given = dict(colours)
    words = role.split()
    fore = Color.parse(given["foreground"])
    style = Style(bold="strong" in words)
    if "place" in words:
        return Style(bold=True, reverse=True, color=Color.parse(given["primary"]).rich_color)
    for word in words:
        if word in _COLOURS:
            fore = Color.parse(given[_COLOURS[word]])
    faint = 0.62 if "muted" in words else 0.28 if "track" in words else 1.0
    if faint < 1 and fore.ansi is not None:
        style += Style(dim=True)
    elif faint < 1:
        fore = back.blend(fore, faint)
    return style + Style(color=fore.rich_color)


def palette(app: App[object]) -> tuple[tuple[str, str], ...]:
    names = ("foreground", "primary", "success", "error", "warning", "background")
    return tuple((name, app.theme_variables[name]) for name in names)


def length(line: Line) -> int:
    return sum(cell_len(text) for text, _ in line)


def spread(left: Line, right: Line, width: int) -> Line:
    """The left at the left, the right at the right; if both cannot be, the left one is cut."""
    gap = width - length(left) - length(right)
    if not right:
        return cut(left, width)
    if gap >= 1:
        return (*left, (" " * max(0, gap), ""), *right)
    return (*cut(left, max(0, width - length(right) - 1)), (" ", ""), *right)


def cut(line: Line, width: int) -> Line:
    """No longer than this; what fits in part ends in `…`."""
    found: list[Span] = []
    for text, role in line:
        room = width - length(tuple(found))
        if room <= 0:
            break
        if cell_len(text) > room:
            text = set_cell_size(text, room - 1) + "…"
        found.append((text, role))
    return tuple(found)


def facts(parts: Sequence[Line], width: int) -> Line:
    """As many of these as fit, with dots between them; the earlier ones matter more."""
    line: Line = ()
    for part in parts:
        if not part or not length(part):
            continue
        longer = (*line, (" · ", "muted"), *part) if line else part
        if length(longer) > width and line:
            continue
        line = longer
    return line


def bar(fraction: float, width: int) -> Line:
    """Full cells, an eighth, and the track."""
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    full, rest = divmod(eighths, 8)
    head = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    return ((head, "main"), ("░" * (width - len(head)), "track"))


class Panel(Widget):
    """Shows an entry. Subclasses say what the lines are at a width and a height."""

    def __init__(self, title: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.entry: Entry | None = None
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._heads = (title, "")
        self.border_title = Content(title)

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        raise NotImplementedError

    def show(self, entry: Entry | None) -> None:
        self.entry = entry
        self.draw()

    def draw(self) -> None:
        width, height = self.content_size
        if not width or not height or not self.display:
            return
        lines = self.lines(self.entry, width, height) if self.entry is not None else []
        self.put(lines[:height])

    def put(self, lines: list[Line]) -> None:
        before, self._lines = self._lines, lines
        regions = []
        for y in range(max(len(before), len(lines))):
            if y >= len(before) or y >= len(lines) or before[y] != lines[y]:
                self._strips.pop(y, None)
                regions.append(Region(0, y, self.content_size.width, 1))
        if regions:
            self.refresh(*regions)

    def heads(self, title: str, fact: str = "") -> None:
        """The words in the frame."""
        if self._heads != (title, fact):
            self._heads = (title, fact)
            self.border_title, self.border_subtitle = Content(title), Content(fact)

    def on_resize(self) -> None:
        self._lines, self._strips = [], {}
        self.draw()
        self.refresh()

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    # -- painting ----------------------------------------------------------------------------------

    def style(self, role: str, back: Color) -> Style:
        return style_of(role, palette(self.app), back)

    def render_line(self, y: int) -> Strip:
        selection = self.text_selection
        if selection is None and (known := self._strips.get(y)) is not None:
            return known
        width = self.content_size.width
        back = self.background_colors[1]
        base = Style(bgcolor=back.rich_color)
        line = self._lines[y] if y < len(self._lines) else ()
        strip = Strip(
            [Segment(text, base + self.style(role, back)) for text, role in line if text]
        ).adjust_cell_length(width, base + self.style("", back))
        if selection is not None and (span := selection.get_span(y)) is not None:
            strip = self._marked(strip, *span)
        strip = strip.apply_offsets(0, y)
        if selection is None:
            self._strips[y] = strip
        return strip

    def _marked(self, strip: Strip, start: int, end: int) -> Strip:
        """With the part that the mouse has selected shown so."""
        style = self.screen.get_component_rich_style("screen--selection")
        end = strip.cell_length if end == -1 else min(end, strip.cell_length)
        start = min(start, end)
        chosen = Segment.apply_style(strip.crop(start, end), post_style=style)
        return Strip.join([strip.crop(0, start), Strip(chosen), strip.crop(end)])

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        text = "\n".join("".join(part for part, _ in line).rstrip() for line in self._lines)
        return selection.extract(text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self._strips.clear()
        self.refresh()
