"""What the terminal itself shows of the transfers: title, progress in the taskbar, attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blit.queue import ENDED, PREVIEW
from blit.terminal import Terminal
from blit.tui import words

if TYPE_CHECKING:
    from blit.tui.app import BlitApp
    from blit.tui.screens.base import Entries

LONG = 30.0  # seconds of a run whose end is worth a bell although one looks


class Status:
    def __init__(self, app: BlitApp) -> None:
        self.app = app
        self.terminal = Terminal.of(app)
        self._asked: set[int] = set()
        self._running: set[int] = set()

    def begin(self) -> None:
        self.terminal.begin()

    def end(self) -> None:
        self.terminal.end()

    def follow(self, entries: Entries) -> None:
        shown = [e for e in entries if e.stage != PREVIEW]
        active = [e for e in shown if e.active]
        self._attention(entries)
        if not active:
            self.terminal.title("blit")
            failed = any(e.stage == ENDED and e.status not in ("ok", "interrupted") for e in shown)
            self.terminal.progress("error" if failed and self._running else "none")
            return
        known = [e for e in active if e.state.plan_done]
        first = active[0]
        name = words.source(first.job)
        if any(words.asks(e) or e.status == "silent" for e in active):
            sign = "▲ "
        else:
            sign = ""
        if not known:
            self.terminal.title(f"{sign}blit {name}")
            self.terminal.progress("unknown")
            return
        total = sum(max(1, e.state.bytes_total) for e in known)
        percent = sum(e.state.percent * max(1, e.state.bytes_total) for e in known) / total
        self.terminal.title(f"{sign}blit {percent:.0f} % {name}")
        held = all(e.paused or words.asks(e) for e in active)
        self.terminal.progress("paused" if held else "normal", percent)

    def _attention(self, entries: Entries) -> None:
        """When one has ended or asks, and nobody looks, or it took long."""
        asking = {e.id for e in entries if words.asks(e)}
        ended = {e.id for e in entries if e.stage == ENDED} & self._running
        lasted = max((e.state.elapsed for e in entries if e.id in ended), default=0.0)
        away = not self.app.app_focus
        wish = self.app.choices.notify if self.app.choices is not None else "auto"
        asks = asking - self._asked
        always = wish == "always"
        if wish != "never":
            if (ended and (away or always or lasted > LONG)) or (asks and (away or always)):
                self.app.bell()
            if asks and (away or always):
                self._notify(entries, asks)
            elif ended and (always or (away and lasted > LONG)):
                self._notify(entries, ended)
        self._asked = asking
        self._running = {e.id for e in entries if e.active}

    def _notify(self, entries: Entries, ids: set[int]) -> None:
        """A line on the desktop about the last of these."""
        entry = [e for e in entries if e.id in ids][-1]
        what = f"{words.source(entry.job)} → {words.target(entry)}"
        if entry.stage != ENDED:
            said = "needs an answer"
        else:
            said = f"{words.outcome(entry)}, {words.deed(entry)}"
            said += f", {entry.state.failures:,} failed" if entry.state.failures else ""
        self.terminal.notify(f"{what}: {said}")
