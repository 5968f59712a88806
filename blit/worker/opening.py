"""Opens the destination to a run: its trash is looked at, its roots are made, and it is locked."""

from __future__ import annotations

from blit.worker import status, tmpname, wire
from blit.worker.context import Context, join, raw
from blit.worker.lock import Held as Held
from blit.worker.lock import take
from blit.worker.refuse import Refusal
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def open_roots(
    context: Context, options: int, roots: list[str], places: list[tuple[str, str]]
) -> list[str]:
    """All of it before the first write. Answers what only `-v` tells. Raises Refusal."""
    if options & wire.TRASH:
        for root in roots:
            _check_trash(root)
    alone = bool(options & wire.MIRROR)
    if options & wire.HELD:
        context.locked = (places, alone)  # to be taken when the plan is confirmed
        return []
    if options & wire.DRY:
        return []
    _make(context, roots)
    try:
        return lock(context, places, alone)
    except Held as held:
        raise Refusal("refused", held.path, str(held)) from None


def lock(context: Context, places: list[tuple[str, str]], alone: bool) -> list[str]:
    """Lock the folders `places` (root, rel), as lock.take does; a mirror's is made before."""
    context.locked = (places, alone)
    for root, rel in places if alone else ():
        context.page.name(join(root, rel)[-700:])
        try:
            context.folders.open(root, rel, make=True)
        except OSError:
            pass  # whoever works there will meet it, and say so
    return take(context, [join(root, rel) for root, rel in places], alone)


def _check_trash(root: str) -> None:
    """What stands where the trash goes must be one. Raises Refusal."""
    from blit.worker.trash_root import unusable

    if why := unusable(root):
        raise Refusal("refused", join(root, tmpname.TRASH), f"{why}: move it out of the way")


def _make(context: Context, roots: list[str]) -> None:
    """Make the destination roots: one sentence now, not one a file later. Raises Refusal."""
    for root in roots:
        context.page.name(root[-700:])
        try:
            context.folders.root(root, make=True)
        except OSError as error:
            why = "it is a symlink to nothing" if os.path.islink(root) else error.strerror
            raise Refusal("failed", root, f"cannot be made: {why}") from None


def make(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """What `run` leaves undone for a held plan. Task: `roots`. Answer: empty, or `fatal`."""
    context.page.operation(status.MKDIR)
    try:
        _make(context, task["roots"])
    except Refusal as no:
        return {"fatal": (raw(no.path), "mkdir", 0, str(no))}
    finally:
        context.page.operation(status.IDLE)
    return {}
