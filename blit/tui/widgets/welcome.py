"""What stands there when there is nothing to do yet: what to press."""

from __future__ import annotations

from blit.tui.widgets.panel import Line, Panel

_KEYS = (
    ("n", "start a transfer: pick a source and a destination"),
    ("h", "look at past transfers"),
    ("?", "all keys and signs"),
    ("q", "leave"),
)


class Welcome(Panel):
    def draw(self) -> None:
        width, height = self.content_size
        if not width:
            return
        lines: list[Line] = [(("Nothing to do yet.", "strong"),), ()]
        lines += [((f"{key}  ", "main strong"), (words, "")) for key, words in _KEYS]
        if height >= len(lines) + 4:
            lines += [
                (),
                (("Or from the shell:", "muted"),),
                (("  blit copy   SRC DST", ""), ("    add and update files", "muted")),
                (("  blit mirror SRC DST", ""), ("    the same, then delete extras", "muted")),
            ]
        self.put(lines)
