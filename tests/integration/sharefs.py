"""The FUSE filesystem of faultfs.py as several machines mount one server's: a device number a mount,
the same inode numbers in all.

    sharefs.py FOLDER MOUNTPOINT RULES
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from faultfs import Faulty, hurt
from mfusepy import FUSE


class Shared(Faulty):
    @hurt
    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:  # type: ignore[override]
        """With inode numbers: names without one are not shown."""
        found = [(".", {}, 0), ("..", {}, 0)]
        with os.scandir(self._at(path)) as listing:
            for entry in listing:
                info = entry.stat(follow_symlinks=False)
                found.append((entry.name, {"st_ino": info.st_ino, "st_mode": info.st_mode}, 0))
        return found


if __name__ == "__main__":
    mount: Callable[..., Any] = FUSE
    mount(
        Shared(sys.argv[1], sys.argv[3]), sys.argv[2], foreground=True, attr_timeout=0,
        entry_timeout=0, use_ino=True,
    )  # fmt: skip
