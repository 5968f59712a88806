"""Names on a destination that does not tell upper from lower case, nor maybe é from é."""

from __future__ import annotations

import errno

from blit.worker import wire
from blit.worker.context import Context, join, raw
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from blit.worker.filters import Hides
    from blit.worker.scan import Scanner

Pair = tuple[str, str]  # how the destination spells a name, and how the source does


def key(name: str) -> str:
    """The same for all names that some filesystem takes for one; it is asked about them then."""
    from unicodedata import normalize

    return normalize("NFD", normalize("NFD", name).casefold()).rstrip(". ")


def settle(
    scan: Scanner, place: tuple[str, str], sfd: int, dfd: int,
    theirs: dict[str, os.DirEntry[str]], hides: Hides | None,
) -> tuple[Callable[[Any], Iterator[os.DirEntry[str]]], list[Pair]]:  # fmt: skip
    """Pair the names of both sides as the destination does; `place`: its root and this folder.

    What it spells otherwise moves in `theirs` to the name that the source has for it. Returns
    what leaves out of a listing of the source the names that cannot lie there, since another stands
    for the same (each is recorded as a failure); and what can be spelled as in the source.
    """
    ours: dict[str, list[str]] = {}
    with os.scandir(sfd) as listing:
        for item in listing:
            if hides is None or not hides(item.name, item.is_dir(follow_symlinks=False), item):
                ours.setdefault(key(item.name), []).append(item.name)
    refused: set[str] = set()
    known = {name for names in ours.values() for name in names}
    respelled: list[Pair] = []
    # where all names are shown in lower case the spelling there does not tell which of ours it is
    shows = scan.options & wire.RESPELLS or any(name != name.lower() for name in theirs)
    for names in ours.values():
        if len(names) > 1:
            # one of them is copied, and the same one each time: what lies there, else the first
            names.sort(key=lambda name: (shows and name not in theirs, name))
            for name, other in _meeting(scan, place[0], names):
                refused.add(name)
                scan.failures.append(_collision(place, name, other))
    known -= refused
    there = {key(name): name for name in theirs if name not in known}
    for folded, old in there.items():
        for name in ours.get(folded, ()):
            if name in known and name not in theirs and _is_one(name, old, dfd):
                theirs[name] = theirs.pop(old)
                respelled.append((old, name))
                break
    if not scan.options & wire.RESPELLS:
        respelled = []

    def listed(listing: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        return (item for item in listing if item.name not in refused)

    return listed if refused else iter, respelled


def met(
    place: tuple[str, str], sfd: int, dfd: int, name: str, target: str, taken: dict[str, str]
) -> tuple[bytes, str, int, str] | None:
    """A failure if a single file given as a source meets another one of its folder there.

    `taken`: the targets that were met before, by their keys.
    """
    first = taken.setdefault(key(target), target)
    if first != target:
        return _collision(place, target, first)
    names = os.listdir(dfd) if dfd >= 0 else [target]
    if target in names:
        return None
    for other in names:
        if other != name and key(other) == key(target) and _is_one(target, other, dfd):
            try:
                os.stat(other, dir_fd=sfd, follow_symlinks=False)
            except OSError:
                return None
            return _collision(place, target, other)
    return None


def _collision(place: tuple[str, str], name: str, other: str) -> tuple[bytes, str, int, str]:
    text = f"this name and {_plain(other)} are one name there, and the source has both"
    return raw(join(*place, name)), "create", errno.EEXIST, text


def _plain(name: str) -> str:
    text = raw(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _is_one(name: str, other: str, fd: int) -> bool:
    """Whether a name that is not listed is one that is, by another spelling."""
    try:
        one = os.stat(name, dir_fd=fd, follow_symlinks=False)
        two = os.stat(other, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    if os.path.samestat(one, two):
        return True
    # some FUSE filesystems number names, not files
    return (one.st_mode, one.st_size, one.st_mtime_ns) == (
        two.st_mode,
        two.st_size,
        two.st_mtime_ns,
    )


def _meeting(scan: Scanner, root: str, names: list[str]) -> Iterator[Pair]:
    """Those of the names that are one name there with an earlier one, and that one.

    Asked of the destination where it may be written to: alike is not the same everywhere (ß, ss).
    """
    if not scan.options & (wire.DRY | wire.HELD):
        try:
            yield from _trial(scan.c, root, names)
            return
        except OSError:
            pass
    for name in names[1:]:
        yield name, names[0]


def _trial(context: Context, root: str, names: Iterable[str]) -> list[Pair]:
    """Make empty files of these names in a folder of our own, and see which are one."""
    met: list[Pair] = []
    made: list[str] = []
    with _folder_of_ours(context, root) as fd:
        for name in names:
            try:
                new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=fd)
            except FileExistsError:
                other = next((n for n in made if _is_one(name, n, fd)), made[0])
                met.append((name, other))
            except OSError:
                pass  # it cannot be there at all: its copy will say so
            else:
                os.close(new)
                made.append(name)
    return met


class _folder_of_ours:
    """A folder under a temporary name, open; gone at the end without a trace in times."""

    def __init__(self, context: Context, root: str) -> None:
        self.above = context.folders.root(root)
        self.name = context.names.next()

    def __enter__(self) -> int:
        info = os.fstat(self.above)
        self.times = info.st_atime_ns, info.st_mtime_ns
        os.mkdir(self.name, 0o700, dir_fd=self.above)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(self.name, flags, dir_fd=self.above)
        return self.fd

    def __exit__(self, *_: object) -> None:
        try:
            for name in os.listdir(self.fd):
                os.unlink(name, dir_fd=self.fd)
            os.rmdir(self.name, dir_fd=self.above)
            os.utime(self.above, ns=self.times)
        except OSError:
            pass  # the next run clears it away
        finally:
            os.close(self.fd)


def respell(context: Context, dfd: int, sfd: int, pairs: list[Pair]) -> None:
    """Give names of the destination the source's spelling, as far as that goes without risk.

    A rename between two spellings does nothing on many filesystems. A file takes a detour then, by
    a temporary name, if the source could give it again; a folder, which may hold what only the
    destination has, keeps its spelling.
    """
    for old, new in pairs:
        try:
            os.rename(old, new, src_dir_fd=dfd, dst_dir_fd=dfd)
        except OSError:
            pass  # then it keeps its spelling
    spelled = set(os.listdir(dfd))
    for old, new in pairs:
        if new in spelled or old not in spelled:
            continue
        try:
            source = os.stat(new, dir_fd=sfd, follow_symlinks=False)
            copy = os.stat(old, dir_fd=dfd, follow_symlinks=False)
            if (source.st_size, source.st_mode >> 12) != (copy.st_size, copy.st_mode >> 12):
                continue
            if abs(source.st_mtime_ns - copy.st_mtime_ns) > 2_000_000_000:
                continue
            beside = context.names.next()
            if source.st_mode >> 12 == 4:  # a folder
                continue
            os.rename(old, beside, src_dir_fd=dfd, dst_dir_fd=dfd)
            try:
                os.rename(beside, new, src_dir_fd=dfd, dst_dir_fd=dfd)
            except OSError:
                os.rename(beside, old, src_dir_fd=dfd, dst_dir_fd=dfd)
        except OSError:
            continue


def rule(context: Context, root: str) -> int:
    """CASELESS and RESPELLS as a new folder in `root` behaves; 0 where nothing can be made."""
    same = kept = False
    try:
        with _folder_of_ours(context, root) as fd:
            for name in ("Aa", "aA"):
                context.page.tick()
                try:
                    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=fd))
                except FileExistsError:
                    same, kept = True, os.listdir(fd) == ["Aa"]
    except OSError:
        return 0
    return (wire.CASELESS | (wire.RESPELLS if kept else 0)) if same else 0
