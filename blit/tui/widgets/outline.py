"""A list whose rows can be opened: what is in a row is asked for when somebody wants to see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.content import Content

from blit import show
from blit.tui.widgets.facts import MUTED
from blit.tui.widgets.rows import Rows, fit

QUICK = 0.15  # seconds: an answer before that needs no word
PATIENCE = 2.0  # seconds until a folder that is being listed is said not to answer
READING, SILENT = "reading…", "does not answer; still waiting"

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class Item:
    key: Any
    name: str  # safe to show
    foldable: bool = False
    cells: tuple[str, ...] = ()  # columns at the right
    sign: str = ""  # marks a row, at the far right
    note: bool = False  # not a thing but a remark
    depth: int = 0
    open: bool = False
    children: list[Item] | None = None  # None: not asked for yet
    parent: Item | None = field(default=None, repr=False)


def note(text: str) -> Item:
    return Item(None, show.text(text), note=True)


class Outline(Rows):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "open", "Open", show=False),
        Binding("left", "close", "Close", show=False),
    ]

    def __init__(self, load: Callable[[Item, Outline], Awaitable[list[Item]]], id: str) -> None:
        super().__init__(id=id)
        self.load = load
        self.top: list[Item] = []
        self.flat: list[Item] = []
        self.widths: tuple[int, ...] = ()

    # -- what there is -----------------------------------------------------------------------------

    def put(self, items: Iterable[Item], cursor: Item | None = None) -> None:
        self.top = list(items)
        self.unfold(cursor)

    def unfold(self, cursor: Item | None = None) -> None:
        """Anew: which rows can be seen. The cursor stays on its item."""
        at = cursor or self.current
        self.flat = []
        self._walk(self.top, 0, None)
        columns = max((len(item.cells) for item in self.flat), default=0)
        self.widths = tuple(
            max(cell_len(item.cells[n]) for item in self.flat if len(item.cells) > n)
            for n in range(columns)
        )
        self.changed(self.flat.index(at) if at in self.flat else None)

    def _walk(self, items: list[Item], depth: int, parent: Item | None) -> None:
        for item in items:
            item.depth, item.parent = depth, parent
            self.flat.append(item)
            if item.open:
                self._walk(item.children or [], depth + 1, item)

    @property
    def current(self) -> Item | None:
        return self.flat[self.cursor] if self.cursor < len(self.flat) else None

    def count(self) -> int:
        return len(self.flat)

    def line(self, index: int, width: int) -> Content:
        item = self.flat[index]
        indent = "  " * min(item.depth, 12)
        fold = ("▾ " if item.open else "▸ ") if item.foldable else "  "
        right = ""
        for n, cells in enumerate(self.widths):
            right += "  " + (item.cells[n] if n < len(item.cells) else "").rjust(cells)
        if item.sign:
            right += "  " + item.sign
        if item.note:
            return Content.styled(fit(indent + fold + item.name, width), f"italic {MUTED}")
        name = indent + fold + item.name
        return Content.assemble(fit(name, width - cell_len(right)), (right, "$foreground 80%"))

    # -- opening -----------------------------------------------------------------------------------

    def open_item(self, item: Item) -> None:
        if not item.foldable or item.open:
            return
        item.open = True
        if item.children is None:
            item.children = []
            self.run_worker(self._fill(item), exit_on_error=False)
        self.unfold()

    async def _fill(self, item: Item) -> None:
        item.children = await self.load(item, self)
        self.unfold()

    async def answer(self, waiting: asyncio.Future[_T], item: Item | None = None) -> _T:
        """Wait for a worker's answer; say so, in the item or alone, when it takes long."""
        for text, seconds in (READING, QUICK), (SILENT, PATIENCE):
            if not (await asyncio.wait((waiting,), timeout=seconds))[0]:
                if item is None:
                    self.put([note(text)])
                else:
                    item.children = [note(text)]
                    self.unfold()
        return await asyncio.shield(waiting)  # others may wait for the same

    def action_open(self) -> None:
        if (item := self.current) is not None:
            self.open_item(item)

    def action_close(self) -> None:
        item = self.current
        if item is None:
            return
        if item.open:
            item.open = False
            self.unfold()
        elif item.parent is not None:
            self._go(self.flat.index(item.parent))

    def toggle(self, item: Item) -> None:
        if item.open:
            item.open = False
            self.unfold()
        else:
            self.open_item(item)
