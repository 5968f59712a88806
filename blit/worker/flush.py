"""Puts everything that was written on its device: one sync for each filesystem."""

from __future__ import annotations

from blit.worker import status
from blit.worker.context import Context, join, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `places` [(root, rel)], a folder on every filesystem to sync. Answer: `failures`."""
    page = context.page
    failures = []
    for root, rel in task["places"]:
        page.folder("", join(root, rel))
        page.operation(status.SYNC)
        try:
            context.flush(context.folders.open(root, rel))
            page.tick()
        except FileNotFoundError:
            pass  # nothing was written there, or it was removed again
        except OSError as error:
            text = error.strerror or str(error)
            failures.append((raw(join(root, rel)), "sync", error.errno or 0, text))
    page.operation(status.IDLE)
    return {"failures": failures} if failures else {}
