"""The hot path of copying: small new files, nine or ten system calls each, nothing decided twice.

Whatever is not as expected (another file than the scan saw, any error, a special case) is left to
`copy.Copier`, which does it again with all care and tells whose trouble it was.
"""

from __future__ import annotations

import errno
from stat import ST_GID, ST_INO, ST_MODE, ST_SIZE, ST_UID
from time import monotonic

from blit.worker import giving, metadata, status, system, wire
from blit.worker.context import raw
from blit.worker.ladder import FIRST_CHUNK
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from blit.worker.copy import Copier
    from blit.worker.nameless import Nameless

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# not this file's trouble but everybody's: no use in trying the next one here
_ALL = system.CANNOT | {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}
_MANY = 64  # files of a worker from which it pays to ask what the filesystem can
_WASTED = 4  # copies for nothing, more than good ones, after which a folder is left to all care


def nameless_in(
    copier: Copier, dfd: int, folder: os.stat_result, inherits: bool
) -> Nameless | None:
    """How to make files without a name in this folder; None: they get a temporary one.

    Only where nobody but the owner comes in: in the folders that a run makes, until it ends. In
    another somebody may watch for files that are moved in or closed, which these never are.
    """
    context = copier.c
    if folder.st_mode & 0o077 or inherits or context.copied < _MANY or copier.trash is not None:
        return None
    if context.nameless is None:
        from blit.worker.nameless import Nameless

        context.nameless = Nameless()
    found: Nameless = context.nameless
    return found if found.can(dfd, folder.st_dev) else None


def through_memory(source: int, target: int, count: int) -> int:
    """At most `count` bytes from the start of a small file. Returns those written. OSError."""
    return os.write(target, os.read(source, count))


def shared_blocks(source: int, target: int, count: int) -> int:
    """All of a file as a clone. Returns `count`: what it was then, its times tell. OSError."""
    system.clone(source, target)
    return count


# what moves a small file's bytes at once: (source, target, bytes) → bytes moved
SWIFT: dict[int, Callable[[int, int, int], int]] = {
    wire.CLONE: shared_blocks,
    wire.KERNEL: system.copy_range,
    wire.SENDFILE: system.send_from_start,
    wire.READ_WRITE: through_memory,
}


def copy_new(
    copier: Copier, sfd: int, dfd: int, folder: os.stat_result, shown_rel: str,
    entries: list[Any], inherits: bool, way: int = wire.KERNEL,
) -> tuple[list[Any], bool]:  # fmt: skip
    """Copy what is easy. Returns the entries that are left, and whether the run is to stop.

    `folder`: what `dfd` is. `inherits`: files made in this folder get an ACL by default, or may get
    one. `way`: one of `SWIFT`.
    """
    context, result, me = copier.c, copier.result, copier.c.me
    page, names = context.page, context.names
    shared, operation_at, flag_at = page.map, page.base + 32, page.base + 33
    tick_at = page.base  # the lowest byte of the ticks: enough to show that something moves
    which_at = page.which_at
    opened, fstat, copy_range, read = os.open, os.fstat, SWIFT[way], os.read
    list_xattrs: Callable[[int], Any] = system.list_open_xattrs
    fchmod, utime, close, rename = os.fchmod, os.utime, os.close, os.rename
    if way > wire.KERNEL:  # not between files of one filesystem: the other may be any
        list_xattrs = metadata.may_have_xattrs
    if copier.trash is not None:  # what appears there meanwhile is not lost either
        rename = copier.trash.rename_new
    getppid, parent = os.getppid, context.parent
    prefix, deadline = names.prefix, copier.deadline
    nameless = nameless_in(copier, dfd, folder, inherits)
    likely = nameless.mode if nameless is not None else 0o600
    flags = nameless.flags if nameless is not None else 0
    sure = True  # files are born with the mode that is asked for
    left: list[Any] = []
    stopped = False
    born: tuple[int, int] | None = None
    most = min(FIRST_CHUNK, context.ladder.chunk)
    moved_files = moved_bytes = wasted = 0
    told_files = told_bytes = 0  # of them, what the page says
    few_changes = copier.itemize or len(result.changes) < 2
    for index, entry in enumerate(entries):
        name, kind, size, mtime, inode, reason = entry
        if not index & 15:  # their names by sixteen: a store for each is enough then
            several = "\0".join([each[0] for each in entries[index : index + 16]])
            joined = several.encode("utf-8", "surrogateescape")
            raw_names, together = joined.split(b"\0"), page.names(joined)
        if reason != wire.NEW or kind != wire.FILE or size > most:
            left.append(entry)
            continue
        if (shared[flag_at] or (not index & 3 and getppid() != parent)) and not context.go_on():
            left += entries[index:]
            stopped = True
            break
        if index & 1 and monotonic() > deadline:
            if giving.worth(copier, moved_files, entries[index:]):
                left += entries[index:]  # the caller gives them back
                break
            deadline = giving.NEVER
        encoded = raw_names[index & 15]
        if together:
            shared[which_at] = index & 15
        else:
            page.name_small(name)
        s = d = -1
        good = made = False
        trouble = 0
        shared[operation_at] = status.COPY
        try:
            s = opened(encoded, READ, dir_fd=sfd)
            if nameless is not None:
                asked = likely
                d = opened(".", flags, asked, dir_fd=dfd)
            else:
                names.number = number = names.number + 1
                temporary = f"{prefix}{number:x}"
                asked = 0o600
                d = opened(temporary, CREATE, 0o600, dir_fd=dfd)
                made = True
            moved = copy_range(s, d, size) if size else len(read(s, 1))
            info = fstat(s)
            if (
                moved == size
                and info.st_mtime_ns == mtime
                and info[ST_SIZE] == size  # by number: an attribute takes three times as long
                and info[ST_INO] == inode
                and (size < 4096 or info.st_blocks << 9 >= size)
            ):
                if born is None or inherits:
                    mine = fstat(d)
                    born = (mine.st_uid, mine.st_gid)
                    sure = mine.st_mode & 0o7777 == asked
                mode = info[ST_MODE] & 0o7777
                if inherits or list_xattrs(s):
                    metadata.dress(me, s, d, info, born, copier.options, existing=inherits)
                elif info[ST_UID] != born[0] or info[ST_GID] != born[1] or mode & 0o6000:
                    now = asked if sure else -1
                    metadata.set_owner_and_mode(me, d, info, born, now, copier.options)
                elif mode != asked or not sure:
                    fchmod(d, mode)
                    likely = mode
                utime(d, ns=(info.st_atime_ns, mtime))
                shared[operation_at] = status.RENAME
                if nameless is not None:
                    nameless.name(d, dfd, encoded)
                    closing, d = d, -1
                    close(closing)
                else:
                    closing, d = d, -1
                    close(closing)  # its error is a write error
                    rename(temporary, name, src_dir_fd=dfd, dst_dir_fd=dfd)
                good = True
        except OSError as error:
            trouble = error.errno or 0
        try:  # system.let_go, without the price of a call for each file
            if s >= 0:
                close(s)
            if d >= 0:
                close(d)
        except OSError:
            system.let_go(d)
        if good:
            moved_files += 1
            moved_bytes += size
            if moved_files & 7 and page.first_ns:  # published by the next, or at the end
                shared[tick_at] = (page.ticks + moved_files - told_files) & 255
            else:
                since = moved_files - told_files - 1
                page.files += since
                page.ticks += since
                page.bytes += moved_bytes - told_bytes - size
                page.file_done(size)
                told_files, told_bytes = moved_files, moved_bytes
            if few_changes:
                path = f"{shown_rel}/{name}" if shown_rel else name
                result.changes.append((wire.NEW, raw(path), way, size))
                few_changes = copier.itemize or len(result.changes) < 2
            continue
        if made:
            try:
                os.unlink(temporary, dir_fd=dfd)
            except OSError:
                pass  # the next run clears it away
        left.append(entry)
        useless = trouble in _ALL and s >= 0
        if not trouble:  # where all seem to have holes each would be read twice
            wasted += 1
            useless = wasted > _WASTED + moved_files
        if (
            nameless is not None and s >= 0 and trouble not in (0, errno.EEXIST)
            and (d < 0 or shared[operation_at] == status.RENAME)
        ):  # fmt: skip
            nameless.cannot(folder.st_dev)  # be made there, or get a name
            useless = True
        if useless:
            left += entries[index + 1 :]
            break
    if nameless is not None:
        nameless.mode = likely
        nameless.named(moved_files)
    page.files += moved_files - told_files
    page.bytes += moved_bytes - told_bytes
    page.ticks += moved_files - told_files
    page.tick()
    copier.count_many(moved_files, moved_bytes, way)
    return left, stopped
