"""Leave: asks what becomes of the transfers that still run."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from blit.queue import WAITING
from blit.tui.messages import Choice
from blit.tui.screens.ask import Answer, Ask
from blit.tui.screens.base import Entries
from blit.tui.screens.stop import said

ANSWERS = (
    Answer("stay", "Stay here"),
    Answer(Choice.GO_ON, "Leave the screen, go on in the terminal"),
    Answer(Choice.FINISH, "Finish the files in hand, then stop (can go on later)"),
    Answer(Choice.NOW, "Stop now (half-written files are removed)"),
)


class Leave(Ask):
    """A second ctrl+c, while it asks, means now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "now", "Stop now", show=False, priority=True),
        # one that was on its way before this stood comes by the other road
        Binding("ctrl+c", "now", "Stop now", show=False),
    ]

    def __init__(self, entries: Entries) -> None:
        running = sum(1 for e in entries if e.active)
        title = "A transfer is still running" if running == 1 else f"{running} transfers still run"
        super().__init__(title, facts(entries), ANSWERS)

    def show(self, entries: Entries, chart: bool) -> None:
        if any(e.active for e in entries):
            self.tell(facts(entries))
        else:
            self.dismiss(Choice.DONE)  # the last one has ended by itself

    def action_now(self) -> None:
        self.dismiss(Choice.NOW)


def facts(entries: Entries) -> str:
    active = [e for e in entries if e.active]
    lines = [said(e) for e in active[:3]]
    if len(active) > 3:
        lines.append(f"and {len(active) - 3} more")
    if waiting := sum(1 for e in entries if e.stage == WAITING):
        lines.append(f"{waiting} more waiting; the queue is kept")
    return "\n".join(lines)
