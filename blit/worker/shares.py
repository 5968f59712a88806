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

    from blit.worker.filters import Hides
    from blit.worker.scan import Scanner, Token

_NAMES = max(16, SHARED >> 5)  # of a share at most
_MOST_EXTRAS = 1 << 16  # held before the source is asked for their partners by case


def hand_out(
    scan: Scanner, token: Token, sfd: int, dfd: int, hides: Hides | None
) -> Generator[None, None, bool]:
    """Yields when it is time to look at the clock; returns whether the folder is, or will be,
    another one than it was, as far as the shares do not tell. Raises OSError.
    """
    folder = Folder(scan, token, sfd, dfd)
    touched = yield from folder.clear()
    yield from folder.source(hides)
    if scan.options & wire.MIRROR:
        # what was copied since somebody died over it makes up for extras
        if folder.begun or folder.doubt or folder.named < folder.count:
            touched |= yield from folder.extras()
        else:
            scan.whole.append((folder.id, folder.shares, folder.count, wire.dump(folder.rest())))
    return touched


class Folder:
    """One huge folder, open on both sides, as it is handed out."""

    def __init__(self, scan: Scanner, token: Token, sfd: int, dfd: int) -> None:
        self.scan, self.token, self.sfd, self.dfd = scan, token, sfd, dfd
        self.settled = str(scan.settled)  # forgotten between two tasks
        self.top = not (token[2] and token[3])
        self.id = scan.c.names.next()  # of no other folder in this run
        self.count = 0  # entries at the destination, but for the trash and temporaries
        self.named = self.shares = 0  # names of the source that were handed out
        self.doubt = False  # counting does not tell whether there are extras
        self.begun = bool(token[5] & wire.BEGUN)

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

    def source(self, hides: Hides | None) -> Iterator[None]:
        """Hand out the names of the source, but for those that the filters hide."""
        scan = self.scan
        src_root, _, src_rel, _, _, _ = self.token
        assert src_rel is not None
        names: list[str] = []
        count = 0
        self._at_source()
        with os.scandir(self.sfd) as listing:
            for item in listing:
                count += 1
                if not count % CHECK_EVERY and self._due():
                    yield
                    self._at_source()
                name = item.name
                try:
                    if hides is not None and hides(name, item.is_dir(follow_symlinks=False), item):
                        continue
                    if name == tmpname.TRASH and not src_rel and item.is_dir(follow_symlinks=False):
                        left_over.leave_trash(scan, src_root)
                        continue
                except FileNotFoundError:
                    scan.vanished += 1
                    continue
                except OSError as error:
                    if blame.source_gone(scan.c, src_root, error):
                        raise  # of no entry alone
                    scan._failed(join(src_root, src_rel, name), "list", error)
                    continue
                self.doubt |= name == tmpname.TRASH and self.top  # at the destination it is none
                names.append(name)
                if len(names) >= _NAMES:
                    self._share(names)
                    names = []
        if names:
            self._share(names)
        elif not self.shares:
            self._tell_count()

    def _tell_count(self) -> None:
        """With the first share: whoever begins anew before it tells all of it again."""
        self.scan.count(0 if self.begun else self.count)

    def _share(self, names: list[str]) -> None:
        """A token; the names as one string, which costs the same to pass on however many."""
        src_root, dst_root, src_rel, dst_rel, _, flags = self.token
        if not self.shares:
            self._tell_count()
        self.scan.handed = True  # its names are in lists that must not hold them twice
        self.shares += 1
        self.named += len(names)
        held = {"of": self.id, "names": "/".join(names), "settled": self.settled}
        self.scan.stack.append((src_root, dst_root, src_rel, dst_rel, held, flags | wire.SHARE))

    def rest(self) -> Token:
        """What lists the folder once more for its extras."""
        src_root, dst_root, src_rel, dst_rel, _, flags = self.token
        return src_root, dst_root, src_rel, dst_rel, {}, flags | wire.SHARE

    def extras(self) -> Generator[None, None, bool]:
        """What only the destination has, with the source asked for every name.

        What this run brings there meanwhile the source has, or it is a temporary.
        """
        sfd = self.sfd
        there = os.access
        found: dict[str, os.DirEntry[str]] = {}
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
                        continue
                    if tmpname.is_temporary(name) or exists(name, sfd):
                        continue
                    if name == tmpname.TRASH and self.top and entry.is_dir(follow_symlinks=False):
                        continue
                    found[name] = entry
                    if len(found) >= _MOST_EXTRAS:
                        touched |= yield from self._note(found)
                        found = {}
            if found:
                touched |= yield from self._note(found)
        finally:
            let_go(mine)
        return touched

    def _note(self, found: dict[str, os.DirEntry[str]]) -> Generator[None, None, bool]:
        self._still_there()
        touched = yield from left_over.left_over(
            self.scan, self.token, found, self.sfd, self.dfd, wire.MIRROR, {}, None
        )
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
