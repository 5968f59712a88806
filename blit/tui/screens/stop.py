"""Stop: asks how the chosen transfer shall end."""

from __future__ import annotations

from blit.queue import Entry
from blit.tui import words
from blit.tui.screens.ask import Answer, Ask
from blit.tui.screens.base import Entries

ANSWERS = (
    Answer("stay", "Let it go on"),
    Answer("finish", "Finish the files in hand, then stop (can go on later)"),
    Answer("now", "Stop now (half-written files are removed)"),
)


class Stop(Ask):
    def __init__(self, entry: Entry) -> None:
        self.id_of = entry.id
        title = "Stop this transfer?"
        answers = ANSWERS if not entry.stopping else (ANSWERS[0], ANSWERS[2])
        super().__init__(title, said(entry), answers)

    def show(self, entries: Entries, chart: bool) -> None:
        entry = next((e for e in entries if e.id == self.id_of), None)
        if entry is None or not entry.active:
            self.dismiss("stay")  # it has ended by itself
        else:
            self.tell(said(entry))


def said(entry: Entry) -> str:
    """`Photos → /mnt/backup/Photos, 58 %, about 25 s left`"""
    state = entry.state
    parts = [f"{words.source(entry.job)} → {words.target(entry)}"]
    if state.plan_done:
        parts.append(f"{state.percent:.0f} %")
    if left := words.left(state):
        parts.append(left)
    return ", ".join(parts)
