"""The keys at the bottom: what can be pressed now; a click does the same."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

# whose words go first where there is no room: they are the ones that people know
_KNOWN = ("help", "command_palette", "quit", "move(-1)", "move(1)", "history", "new", "problems")


class Keys(Footer):
    def __init__(self) -> None:
        super().__init__(compact=True)

    def compose(self) -> ComposeResult:
        keys = [widget for widget in super().compose() if isinstance(widget, FooterKey)]
        width = self.app.size.width
        for action in ("", *_KNOWN):
            for key in keys:
                if key.action.removeprefix("app.") == action:
                    key.description = ""
            if sum(len(k.key_display) + len(k.description) + 2 for k in keys) + 3 <= width:
                break
        yield from keys

    def on_resize(self, event: events.Resize) -> None:
        if self.is_attached:
            self.call_after_refresh(self.recompose)
