"""One share of a huge folder: its names looked at on both sides, see shares.py."""

from __future__ import annotations

import stat
from stat import ST_GID, ST_MODE, ST_NLINK, ST_SIZE, ST_UID
from time import monotonic, process_time

from blit.worker import status, tmpname, wire
from blit.worker.context import join, raw
from blit.worker.left_over import CHECK_EVERY, OFTEN
from blit.worker.shares import Folder
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from blit.worker.filters import Hides
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
    scan: Scanner, token: Token, sfd: int, dfd: int, hides: Hides | None
) -> Generator[None, None, tuple[dict[str, Any], Callable[[Any], Iterator[Any]], bool]]:
    """A share: what is unchanged is counted; what is left of both sides, as from two listings.

    What the time does not suffice for goes back as a smaller share. Of the folder's `rest` the
    extras are noted, nothing is left, and the last says whether there are any. `hides`: of a
    mirror's filters.
    """
    assert token[4] is not None
    theirs: dict[str, Any] = {}
    items: list[Seen] = []
    scan.settled = settled = int(token[4]["settled"])
    if "names" not in token[4]:
        extras = dfd >= 0 and (yield from Folder(scan, token, sfd, dfd, hides).extras())
        return theirs, lambda _: iter(()), extras
    names = token[4]["names"].split("/")
    page, lstat = scan.c.page, os.stat
    met, same = 0, scan.same.append
    if scan.given_up:
        names = [name for name in names if not _is_given_up(scan, token, name)]
    later: list[str] = []
    by_content = scan.options & wire.CHECKSUM
    if by_content and dfd >= 0 and "files" in token[4]:
        met, names, later = _equal(scan, names, sfd, dfd)
        page.folder(
            join(token[0], token[2] or ""), join(token[1], token[3])
        )  # of none of its files
        page.operation(status.LIST)
    every = OFTEN if scan.slow else CHECK_EVERY
    for index, name in enumerate(names):
        if index and not index % every:
            page.ticks += every - 1
            page.tick()
            if monotonic() >= scan.deadline:
                later = names[index:] + later
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
                and not by_content
            ):
                same(size)
                continue
            theirs[name] = Seen(name, there)
        items.append(Seen(name, info))
    trash = theirs.get(tmpname.TRASH)
    if trash is not None and not (token[2] and token[3]) and trash.is_dir(follow_symlinks=False):
        del theirs[tmpname.TRASH]  # at the top it is none of the destination's entries
    if later:
        scan.stack.append((*token[:4], token[4] | {"names": "/".join(later)}, token[5]))
    if scan.options & wire.MIRROR:
        scan.met.append((token[4]["of"], 0 if later else 1, met))
    return theirs, lambda _: iter(items), False


def _equal(scan: Scanner, names: list[str], sfd: int, dfd: int) -> tuple[int, list[str], list[str]]:
    """How many of a share's files are the same in bytes and metadata, which others are not surely,
    and what the time did not suffice for. Who opens both sides need not look at them before.
    """
    from blit.worker.compare import sift

    equal, unsure = 0, []
    page, done = scan.c.page, 0
    every = OFTEN if scan.slow else CHECK_EVERY
    began, before = monotonic(), process_time()
    while done < len(names) and not (done and monotonic() >= scan.deadline):
        sure, others = sift(scan.c, sfd, dfd, names[done : done + every], scan.settled)
        page.files -= sure  # they are no work that was planned
        equal += sure
        unsure += others
        done += every
    scan.unchanged += equal
    files, took, worked = scan.waited or (0, 0.0, 0.0)
    done = min(done, len(names))
    took, worked = took + monotonic() - began, worked + process_time() - before
    scan.waited = (files + done, took, worked)
    return equal, unsure, names[done:]


def _is_given_up(scan: Scanner, token: Token, name: str) -> bool:
    """Whether one of its two sides did not answer when it was opened; told already."""
    src_root, dst_root, src_rel, dst_rel, _, _ = token
    assert src_rel is not None
    ours, theirs = join(src_root, src_rel, name), join(dst_root, dst_rel, name)
    return raw(ours) in scan.given_up or raw(theirs) in scan.given_up
