"""What a run leaves out: patterns in gitignore syntax, tested name by name as folders are listed.

The order is git's: what the job says comes before the .gitignore of the entry's own folder, that
before those of the folders above; within one of them the last match decides. A folder that is left
out is not entered, so nothing below it can be taken back in.

`pathspec` turns a glob into a regular expression. Only that is asked of it: git tests every entry
by itself, on its name or on its path below the folder of the .gitignore, and stops at a folder.
"""

from __future__ import annotations

import errno
import stat
import sys
from time import monotonic_ns

from blit.worker import wire
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from blit.worker.folders import Folders

    Hides = Callable[[str, bool, os.DirEntry[str]], bool]
    Limits = tuple[int | None, int | None, int | None, int | None]
    # tests are sorted by priority: hides, for folders alone, test, what stands before the name (or
    # None: the name alone is tested), and which of the job's patterns it is (or -1)
    Test = tuple[bool, bool, Callable[[str], Any], "str | None", int]

NAME = ".gitignore"
_MOST_BYTES = 16 << 20  # of one file of patterns
_MOST_PLACES = 4096  # folders whose patterns are kept in mind
_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \t", "digit": "0-9", "lower": "a-z",
    "space": " \t\n\r\f\v", "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


class Rule:
    """One pattern."""

    __slots__ = ("bare", "depth", "folders_only", "hides", "test")

    def __init__(self, hides: bool, folders_only: bool, glob: str) -> None:
        self.hides, self.folders_only = hides, folders_only
        self.bare = "/" not in glob  # then it may match in any folder, and by the name alone
        # slashes in the path of what it can match; -1: any number
        self.depth = -1 if "**" in glob else glob.strip("/").count("/")
        self.test = _compiled(glob)

    def below(self, rel: str) -> bool:
        """Whether it can match an entry of the folder `rel`, seen from where the rule stands."""
        return self.bare or self.depth < 0 or self.depth == (rel.count("/") + 1 if rel else 0)


def rule(line: str) -> Rule | None:
    """A line of a .gitignore; None for a blank one or a comment. ValueError: what is wrong."""
    line = line.removesuffix("\r")
    end = len(line.rstrip(" "))
    if end < len(line) and _escapes(line[:end]):
        end += 1  # that blank is meant
    glob = line[:end]
    if not glob or glob[0] == "#":
        return None
    hides = glob[0] != "!"
    glob = glob if hides else glob[1:]
    folders_only = glob.endswith("/")
    glob = glob.removesuffix("/")
    if not glob:
        raise ValueError("it names nothing")
    if "//" in glob:
        raise ValueError("no path has two slashes in a row")
    if _escapes(glob):
        raise ValueError("the backslash at its end escapes nothing")
    return Rule(hides, folders_only, glob)


def _escapes(text: str) -> bool:
    """Whether the last character is a backslash that is not itself escaped."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _compiled(glob: str) -> Callable[[str], Any]:
    import re
    import warnings

    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    glob = "/".join("**" if len(s) > 2 and not s.strip("*") else s for s in glob.split("/"))
    if glob[0] in "!#":
        glob = "\\" + glob  # it is not the first of its line any more
    last = glob[-1]
    if last.isspace() and not glob.endswith("\\ "):  # pathspec would trim it
        before = glob[:-1]
        glob = f"{before[:-1] if _escapes(before) else before}[{last}]"
    while found := re.search(r"\[[!^]?\]?[^]/]*?(\[:([a-z]+):\])", glob):
        name = found.group(2)
        if name not in _CLASSES:
            raise ValueError(f"[:{name}:] is not known here")
        glob = glob[: found.start(1)] + _CLASSES[name] + glob[found.end(1) :]
    text, include = GitIgnoreSpecPattern.pattern_to_regex(glob)
    if text is None or include is None:
        raise ValueError("a bracket is not closed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about brackets within brackets
        try:
            expression = re.compile(text, re.DOTALL)
        except re.error as error:
            raise ValueError(str(error)) from None
    # without a group it has no end of its own: `a/**` is all that is below
    return expression.fullmatch if expression.groups else expression.search


def rules(text: bytes) -> list[Rule]:
    """The rules of a .gitignore; what is no pattern matches nothing there, as with git."""
    found = []
    for line in text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n"):
        try:
            each = rule(line)
        except ValueError:
            continue
        if each is not None:
            found.append(each)
    return found


class Filters:
    """The filters of one run in one worker. What is kept between folders are their .gitignore."""

    def __init__(self, blob: bytes, folders: Folders) -> None:
        """`blob`: from `prepare`."""
        self.blob = blob
        home, lines, self.gitignore, self.spares, self.limits, _ = wire.load(blob)
        if lines or self.gitignore:
            load_pathspec(home)
        self.folders = folders
        self._rules = [each for line in lines if (each := rule(line)) is not None]
        self._missed = set(range(len(self._rules)))
        self.hits: list[int] = []  # patterns of the job that matched for the first time
        self._places: dict[tuple[str, str], tuple[tuple[str, list[Rule]], ...]] = {}

    def of(self, root: str, rel: str) -> Hides:
        """The test for the entries of one folder of the source, or of its copy."""
        prefix = rel + "/" if rel else ""
        tests: list[Test] = []
        for index in range(len(self._rules) - 1, -1, -1):
            each = self._rules[index]
            if each.below(rel):
                tests.append(
                    (each.hides, each.folders_only, each.test, None if each.bare else prefix, index)
                )
        for place, found in self._obeyed(root, rel) if self.gitignore else ():
            inner = rel[len(place) + 1 :] if place else rel
            prefix = inner + "/" if inner else ""
            tests += [
                (each.hides, each.folders_only, each.test, None if each.bare else prefix, -1)
                for each in reversed(found)
                if each.below(inner)
            ]
        missed, hits = self._missed, self.hits

        limits = self.limits

        def hides(name: str, is_folder: bool, entry: os.DirEntry[str]) -> bool:
            if limits is not None and not is_folder and beyond(entry, limits):
                return True
            verdict = None
            for hidden, folders_only, test, before, index in tests:
                if folders_only and not is_folder:
                    continue
                if verdict is not None and index not in missed:
                    continue
                if test(name if before is None else before + name) is None:
                    continue
                if index in missed:
                    missed.discard(index)
                    hits.append(index)
                if verdict is None:
                    verdict = hidden
                if not missed:
                    break
            return bool(verdict)

        return hides

    def _obeyed(self, root: str, rel: str) -> tuple[tuple[str, list[Rule]], ...]:
        """The rules of the .gitignore files from a folder upwards, with where each stands."""
        known = self._places
        missing = []
        here: str | None = rel
        while here is not None and (root, here) not in known:
            missing.append(here)
            here = here.rpartition("/")[0] if here else None
        chain = known[root, here] if here is not None else ()
        if len(known) + len(missing) > _MOST_PLACES:
            known.clear()
        for here in reversed(missing):
            found = rules(_read(self.folders, root, here))
            if found:
                chain = ((here, found), *chain)
            known[root, here] = chain
        return chain


def beyond(entry: os.DirEntry[str], limits: Limits) -> bool:
    """Whether a regular file is left out by its size (bytes) or its mtime (nanoseconds)."""
    if not entry.is_file(follow_symlinks=False):
        return False
    try:
        info = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False  # whoever looks next says that it has vanished
    least, most, newer, older = limits
    size, changed = info.st_size, info.st_mtime_ns
    return (
        (least is not None and size < least) or (most is not None and size > most)
        or (newer is not None and changed <= newer) or (older is not None and changed >= older)
    )  # fmt: skip


def _read(folders: Folders, root: str, rel: str) -> bytes:
    """The folder's .gitignore; nothing where there is none, or where it is no regular file."""
    try:
        fd = os.open(
            NAME,
            os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            dir_fd=folders.open(root, rel),
        )
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            return b""
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return b""
    with open(fd, "rb") as file:
        return _content(file)


def _content(file: Any) -> bytes:
    data: bytes = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError(errno.EFBIG, "too large for a list of patterns")
    return data


def prepare(asked: tuple[str, list[str | bytes], bool, bool, Limits | None]) -> dict[str, Any]:
    """The `filters` of a job, opaque, for its workers, and the `patterns` in them; checked once.

    `asked`: where pathspec lies, the job's patterns (bytes: the path of a file of patterns),
    whether .gitignore files count, whether a mirror spares what is left out, and which files are
    left out by size and age: bytes at least and at most, changed after and before (ns), or None.
    Raises ValueError: path or pattern, what is wrong with it.
    """
    home, patterns, gitignore, spares, limits = asked
    if patterns or gitignore:
        load_pathspec(home)
    found = []
    for origin, line in _lines(patterns):
        try:
            if rule(line) is not None:
                found.append(line)
        except ValueError as error:
            raise ValueError(line, f"is no pattern{origin}: {error}") from None
    # no two runs share one: a .gitignore may have changed between them
    blob = wire.dump((home, found, gitignore, spares, limits, monotonic_ns()))
    return {"filters": blob, "patterns": found}


def _lines(patterns: Iterable[str | bytes]) -> Iterable[tuple[str, str]]:
    """Every line, with where it stands as text."""
    for each in patterns:
        if isinstance(each, str):
            yield "", each
            continue
        path = each.decode("utf-8", "surrogateescape")
        try:
            with open(each, "rb") as file:
                text = _content(file).removeprefix(b"\xef\xbb\xbf")
        except OSError as error:
            raise ValueError(path, f"cannot be read for its patterns: {error.strerror}") from None
        for number, line in enumerate(text.decode("utf-8", "surrogateescape").split("\n"), 1):
            yield f" ({path}, line {number})", line


def load_pathspec(home: str) -> None:
    """Workers start without site-packages: only who filters needs what lies there."""
    if home and home not in sys.path:
        sys.path.append(home)
    import pathspec  # noqa: F401
