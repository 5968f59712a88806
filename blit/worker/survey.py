"""What `blit diagnostics dump` asks a worker: the first look of a dry run, and what the ground can.

Nothing is written that has a name: a file without one (`O_TMPFILE`) is asked where there are such,
and is gone with its handle.
"""

from __future__ import annotations

import os

from blit.worker import probe, status, system, wire
from blit.worker.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = "user.blit"


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: as for `probe`. Answer: as of `probe`, and `abilities`, of the destination: `exists`
    (the folder that things land in), `ground` (the nearest folder that is there), `writable`, and
    `clone`, `attributes`, `holes` (None: not known without writing)."""
    answer = probe.run(context, {**task, "options": task["options"] | wire.DRY})
    if "refused" in answer:
        return answer
    context.page.operation(status.PROBE)
    above = task["target"]
    while not os.path.isdir(above):
        above = os.path.dirname(above.rstrip("/")) or "/"
    found: dict[str, Any] = {
        "exists": os.path.lexists(answer["landings"][0][1]),
        "ground": os.fsencode(above),
        "writable": os.access(above, os.W_OK | os.X_OK),
        "clone": None, "attributes": None, "holes": None,
    }  # fmt: skip
    try:
        _ask(above, answer["devices"], found)
    except OSError:
        pass  # no such files here, or no right to make one
    context.page.operation(status.IDLE)
    return {**answer, "abilities": found}


def _ask(above: str, devices: tuple[int, int], found: dict[str, Any]) -> None:
    if (nameless := getattr(os, "O_TMPFILE", 0)) == 0:
        return
    flags = nameless | os.O_RDWR | os.O_CLOEXEC
    one = os.open(above, flags, 0o600)
    try:
        found["attributes"] = _can(lambda: os.setxattr(one, _NAME, b"x"))
        os.pwrite(one, b"x", 1 << 20)
        found["holes"] = os.fstat(one).st_blocks << 9 < 1 << 20
        if devices[0] != devices[1]:
            found["clone"] = False
            return
        other = os.open(above, flags, 0o600)
        try:
            found["clone"] = _can(lambda: system.clone(one, other))
        finally:
            os.close(other)
    finally:
        os.close(one)


def _can(try_it: Any) -> bool:
    try:
        try_it()
    except OSError:
        return False
    return True
