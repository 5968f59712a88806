"""The folders below one folder, to pick from; nothing but folders, and asked for when opened."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.content import Content
from textual.message import Message

from blit import show
from blit.tui.widgets.outline import QUICK, Item, Outline, note
from blit.tui.widgets.path_field import Listing

UP = object()  # the key of the row that leads one folder up


class FolderTree(Outline):
    """Enter or a click picks; right and left only open and close."""

    class Picked(Message):
        def __init__(self, tree: FolderTree, path: str) -> None:
            super().__init__()
            self.tree, self.path = tree, path

        @property
        def control(self) -> FolderTree:
            return self.tree

    def __init__(self, listing: Listing, mark: str, id: str) -> None:
        super().__init__(self._sub_folders, id)
        self.listing = listing
        self.mark = mark
        self.picked = ""
        self.base = ""

    async def _sub_folders(self, item: Item, outline: Outline) -> list[Item]:
        try:
            found = await outline.answer(self.listing.of(item.key), item)
        except Exception as error:  # told in the tree, and the screen stays
            return [note(f"cannot be read: {error}")]
        if found.error:
            return [note(found.error)]
        base = item.key.rstrip("/")
        items = [Item(f"{base}/{name}", show.text(name), foldable=True) for name in found.names]
        if found.more:
            items.append(note(f"and {found.more:,} more: type its name above"))
        return items or [note("no folders in here")]

    def line(self, index: int, width: int) -> Content:
        item = self.flat[index]
        chosen = item.key == self.picked and bool(self.picked)
        item.sign = self.mark if chosen else ""
        return super().line(index, width)

    # -- where it is -------------------------------------------------------------------------------

    async def root_at(self, base: str, seek: str = "") -> None:
        """Show what is in `base`, with the cursor on the first name that begins with `seek`."""
        self.base = base
        item = Item(base, show.text(base), foldable=True, open=True)
        if self.flat:  # what is there stays until the new is known, or it takes long
            await asyncio.wait((self.listing.of(base),), timeout=QUICK)
        up = [] if base == "/" else [Item(UP, f"↑ {show.text(_parent(base))}")]
        if not self.listing.of(base).done():
            self.put([*up, item], cursor=item)
        item.children = await self._sub_folders(item, self)
        if self.base == base:  # it was not sent elsewhere meanwhile
            self.put([*up, item], cursor=item)
            self.seek(item, seek)

    async def follow(self, path: str) -> None:
        """A path was typed: show where it leads."""
        self.picked = path.rstrip("/") or "/"
        self.refresh()
        folder, _, name = path.rpartition("/")
        folder = folder or "/"
        item = next((i for i in self.flat if i.key == folder), None)
        if item is None:
            await self.root_at(folder, name)
            return
        if not item.open:
            item.open = True
            if item.children is None:
                item.children = await self._sub_folders(item, self)
        self.unfold(item)
        self.seek(item, name)

    def seek(self, item: Item, name: str) -> None:
        children = [c for c in item.children or [] if not c.note]
        match: Any = item
        if name:
            match = next((c for c in children if c.key.rpartition("/")[2] == name), None) or next(
                (c for c in children if c.key.rpartition("/")[2].startswith(name)), item
            )
        if match in self.flat:
            self.cursor = self.flat.index(match)

    # -- keys and mouse ----------------------------------------------------------------------------

    def on_rows_chosen(self) -> None:
        item = self.current
        if item is None or item.note:
            return
        if item.key is UP:
            self.go_up()
            return
        again = item.key == self.picked
        self.picked = item.key
        if again:
            self.toggle(item)
        else:
            self.open_item(item)
        self.refresh()
        self.post_message(self.Picked(self, item.key))

    def action_close(self) -> None:
        item = self.current
        top = item is not None and item.parent is None
        if top and (item is None or not item.open or item.key == self.base):
            self.go_up()
        else:
            super().action_close()

    def go_up(self) -> None:
        if self.base != "/":
            name = self.base.rpartition("/")[2]
            up = self.root_at(_parent(self.base), name)
            self.run_worker(up, exclusive=True, group="up", exit_on_error=False)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"
