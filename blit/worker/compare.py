"""Whether two entries are equal: by size, times and rights, or byte by byte, without a digest."""

from __future__ import annotations

from stat import ST_GID, ST_MODE, ST_NLINK, ST_SIZE, ST_UID

from blit.worker import metadata, status, system, wire
from blit.worker.context import Context
from blit.worker.ladder import Stopped, Vanished
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blit.worker.scan import Scanner

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BUFFER = 1 << 20
_SMALL = 1 << 18
_TOGETHER = 16  # files whose descriptors are closed together


def sift(
    context: Context, sfd: int, dfd: int, names: list[str], settled: int
) -> tuple[int, list[str]]:
    """The hot path of a comparison: small files with one name, equal in bytes and metadata.

    Returns how many surely are, and the names that `verdict` must look at closely (with all that
    are left when the run ends). `settled`: see `_metadata`. Raises nothing.
    """
    page = context.page
    page.operation(status.COMPARE_BYTES)
    opened, fstat, read = os.open, os.fstat, os.read
    shared, which_at = page.map, page.which_at
    unsure: list[str] = []
    together = _TOGETHER if context.folders.most > 48 else 1  # few open files allowed
    for at in range(0, len(names), together):
        page.ticks += together - 1
        page.tick()
        if not context.go_on():
            return at - len(unsure), unsure + names[at:]
        fds: list[int] = []
        some = names[at : at + together]
        encoded = "\0".join(some).encode("utf-8", "surrogateescape")
        naming = None if page.names(encoded) else page.name_small
        for index, name in enumerate(encoded.split(b"\0")):
            if naming is None:
                shared[which_at] = index
            else:
                naming(some[index])
            try:
                fds.append(s := opened(name, _FLAGS, dir_fd=sfd))
                fds.append(d := opened(name, _FLAGS, dir_fd=dfd))
                source, copy = fstat(s), fstat(d)
                # by number: an attribute takes three times as long
                size = source[ST_SIZE]
                if (
                    size == copy[ST_SIZE]
                    and size <= _SMALL
                    and source[ST_MODE] == copy[ST_MODE]
                    and source[ST_UID] == copy[ST_UID]
                    and source[ST_GID] == copy[ST_GID]
                    and source[ST_NLINK] == 1
                    and source.st_mtime_ns == copy.st_mtime_ns
                    and source.st_ctime_ns < copy.st_ctime_ns <= settled
                ):
                    data = read(s, size)
                    if len(data) == size and data == read(d, size):
                        continue
            except OSError:
                pass  # `verdict` will meet it again and say where
            unsure.append(some[index])
            page.files -= 1
        _let_go(fds)
        page.files += len(some)
    page.tick()
    return len(names) - len(unsure), unsure


def _let_go(fds: list[int]) -> None:
    """Close them, in one call but for those that filled a gap before the others: each number was
    the lowest that was free, so they rise."""
    for index, fd in enumerate(fds):
        if fds[-1] - fd == len(fds) - 1 - index:  # nothing else lies between here and the last
            os.closerange(fd, fds[-1] + 1)
            return
        system.let_go(fd)


LINKED, DEFERRED = -2, -3  # answers besides the reasons of wire
DEFER_FROM = 8 << 20  # bytes from which a comparison becomes a batch of its own


def verdict(
    context: Context, sfd: int, dfd: int, name: str, target: str, options: int, alone: bool
) -> tuple[int | None, os.stat_result]:
    """What to do about a file that both sides have, and what the source is now.

    None: nothing. SIZE, CONTENT: copy it. MTIME, MODE: only its metadata differs. NEW: the copy has
    gone meanwhile. Unless `alone`: LINKED, it has several names and belongs to links.py; DEFERRED,
    it is so large that it should be a batch of its own. Raises OSError, Stopped.
    """
    page = context.page
    page.operation(status.COMPARE_BYTES)
    try:
        s = os.open(name, _FLAGS, dir_fd=sfd)
    except FileNotFoundError:
        raise Vanished from None
    try:
        source = os.fstat(s)
        if not alone and source.st_nlink > 1:
            return LINKED, source
        if not alone and source.st_size >= DEFER_FROM:
            return DEFERRED, source
        try:
            d = os.open(target, _FLAGS, dir_fd=dfd)
        except FileNotFoundError:
            return wire.NEW, source
        try:
            copy = os.fstat(d)
            if source.st_size != copy.st_size:
                return wire.SIZE, source
            if not equal(context, s, d, source.st_size):
                return wire.CONTENT, source
            if source.st_mtime_ns != copy.st_mtime_ns and not close_enough(
                source.st_mtime_ns, copy.st_mtime_ns, options >> 16
            ):
                return wire.MTIME, source
            if (
                source.st_mode != copy.st_mode
                or source.st_uid != copy.st_uid
                or source.st_gid != copy.st_gid
            ) and metadata.needs_mending(context.me, source, copy, options, s, d):
                return wire.MODE, source
            return (wire.MODE if metadata.xattrs_differ(context.me, s, d) else None), source
        finally:
            system.let_go(d)
    finally:
        system.let_go(s)


def equal(context: Context, s: int, d: int, size: int) -> bool:
    """Raises OSError, and Stopped when the run ends meanwhile."""
    read = os.read
    if size <= _BUFFER:
        # one byte more than the size shows a file that has grown
        ours, theirs = read(s, size + 1), read(d, size + 1)
        if len(ours) == len(theirs) == size:
            return ours == theirs
        os.lseek(s, 0, os.SEEK_SET)
        os.lseek(d, 0, os.SEEK_SET)
    page, ladder = context.page, context.ladder
    while True:
        ours, theirs = read(s, _BUFFER), read(d, _BUFFER)
        if len(ours) != len(theirs):  # a short read is not an end
            shorter, fd = (ours, s) if len(ours) < len(theirs) else (theirs, d)
            while len(shorter) < max(len(ours), len(theirs)):
                more = read(fd, max(len(ours), len(theirs)) - len(shorter))
                if not more:
                    return False
                shorter += more
            ours, theirs = (shorter, theirs) if fd == s else (ours, shorter)
        if ours != theirs:
            return False
        if not ours:
            return True
        page.tick()
        if (flag := page.flag()) and not ladder.obey(flag):
            raise Stopped


def close_enough(one: int, other: int, grain: int) -> bool:
    """Two times are the same within the coarser filesystem's granularity (`grain`, 100 ns)."""
    return grain > 0 and abs(one - other) < grain * 100


def existing(
    scan: Scanner, kind: int, name: str, target: str, info: os.stat_result, there: os.stat_result,
    sfd: int, dfd: int,
) -> int | None:  # fmt: skip
    """Why an entry that exists on both sides with the same type must be touched, if it must."""
    if kind == wire.FILE:
        if scan.options & wire.CHECKSUM:
            return wire.COMPARE
        if info.st_size != there.st_size:
            return wire.SIZE
        if info.st_mtime_ns != there.st_mtime_ns and not close_enough(
            info.st_mtime_ns, there.st_mtime_ns, scan.options >> 16
        ):
            return wire.MTIME
        return _metadata(scan, name, target, info, there, sfd, dfd)
    if kind == wire.SYMLINK:
        if os.readlink(name, dir_fd=sfd) != os.readlink(target, dir_fd=dfd):
            return wire.CONTENT
    elif kind == wire.DEVICE and info.st_rdev != there.st_rdev:
        return wire.CONTENT
    return _metadata(scan, name, target, info, there, sfd, dfd)


def _metadata(
    scan: Scanner, name: str, target: str, info: os.stat_result, there: os.stat_result,
    sfd: int, dfd: int,
) -> int | None:  # fmt: skip
    if (
        info.st_mode != there.st_mode
        or info.st_uid != there.st_uid
        or info.st_gid != there.st_gid
    ) and metadata.needs_mending(
        scan.c.me, info, there, scan.options,
        system.entry_path(sfd, name), system.entry_path(dfd, target),
    ):  # fmt: skip
        return wire.MODE
    if info.st_mtime_ns != there.st_mtime_ns and not close_enough(
        info.st_mtime_ns, there.st_mtime_ns, scan.options >> 16
    ):
        return wire.MODE
    # Asking for xattrs costs as much as all the rest of the comparison, and no attribute
    # changes without moving ctime: a source older than its copy got none since, and a copy
    # older than the last change of its folder (whose times a run sets last) lost none since.
    if info.st_ctime_ns < there.st_ctime_ns <= scan.settled:
        return None
    s, d = system.entry_path(sfd, name), system.entry_path(dfd, target)
    if s is not None and d is not None and metadata.xattrs_differ(scan.c.me, s, d):
        return wire.MODE
    return None
