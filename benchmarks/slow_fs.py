"""A FUSE filesystem that passes everything on to a folder, each operation a little later.

slow_fs.py FOLDER MOUNTPOINT SECONDS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "integration"))

from faultfs import Faulty
from mfusepy import FUSE


class Slow(Faulty):
    """No rules: only time."""

    def __init__(self, root: str, delay: float) -> None:
        super().__init__(root, "")
        self.delay = delay

    def _read_rules(self) -> list[dict[str, object]]:
        return []

    def suffer(self, op: str, path: str) -> None:
        time.sleep(self.delay)


if __name__ == "__main__":
    served = Slow(sys.argv[1], float(sys.argv[3]))
    FUSE(served, sys.argv[2], foreground=True, attr_timeout=0, entry_timeout=0)
