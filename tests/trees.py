"""Trees in tests are literals: declare one, make it, take a snapshot of one, compare two.

    make(src, {"a.txt": b"hello", "sub": {"link": Symlink("../a.txt")}, "same": Hard("a.txt")})
    assert_same(src, dst)

A value is bytes (a file's content), a dict (a folder), or one of the classes below. Names are `str` or
`bytes`; modes and times are set when everything is there, deepest first.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

Place: TypeAlias = "str | bytes | os.PathLike[str]"
Tree: TypeAlias = "Mapping[str, Node] | Mapping[bytes, Node] | Mapping[str | bytes, Node]"


@dataclass(frozen=True)
class File:
    content: bytes = b""
    size: int | None = None  # instead of a content: so many bytes that differ from file to file
    mode: int = 0o644
    mtime: int | None = None  # nanoseconds
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Sparse:
    """Holes but for `data`: {offset: bytes}."""

    size: int
    data: Mapping[int, bytes] = field(default_factory=dict)
    mtime: int | None = None


@dataclass(frozen=True)
class Symlink:
    target: str | bytes
    mtime: int | None = None


@dataclass(frozen=True)
class Hard:
    """Another name of the file that has this path below the root of the tree."""

    to: str | bytes


@dataclass(frozen=True)
class Fifo:
    mode: int = 0o644
    mtime: int | None = None


@dataclass(frozen=True)
class Folder:
    entries: Tree = field(default_factory=dict)
    mode: int = 0o755
    mtime: int | None = None
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


Node: TypeAlias = "bytes | File | Sparse | Symlink | Hard | Fifo | Folder | Tree"


def make(root: Place, tree: Tree | Folder) -> None:
    """Make the tree below `root`, which is made too if it is missing."""
    top = os.fsencode(root)
    os.makedirs(top, exist_ok=True)
    later: list[tuple[bytes, File | Folder | Fifo | Sparse | Symlink]] = []
    hard: list[tuple[bytes, bytes]] = []
    _fill(top, tree if isinstance(tree, Folder) else Folder(tree), later, hard)
    for path, to in hard:
        os.link(os.path.join(top, to), path, follow_symlinks=False)
    for path, node in reversed(later):
        _dress(path, node)


def _fill(
    path: bytes,
    folder: Folder,
    later: list[tuple[bytes, File | Folder | Fifo | Sparse | Symlink]],
    hard: list[tuple[bytes, bytes]],
) -> None:
    later.append((path, folder))
    for name, value in folder.entries.items():
        here = os.path.join(path, os.fsencode(name))
        node = File(value) if isinstance(value, bytes) else value
        if isinstance(node, Mapping):
            node = Folder(node)
        if isinstance(node, Hard):
            hard.append((here, os.fsencode(node.to)))
            continue
        if isinstance(node, Folder):
            os.makedirs(here, exist_ok=True)
            _fill(here, node, later, hard)
            continue
        if isinstance(node, File):
            _write(here, node.content if node.size is None else filler(node.size, here))
        elif isinstance(node, Sparse):
            with open(here, "wb") as out:
                out.truncate(node.size)
                for offset, data in node.data.items():
                    os.pwrite(out.fileno(), data, offset)
        elif isinstance(node, Symlink):
            os.symlink(os.fsencode(node.target), here)
        else:
            os.mkfifo(here)
        later.append((here, node))


def _dress(path: bytes, node: File | Folder | Fifo | Sparse | Symlink) -> None:
    if isinstance(node, File | Folder):
        for name, value in node.xattrs.items():
            os.setxattr(path, name, value)
    if isinstance(node, File | Folder | Fifo):
        os.chmod(path, node.mode)
    if node.mtime is not None:
        os.utime(path, ns=(node.mtime, node.mtime), follow_symlinks=False)


def _write(path: bytes, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def filler(size: int, seed: bytes = b"") -> bytes:
    """Bytes that are the same for the same seed and differ for another."""
    block = hashlib.sha256(seed).digest() * 128
    return (block * (size // len(block) + 1))[:size]


class Entry(NamedTuple):
    kind: str  # file, folder, symlink, fifo, socket, device
    mode: int
    owner: tuple[int, int]
    mtime: int  # nanoseconds
    content: str  # SHA-256 of a file, target of a link
    size: int  # of a file
    names: frozenset[bytes]  # all names of the same file below this root
    xattrs: Mapping[str, bytes]


def snapshot(root: Place) -> dict[bytes, Entry]:
    """Everything below `root`, and `root` itself as `b"."`, by path."""
    top = os.fsencode(root)
    found: dict[bytes, os.stat_result] = {b".": os.stat(top)}
    names: dict[tuple[int, int], set[bytes]] = {}
    pending = [b""]
    while pending:
        rel = pending.pop()
        with os.scandir(os.path.join(top, rel)) as listing:
            for item in listing:
                path = os.path.join(rel, item.name)
                info = os.lstat(os.path.join(top, path))
                found[path] = info
                if stat.S_ISDIR(info.st_mode):
                    pending.append(path)
                else:
                    names.setdefault((info.st_dev, info.st_ino), set()).add(path)
    return {
        path: _entry(os.path.join(top, path), info, names.get((info.st_dev, info.st_ino), set()))
        for path, info in found.items()
    }


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def _entry(path: bytes, info: os.stat_result, names: set[bytes]) -> Entry:
    kind = _KINDS.get(stat.S_IFMT(info.st_mode), "device")
    content = ""
    if kind == "file":
        content = digest(path)
    elif kind == "symlink":
        content = os.fsdecode(os.readlink(path))
    return Entry(
        kind,
        stat.S_IMODE(info.st_mode),
        (info.st_uid, info.st_gid),
        info.st_mtime_ns,
        content,
        info.st_size if kind == "file" else 0,
        frozenset(names),
        {
            name: os.getxattr(path, name, follow_symlinks=False)
            for name in sorted(os.listxattr(path, follow_symlinks=False))
        },
    )


def digest(path: Place) -> str:
    """SHA-256 of a file; holes cost no reading."""
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as data:
        size, at = os.fstat(data.fileno()).st_size, 0
        found.update(b"%d" % size)
        while at < size:
            try:
                start = os.lseek(data.fileno(), at, os.SEEK_DATA)
            except OSError:
                break  # a hole up to the end
            at = os.lseek(data.fileno(), start, os.SEEK_HOLE)
            for offset in range(start, at, 1 << 20):
                block = os.pread(data.fileno(), min(1 << 20, at - offset), offset)
                if block.strip(b"\0"):  # zeros that are written and zeros that are holes are equal
                    lead = len(block) - len(block.lstrip(b"\0"))
                    found.update(b"@%d:" % (offset + lead))
                    found.update(block.strip(b"\0"))
    return found.hexdigest()


def differences(
    one: Place | Mapping[bytes, Entry],
    other: Place | Mapping[bytes, Entry],
    ignore: tuple[str, ...] = (),
) -> list[str]:
    """What differs, a line each; `ignore` names fields of Entry."""
    ours = one if isinstance(one, Mapping) else snapshot(one)
    theirs = other if isinstance(other, Mapping) else snapshot(other)
    found = [f"only in the first: {path!r}" for path in sorted(ours.keys() - theirs.keys())]
    found += [f"only in the second: {path!r}" for path in sorted(theirs.keys() - ours.keys())]
    for path in sorted(ours.keys() & theirs.keys()):
        for name, a, b in zip(Entry._fields, ours[path], theirs[path], strict=True):
            if a != b and name not in ignore:
                if name == "mtime" and ours[path].kind == "folder" and "folder_mtime" in ignore:
                    continue
                found.append(f"{path!r}: {name} {a!r} != {b!r}")
    return found


def assert_same(
    one: Place | Mapping[bytes, Entry],
    other: Place | Mapping[bytes, Entry],
    ignore: tuple[str, ...] = (),
) -> None:
    found = differences(one, other, ignore)
    assert not found, "\n".join(found[:20])


def temporaries(root: Place) -> list[str]:
    """Everything below `root` that blit left under a temporary name."""
    return [
        os.path.join(folder, name)
        for folder, folders, files in os.walk(os.fspath(root))
        for name in (*folders, *files)
        if os.fsencode(name).startswith(b".blit-")
    ]


def contents(root: Place) -> dict[str, bytes]:
    """The regular files below a root, read; for small trees."""
    top = Path(os.fsdecode(root))
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
