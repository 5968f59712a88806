"""The FUSE filesystem of faultfs.py as one that does not tell upper from lower case, and keeps what
it was given: `Name` and `name` are one file, listed as it was made.

    casefs.py FOLDER MOUNTPOINT RULES
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from faultfs import Faulty
from mfusepy import FUSE


class Caseless(Faulty):
    def _at(self, path: str) -> str:
        here = self.root
        for name in path.strip("/").split("/"):
            try:
                spelled = next(n for n in os.listdir(here) if n.casefold() == name.casefold())
            except (StopIteration, OSError):
                spelled = name
            here = os.path.join(here, spelled) if name else here
        return here

    def readdir(self, path: str, fh: int) -> list[Any]:
        at = self._at(path)
        return [(n, {"st_ino": os.lstat(os.path.join(at, n)).st_ino}, 0) for n in os.listdir(at)]

    def link(self, new: str, old: str) -> None:
        os.link(self._at(old), self._at(new))

    def rename(self, old: str, new: str) -> None:
        here, there = self._at(old), self._at(new)
        if here == there:  # by case alone
            there = os.path.join(os.path.dirname(here), os.path.basename(new))
        os.rename(here, there)


if __name__ == "__main__":
    mount: Callable[..., Any] = FUSE
    # one request at a time: between `_at` and what is done there nobody may rename a part of it
    mount(
        Caseless(sys.argv[1], sys.argv[3]), sys.argv[2], foreground=True, nothreads=True,
        attr_timeout=0, entry_timeout=0, use_ino=True,
    )  # fmt: skip
