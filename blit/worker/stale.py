"""Clears away what dead runs left in a folder, but not what is worth going on with."""

from __future__ import annotations

from time import time

from blit.worker import tmpname, wire
from blit.worker.context import join
from blit.worker.entries import clear_temporary, is_stale
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blit.worker.scan import Scanner

    Place = tuple[str, str, str | None, str, dict[str, str] | None]


def clear(
    scan: Scanner, found: list[os.DirEntry[str]],
    place: Place, sfd: int, dfd: int,
) -> bool:  # fmt: skip
    """Remove the temporaries of dead runs, but not those worth going on with; True if any went.

    `place`: as in a token; the names are None or the only ones that are looked at. What is gone on
    with has its space already.
    """
    only_look = scan.options & (wire.DRY | wire.HELD)
    src_root, dst_root, src_rel, dst_rel, names = place
    assert src_rel is not None
    wanted = None
    gone = False
    for entry in found:
        if not is_stale(entry):
            continue
        if tmpname.is_partial(entry.name) and entry.is_file(follow_symlinks=False):
            if wanted is None:
                from blit.worker.partials import Wanted

                folder = join(src_root, src_rel)
                wanted = Wanted(folder, names, sfd, dfd, scan.options)
            info = entry.stat(follow_symlinks=False)
            if wanted.needs(entry.name):
                scan.need[0] -= info.st_blocks << 9
            if wanted.keeps(entry.name, time() - info.st_ctime):
                continue
        if not only_look:
            gone |= clear_temporary(scan.c, entry, dfd, dst_root, dst_rel)
    return gone


def sweep(scan: Scanner, place: Place, sfd: int, dfd: int) -> None:
    """Clear dead temporaries from a folder not listed otherwise; gives up when it is huge."""
    ours = set((place[4] or {}).values())  # what a user has given such a name is none
    dead = []
    with os.scandir(dfd) as listing:
        for number, entry in enumerate(listing):
            name = entry.name
            if tmpname.is_temporary(name) and name not in ours:
                dead.append(entry)
            if number > 20_000:
                break
    if dead:
        clear(scan, dead, place, sfd, dfd)
