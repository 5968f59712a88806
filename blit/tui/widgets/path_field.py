"""A line for a path: completes the names of folders, and never shows a raw one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input

from blit import show
from blit.queue import Folders


class Listing:
    """The sub-folders of folders, asked for once; several may wait for the same answer."""

    def __init__(self, ask: Callable[[str], Future[Folders]]) -> None:
        self._ask = ask
        self._asked: dict[str, asyncio.Future[Folders]] = {}

    def of(self, path: str) -> asyncio.Future[Folders]:
        known = self._asked.get(path)
        if known is None or known.cancelled() or (known.done() and _failed(known)):
            known = self._asked[path] = asyncio.wrap_future(self._ask(path))
        return known


def _failed(asked: asyncio.Future[Folders]) -> bool:
    return asked.exception() is not None or bool(asked.result().error)


class PathField(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete, next"),
        Binding("down", "app.focus_next", "The folders", show=False),
    ]

    def __init__(self, listing: Listing, start: str, placeholder: str, id: str) -> None:
        super().__init__(
            placeholder=placeholder,
            id=id,
            compact=True,
            suggester=_Names(self),
            select_on_focus=False,
        )
        self.cursor_blink = False
        self.listing = listing
        self.start = start
        self.offer = ""  # the value with its completion
        self.known: dict[str, str] = {}  # what is shown → what it stands for, where they differ

    # -- the path ----------------------------------------------------------------------------------

    @property
    def raw(self) -> str:
        """The absolute path that is meant, its trailing slash as given; "" for none."""
        shown = self.value
        if not shown or "\0" in shown:
            return ""
        raw = next(
            (self.known[part] + shown[len(part) :] for part in _parts(shown) if part in self.known),
            shown,
        )
        if raw == "~" or raw.startswith("~/"):
            raw = os.path.expanduser("~") + raw[1:]
        return raw if raw.startswith("/") else f"{self.start.rstrip('/')}/{raw}"

    def put(self, raw: str) -> None:
        shown = show.text(raw)
        if shown != raw:
            self.known[shown] = raw
        self.value = shown
        self.cursor_position = len(shown)

    def validate_value(self, value: str) -> str:
        """What was pasted may hold what no terminal should see."""
        shown = show.text(value)
        if shown != value:
            self.known[shown] = value
        return shown

    # -- completion --------------------------------------------------------------------------------

    def action_complete(self) -> None:
        if not self.accept():
            self.screen.focus_next()

    def accept(self) -> bool:
        """Take the completion that is on offer, where there is one."""
        offer = self.offer
        if self.cursor_position < len(self.value) or len(offer) <= len(self.value):
            return False
        if not offer.startswith(self.value):
            return False
        self.value = offer
        self.cursor_position = len(self.value)
        return True

    async def complete(self, value: str) -> str | None:
        folder, slash, name = value.rpartition("/")
        self.offer = ""
        if not name or name == "~":
            return None
        raw = self.raw.rpartition("/")[0] or "/"
        try:
            found = await asyncio.shield(self.listing.of(raw))
        except Exception:
            return None
        match = next((n for n in found.names if show.text(n).startswith(name)), None)
        if match is None or value != self.value:
            return None
        self.offer = f"{folder}{slash}{show.text(match)}"
        if show.text(match) != match:
            self.known[self.offer] = f"{raw.rstrip('/')}/{match}"
        return self.offer


class _Names(Suggester):
    def __init__(self, field: PathField) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.field = field

    async def get_suggestion(self, value: str) -> str | None:
        return await self.field.complete(value)


def _parts(shown: str) -> list[str]:
    """`/a/b/c` → itself, `/a/b`, `/a`: the longest first."""
    found = [shown]
    while "/" in shown:
        shown = shown.rpartition("/")[0]
        found.append(shown)
    return found


def here() -> str:
    """The current folder as the shell knows it; no folder is touched for it."""
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return os.path.expanduser("~")
