"""What every task of one worker shares: its page, open folders, names, rights and ladder."""

from __future__ import annotations

from blit.worker import metadata, status, system, tmpname, wire
from blit.worker.folders import MOST_HANDLES, Folders
from blit.worker.ladder import Ladder
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blit.worker.trash import Trash

# the destination as a whole cannot take more: the run ends with one message, not one a file
FATAL = frozenset(("ENOSPC", "EDQUOT", "EROFS"))


class Context:
    def __init__(
        self,
        page: status.Page,
        token: str,
        slot: int,
        parent: int,
        handles: int = MOST_HANDLES,
        first: int = 0,
    ) -> None:
        """`first`: the number that slot 0 has in the names of temporaries; see engine.workers."""
        self.page = page
        self.folders = Folders(handles)
        self.names = tmpname.Names(token, first + slot)
        self.token = token
        self.first = first
        self.me = metadata.Identity()
        self.ladder = Ladder(page)
        self.parent = parent
        self.devices: dict[int, tuple[str, str]] = {}  # written to, with a folder on each
        self.asked: dict[str, float] = {}  # when a root was last asked whether it lives
        self.dead: set[str] = set()  # roots that took nothing any more
        self.flushes: dict[int, int] = {}  # a handle on each, opened before anything was written
        self.ladder.may_continue = self.alive
        self.locks: list[int] = []  # descriptors that hold a lock, see lock.py
        self.locked: tuple[list[tuple[str, str]], bool] | None = None  # not told yet
        self.borrowed = False  # another worker of this run still holds it, who is on its way out
        self.copied = 0  # files, by this worker
        self.nameless: Any = None  # once they are many, see nameless.py
        self.bin: Any = None  # the Trash of the run, once something goes there
        self.trash = ("", "")  # the run's name in a trash, and the command that it notes there
        # unfinished files in a destination folder, and when they were listed; see resume.py
        self.left: tuple[tuple[str, ...], float, list[str]] = ((), 0.0, [])

    def wrote(self, device: int, root: str, rel: str, fd: int) -> None:
        """Something will be written on this device, there (`fd`): what a flush must reach.

        The kernel tells a handle only of write errors since it was opened: this one is kept.
        """
        if device not in self.devices:
            self.devices[device] = (root, rel)
            self.flushes[device] = os.dup(fd)

    def flush(self, fd: int) -> None:
        """Everything on the filesystem of `fd` is on its device. OSError (EIO) if not."""
        system.sync_filesystem(self.flushes.get(os.fstat(fd).st_dev, fd))

    def alive(self) -> bool:
        """False once the program that started this worker has died: nothing may be written then."""
        return os.getppid() == self.parent

    def go_on(self) -> bool:
        """Between two files: wait out a pause; False when asked to stop, or orphaned."""
        flag = self.page.flag()
        if flag == status.PAUSE:
            self.ladder.obey(flag)
            flag = self.page.flag()
        return flag == status.RUN and os.getppid() == self.parent


class Result:
    """What a task did, gathered here and sent as a dict (keys: the attributes)."""

    def __init__(self) -> None:
        self.files = 0  # copied, mended and linked
        self.bytes = 0  # moved or cloned
        self.unchanged = 0
        self.cloned = 0
        self.cloned_bytes = 0
        self.deleted = 0
        self.trashed = 0  # of the deleted and the replaced: what went to the trash
        self.methods = [0] * len(wire.METHODS)
        self.failures: list[tuple[bytes, str, int, str]] = []  # path, step, errno, message
        # reason, path below the destination, method, bytes
        self.changes: list[tuple[int, bytes, int, int]] = []
        self.skipped: list[tuple[bytes, str]] = []  # path, why: sockets, devices
        self.vanished = 0
        self.left = 0  # entries not done because the run is ending
        self.fatal: tuple[bytes, str, int, str] | None = None
        self.mismatched = 0
        self.kept: list[tuple[bytes, int]] = []  # unfinished, for the next run: path, bytes done
        self.late = b""  # folders for the last task of all, see finish.py
        # what a comparison by content found out too late for the scan
        self.found_bytes = 0
        self.again: list[tuple[int, int, bytes]] = []  # groups to plan anew
        self.back: tuple[int, int] | None = (
            None  # of those, files and bytes not begun, see giving.py
        )
        self.links: list[tuple[int, int, bytes]] = []
        self.finish: list[tuple[str, str, str, str, int]] = []

    def as_dict(self) -> dict[str, Any]:
        found = {k: v for k, v in self.__dict__.items() if v}
        if self.finish:
            found["finish"] = wire.dump(self.finish)
        return found


def trash_of(context: Context, options: int) -> Trash | None:
    """Where the old goes that a task deletes or replaces; None: nowhere."""
    if not options & wire.TRASH or options & wire.DRY:
        return None
    if context.bin is None:
        from blit.worker.trash import Trash

        context.bin = Trash(context)
    found: Trash = context.bin
    return found


def join(*parts: str) -> str:
    return (
        "/".join(p for p in parts if p)
        if parts[0] != "/"
        else "/" + "/".join(p for p in parts[1:] if p)
    )


def raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def shown(dst_rel: str, src_rel: str) -> str:
    """A destination path for people: what is built beside its place shows under its final name."""
    if tmpname.PREFIX not in dst_rel:
        return dst_rel
    names, real = dst_rel.split("/"), src_rel.split("/")
    for back in range(1, min(len(names), len(real)) + 1):
        if tmpname.is_temporary(names[-back]):
            names[-back] = real[-back]
    return "/".join(names)
