"""The keys at the bottom: what can be pressed now; a click does the same.

One widget of one line: Textual's own footer has a widget a key, half of all that the first picture
needs, and makes them anew at every change.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.color import Color
from textual.screen import Screen

from blit.tui.widgets.panel import Line, Panel, length

# whose words go first where there is no room: they are the ones that people know
_KNOWN = ("help", "command_palette", "quit", "move(-1)", "move(1)", "history", "new", "problems")


class Key(NamedTuple):
    """A key that stands there."""

    key: str  # as it is pressed
    sign: str  # as it is shown
    words: str
    action: str
    able: bool = True
    tip: str = ""
    last: bool = False  # at the right end
    at: int = 0  # its first cell

    @property
    def cells(self) -> int:
        return cell_len(self.sign) + (cell_len(self.words) + 1 if self.words else 0)


class Keys(Panel):
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[Key, ...] = ()  # as they are shown
        self._able: tuple[Key, ...] = ()
        self._over: Key | None = None  # under the mouse

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, screen: Screen[object]) -> None:
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self._able = self._find()
            self.draw()

    def _find(self) -> tuple[Key, ...]:
        """What can be pressed now, each action once."""
        found: dict[str, Key] = {}
        last = self.app.COMMAND_PALETTE_BINDING
        for name, (_, binding, able, tip) in self.screen.active_bindings.items():
            if binding.show or name == last:
                key = Key(
                    binding.key, self.app.get_key_display(binding), binding.description,
                    binding.action, able, tip or binding.tooltip, name == last,
                )  # fmt: skip
                found.setdefault(binding.action, key)
        return tuple(sorted(found.values(), key=lambda key: key.last))

    # -- drawing -----------------------------------------------------------------------------------

    def draw(self) -> None:
        width = self.content_size.width
        if not width:
            return
        self.keys = placed(self._able, width)
        left: Line = ()
        right: Line = ()
        for key in self.keys:
            mark = " over" if key == self._over else "" if key.able else " dim"
            words = f" {key.words}" if key.words else ""
            shown = ((key.sign, f"main strong{mark}"), (words, mark.strip()))
            if key.last:
                right = (("▏", "edge"), *shown, (" ", ""))
            else:
                left = (*left, *shown, (" ", ""))
        room = width - length(right)
        self.put([(*clipped(left, room), (" " * max(0, room - length(left)), ""), *right)])

    def style(self, role: str, back: Color) -> Style:
        *words, mark = role.split() or [""]
        if mark == "over":
            over = Color.parse(self.app.theme_variables["block-hover-background"])
            return super().style("main strong" if words else "main", back) + Style(
                bgcolor=(back + over).rich_color
            )
        if mark == "dim":
            return super().style(" ".join(words), back) + Style(dim=True)
        if mark == "edge":
            fore = Color.parse(self.app.theme_variables["foreground"])
            if fore.ansi is None:
                return Style(color=back.blend(fore, 0.2).rich_color)
            return super().style("track", back)
        return super().style(role, back)

    # -- the mouse ---------------------------------------------------------------------------------

    def _under(self, x: int) -> Key | None:
        at = x - self.gutter.left
        return next((key for key in self.keys if key.at <= at < key.at + key.cells), None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._point(self._under(event.x))

    def on_leave(self) -> None:
        self._point(None)

    def _point(self, key: Key | None) -> None:
        if key == self._over:
            return
        self._over = key
        self.tooltip = (key.tip or None) if key is not None else None
        self.styles.pointer = "default" if key is None else "pointer"
        self.draw()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        key = self._under(event.x)
        if key is not None and key.able:
            self.app.simulate_key(key.key)
        elif key is not None:
            self.app.bell()


def clipped(line: Line, width: int) -> Line:
    """No longer than this, without a mark where it is cut."""
    found: Line = ()
    for text, role in line:
        room = width - length(found)
        found = (*found, (set_cell_size(text, min(cell_len(text), max(0, room))), role))
    return found


def placed(keys: tuple[Key, ...], width: int) -> tuple[Key, ...]:
    """As they stand in so many cells: without the words that there is no room for."""
    for action in ("", *_KNOWN):
        keys = tuple(
            key._replace(words="") if key.action.removeprefix("app.") == action else key
            for key in keys
        )
        if sum(len(k.sign) + len(k.words) + 2 for k in keys) + 2 <= width:
            break
    found, at = [], 0
    for key in keys:
        found.append(key._replace(at=width - 1 - key.cells if key.last else at))
        at += key.cells + 1
    return tuple(found)
