"""A batch over which a worker died is done again: what that one left goes, what it did counts."""

from __future__ import annotations

from blit.worker import status, tmpname, wire
from blit.worker.context import Context, join
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blit.worker.copy import Copier


def sweep(context: Context, groups: list[bytes], slot: int, spare: Sequence[str]) -> None:
    """Remove the temporaries of a worker that died over this very batch, but not `spare`."""
    prefix = tmpname.worker_prefix(context.token, context.first + slot - 1)
    for blob in groups:
        _, dst_root, _, dst_rel, _, _ = wire.load(blob)
        context.page.folder("", join(dst_root, dst_rel))
        context.page.operation(status.LIST_TARGET)
        try:
            fd = context.folders.open(dst_root, dst_rel)
            for name in os.listdir(fd):
                if not name.startswith(prefix) or name in spare:
                    continue
                if tmpname.is_temporary(name):
                    os.unlink(name, dir_fd=fd)
        except OSError:
            pass


def touch(copier: Copier, groups: list[bytes]) -> None:
    """The times of their folders are set again: a file that is the same by now, compared by its
    content, may have been brought there by the one that died.
    """
    if not copier.dry:
        for blob in groups:
            copier.touched(*wire.load(blob)[:4])
