"""The command palette: everything that can be done, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

from blit import show
from blit.job import command_line
from blit.tui.screens.transfers import Transfers

if TYPE_CHECKING:
    from blit.tui.app import BlitApp

_NAMES = {
    "review": ("Review deletions", "Look at what the mirror would delete, and decide"),
    "wait": ("Wait longer", "Do not give up yet on a transfer that stands still"),
    "start": ("Start now", "Do not wait for other transfers"),
    "again": ("Run again", "The same transfer once more"),
    "pause": ("Pause", "Hold the chosen transfer"),
    "resume": ("Go on", "Let the chosen transfer go on"),
    "stop": ("Stop", "End the chosen transfer (asks how)"),
    "remove": ("Remove from the list", "Take the chosen transfer off the list"),
    "retry": ("Retry failed files", "A new transfer of just the failed files"),
    "problems": ("Problems", "What failed, why, and what to do"),
}


def commands(app: BlitApp, screen: Screen[object]) -> Iterable[SystemCommand]:
    transfers = next((s for s in app.screen_stack if isinstance(s, Transfers)), None)
    if transfers is not None:
        able = transfers.actions()
        for action, (title, words) in _NAMES.items():
            if action in able:
                yield SystemCommand(title, words, _doing(transfers, action))
        if "move" in able:
            yield SystemCommand(
                "Move up", "Before the one above", lambda: transfers.action_move(-1)
            )
            yield SystemCommand(
                "Move down", "After the one below", lambda: transfers.action_move(1)
            )
        if transfers.ended:
            yield SystemCommand(
                "Remove all that have ended", "Clear the list; the history keeps them",
                transfers.action_clear,
            )  # fmt: skip
        if transfers.chosen is not None:
            yield SystemCommand(
                "Copy command", "The blit command that does the same, to the clipboard",
                lambda: copy_command(app, transfers),
            )  # fmt: skip
    yield SystemCommand("New transfer", "Pick a source and a destination", app.action_new)
    yield SystemCommand("Transfers", "The queue and the chosen transfer", app.action_transfers)
    yield SystemCommand("History", "Past transfers and what they took", app.action_history)
    yield SystemCommand("Keys and signs", "The help page", app.action_help)
    yield SystemCommand("Theme", "Change the colours", app.action_change_theme)
    yield SystemCommand("Quit", "Leave (asks while something runs)", app.action_quit)


def _doing(transfers: Transfers, action: str) -> Callable[[], None]:
    def do() -> None:
        getattr(transfers, f"action_{action}")()

    return do


def copy_command(app: BlitApp, transfers: Transfers) -> None:
    if transfers.chosen is None:
        return
    line = command_line(transfers.chosen.job)
    app.copy_to_clipboard(line)
    app.notify(show.text(line), title="Copied", markup=False)
