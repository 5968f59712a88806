"""Copies the entries of a batch: temporary name, bytes, metadata, the rename that makes it real.

A file whose place is free is renamed at once. A file that replaces something waits until the batch
is on disk (one sync for all of them), so that a power cut leaves the old or the new content, never
neither. Trouble with one entry is data in the result; the rest goes on.
"""

from __future__ import annotations

import errno
import stat
from time import monotonic

from blit.worker import blame, compare, giving, metadata, status, system, tmpname, wire
from blit.worker.context import Context, Result, join, raw, shown, trash_of
from blit.worker.folders import grant, granted
from blit.worker.ladder import FIRST_CHUNK, Shrunk, Stopped, Vanished
from blit.worker.swift import CREATE, READ, SWIFT, copy_new
from blit.worker.system import os
from blit.worker.waiting import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# errors of the destination that the kernel reports from a call on both files
_TARGET_ERRNOS = blame.ALL | {errno.EFBIG}
_FEW = 2  # replaced files up to which one fsync each beats a sync of the whole filesystem


class Changed(Exception):
    """The source is not what it was; the text says how."""


class Mismatch(Exception):
    """What was written reads back otherwise."""


class Copier:
    """One batch. The task: `groups` (dumps of wire groups), `options`, `budget` (see giving.py)."""

    def __init__(self, context: Context, options: int, budget: float = giving.NEVER) -> None:
        self.c = context
        self.page = context.page
        self.options = options
        self.dry = bool(options & wire.DRY)
        self.itemize = bool(options & wire.ITEMIZE)
        context.ladder.begin(bool(options & wire.GENTLE))
        self.linking = False  # every file is taken as it comes, see links.py
        self.result = Result()
        self.waiting: list[Waiting] = []  # written, not renamed yet
        self.trash, self.trashes = trash_of(context, options), bool(options & wire.TRASH)
        self.began = monotonic()
        self.deadline = self.began + budget

    def run(self, groups: list[bytes]) -> Result:
        stopped = False
        for blob in groups:
            src_root, dst_root, src_rel, dst_rel, names, entries = wire.load(blob)
            if stopped or self.result.fatal:
                self.result.left += len(entries)
                continue
            if monotonic() > self.deadline and giving.may(self, 0, entries):
                giving.back(self, (src_root, dst_root, src_rel, dst_rel, names), entries)
                continue
            stopped = self.run_entries(src_root, dst_root, src_rel, dst_rel, names, entries)
        self.flush()
        self.page.operation(status.IDLE)
        return self.result

    def run_entries(
        self, src_root: str, dst_root: str, src_rel: str, dst_rel: str,
        names: dict[str, str] | int | None, entries: list[Any],
    ) -> bool:  # fmt: skip
        """All entries of one folder; True when the run was stopped before the last.

        `entries`: wire entries, or mere names to compare by content (all of one kind).
        """
        page, context, result = self.page, self.c, self.result
        page.folder(join(src_root, src_rel), join(dst_root, dst_rel))
        by_content = not entries or isinstance(entries[0], str)
        try:
            page.operation(status.OPEN_SOURCE)
            sfd = context.folders.open(src_root, src_rel)
            device = os.fstat(sfd).st_dev
            if not self.dry:
                page.operation(status.MKDIR)
                dfd = context.folders.open(dst_root, dst_rel, make=True)
            elif by_content or any(e[5] == wire.COMPARE for e in entries):
                dfd = context.folders.open(dst_root, dst_rel)
            else:
                dfd = -1
            folder = os.fstat(dfd if dfd >= 0 else sfd)
            pair = (device, folder.st_dev if dfd >= 0 else 0)
            if by_content:
                settled = names if isinstance(names, int) else 0
                names = None
                equal, unsure = compare.sift(context, sfd, dfd, entries, settled)
                result.unchanged += equal
                if not unsure:
                    return False
                entries = [(name, wire.FILE, 0, 0, 0, wire.COMPARE) for name in unsure]
            if not self.dry:
                page.operation(status.MKDIR)
                context.wrote(pair[1], dst_root, dst_rel, dfd)
        except OSError as error:
            # nothing of this folder can be copied: one failure an entry, so that none is forgotten
            for entry in entries:
                name = entry if isinstance(entry, str) else entry[0]
                page.name(name)
                self._failed(error, src_root, src_rel, dst_root, dst_rel, name, name)
            return self.result.fatal is not None
        shown_rel = shown(dst_rel, src_rel)
        # somebody else's folder may hand down more at any moment: a group, or a list of its own
        others = folder.st_uid not in (0, context.me.uid)
        inherits = dfd >= 0 and not self.dry and (others or has_default_acl(dfd))
        plain = not self.options & (
            wire.DRY | wire.VERIFY | wire.MODELESS | wire.OWNERLESS | wire.WAITED
        )
        if plain and names is None:
            ladder = context.ladder
            if ladder.way(pair) is None and len(entries) > 1:  # the first tells whether they clone
                if self.run_entries(src_root, dst_root, src_rel, dst_rel, None, entries[:1]):
                    result.left += len(entries) - 1
                    return True
                entries = entries[1:]
            if (way := ladder.way(pair)) in SWIFT:
                entries, stop = copy_new(self, sfd, dfd, folder, shown_rel, entries, inherits, way)
                if stop:
                    result.left += len(entries)
                    return True
        here = (src_root, dst_root, src_rel, dst_rel, names)
        parent, getppid, deadline = context.parent, os.getppid, self.deadline
        flags, flag_at = page.map, page.base + 33
        for index, (name, kind, size, mtime, ino, reason) in enumerate(entries):
            if (flags[flag_at] or (not index & 3 and getppid() != parent)) and not context.go_on():
                result.left += len(entries) - index
                return True
            if monotonic() > deadline:
                if giving.rest(self, here, entries[index:]):
                    return False
                deadline = giving.NEVER
            target = names[name] if isinstance(names, dict) else name
            visible = name if names and tmpname.is_temporary(target) else target
            if size > FIRST_CHUNK or page.sized:
                page.name(name, size if size > FIRST_CHUNK else 0)
            else:
                page.name_small(name)
            temporary = ""
            mending = False  # only its metadata differs
            try:
                if reason == wire.COMPARE:
                    verdict, info = compare.verdict(
                        context, sfd, dfd, name, target, self.options, self.linking or bool(size)
                    )
                    if verdict is None:
                        result.unchanged += 1
                        page.file_done(0)
                        continue
                    size, mtime, ino = info.st_size, info.st_mtime_ns, info.st_ino
                    if verdict in (compare.LINKED, compare.DEFERRED):
                        again = (name, kind, size, mtime, ino, wire.COMPARE)
                        self._send_back(verdict, here[:4], again, info, dfd, target)
                        continue
                    reason = verdict
                    if reason in (wire.MTIME, wire.MODE):
                        mending = True
                    elif not self.dry:
                        result.found_bytes += size
                        self.touched(src_root, dst_root, src_rel, dst_rel)
                elif reason == wire.MODE:
                    mending = True
                if self.dry:
                    moved = size if kind == wire.FILE and not mending else 0
                    result.trashed += self.trashes and reason != wire.NEW and not mending
                    self._count(shown_rel, visible, moved, wire.METADATA, reason)
                    continue
                if mending:
                    page.operation(status.SET_METADATA)
                    seen = (size, mtime, ino)
                    try:
                        metadata.mend(context.me, sfd, dfd, name, target, seen, self.options)
                    except FileNotFoundError:
                        raise Vanished from None
                    except metadata.Stale:  # copied after all, below
                        result.found_bytes += size
                        self.touched(src_root, dst_root, src_rel, dst_rel)
                    else:
                        page.file_done(0)
                        self._count(shown_rel, visible, 0, wire.METADATA, reason)
                        continue
                temporary = context.names.next()
                if kind == wire.FILE and size >= wire.WORTH:
                    from blit.worker.whole import whole  # such a file pays for the import

                    place = (src_root, src_rel, dst_root, dst_rel)
                    method, size, temporary = whole(
                        self, place, sfd, dfd, name, target, pair, inherits
                    )
                elif kind == wire.FILE:
                    method, size = self._careful(sfd, dfd, name, temporary, pair, inherits)
                else:
                    method = self._special(sfd, dfd, name, temporary)
                    size = 0
                    page.file_done(0)
                if (
                    reason == wire.NEW
                    and not self.options & wire.VERIFY
                    and self._take_place(temporary, target, dfd)
                ):
                    self._count(shown_rel, visible, size, method, reason)
                else:
                    place = (src_root, src_rel, dst_root, dst_rel)
                    self.waiting.append(
                        Waiting(*place, name, temporary, target, size, method, reason)
                    )
            except Stopped:
                _discard(temporary, dfd)
                result.left += len(entries) - index
                return True
            except Vanished:
                _discard(temporary, dfd)
                result.vanished += 1
            except (Changed, Shrunk) as trouble:
                _discard(temporary, dfd)
                self.troubled(join(src_root, src_rel, name), trouble)
            except OSError as error:
                _discard(temporary, dfd)
                if self.waiting and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    self.flush()  # what is replaced makes room: once more
                    rest = entries[index:]
                    return self.run_entries(src_root, dst_root, src_rel, dst_rel, names, rest)
                self._failed(error, src_root, src_rel, dst_root, dst_rel, name, target)
                if result.fatal:
                    result.left += len(entries) - index - 1
                    return True
        return False

    def _take_place(self, temporary: str, target: str, dfd: int) -> bool:
        """Give a new file its name; False where somebody made that name since it was listed.

        Asked of the kernel only after a plan lay waiting, or where what is replaced is kept: it
        costs, and otherwise the listing is a moment old.
        """
        self.page.operation(status.RENAME)
        if not self.options & (wire.WAITED | wire.TRASH):
            os.rename(temporary, target, src_dir_fd=dfd, dst_dir_fd=dfd)
            return True
        from blit.worker.renames import took_place

        return took_place(temporary, target, dfd)

    def _send_back(
        self, verdict: int, place: tuple[str, str, str, str],
        entry: tuple[str, int, int, int, int, int],
        info: os.stat_result, dfd: int, target: str,
    ) -> None:  # fmt: skip
        """Only the comparison could see that a file is large, or has other names: plan it anew."""
        if verdict == compare.DEFERRED:
            blob = wire.dump((*place, None, [entry]))
            self.result.again.append((1, 0, blob))
            return
        try:
            there = os.stat(target, dir_fd=dfd, follow_symlinks=False)
            inode = self.c.folders.identity(there)
        except FileNotFoundError:
            inode = None
            entry = (*entry[:5], wire.NEW)
        part = (*self.c.folders.identity(info), *place, entry, inode, target)
        self.result.links.append((info.st_ino % wire.LINK_BUCKETS, 1, wire.dump([part])))

    def touched(self, src_root: str, dst_root: str, src_rel: str, dst_rel: str) -> None:
        """The scan could not know that this folder changes: its times must be set again."""
        record = (src_root, dst_root, src_rel, dst_rel, 0o700)
        if record not in self.result.finish[-1:]:
            self.result.finish.append(record)

    def _careful(
        self, sfd: int, dfd: int, name: str, temporary: str, pair: tuple[int, int], inherits: bool
    ) -> tuple[int, int]:
        """Any regular file: (method, size). A source that changes meanwhile is tried once more."""
        for attempt in (1, 2):
            self.page.operation(status.OPEN_SOURCE)
            s, info = open_source(name, sfd)
            d = -1
            try:
                self.page.operation(status.CREATE)
                d = create(temporary, dfd)
                mine = os.fstat(d)
                self.page.operation(status.COPY)
                size = info.st_size
                holes = size >= 4096 and info.st_blocks << 9 < size
                if holes:
                    os.ftruncate(d, size)
                reserve = size > FIRST_CHUNK and bool(self.options & wire.PREALLOCATE)
                if size:
                    method = self.c.ladder.copy(s, d, 0, size, pair, holes, reserve)
                else:
                    method, size = wire.READ_WRITE, _read_to_end(s, d)
                if same(info, os.fstat(s)):
                    self.page.operation(status.SET_METADATA)
                    finish_file(self.c, s, d, info, mine, self.options, inherits)
                    closing, d = d, -1
                    os.close(closing)
                    moved_already = size if method != wire.CLONE and info.st_size else 0
                    self.page.file_done(size - moved_already)
                    return method, size
            except Shrunk:
                if attempt == 2:
                    raise
            finally:
                system.let_go(s, d)
            _discard(temporary, dfd)
        raise Changed("it changes while it is copied")

    def _special(self, sfd: int, dfd: int, name: str, temporary: str) -> int:
        """A symlink, FIFO or device under the temporary name, with its metadata."""
        try:
            info = os.stat(name, dir_fd=sfd, follow_symlinks=False)
            link = os.readlink(name, dir_fd=sfd) if stat.S_ISLNK(info.st_mode) else ""
        except FileNotFoundError:
            raise Vanished from None
        if not stat.S_ISLNK(info.st_mode) and (
            stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)
        ):
            raise Changed("it is something else now")

        def once() -> None:
            if link:
                os.symlink(link, temporary, dir_fd=dfd)
            elif stat.S_ISFIFO(info.st_mode):
                os.mkfifo(temporary, 0o600, dir_fd=dfd)
            else:
                os.mknod(temporary, stat.S_IFMT(info.st_mode) | 0o600, info.st_rdev, dir_fd=dfd)

        self.page.operation(status.CREATE)
        granted(dfd, once)
        metadata.set_special(self.c.me, sfd, dfd, name, temporary, info, self.options)
        return wire.LINKED_SYM if link else wire.SPECIAL

    def flush(self) -> None:
        """Put what replaces something on disk, read it back if asked to, then rename it."""
        if not self.waiting:
            return
        folders, page = self.c.folders, self.page
        page.operation(status.SYNC)
        error = self._sync()
        if error is not None and len(self.waiting) > _FEW:
            blame.lost(self.c, self.result, self.waiting, error)
        for each in self.waiting:
            page.folder(join(each.src_root, each.src_rel), join(each.dst_root, each.dst_rel))
            page.name(each.target)
            page.operation(status.RENAME)
            dfd = -1
            try:
                dfd = folders.open(each.dst_root, each.dst_rel)
                if error is not None:
                    page.operation(status.SYNC)
                    raise error
                if self.options & wire.VERIFY:
                    sfd = folders.open(each.src_root, each.src_rel)
                    verify(self.c, sfd, dfd, each.name, each.temporary)
                    page.operation(status.RENAME)
                self.settle(each.temporary, each.target, dfd, each.dst_root, each.dst_rel)
                shown_as = each.name if tmpname.is_temporary(each.target) else each.target
                self.count(
                    each.dst_rel, each.src_rel, shown_as, each.size, each.method, each.reason
                )
                page.tick()
            except Stopped:
                _discard(each.temporary, dfd)
                self.result.left += 1
            except Vanished:
                _discard(each.temporary, dfd)
                self.result.vanished += 1
            except (Changed, Mismatch) as trouble:
                _discard(each.temporary, dfd)
                self.troubled(join(each.src_root, each.src_rel, each.name), trouble)
            except OSError as trouble:
                _discard(each.temporary, dfd)
                source = (each.src_root, each.src_rel)
                self._failed(trouble, *source, each.dst_root, each.dst_rel, each.name, each.target)
        self.waiting.clear()

    def settle(self, temporary: str, target: str, dfd: int, dst_root: str, dst_rel: str) -> None:
        """Give what is on disk its final name; what has that goes, to the trash if asked to."""
        if self.trash is not None:
            self.result.trashed += self.trash.replace(temporary, target, dfd, dst_root, dst_rel)
        else:
            os.rename(temporary, target, src_dir_fd=dfd, dst_dir_fd=dfd)

    def troubled(self, path: str, trouble: Exception) -> None:
        """A source that changes, or a copy that reads back otherwise than it was written."""
        step = "verify" if isinstance(trouble, Mismatch) else "changed"
        text = str(trouble) or "it became shorter while it was copied"
        self.result.failures.append((raw(path), step, 0, text))
        self.result.mismatched += isinstance(trouble, Mismatch)

    def _sync(self) -> OSError | None:
        folders = self.c.folders
        try:
            alone = not system.SYNCS_ONE or (
                len(self.waiting) <= _FEW and all(e.method in wire.OF_BYTES for e in self.waiting)
            )
            done = set()
            for each in self.waiting:
                dfd = folders.open(each.dst_root, each.dst_rel)
                if alone and each.method in wire.OF_BYTES:
                    sync_file(each.temporary, dfd)
                    continue
                # one a device: what lies below a mount point belongs to another filesystem
                device = os.fstat(dfd).st_dev
                if device not in done:
                    self.c.flush(dfd)
                    done.add(device)
        except OSError as error:
            return error
        return None

    def count_many(self, files: int, size: int, method: int) -> None:
        """Small new files that were copied on the short path."""
        result = self.result
        self.c.copied += files
        result.files += files
        result.bytes += size
        result.methods[method] += files
        if method == wire.CLONE:
            result.cloned += files
            result.cloned_bytes += size

    def count(
        self, dst_rel: str, src_rel: str, name: str, size: int, method: int, reason: int
    ) -> None:
        self._count(shown(dst_rel, src_rel), name, size, method, reason)

    def _count(self, dst_rel: str, target: str, size: int, method: int, reason: int) -> None:
        result = self.result
        result.files += 1
        result.bytes += size
        result.methods[method] += 1
        if method == wire.CLONE:
            result.cloned += 1
            result.cloned_bytes += size
        if self.itemize or len(result.changes) < 2:
            path = f"{dst_rel}/{target}" if dst_rel else target
            result.changes.append((reason, raw(path), method, size))

    def _failed(
        self, error: OSError, src_root: str, src_rel: str, dst_root: str, dst_rel: str,
        name: str, target: str,
    ) -> None:  # fmt: skip
        operation = self.page.map[self.page.base + 32]
        code = error.errno or 0
        at_source = operation in status.ON_SOURCE and code not in _TARGET_ERRNOS
        if operation == status.OPEN_SOURCE and code == errno.ENOENT:
            self.result.vanished += 1  # its folder is gone
            return
        step = status.OPERATIONS[operation]
        # one call on both sides: the destination's, if that takes nothing else either
        both = operation == status.COPY and code in blame.MAYBE
        if not at_source or (both and not blame.takes(self.c, dst_root)):
            blame.note(self.c, self.result, dst_root, dst_rel, target, step, error)
            return
        failure = (raw(join(src_root, src_rel, name)), step, code, error.strerror or str(error))
        if why := blame.source_gone(self.c, src_root, error):
            self.result.fatal = self.result.fatal or (*failure[:3], why)
        else:
            self.result.failures.append(failure)


def open_source(name: str, sfd: int) -> tuple[int, os.stat_result]:
    """A regular file of the source, open, and what it is. Raises Vanished, Changed, OSError."""
    try:
        s = os.open(name, READ, dir_fd=sfd)
    except FileNotFoundError:
        raise Vanished from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Changed("it is a symlink now") from None
        raise
    info = os.fstat(s)
    if not stat.S_ISREG(info.st_mode):
        system.let_go(s)
        raise Changed("it is no regular file any more")
    return s, info


def create(temporary: str, dfd: int) -> int:
    try:
        return os.open(temporary, CREATE, 0o600, dir_fd=dfd)
    except PermissionError:
        grant(dfd)  # a read-only folder of our own; its mode is set again at the end
        return os.open(temporary, CREATE, 0o600, dir_fd=dfd)


def sync_file(name: str, dfd: int, flags: int = os.O_RDONLY | os.O_NOFOLLOW) -> None:
    try:
        fd = os.open(name, flags, dir_fd=dfd)
    except PermissionError:  # its final mode keeps us out: sync all
        system.sync_filesystem(dfd)
        return
    try:
        os.fsync(fd)
    finally:
        system.let_go(fd)


def verify(context: Context, sfd: int, dfd: int, name: str, temporary: str) -> None:
    """Read back what was written and flushed, past the cache, and compare it with the source.

    Raises Mismatch, Changed when the source is not what was copied any more, OSError, Stopped.
    """
    context.page.operation(status.COMPARE_BYTES)
    written = os.stat(temporary, dir_fd=dfd, follow_symlinks=False)
    if stat.S_ISLNK(written.st_mode):
        try:
            wanted = os.readlink(name, dir_fd=sfd)
        except FileNotFoundError:
            raise Vanished from None
        if wanted != os.readlink(temporary, dir_fd=dfd):
            raise Mismatch("the link that was made points elsewhere")
        return
    if not stat.S_ISREG(written.st_mode):
        return
    s, info = open_source(name, sfd)
    try:
        d = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=dfd)
        try:
            system.drop_cache(d)
            if info.st_size and not compare.equal(context, s, d, info.st_size):
                if not same(info, os.fstat(s)) or info.st_mtime_ns != written.st_mtime_ns:
                    raise Changed("it changes while it is copied")
                raise Mismatch("what was written reads back otherwise: do not trust this device")
        finally:
            system.let_go(d)
    finally:
        system.let_go(s)


def same(before: os.stat_result, after: os.stat_result) -> bool:
    return (
        before.st_size == after.st_size
        and before.st_mtime_ns == after.st_mtime_ns
        and before.st_ino == after.st_ino
    )


def finish_file(
    context: Context,
    s: int,
    d: int,
    info: os.stat_result,
    mine: os.stat_result,
    options: int,
    inherits: bool,
) -> None:
    """Owner, mode, xattrs and times of a freshly written file."""
    owner = (mine.st_uid, mine.st_gid)
    if inherits or metadata.has_xattrs(s):
        metadata.dress(context.me, s, d, info, owner, options, existing=inherits)
    else:
        mode = stat.S_IMODE(mine.st_mode)
        metadata.set_owner_and_mode(context.me, d, info, owner, mode, options)
    os.utime(d, ns=(info.st_atime_ns, info.st_mtime_ns))


def has_default_acl(fd: int) -> bool:
    try:
        return metadata.DEFAULT_ACL in system.list_xattrs(fd)
    except OSError:
        return False


def _read_to_end(s: int, d: int) -> int:
    """Files that say they are empty and are not (/proc): copied by reading. Returns the bytes."""
    total = 0
    while data := os.read(s, 1 << 16):
        wire.write_all(d, data)
        total += len(data)
    return total


def _discard(temporary: str, dfd: int) -> None:
    if temporary and dfd >= 0:
        try:
            os.unlink(temporary, dir_fd=dfd)
        except OSError:
            pass  # it was not made, or cannot be removed: the next run clears it away
