"""One share of a huge folder: its names looked at on both sides, see shares.py."""

from __future__ import annotations

import stat
from stat import ST_GID, ST_MODE, ST_NLINK, ST_SIZE, ST_UID
from time import monotonic

from blit.worker import tmpname, wire
from blit.worker.left_over import CHECK_EVERY, OFTEN
from blit.worker.shares import Folder
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from blit.worker.scan import Scanner, Token

_REGULAR = stat.S_IFREG >> 12


class Seen:
    """As much of os.DirEntry as a comparison asks for, of an entry that was looked at by name."""

    __slots__ = ("_info", "name")

    def __init__(self, name: str, info: os.stat_result | OSError) -> None:
        self.name, self._info = name, info

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        if isinstance(self._info, OSError):
            raise self._info
        return self._info

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        return stat.S_ISDIR(self.stat(follow_symlinks=False).st_mode)

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return stat.S_ISREG(self.stat(follow_symlinks=False).st_mode)


def look(
    scan: Scanner, token: Token, sfd: int, dfd: int
) -> Generator[None, None, tuple[dict[str, Any], Callable[[Any], Iterator[Any]], bool]]:
    """A share: what is unchanged is counted; what is left of both sides, as from two listings.

    What the time does not suffice for goes back as a smaller share. Of the folder's `rest` the
    extras are noted, nothing is left, and the last says whether there are any.
    """
    assert token[4] is not None
    theirs: dict[str, Any] = {}
    items: list[Seen] = []
    if not token[4]:
        extras = dfd >= 0 and (yield from Folder(scan, token, sfd, dfd).extras())
        return theirs, lambda _: iter(()), extras
    names = token[4]["names"].split("/")
    scan.settled = settled = int(token[4]["settled"])
    page, lstat = scan.c.page, os.stat
    met, same = 0, scan.same.append
    done = 1
    every = OFTEN if scan.slow else CHECK_EVERY
    for index, name in enumerate(names):
        if index and not index % every:
            page.ticks += every - 1
            page.tick()
            if monotonic() >= scan.deadline:
                rest = token[4] | {"names": "/".join(names[index:])}
                scan.stack.append((*token[:4], rest, token[5]))
                done = 0
                break
        page.map[page.base] = index & 255  # a stat may take seconds
        try:
            info = lstat(name, dir_fd=sfd, follow_symlinks=False)
        except OSError as error:
            items.append(Seen(name, error))
            continue
        try:
            there = lstat(name, dir_fd=dfd, follow_symlinks=False) if dfd >= 0 else None
        except FileNotFoundError:
            there = None
        except OSError as error:
            theirs[name] = Seen(name, error)
            items.append(Seen(name, info))
            continue
        if there is not None:
            met += 1
            mode, size = info[ST_MODE], info[ST_SIZE]
            # as in the scan's own loop
            if (
                mode == there[ST_MODE]
                and mode >> 12 == _REGULAR
                and size == there[ST_SIZE]
                and info[ST_UID] == there[ST_UID]
                and info[ST_GID] == there[ST_GID]
                and info[ST_NLINK] == 1
                and info.st_mtime_ns == there.st_mtime_ns
                and info.st_ctime_ns < there.st_ctime_ns <= settled
            ):
                same(size)
                continue
            theirs[name] = Seen(name, there)
        items.append(Seen(name, info))
    trash = theirs.get(tmpname.TRASH)
    if trash is not None and not (token[2] and token[3]) and trash.is_dir(follow_symlinks=False):
        del theirs[tmpname.TRASH]  # at the top it is none of the destination's entries
    if scan.options & wire.MIRROR:
        scan.met.append((token[4]["of"], done, met))
    return theirs, lambda _: iter(items), False
