"""Says what a mirror would delete, with sizes: what lies directly in a folder, largest first."""

from __future__ import annotations

import stat

from blit.worker import status, wire
from blit.worker.context import Context, join, raw
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TICK_EVERY = 256


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `extras` (dumps as in Scanner.extras), `folder` (below the destination; b"": what is
    extra although its folder is not), `limit`.

    Answer: `found`, at most `limit` of (path, is it a folder, bytes, entries), and `left`, how many
    more there are. A folder counts with all that is in it; what vanished meanwhile counts nothing.
    """
    folder = task["folder"].decode("utf-8", "surrogateescape")
    records = [r for blob in task["extras"] for r in wire.load(blob)]
    context.page.operation(status.LIST_TARGET)
    try:
        found = _Sizes(context, records, folder).found()
    finally:
        context.page.operation(status.IDLE)
    found.sort(key=lambda each: (-each[2], each[0]))
    return {"found": found[: task["limit"]], "left": max(0, len(found) - task["limit"])}


class _Sizes:
    def __init__(self, context: Context, records: list[Any], folder: str) -> None:
        self.c, self.records, self.folder = context, records, folder
        self.looked = 0

    def found(self) -> list[tuple[bytes, bool, int, int]]:
        extra_folders = {
            join(dst_rel, _name(name)) for _, _, dst_rel, _, _, folders in self.records
            for name in folders
        }  # fmt: skip
        direct: dict[str, list[int]] = {}  # path: is a folder, bytes, entries
        below: list[Any] = []
        for record in self.records:
            _, root, rel, _, files, folders = record
            here = rel == self.folder if self.folder else rel not in extra_folders
            if not here:
                below.append(record)
                continue
            for name in map(_name, files):
                direct[join(rel, name)] = [0, self._size(root, rel, name), 1]
            for name in map(_name, folders):
                direct[join(rel, name)] = [1, 0, 1]
        for _, root, rel, _, files, folders in below:
            top = _ancestor(rel, direct)
            if top is None:
                continue
            top[0] = 1
            top[1] += sum(self._size(root, rel, _name(name)) for name in files)
            top[2] += len(files) + len(folders)
        return [(raw(path), bool(v[0]), v[1], v[2]) for path, v in direct.items()]

    def _size(self, root: str, rel: str, name: str) -> int:
        self.looked += 1
        if not self.looked % _TICK_EVERY:
            self.c.page.tick()
        try:
            self.c.page.folder("", join(root, rel))
            self.c.page.name(name)
            fd = self.c.folders.open(root, rel)
            info = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except OSError:
            return 0
        return info.st_size if stat.S_ISREG(info.st_mode) else 0


def _name(name: str) -> str:
    return name.partition("/")[0]  # what follows is the same name in another case, see scan.py


def _ancestor(rel: str, direct: dict[str, list[int]]) -> list[int] | None:
    while rel:
        if rel in direct:
            return direct[rel]
        rel = rel.rpartition("/")[0]
    return None
