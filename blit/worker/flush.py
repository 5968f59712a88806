"""Puts everything that was written below a destination on its device."""

from __future__ import annotations

from blit.worker import status, system
from blit.worker.context import Context, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `roots`. Answer: `failures`."""
    page = context.page
    failures = []
    for root in task["roots"]:
        page.folder("", root)
        page.operation(status.SYNC)
        try:
            system.sync_filesystem(context.folders.root(root))
        except FileNotFoundError:
            pass  # nothing was written there
        except OSError as error:
            failures.append((raw(root), "sync", error.errno or 0, error.strerror or str(error)))
    page.operation(status.IDLE)
    return {"failures": failures} if failures else {}
