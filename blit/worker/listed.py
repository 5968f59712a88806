"""`--files-from`: the paths that a list names, below the one source."""

from __future__ import annotations

import errno
import os

from blit.worker.context import join, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def names(data: bytes) -> list[str]:
    """One a line; where there is a NUL, it ends a name, and lines mean nothing."""
    ends = b"\0" if b"\0" in data else b"\n"
    return [each.decode("utf-8", "surrogateescape") for each in data.split(ends) if each]


def below(
    source: str, wanted: list[str], tick: Callable[[], None]
) -> tuple[list[str], list[tuple[bytes, str, int, str]]]:
    """The absolute paths in `source` that are meant, and the failures of those that cannot be."""
    found, failures = [], []
    for name in wanted:
        tick()
        parts = [part for part in name.split("/") if part not in ("", ".")]
        path = join(source, *parts)
        if name.startswith("/") or ".." in parts:
            text = f"leaves {source}: a list names paths below it"
            if name.startswith("/"):
                text = f"is absolute: a list names paths as they are below {source}"
            failures.append((raw(name), "list", errno.EINVAL, text))
            continue
        try:
            os.lstat(path)
        except OSError as error:
            text = error.strerror or str(error)
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                text = "it is on the list, and not there"
            failures.append((raw(path), "list", error.errno or 0, text))
        else:
            found.append(path)
    return found, failures
