"""Puts everything that was written below a destination on its device."""

from __future__ import annotations

import os

from blit.worker import status, system
from blit.worker.context import Context, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `roots`. All filesystems mounted below a root are synced too. Answer: `failures`."""
    page = context.page
    failures = []
    for root in task["roots"]:
        page.folder("", root)
        page.operation(status.SYNC)
        try:
            system.sync_filesystem(context.folders.root(root))
            for point in system.mounts_below(root):
                page.folder("", point)
                fd = os.open(point, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    system.sync_filesystem(fd)
                finally:
                    os.close(fd)
                page.tick()
        except FileNotFoundError:
            pass  # nothing was written there
        except OSError as error:
            text = error.strerror or str(error)
            failures.append((raw(root), "sync", error.errno or 0, text))
    page.operation(status.IDLE)
    return {"failures": failures} if failures else {}
