"""Where things land: rsync's rule, decided by the raw arguments (pathlib would drop the slash)."""

from __future__ import annotations


class Landing:
    """A directory: `folder` under `root`; anything else: `root` and `name`; paths are absolute."""

    __slots__ = ("name", "rel", "root")

    def __init__(self, root: str, rel: str, name: str | None) -> None:
        self.root, self.rel, self.name = root, rel, name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Landing) and (self.root, self.rel, self.name) == (
            other.root, other.rel, other.name,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Landing({self.root!r}, {self.rel!r}, {self.name!r})"

    @property
    def path(self) -> str:
        tail = self.rel or self.name
        return self.root.rstrip("/") + "/" + tail if tail else self.root


def means_contents(source: str) -> bool:
    """`SRC/`, `SRC/.` and `..` stand for what is inside; `SRC` for the folder itself."""
    return source.endswith("/") or source.rpartition("/")[2] in (".", "..")


def base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def landing(
    source: str, is_folder: bool, target: str, target_is_folder: bool, several: bool
) -> Landing:
    """Where `source` goes. `several`: more than one source was given, so the target is a folder.

    `SRC` (a folder) → `DST/SRC`, whether or not DST exists; `SRC/` → its contents into DST; a file
    → into DST if that is a folder or ends in `/`, else to exactly that name.
    """
    if is_folder:
        return Landing(plain(target), "" if means_contents(source) else base(source), None)
    if target_is_folder or several or means_contents(target):
        return Landing(plain(target), "", base(source))
    folder, _, name = target.rpartition("/")
    return Landing(plain(folder or "/"), "", name)


def plain(path: str) -> str:
    return path.rstrip("/") or "/"
