"""What a job may not be: a source or destination that would hurt, told before the first write."""

from __future__ import annotations

import os
import stat

from blit.worker import system
from blit.worker.landing import Landing, base, plain

_FILE_IN_THE_WAY = "is a file, and a folder must go there: choose another destination"


class Refusal(Exception):
    """`code` is an outcome word (failed, usage, refused); the text, one sentence with the path."""

    def __init__(self, code: str, path: str, text: str) -> None:
        super().__init__(text)
        self.code, self.path = code, path


def alike(landings: list[tuple[bytes, bytes]]) -> None:
    """Refuse two sources that land under one name where case is not told."""
    from blit.worker.spelling import key

    seen: dict[str, bytes] = {}
    for source, place in landings:
        other = seen.setdefault(key(os.fsdecode(place)), source)
        if other != source:
            text = f"and {os.fsdecode(other)} would land under one name: {os.fsdecode(place)} there"
            raise Refusal("usage", os.fsdecode(source), text + " does not tell them apart")


def alive() -> None:
    """Called at each look: set by the probe, so that many slow answers are no stall."""


def look(path: str) -> os.stat_result | None:
    alive()
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def nested(landings: dict[str, str]) -> None:
    """Refuse two sources of which one lands in the other's tree where that has something too.

    `landings`: the source of each landing.
    """
    for path, source in landings.items():
        outer = path
        while len(outer) > 1:
            outer = os.path.dirname(outer)
            if (other := landings.get(outer)) is None:
                continue
            inside = other.rstrip("/") + "/" + path[len(outer.rstrip("/")) + 1 :]
            if os.path.lexists(inside):
                text = f"and {inside} would both land in {path}: copy them one after the other"
                raise Refusal("usage", source, text)


def source_of(source: str) -> os.stat_result:
    try:
        # a trailing slash follows a symlink, as everywhere; without one the link itself is meant
        return os.stat(source) if source.endswith(("/", "/.", "/..")) else os.lstat(source)
    except FileNotFoundError:
        raise Refusal("failed", source, "does not exist: check the path") from None
    except NotADirectoryError:
        raise Refusal("failed", source, "is not a folder: leave out the trailing slash") from None
    except PermissionError:
        raise Refusal(
            "failed",
            source,
            "cannot be reached: you have no right to look into a folder on the way",
        ) from None
    except OSError as error:
        raise Refusal("failed", source, f"cannot be reached: {error.strerror}") from None


def check(
    source: str, info: os.stat_result, is_folder: bool, place: Landing,
    there: os.stat_result | None, mirror: bool,
) -> os.stat_result | None:  # fmt: skip
    """Refuse what would hurt; the destination folder's stat if it exists already."""
    ground = place.root
    while (standing := look(ground)) is None:
        ground = os.path.dirname(ground)
    if not stat.S_ISDIR(standing.st_mode):
        raise Refusal("refused", ground, _FILE_IN_THE_WAY)
    if not is_folder:
        parent = standing if ground == place.root else None
        ours = look(os.path.dirname(plain(source)) or "/")
        if (
            parent is not None
            and ours is not None
            and os.path.samestat(parent, ours)
            and place.name == base(source)
        ):
            raise Refusal(
                "refused", source, "is source and destination at once: choose another destination"
            )
        try:
            final = os.lstat(place.path)
        except OSError:
            return None
        if stat.S_ISDIR(final.st_mode):
            raise Refusal(
                "refused",
                place.path,
                "is a folder, and a file must go there: remove it or choose another name",
            )
        return None
    try:
        final = os.lstat(place.path) if place.rel else os.stat(place.path)
    except (FileNotFoundError, NotADirectoryError):
        exists = None
    else:
        exists = final
    if exists is not None and not stat.S_ISDIR(exists.st_mode):
        raise Refusal(
            "refused",
            place.path,
            "is not a folder, and a folder must go there: remove it or choose another destination",
        )
    if exists is not None and os.path.samestat(exists, info):
        raise Refusal(
            "refused", place.path, "is source and destination at once: choose another destination"
        )
    if _inside(place.path, plain(source), info):
        text = f"lies inside the source {source}: it would copy itself"
        raise Refusal("refused", place.path, text)
    if mirror and exists is not None and _inside(plain(source), place.path, exists):
        text = f"lies inside the destination {place.path}: the mirror would delete it"
        raise Refusal("refused", source, text)
    return exists


def _inside(path: str, folder: str, info: os.stat_result) -> bool:
    """Whether `path` lies in `folder`, whose stat is `info`, links and bind mounts included."""
    if any(os.path.samestat(above, info) for above in _upwards(path)):
        return True
    device, inner = system.canonical(path)
    other, outer = system.canonical(folder)
    return device == other and (inner == outer or inner.startswith(outer.rstrip("/") + "/"))


def _upwards(path: str) -> list[os.stat_result]:
    """The folders above, from the nearest that exists, along the real path."""
    found = []
    here = os.path.realpath(path)
    while True:
        info = look(here)
        if info is not None:
            found.append(info)
        above = os.path.dirname(here)
        if above == here:
            return found
        here = above
