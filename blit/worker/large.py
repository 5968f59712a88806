"""One large file by several workers: begun by one, copied in ranges by who is free, ended by one.

`begin` makes the temporary file at its full size (or clones, and is done); `ranges` copy pieces of
it in place; `end` checks that the source is still what it was, sets the metadata, syncs if it
replaces something, and renames. The parent holds the pieces together; `abandon` removes the
temporary, or leaves it for the next run to go on with (resume.py).
"""

from __future__ import annotations

import errno

from blit.worker import partials, resume, status, system, tmpname, wire
from blit.worker.context import Context, join, raw
from blit.worker.copy import (
    Changed,
    Copier,
    Mismatch,
    finish_file,
    has_default_acl,
    open_source,
    verify,
)
from blit.worker.ladder import Shrunk, Stopped, Vanished, shared
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Large(Copier):
    """The folder handles and the accounting of one large file."""

    def __init__(self, context: Context, task: dict[str, Any]) -> None:
        super().__init__(context, task["options"])
        src_root, dst_root, src_rel, dst_rel, names, entries = wire.load(task["file"])
        self.entry = entries[0]
        self.name = self.entry[0]
        self.target = names[self.name] if names else self.name
        self.place = (src_root, src_rel, dst_root, dst_rel)
        self.page.folder(join(src_root, src_rel), join(dst_root, dst_rel))
        self.page.name(self.name, self.entry[2])
        self.page.operation(status.OPEN_SOURCE)
        self.sfd = context.folders.open(src_root, src_rel)
        self.page.operation(status.MKDIR)
        self.dfd = context.folders.open(dst_root, dst_rel, make=True)
        context.wrote(os.fstat(self.dfd).st_dev, dst_root, dst_rel, self.dfd)

    def failed(self, error: OSError) -> None:
        src_root, src_rel, dst_root, dst_rel = self.place
        self._failed(error, src_root, src_rel, dst_root, dst_rel, self.name, self.target)

    def changed(self, text: str) -> None:
        path = join(self.place[0], self.place[1], self.name)
        self.result.failures.append((raw(path), "changed", 0, text))

    def discard(self, temporary: str) -> None:
        try:
            os.unlink(temporary, dir_fd=self.dfd)
        except OSError:
            pass  # not made yet, or the next run clears it away

    def leave(self, task: dict[str, Any], d: int, sync: bool) -> None:
        """Keep an unfinished temporary where that is worth it."""
        done = resume.amount(d, task["moved"], task["old"])
        if partials.leave(task["temporary"], self.dfd, d, done, sync):
            self.result.kept.append((raw(join(self.place[2], self.place[3], self.target)), done))

    def give_up(self, trouble: Exception, temporary: str) -> dict[str, Any]:
        """The source changed or vanished, or the copy reads back otherwise: nothing of it stays."""
        self.discard(temporary)
        if isinstance(trouble, Vanished):
            self.result.vanished += 1
        else:
            self.troubled(join(self.place[0], self.place[1], self.name), trouble)
        return self.result.as_dict()

    def source(self) -> tuple[int, os.stat_result]:
        self.page.operation(status.OPEN_SOURCE)
        return open_source(self.name, self.sfd)

    def temporary(self, name: str) -> int:
        d = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.dfd)
        if os.fstat(d).st_nlink == 1:
            return d
        os.close(d)  # somebody put another file's name there: nothing is written into that
        raise OSError(errno.ESTALE, "another file has taken the place of the temporary one")


def begin(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `file` (a group of one entry), `options`.

    Answer: a result, and `temporary` with `size`, `identity`, `sparse` and `old` (it comes from an
    earlier run) when ranges are wanted; without it the file is done (cloned), failed or gone.
    """
    assert not task["options"] & wire.DRY
    large, page, s, d, name = None, context.page, -1, -1, ""
    try:
        large = _Large(context, task)
        s, info = large.source()
        page.operation(status.CREATE)
        src_root, src_rel, dst_root, dst_rel = large.place
        place = (src_root, src_rel, dst_root, dst_rel)
        file = resume.Unfinished(context, place, large.name, info, large.dfd, task["options"])
        name, d = file.name, file.fd
        mine = os.fstat(d)
        pair = (os.fstat(large.sfd).st_dev, mine.st_dev)
        size = info.st_size
        if context.ladder.rungs.get(pair, wire.CLONE) == wire.CLONE and context.ladder.clone(s, d):
            page.file_done(size)
            return _complete(context, large, s, d, info, name, wire.CLONE, task["options"], size)
        context.ladder.rungs.setdefault(pair, wire.KERNEL)
        page.operation(status.COPY)
        sparse = info.st_blocks << 9 < size
        os.ftruncate(d, size)
        answer = large.result.as_dict()
        answer["temporary"] = name
        answer["size"] = size
        answer["identity"] = (size, info.st_mtime_ns, info.st_ino)
        answer["sparse"] = sparse
        answer["old"] = file.old
        return answer
    except Vanished:
        assert large is not None
        large.result.vanished += 1
        return large.result.as_dict()
    except (Changed, Mismatch) as trouble:  # of a clone: read back, or gone under our hands
        assert large is not None
        return large.give_up(trouble, name)
    except Stopped:
        assert large is not None
        large.discard(name)
        return {"left": 1}
    except OSError as error:
        return _trouble(context, large, task, error, name)
    finally:
        system.let_go(s, d)
        page.operation(status.IDLE)


def _complete(
    context: Context, large: _Large, s: int, d: int, info: os.stat_result, name: str, method: int,
    options: int, moved: int,
) -> dict[str, Any]:  # fmt: skip
    """Metadata, sync where it replaces something, rename. The descriptors stay the caller's."""
    page = context.page
    page.operation(status.SET_METADATA)
    finish_file(context, s, d, info, os.fstat(d), options, has_default_acl(large.dfd))
    reason = large.entry[5]
    if reason != wire.NEW or options & wire.VERIFY:
        page.operation(status.SYNC)
        os.fsync(d)
    if options & wire.VERIFY:
        verify(context, large.sfd, large.dfd, large.name, name)
    page.operation(status.RENAME)
    large.settle(name, large.target, large.dfd, *large.place[2:])
    shown_as = large.name if tmpname.is_temporary(large.target) else large.target
    large.count(large.place[3], large.place[1], shown_as, moved, method, reason)
    return large.result.as_dict()


def ranges(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `file`, `temporary`, `identity`, `start`, `end`, `sparse`, `old`, `options`,
    `shared` (others write into the file at the same time).

    Answer: a result, `method`, and of its bytes `moved` and `matched` (there already).
    """
    before = context.page.bytes
    answer = _range(context, task)
    answer["moved"] = context.page.bytes - before
    return answer


def _range(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    large, page, s, d = None, context.page, -1, -1
    start, end, matched = task["start"], task["end"], 0
    try:
        large = _Large(context, task)
        s, info = large.source()
        if not _is(info, task["identity"]):
            large.changed("it changes while it is copied")
            return large.result.as_dict()
        page.operation(status.CREATE)  # at the destination: if it is missing, the source is not
        d = large.temporary(task["temporary"])
        partials.share(d)
        page.operation(status.COPY)
        pair = (os.fstat(large.sfd).st_dev, os.fstat(large.dfd).st_dev)
        context.ladder.rungs.setdefault(pair, wire.KERNEL)  # begin has found that it cannot clone
        # piece by piece: reserving all of 2 GiB first kept the first byte waiting for 0.5 s
        reserve = bool(task["options"] & wire.PREALLOCATE)
        if task["old"]:
            given = (context, s, d, start, end, pair, task["sparse"], 0)
            method, matched = resume.fill(*given)
        else:
            least = shared(task["options"]) if task["shared"] else wire.CLONE
            holes = task["sparse"]
            method = context.ladder.copy(s, d, start, end, pair, holes, reserve, least)
        closing, d = d, -1
        os.close(closing)
        answer = large.result.as_dict()
        answer["method"], answer["matched"] = method, matched
        return answer
    except Stopped:
        return {"left": 1}
    except Vanished:
        return {"vanished": 1}
    except (Changed, Shrunk) as trouble:
        assert large is not None
        large.changed(str(trouble) or "it became shorter while it was copied")
        return large.result.as_dict()
    except OSError as error:
        return _trouble(context, large, task, error, "")
    finally:
        system.let_go(s, d)
        page.operation(status.IDLE)


def end(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """All ranges are there. Task: `file`, `temporary`, `identity`, `method`, `options`."""
    large, page, s, d = None, context.page, -1, -1
    try:
        large = _Large(context, task)
        s, info = large.source()
        page.operation(status.CREATE)  # at the destination: if it is missing, the source is not
        d = large.temporary(task["temporary"])
        if not _is(info, task["identity"]) or os.fstat(d).st_size != info.st_size:
            large.changed("it changed while it was copied")
            os.unlink(task["temporary"], dir_fd=large.dfd)
            return large.result.as_dict()
        answer = _complete(
            context, large, s, d, info, task["temporary"], task["method"], task["options"],
            info.st_size - task["matched"],
        )  # fmt: skip
        page.file_done(0)
        closing, d = d, -1
        os.close(closing)
        return answer
    except (Vanished, Changed, Mismatch) as trouble:
        assert large is not None
        return large.give_up(trouble, task["temporary"])
    except Stopped:
        assert large is not None
        large.leave(task, d, sync=False)
        return {"left": 1, "kept": large.result.kept}
    except OSError as error:
        return _trouble(context, large, task, error, task["temporary"])
    finally:
        system.let_go(s, d)
        page.operation(status.IDLE)


def abandon(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """A large file will not be ended: keep what is there of it, or remove it.

    Task: `file`, `temporary`, `options`, `keep` (it may serve later), `failed` (a call did), and of
    its bytes `moved`. Answer: `kept`.
    """
    d = -1
    try:
        large = _Large(context, task)
        if not task["keep"]:
            large.discard(task["temporary"])
            return {}
        d = large.temporary(task["temporary"])
        context.page.operation(status.SYNC)
        large.leave(task, d, task["failed"])
        return {"kept": large.result.kept}
    except OSError:
        return {}  # the next run clears it away, or goes on with it
    finally:
        system.let_go(d)
        context.page.operation(status.IDLE)


def _is(info: os.stat_result, identity: tuple[int, int, int]) -> bool:
    return (info.st_size, info.st_mtime_ns, info.st_ino) == tuple(identity)


def _trouble(
    context: Context, large: _Large | None, task: dict[str, Any], error: OSError, temporary: str
) -> dict[str, Any]:
    if large is None:
        _, dst_root, _, dst_rel, _, entries = wire.load(task["file"])
        path = join(dst_root, dst_rel, entries[0][0])
        text = error.strerror or str(error)
        return {"failures": [(raw(path), "mkdir", error.errno or 0, text)]}
    large.failed(error)
    if temporary:
        large.discard(temporary)
    return large.result.as_dict()
