"""The queue: one line an entry, with its sign, what it moves where, and how far it is."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.strip import Strip

from blit import show
from blit.queue import ENDED, PARKED, RUNNING, WAITING, Entry
from blit.tui import words
from blit.tui.screens.base import Entries
from blit.tui.widgets.panel import Line, bar, cut, length, palette, spread, style_of
from blit.tui.widgets.rows import Rows, fit


class Queue(Rows, inherit_bindings=False):
    """A click only selects: what enter does must not happen by pointing."""

    BINDINGS: ClassVar[list[BindingType]] = [  # enter belongs to the screen
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "go(0)", "First", show=False),
        Binding("end", "go(-1)", "Last", show=False),
    ]

    def __init__(self, id: str) -> None:
        super().__init__()
        self.id = id
        self.border_title = Content("Transfers")
        self._entries: tuple[Entry, ...] = ()
        self._painted: dict[int, tuple[object, Strip]] = {}

    @property
    def chosen(self) -> Entry | None:
        return self._entries[self.cursor] if self.cursor < len(self._entries) else None

    def follow(self, entries: Entries, chosen: int | None = None) -> None:
        """`chosen`: the entry to select; None keeps the one that is."""
        before = self.chosen
        wanted = chosen if chosen is not None else before.id if before is not None else None
        known = self._entries
        self._entries = ordered(entries)
        place = next((n for n, e in enumerate(self._entries) if e.id == wanted), self.cursor)
        if [e.id for e in known] != [e.id for e in self._entries] or place != self.cursor:
            self.changed(place)
        elif known != self._entries:
            for n, (old, new) in enumerate(zip(known, self._entries, strict=True)):
                if old is not new:
                    self.refresh_line(n)

    def count(self) -> int:
        return len(self._entries)

    def line(self, index: int, width: int) -> Content:
        return Content("".join(text for text, _ in self.row(index, width)))

    def row(self, index: int, width: int) -> Line:
        numbers = len(self._entries) > 1
        return cut(row(self._entries[index], width, numbers), width)

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if index >= len(self._entries):
            return Strip.blank(width, self.rich_style)
        chosen = index == self.cursor
        name = "rows--cursor" if chosen and self.has_focus else "rows--cursor-blurred"
        base = self.get_component_rich_style(name) if chosen else Style()
        back = self.background_colors[1]
        line = self.row(index, width)
        key = (line, base, back, width)
        known = self._painted.get(y)
        if known is not None and known[0] == key:
            return known[1]
        colours = palette(self.app)
        ground = Style(bgcolor=base.bgcolor or back.rich_color, bold=chosen)
        if chosen and back.ansi is not None:  # one of 16 colours would be a sign's own too
            ground = Style(bold=True, reverse=self.has_focus, underline=not self.has_focus)
            line = tuple((text, "") for text, _ in line)
        strip = Strip([Segment(t, style_of(r, colours, back) + ground) for t, r in line if t])
        strip = strip.adjust_cell_length(width, ground)
        self._painted[y] = (key, strip)
        return strip

    def notify_style_update(self) -> None:
        self._painted.clear()
        super().notify_style_update()

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # the base class would also choose it
        index = event.y - self.gutter.top + self.scroll_offset.y
        if 0 <= index < self.count():
            self._go(index)


def ordered(entries: Entries) -> tuple[Entry, ...]:
    """What runs first, then what waits in its order, then what has ended, the newest first."""
    ended = sorted((e for e in entries if e.stage == ENDED), key=lambda e: -e.ended_at)
    found = [e for stage in (RUNNING, WAITING, PARKED) for e in entries if e.stage == stage]
    return (*found, *ended)


def row(entry: Entry, width: int, numbered: bool) -> Line:
    sign, role = words.sign(entry)
    number = f"#{entry.id}".ljust(4) if numbered else ""
    left: Line = (
        (f"{sign} ", f"{role} strong"), (number, "muted"), (f"{entry.job.command:<7}", "muted"),
    )  # fmt: skip
    source, target = words.source(entry.job), words.target(entry)
    paths = cell_len(source) + cell_len(target) + 3
    room = max(28, width - length(left) - paths - 2)
    right = running(entry, width) if entry.stage == RUNNING else resting(entry, room)
    right = (*right, (" ", ""))
    left = (*left, (both(source, target, width - length(left) - length(right) - 1), ""))
    return spread(left, right, width)


def both(source: str, target: str, room: int) -> str:
    """`source → target`; where there is no room, the longer one is cut first."""
    half = max(4, (room - 3) // 2)
    if cell_len(source) + cell_len(target) + 3 > room:
        left, right = cell_len(source), cell_len(target)
        if left > half:
            source = fit(source, max(half, room - 3 - right)).rstrip()
        if right > half:
            target = fit(target, max(4, room - 3 - cell_len(source))).rstrip()
    return f"{source} → {target}"


def running(entry: Entry, room: int) -> Line:
    state = entry.state
    wide = room >= 98
    found: Line = ()
    failed: Line = ((f"  ✗ {state.failures:,}", "bad"),) if state.failures else ()
    status = "asking" if words.asks(entry) else entry.status
    percent: Line = ((f" {state.percent:3.0f}%", "strong"),) if state.plan_done else ()
    if wide and state.plan_done:
        found = bar(state.percent / 100, 16)
    word = {
        "silent": f"silent {state.quiet:.0f} s", "asking": "▲ needs an answer",
        "paused": "paused" if state.phase == "paused" else "pausing", "stopping": "stopping",
    }.get(status, "")  # fmt: skip
    if word:
        return (*found, *percent, (f"  {word:>10}", words.ROLES.get(status, "warn")), *failed)
    if state.phase not in ("copying", "starting", "looking"):
        return (*found, *percent, (f"  {words.phase(entry)[0].lower():>10}", "main"), *failed)
    if not state.files_total and not state.plan_done:
        return ((words.phase(entry)[0].lower(), "main"), *failed)
    counting: Line = () if state.plan_done else (("counting", "muted"),)
    speed: Line = ((f"  {show.rate(state.rate):>9}", "main"),)
    left: Line = ((f"  {words.left(state):>18}", ""),) if wide and state.plan_done else ()
    return (*found, *counting, *percent, *speed, *left, *failed)


def resting(entry: Entry, room: int) -> Line:
    """Waiting, put aside or ended."""
    _, role = words.sign(entry)
    if entry.stage != ENDED:
        word = "put aside" if entry.status == "parked" else "waiting"
        why = show.text(entry.why)
        return cut(((f"{word}: {why}" if why else word, "muted"),), room)
    outcome = words.outcome(entry)
    word = f"{outcome} {words.ended_at(entry)}".strip()
    failed: Line = ()
    if entry.state.failures:
        failed = ((f"  ✗ {entry.state.failures:,}", "bad"),)
    deed: Line = ((f"  {words.deed(entry)}", ""),)
    whole: Line = ((word, role), *deed, *failed)
    if length(whole) > room:
        whole = ((outcome, role), *deed, *failed)
    return cut(whole, room)
