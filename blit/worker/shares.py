"""A huge folder of the destination is compared in shares of names, by all workers.

Who meets one lists it to the end without keeping its names, then lists the source and hands its
names out, so many a share: tokens like those of folders, which any worker takes. A share looks at
each name on both sides. Whether the destination has names of its own is seen by counting (see
engine/tally.py); only then it is listed once more, and the source asked for every name. So nobody
holds more than a share and as many extras as one list may name.
"""

from __future__ import annotations

import errno
from time import monotonic

from blit.worker import blame, left_over, status, tmpname, wire
from blit.worker.context import join
from blit.worker.entries import SHARED, exists
from blit.worker.folders import listable
from blit.worker.left_over import CHECK_EVERY
from blit.worker.system import let_go, os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from blit.worker.filters import Hides
    from blit.worker.scan import Scanner, Token

_NAMES = max(16, SHARED >> 5)  # of a share at most
_MOST_EXTRAS = 1 << 16  # held before the source is asked for their partners by case


def hand_out(
    scan: Scanner, token: Token, sfd: int, dfd: int, hides: Hides | None, source: os.stat_result
) -> Generator[None, None, bool]:
    """Yields when it is time to look at the clock; returns whether the folder is, or will be,
    another one than it was, as far as the shares do not tell. `source`: what its source was before
    it was listed. Raises OSError.
    """
    folder = Folder(scan, token, sfd, dfd, hides)
    # nothing that a plain copy hands out depends on what is there: others need not wait for that
    first = scan.options & (wire.MIRROR | wire.CHECKSUM)
    touched = (yield from folder.clear()) if first else False
    yield from folder.source(source)
    if not first:
        touched = yield from folder.clear()
    if scan.options & wire.MIRROR:
        # what was copied since somebody died over it makes up for extras
        if folder.begun or folder.doubt or folder.named < folder.count:
            touched |= yield from folder.extras()
        else:
            scan.whole.append((folder.id, folder.shares, folder.count, wire.dump(folder.rest())))
    return touched


class Folder:
    """One huge folder, open on both sides, as it is handed out."""

    def __init__(
        self, scan: Scanner, token: Token, sfd: int, dfd: int, hides: Hides | None
    ) -> None:
        self.scan, self.token, self.sfd, self.dfd, self.hides = scan, token, sfd, dfd, hides
        spares = scan.filters is not None and scan.filters.spares
        self.spares = hides if spares else None  # what only the destination has
        self.by_content = bool(scan.options & wire.CHECKSUM)
        # names at the destination that a comparison by content must not open; None: too many
        self.odd: set[str] | None = set()
        self.settled = str(scan.settled)  # forgotten between two tasks
        self.top = not (token[2] and token[3])
        self.id = scan.c.names.next()  # of no other folder in this run
        # entries at the destination, but for the trash and temporaries; told by a mirror alone
        self.count = 0
        self.named = self.shares = 0  # names of the source that were handed out
        self.doubt = False  # counting does not tell whether there are extras
        self.begun = self.counted = bool(token[5] & wire.BEGUN)

    def clear(self) -> Generator[None, None, bool]:
        """Count what is there before anything is copied, and clear dead temporaries away."""
        scan = self.scan
        found: dict[str, os.DirEntry[str]] = {}
        count = 0
        self._at_target()
        mine = listable(self.dfd)
        try:
            with os.scandir(mine) as listing:
                for entry in listing:
                    count += 1
                    if not count % CHECK_EVERY and self._due():
                        yield
                        self._at_target()
                    name = entry.name
                    if self.by_content and _is_odd(entry) and self.odd is not None:
                        self.odd.add(name)
                        if len(self.odd) > _MOST_EXTRAS:
                            self.odd = None
                    if not name.startswith(tmpname.PREFIX):
                        continue
                    if name == tmpname.TRASH and self.top and entry.is_dir(follow_symlinks=False):
                        count -= 1
                    elif tmpname.is_temporary(name) and not exists(name, self.sfd):
                        found[name] = entry
            self.count = count - len(found)
            scan.dst_entries += len(found)  # which are taken off again one by one
            return (
                yield from left_over.left_over(
                    scan, self.token, found, self.sfd, self.dfd, 0, {}, None
                )
            )
        finally:
            let_go(mine)

    def source(self, info: os.stat_result) -> Iterator[None]:
        """Hand out the names of the source, but for those that the filters hide."""
        from blit.worker import begun

        scan, hides, odd = self.scan, self.hides, self.odd
        src_root, _, src_rel, _, _, _ = self.token
        assert src_rel is not None
        opens = self.by_content and odd is not None
        names: list[str] = []
        files: list[str] = []  # of the names those that are opened and not looked at
        count, name = 0, ""
        self._at_source()
        goes_on = begun.rest(scan, self.sfd, info)
        if goes_on is not None and scan.begun is not None:
            count, name = scan.begun["count"], scan.begun["last"]
            names, files = begun.hand_on(self, scan.begun)
        with goes_on or os.scandir(self.sfd) as listing:
            for item in listing:
                count += 1
                if not count % CHECK_EVERY and self._due():
                    held = begun.handed_out(self, names, files)
                    begun.mark(scan, count - 1, name, info, **held)
                    yield
                    self._at_source()
                name = item.name
                try:
                    if hides is not None and hides(name, item.is_dir(follow_symlinks=False), item):
                        continue
                    if name == tmpname.TRASH and not src_rel and item.is_dir(follow_symlinks=False):
                        left_over.leave_trash(scan, src_root)
                        continue
                    opened = opens and item.is_file(follow_symlinks=False)
                except FileNotFoundError:
                    scan.vanished += 1
                    continue
                except OSError as error:
                    if blame.source_gone(scan.c, src_root, error):
                        raise  # of no entry alone
                    scan._failed(join(src_root, src_rel, name), "list", error)
                    continue
                self.doubt |= name == tmpname.TRASH and self.top  # at the destination it is none
                if opened and odd is not None and name not in odd:
                    files.append(name)
                    if len(files) >= _NAMES:
                        self._share(files, True)
                        files = []
                    continue
                names.append(name)
                if len(names) >= _NAMES:
                    self._share(names)
                    names = []
        if names:
            self._share(names)
        if files:
            self._share(files, True)
        if not self.shares:
            self._tell_count()
        begun.mark(scan, count, name, info, **begun.handed_out(self, [], []))

    def _tell_count(self) -> None:
        """With the first share: whoever begins anew before it tells all of it again."""
        self.scan.count(0 if self.counted else self.count)

    def _share(self, names: list[str], opened: bool = False) -> None:
        """A token; the names as one string, which costs the same to pass on however many."""
        src_root, dst_root, src_rel, dst_rel, _, flags = self.token
        flags &= ~(wire.BEGUN | wire.TOLD)
        if not self.shares:
            self._tell_count()
        self.scan.handed = True  # its names are in lists that must not hold them twice
        self.shares += 1
        self.named += len(names)
        held = {"of": self.id, "names": "/".join(names), "settled": self.settled}
        held |= {"files": ""} if opened else {}
        self.scan.stack.append((src_root, dst_root, src_rel, dst_rel, held, flags | wire.SHARE))

    def rest(self) -> Token:
        """What lists the folder once more for its extras."""
        src_root, dst_root, src_rel, dst_rel, _, flags = self.token
        flags &= ~(wire.BEGUN | wire.TOLD)
        held = {"settled": self.settled}
        return src_root, dst_root, src_rel, dst_rel, held, flags | wire.SHARE

    def extras(self) -> Generator[None, None, bool]:
        """What only the destination has, with the source asked for every name.

        What this run brings there meanwhile the source has, or it is a temporary.
        """
        sfd = self.sfd
        there = os.access
        found: dict[str, os.DirEntry[str]] = {}
        # of these, what the filters leave out of the source
        aside: dict[str, os.DirEntry[str]] = {}
        unwanted = self.hides is not None and self.spares is None
        touched = False
        count = 0
        self._at_target()
        mine = listable(self.dfd)
        try:
            with os.scandir(mine) as listing:
                for entry in listing:
                    count += 1
                    if not count % CHECK_EVERY and self._due():
                        yield
                        self._at_target()
                    name = entry.name
                    # quicker than `exists`, and never yes for a name that is not there
                    if there(name, os.F_OK, dir_fd=sfd, follow_symlinks=False):
                        if not (unwanted and self._is_hidden(name)):
                            continue
                        if left_over.is_ours(self.scan, self.hides, entry, int(self.settled)):
                            continue
                        aside[name] = entry
                    elif tmpname.is_temporary(name) or exists(name, sfd):
                        continue
                    if name == tmpname.TRASH and self.top and entry.is_dir(follow_symlinks=False):
                        aside.pop(name, None)
                        continue
                    found[name] = entry
                    if len(found) >= _MOST_EXTRAS:
                        touched |= yield from self._note(found, aside)
                        found, aside = {}, {}
            if found:
                touched |= yield from self._note(found, aside)
        finally:
            let_go(mine)
        return touched

    def _is_hidden(self, name: str) -> bool:
        """Whether the filters leave out this name of the source. Raises OSError."""
        from blit.worker.one_share import Seen

        try:
            item: Any = Seen(name, os.stat(name, dir_fd=self.sfd, follow_symlinks=False))
        except FileNotFoundError:
            return False  # it went this moment: a matter of the next run
        assert self.hides is not None
        return self.hides(name, item.is_dir(follow_symlinks=False), item)

    def _note(
        self, found: dict[str, os.DirEntry[str]], aside: dict[str, os.DirEntry[str]]
    ) -> Generator[None, None, bool]:
        self._still_there()
        touched = yield from left_over.left_over(
            self.scan, self.token, found, self.sfd, self.dfd, wire.MIRROR, aside, self.spares
        )
        from blit.worker import begun

        begun.noted(self.scan, list(found))
        self._at_target()
        return touched

    def _still_there(self) -> None:
        """Raises OSError once the folder of the source was removed: no name is in it any more."""
        src_root, _, src_rel, _, _, _ = self.token
        assert src_rel is not None
        _, info = self.scan.c.folders.alive(src_root, src_rel)
        mine = os.fstat(self.sfd)
        if (mine.st_dev, mine.st_ino) != (info.st_dev, info.st_ino):
            raise OSError(errno.ESTALE, "another folder took its place while it was compared")

    def _due(self) -> bool:
        """Told now and then that this goes on; whether it is somebody else's turn."""
        self.scan.c.page.tick()
        return bool(monotonic() >= self.scan.deadline)

    def _at_target(self) -> None:
        src_root, dst_root, src_rel, dst_rel, _, _ = self.token
        assert src_rel is not None
        self.scan.at_target(dst_root, dst_rel)
        self.scan.c.page.folder(join(src_root, src_rel), join(dst_root, dst_rel))

    def _at_source(self) -> None:
        self._at_target()
        src_root, _, src_rel, _, _, _ = self.token
        assert src_rel is not None
        self.scan.c.page.operation(status.LIST)
        self.scan.where = join(src_root, src_rel)


def _is_odd(entry: os.DirEntry[str]) -> bool:
    """Whether it is neither a file nor a folder: to open a device or a pipe may do something."""
    try:
        return not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False))
    except OSError:
        return True
