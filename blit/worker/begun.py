"""Goes on with a folder over which a worker died, after what that one had told of it.

Of a folder that is open for long everything up to some entry is told. Whoever takes it over passes
by those entries, if the folder did not change since and lists the same names twice in the same
order: nothing is told twice then. Otherwise it begins anew, which is counted twice and loses
nothing.
"""

from __future__ import annotations

import errno
from itertools import islice

from blit.worker import left_over, wire
from blit.worker.folders import opened_anew
from blit.worker.system import let_go, os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blit.worker.filters import Hides
    from blit.worker.scan import Scanner, Token
    from blit.worker.shares import Folder

_TICK_EVERY = 256
_MOST_TOLD = 1 << 20  # characters of names: a state goes with every answer


def at(scan: Scanner) -> Token:
    """The folder that is open, for whoever must go on if this worker dies."""
    *place, names, flags = scan.token
    if scan.going is not None:
        names = {**(names or {}), "begun": scan.going}
    return (*place, names, flags | wire.TOLD)  # type: ignore[return-value]


def mark(scan: Scanner, count: int, last: str, folder: os.stat_result, **more: Any) -> None:
    """So many entries are told, `last` was the last. `folder`: as it was before it was listed."""
    found = {"count": count, "last": last, "stamp": _stamp(folder), **more}
    scan.going = {**(scan.going or {}), **found}


def noted(scan: Scanner, names: list[str]) -> None:
    """So are these, which only the destination has."""
    going = scan.going or {}
    told = going.get("told", "")
    if len(told) < _MOST_TOLD:
        scan.going = {**going, "told": "/".join((told, *names) if told else names)}


def told(scan: Scanner) -> frozenset[str]:
    """What only the destination has and was told by somebody who died."""
    names = scan.begun.get("told", "") if scan.begun is not None else ""
    return frozenset(names.split("/")) if names else frozenset()


def rest(
    scan: Scanner, fd: int, folder: os.stat_result, theirs: dict[str, Any] | None = None,
    aside: dict[str, Any] | None = None, hides: Hides | None = None,
) -> Any:  # fmt: skip
    """The listing of an open folder after what was told (`begun["count"]` entries), which is taken
    out of `theirs` (to `aside`, what is hidden). None: all of it must be told anew. Raises OSError.
    """
    state = scan.begun
    if state is None or "stamp" not in state:
        return None
    if state["stamp"] != _stamp(folder) or not _the_same(scan, fd, state):
        scan.begun = scan.going = None
        return None
    listing = os.scandir(fd)
    found, last = [], ""
    for item in islice(listing, state["count"]):
        last = item.name
        if theirs is not None and last in theirs:
            found.append(item)
    if last != state["last"]:
        listing.close()
        raise OSError(errno.ESTALE, "it changed while another worker took it over")
    for item in found:
        assert theirs is not None and aside is not None
        other = theirs.pop(item.name)
        try:
            hidden = hides is not None and hides(
                item.name, item.is_dir(follow_symlinks=False), item
            )
            if hidden and not left_over.is_ours(scan, hides, other, scan.settled):
                aside[item.name] = other
        except OSError:
            pass  # told as a failure
    return listing


def handed_out(folder: Folder, names: list[str], files: list[str]) -> dict[str, Any]:
    """Of a huge folder, for `mark`: what the shares that were handed out have in common, and what
    is yet to be handed out: names, and among them those of files that are opened."""
    return {
        "of": folder.id, "shares": folder.shares, "named": folder.named, "entries": folder.count,
        "doubt": folder.doubt, "settled": int(folder.settled), "names": names, "files": files,
    }  # fmt: skip


def hand_on(folder: Folder, state: dict[str, Any]) -> tuple[list[str], list[str]]:
    """After what somebody who died had handed out, and counted before anything was copied; the
    names and the files that it had not."""
    if "of" in state:
        folder.id, folder.shares, folder.named = state["of"], state["shares"], state["named"]
        folder.count, folder.doubt, folder.begun = state["entries"], state["doubt"], False
    return state.get("names", []), state.get("files", [])


def _the_same(scan: Scanner, fd: int, state: dict[str, Any]) -> bool:
    """Whether two listings agree up to the entry that was told last. Never `fd` itself: who begins
    anew could not go back to its start."""
    passed, last = 0, ""
    one = other = -1
    try:
        one, other = opened_anew(fd), opened_anew(fd)
        with os.scandir(one) as ours, os.scandir(other) as others:
            for item, again in zip(islice(ours, state["count"]), others, strict=False):
                last = item.name
                if again.name != last:
                    return False
                passed += 1
                if not passed % _TICK_EVERY:
                    scan.c.page.tick()
    except PermissionError:  # it may be listed, but not entered
        return False
    finally:
        let_go(one, other)
    return (passed, last) == (state["count"], state["last"])


def _stamp(folder: os.stat_result) -> tuple[int, int, int]:
    return folder.st_ino, folder.st_mtime_ns, folder.st_ctime_ns
