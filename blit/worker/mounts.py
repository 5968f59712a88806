"""What is mounted where, for Linux: the part of linux.py that reads the table of mounts."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def filesystem(path: str) -> tuple[str, str]:
    """Type and device of the filesystem that holds `path`. Walks the path: only for workers."""
    return mount_of(os.path.realpath(path))


def mount_of(path: str) -> tuple[str, str]:
    """Type and device of the last mount above a real path, by text alone: touches no user file."""
    kind, device, _ = _mount(path)
    return kind, device


def mount_kind(number: int) -> str:
    """Type of the filesystem of a mount (see `mount_id`); "" where that is not known."""
    for fields, right, _ in _mounts():
        if fields[0] == str(number):
            return right.partition(" ")[0]
    return ""


def _mount(path: str) -> tuple[str, str, str]:
    best, length = ("", "", ""), 0
    for fields, right, point in _mounts():
        inside = point == "/" or path == point or path.startswith(point + "/")
        if inside and len(point) >= length:
            kind, device, *rest = right.split(" ")
            best = (kind, device, ",".join((fields[5], *rest)))
            length = len(point)
    return best


def _mounts() -> Iterator[tuple[list[str], str, str]]:
    """The table of mounts: the fields of its left and right half, and where each is."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                left, _, right = line.rstrip("\n").partition(" - ")
                fields = left.split(" ")
                yield fields, right, _unescape(fields[4])
    except OSError:
        pass


def mounted_below(real: str) -> bool:
    """Whether anything is mounted below a real path, by text alone: touches no user file."""
    below = real.rstrip("/") + "/"
    return any(point.startswith(below) for _, _, point in _mounts())


def mounts_below(fd: int, name: str) -> bool:
    """Whether a filesystem is mounted on an entry of an open folder, or below it."""
    real = os.path.join(os.readlink(f"/proc/self/fd/{fd}"), name)
    return any(point == real or point.startswith(real + "/") for _, _, point in _mounts())


def mount_options(path: str) -> str:
    """The options of the filesystem that holds `path`. Walks the path: only for workers."""
    return _mount(os.path.realpath(path))[2]


def canonical(path: str) -> tuple[str, str]:
    """Device and path inside its filesystem: the same for all bind mounts of one folder.

    Walks the path; what does not exist yet is taken as it is spelled.
    """
    real = os.path.realpath(path)
    best, length = ("", real), 0
    for fields, _, point in _mounts():
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= length:
            tail = real[len(point) :].lstrip("/")
            root = _unescape(fields[3]).rstrip("/")
            best = (fields[2], f"{root}/{tail}".rstrip("/") or "/")
            length = len(point)
    return best


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
