"""The advisory lock on a destination: a mirror has it alone, copies share it.

It is a flock on the folder itself, so it leaves no file behind and ends with the process. The
folders above are shared by whoever works below, so that a mirror of one of them is noticed too.
"""

from __future__ import annotations

import errno
import os
import time

from blit.worker.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blit.worker.holder import Holder

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_ABOVE = 16  # folders above the destination that are locked too
_MOST = 64  # folders that are locked in all
_FEW_HANDLES = 32  # with fewer open files to spare none of them is
# seconds to wait for workers on their way out: of a run under way elsewhere, of one that has ended
_PATIENCE, _LONGER = 1.0, 5.0
_PAUSE = 0.02


class Held(Exception):
    """Somebody else works there: `path`, and the rest of the sentence."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(text)
        self.path = path


def take(context: Context, paths: list[str], alone: bool) -> list[str]:
    """Lock these folders for as long as this process lives, or see `context.borrowed`.

    `alone`: as a mirror. Raises Held. Otherwise whatever goes wrong is answered with a sentence,
    and the run goes on without the lock.
    """
    remarks: list[str] = []
    met: set[tuple[int, int]] = set()
    context.borrowed = False
    for path in dict.fromkeys(paths):
        context.page.name(path[-700:])
        try:
            fd = os.open(context.folders.here(path), _FOLDER)
        except OSError:
            continue  # whoever works there will meet it, and say so
        context.locks.append(fd)
        remarks += _one(context, fd, path, alone)
        if context.folders.most > _FEW_HANDLES:
            remarks += _above(context, fd, path, alone, met)
        if len(context.locks) > _MOST:
            break
    if context.borrowed:  # the next task tries again
        while context.locks:
            os.close(context.locks.pop())
    return remarks


def _above(
    context: Context, fd: int, path: str, alone: bool, met: set[tuple[int, int]]
) -> list[str]:
    """Share the folders above, by their real way up. `met`: those that are locked already."""
    info = os.fstat(fd)
    above = context.folders.here(path)
    for _ in range(_ABOVE):
        met.add((info.st_dev, info.st_ino))
        above += "/.."
        try:
            fd = os.open(above, _FOLDER)
        except OSError:
            break
        context.locks.append(fd)
        info = os.fstat(fd)
        if (info.st_dev, info.st_ino) in met:
            break  # the root of all, or another place lies below it too
        try:
            _flock(fd, alone=False)
        except BlockingIOError:
            holder = _wait(context, fd, False, alone)
            if holder is not None and holder.run is not None:
                text = f"lies in a folder that is being mirrored: {holder}"
                if alone:
                    raise Held(path, f"{text}; wait for its end") from None
                return [f"{path} {text}: going on beside it"]
        except (OSError, ImportError):
            pass  # no locks up there
    return []


def _one(context: Context, fd: int, path: str, alone: bool) -> list[str]:
    """The folder itself, or a file in its stead."""
    try:
        _flock(fd, alone)
        return []
    except BlockingIOError:
        pass
    except (OSError, ImportError) as error:
        try:
            fd = _file(os.fstat(fd))
            context.locks.append(fd)
            _flock(fd, alone)
            return []
        except BlockingIOError:
            pass
        except (OSError, ImportError):
            why = getattr(error, "strerror", None) or error
            return [f"{path} cannot be locked ({why}): another run into it would not be noticed"]
    holder = _wait(context, fd, alone, alone)
    if holder is None:
        return []
    if holder.run is None and holder.pid:
        return [f"{path} is locked by another program: {holder}: going on without a lock"]
    if not alone:
        return [f"{path} is being mirrored: {holder}: going on beside it"]
    raise Held(path, f"is in use: {holder}; wait for its end")


def _wait(context: Context, fd: int, alone: bool, patient: bool) -> Holder | None:
    """Take the lock as soon as its holder leaves; None: it is ours, else who does not leave it."""
    from blit.worker.holder import first

    began = time.monotonic()
    while True:
        holder = first(context, fd)
        if holder is None or (holder.run is None and holder.words):
            return holder
        # without words it may be just ending: they go before its locks do
        limit = _LONGER if holder.ended else _PATIENCE if patient or not holder.words else 0.0
        if time.monotonic() - began > limit:
            return holder
        context.page.tick()
        time.sleep(_PAUSE)
        try:
            _flock(fd, alone)
            return None
        except BlockingIOError:
            pass


def _flock(fd: int, alone: bool) -> None:
    """Raises BlockingIOError when it is held by somebody else."""
    import fcntl

    fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)


def _file(info: os.stat_result) -> int:
    """What is locked instead where a folder cannot be: a file of this user's. Raises OSError."""
    base = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    if os.lstat(base).st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    folder = f"{base}/blit"
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(f"{folder}/{info.st_dev:x}-{info.st_ino:x}.lock", flags, 0o600)
