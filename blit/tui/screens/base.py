"""What every screen has in common: it is shown the entries, and asks the manager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.await_complete import AwaitComplete
from textual.geometry import Size
from textual.screen import Screen

from blit.queue import Entry

if TYPE_CHECKING:
    from textual.types import CSSPathType

    from blit.tui.messages import Manager

Entries = tuple[Entry, ...]


def styles(*names: str) -> CSSPathType:
    """Style sheets of a screen. Files, not `CSS`: rules there never match the screen's classes."""
    folder = Path(__file__).parent.parent
    return [folder / f"{name}.tcss" for name in names]


class Steady:
    """Mixed into a screen: two things that those of Textual do where much happens at once.

    A screen tells itself each change of its size. Where two sizes of one quick resize are on their
    way to it, each undoes the other and is sent again, and the program does nothing else any more.

    And a screen that is left takes the one in front off the stack, whichever that is: a second esc
    that was on its way to it would take the transfers themselves, and leave an empty screen.
    """

    def dismiss(self, result: Any = None) -> AwaitComplete:
        if not self.is_active:  # type: ignore[attr-defined]
            return AwaitComplete()
        return super().dismiss(result)  # type: ignore[misc, no-any-return]

    async def _on_resize(self, event: events.Resize) -> None:
        app_size: Size = self.app.size  # type: ignore[attr-defined]
        if event.size != app_size:
            event.prevent_default()  # the base class would lay out for it


class Shown(Steady, Screen[None]):
    """A screen that follows the entries. `show` is called 4 times a second, when they changed."""

    def show(self, entries: Entries, chart: bool) -> None:
        """`chart`: whether it is the chart's turn too, once a second."""

    @property
    def manager(self) -> Manager:
        return self.app.manager  # type: ignore[attr-defined, no-any-return]

    def entry(self, id: int) -> Entry | None:
        return next((e for e in self.manager.entries() if e.id == id), None)
