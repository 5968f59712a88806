"""Deletes what lies in a trash for good."""

from __future__ import annotations

import errno

from blit.worker import system
from blit.worker.context import join
from blit.worker.folders import granted
from blit.worker.system import os
from blit.worker.trash_work import Work, below, drop_empty, drop_run, lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def purge(work: Work) -> Iterator[int]:
    top = work.open()
    try:
        lock(work)
        for run in work.runs(top):
            work.c.page.folder("", join(work.root, ".blit-trash", run))
            yield from _remove(work, run, top)
            drop_run(work, run, top)
        yield 1
    finally:
        os.close(top)


def _remove(work: Work, run: str, top: int) -> Iterator[int]:
    """Everything in a folder, deepest first, and nothing on another filesystem."""
    device = os.fstat(top).st_dev
    pending, order = [run], []
    while pending:
        here = pending.pop()
        order.append(here)
        try:
            fd = below(top, here, owner=True)
        except OSError as error:
            work.failed(join(work.root, ".blit-trash", here), "delete", error)
            continue
        try:
            if os.fstat(fd).st_dev != device or system.mount_id(fd) != system.mount_id(top):
                raise OSError(errno.EBUSY, "a filesystem is mounted there: kept")
            with os.scandir(fd) as listing:
                entries = [(e.name, e.is_dir(follow_symlinks=False), e) for e in listing]
            for name, is_folder, entry in entries:
                if is_folder:
                    pending.append(join(here, name))
                    continue
                size = entry.stat(follow_symlinks=False).st_size
                granted(fd, lambda n=name, f=fd: os.unlink(n, dir_fd=f))  # type: ignore[misc]
                work.done += 1
                work.bytes += size
                work.c.page.tick()
                yield 1
        except OSError as error:
            work.failed(join(work.root, ".blit-trash", here), "delete", error)
        finally:
            os.close(fd)
    for here in reversed(order):
        drop_empty(top, here)
        work.c.page.tick()
        yield 1
