"""What lies in a destination's trash: listed, brought back to its place, or deleted for good.

Each verb is a walk that is done in steps, so that who asked can stop it, and sees that it moves.
"""

from __future__ import annotations

import stat
import time
from time import monotonic

from blit.worker import status
from blit.worker.context import Context, join, raw
from blit.worker.folders import granted, unlock
from blit.worker.system import os
from blit.worker.trash_root import FOLDER, NoTrash, note_of, open_trash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_STEP = 0.2  # seconds that a step takes
_MOST = 20_000  # entries that an answer names
_MOST_NOTE = 1 << 16


class Trouble(Exception):
    """In words why nothing was done; `code` is an outcome word."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Work:
    """One verb on one trash, kept between its steps.

    Task: `verb` (list, restore, purge), `root`, `runs` (names; none: all), `paths` (below the root,
    to restore), `replace`, `older` (seconds; 0: of any age). Later steps need no more than `op`.
    Answer of a step: `more` (call again), and what is new of `found`, `failures`, `done`, `bytes`,
    `kept`; or `trouble` (outcome, text) where nothing could be begun.
    """

    def __init__(self, context: Context, task: dict[str, Any]) -> None:
        self.c, self.task = context, task
        self.root: str = task["root"]
        self.steps = _verb(task["verb"])(self)
        self._clear()

    def _clear(self) -> None:
        # of `list`: ("run", name, Unix time, command) and (kind, path, bytes) of what lies in it
        self.found: list[tuple[Any, ...]] = []
        self.failures: list[tuple[bytes, str, int, str]] = []
        self.done = self.bytes = self.kept = 0

    def step(self) -> dict[str, Any]:
        self._clear()
        more = True
        until = monotonic() + _STEP
        try:
            while more and monotonic() < until and len(self.found) < _MOST:
                more = next(self.steps, None) is not None
        except Trouble as trouble:
            return {"trouble": (trouble.code, str(trouble))}
        except OSError as error:
            self.failed(join(self.root, ".blit-trash"), self.task["verb"], error)
            more = False
        finally:
            self.c.page.operation(status.IDLE)
        answer = {name: getattr(self, name) for name in _FIELDS}
        return {**answer, "more": more}

    # -- what there is -----------------------------------------------------------------------------

    def open(self) -> int:
        """The trash, open. Raises Trouble."""
        self.c.page.folder("", self.root)
        self.c.page.operation(status.LIST_TARGET)
        try:
            return open_trash(self.c.folders.root(self.root), make=False)
        except NoTrash as no:
            raise Trouble("refused", f"{self.root}/.blit-trash {no.strerror}") from None
        except FileNotFoundError:
            if os.path.isdir(self.root):
                raise Trouble("none", f"{self.root} has no trash: nothing is kept there") from None
            raise Trouble("failed", f"{self.root} does not exist: check the path") from None
        except OSError as error:
            raise Trouble(
                "failed", f"{self.root} cannot be looked into: {error.strerror}"
            ) from None

    def runs(self, top: int) -> list[str]:
        """The runs that are meant, oldest first. Raises Trouble."""
        with os.scandir(top) as listing:
            names = sorted(e.name for e in listing if e.is_dir(follow_symlinks=False))
        wanted = self.task["runs"]
        found = names if not wanted else []
        for word in wanted:
            if not word:
                raise Trouble("usage", "a run's name is empty: check the variables in your command")
            hits = [n for n in names if n == word or n.startswith((word + ".", word))]
            exact = [n for n in hits if n == word or n.startswith(word + ".")]
            if word == "last" and names:
                exact = [n for n in names if n.partition(".")[0] == names[-1].partition(".")[0]]
            if not exact and len({n.partition(".")[0] for n in hits}) > 1:
                raise Trouble("usage", f"{word} is the beginning of several runs: say more of it")
            if not (exact or hits):
                raise Trouble(
                    "failed", f"{word} is no run in the trash of {self.root}: see blit trash list"
                )
            found += [n for n in exact or hits if n not in found]
        older = self.task.get("older", 0)
        return [n for n in found if not older or 0 < when(n) < time.time() - older]

    def walk(self, fd: int, rel: str) -> Iterator[tuple[str, os.stat_result, bool]]:
        """(path, what it is, whether it is an empty folder) of all below an open folder."""
        pending = [rel]
        device = os.fstat(fd).st_dev
        while pending:
            here = pending.pop()
            try:
                folder = below(fd, here)
            except OSError as error:
                self.failed(join(self.root, ".blit-trash", here), "list", error)
                continue
            try:
                info = os.fstat(folder)
                if info.st_dev != device:
                    continue  # mounted there: not of the trash
                empty = True
                with os.scandir(folder) as listing:
                    for entry in listing:
                        empty = False
                        self.c.page.tick()
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(join(here, entry.name))
                        else:
                            yield join(here, entry.name), entry.stat(follow_symlinks=False), False
                if empty and here:
                    yield here, info, True
            except OSError as error:
                self.failed(join(self.root, ".blit-trash", here), "list", error)
            finally:
                os.close(folder)

    def failed(self, path: str, step: str, error: OSError) -> None:
        text = error.strerror or str(error)
        self.failures.append((raw(path), step, error.errno or 0, text))


_FIELDS = ("found", "failures", "done", "bytes", "kept")


def when(run: str) -> float:
    """The Unix time in the name of a run; 0 where it says none."""
    import calendar

    try:
        return calendar.timegm(time.strptime(run[:18], "%Y-%m-%dT%H%M%SZ"))
    except ValueError:
        return 0.0


def _note(run: str, top: int) -> str:
    """The command of a run."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(note_of(run.partition(".")[0]), flags, dir_fd=top)
        try:
            return os.read(fd, _MOST_NOTE).decode("utf-8", "surrogateescape")
        finally:
            os.close(fd)
    except OSError:
        return ""


def _verb(name: str) -> Any:
    if name == "list":
        return listing
    if name == "restore":
        from blit.worker.trash_restore import restore

        return restore
    from blit.worker.trash_purge import purge

    return purge


def listing(work: Work) -> Iterator[int]:
    top = work.open()
    try:
        for run in work.runs(top):
            work.found.append(("run", run, when(run), _note(run, top)))
            fd = os.open(run, FOLDER, dir_fd=top)
            try:
                for path, info, empty in work.walk(fd, ""):
                    size = info.st_size if stat.S_ISREG(info.st_mode) else 0
                    work.found.append(("folder" if empty else "file", raw(path), size))
                    yield 1
            finally:
                os.close(fd)
            yield 1
    finally:
        os.close(top)


def lock(work: Work) -> None:
    """Nobody mirrors there meanwhile. Raises Trouble."""
    from blit.worker import opening

    try:
        opening.lock(work.c, [(work.root, "")], True)
    except opening.Held as held:
        raise Trouble("refused", f"{held.path} {held}") from None


def drop_run(work: Work, run: str, top: int) -> None:
    """The folder of a run in which nothing is, its note, and the trash itself if it is empty."""
    drop_empty(top, run)
    base = run.partition(".")[0]
    names = os.listdir(top)
    if not any(
        name == base or (name.startswith(base + ".") and name != note_of(base)) for name in names
    ):
        try:
            os.unlink(note_of(base), dir_fd=top)
        except OSError:
            pass
    if not os.listdir(top):
        drop_empty(work.c.folders.root(work.root), ".blit-trash")


def below(fd: int, rel: str, owner: bool = False) -> int:
    """The folder at `rel` below an open one, a name at a time. `owner`: ours is opened to us."""
    here = os.dup(fd)
    for name in rel.split("/") if rel else ():
        try:
            try:
                inner = os.open(name, FOLDER, dir_fd=here)
            except PermissionError:
                if not owner:
                    raise
                inner = unlock(name, here)
        finally:
            os.close(here)
        here = inner
    return here


def drop_empty(fd: int, rel: str) -> None:
    above, _, name = rel.rpartition("/")
    try:
        folder = below(fd, above)
        try:
            granted(folder, lambda: os.rmdir(name, dir_fd=folder))
        finally:
            os.close(folder)
    except OSError:
        pass
