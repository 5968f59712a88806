"""A run over some paths alone: the failed ones of an earlier run, or all but what hangs."""

from __future__ import annotations

import os
import stat

from blit.worker import status, wire
from blit.worker.context import Context, join, raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def tokens_of(
    tokens: list[tuple[Any, ...]], only: list[str], tick: Callable[[], None]
) -> list[tuple[Any, ...]]:
    """The folder tokens for these absolute paths, of either side, below the whole job's `tokens`.

    A folder is listed with all that is in it, a file is looked at by its name alone. What the
    source does not have any more is left out: there is nothing to copy.
    """
    folders: dict[tuple[str, str, str, str], tuple[Any, ...]] = {}
    names: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for path in only:
        tick()
        for src_root, dst_root, _, dst_base, single, flags in tokens:
            if single is not None:  # a file given as a source: its token is as small as can be
                pairs = single.items()
                known = [p for n, t in pairs for p in (join(src_root, n), join(dst_root, t))]
                if path in known:
                    folders[src_root, dst_root, "", ""] = (
                        src_root, dst_root, "", "", single, flags,
                    )  # fmt: skip
                continue
            rel = _below(path, src_root)
            if rel is None:
                rel = _below(path, join(dst_root, dst_base))
            if rel is None:
                continue
            info = _look(join(src_root, rel))
            if info is None:
                continue
            if stat.S_ISDIR(info.st_mode):
                place = (src_root, dst_root, rel, join(dst_base, rel))
                folders[place] = (*place, None, _exists(dst_root, place[3]))
                if rel and not folders[place][5]:  # making it moves the time of the one above
                    above = rel.rpartition("/")[0]
                    names.setdefault((src_root, dst_root, above, join(dst_base, above)), {})
            else:
                above, _, name = rel.rpartition("/")
                place = (src_root, dst_root, above, join(dst_base, above))
                names.setdefault(place, {})[name] = name
    whole = {(place[0], place[2]) for place, token in folders.items() if token[4] is None}
    found = [t for place, t in folders.items() if not _covered(place, whole)]
    for place, wanted in names.items():
        if (place[0], place[2]) not in whole and not _covered(place, whole):
            flags = _exists(place[1], place[3]) | wire.FINISH_ANYWAY
            found.append((*place, wanted, flags))
    return found


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `tokens` (dumps, of the whole job), `only` (absolute paths, of either side).

    Answer: `folders` (dumps of tokens for these paths), and `lost`, those that no token reaches.
    """
    tokens = [wire.load(blob) for blob in task["tokens"]]
    reached: list[str] = []
    lost: list[str] = []
    context.page.operation(status.PROBE)
    context.page.folder("", "")
    for path in task["only"]:
        context.page.name(path[-700:])
        (reached if tokens_of(tokens, [path], context.page.tick) else lost).append(path)
    context.page.operation(status.IDLE)
    folders = tokens_of(tokens, reached, context.page.tick)
    return {"folders": [wire.dump(t) for t in folders], "lost": lost}


def _covered(place: tuple[str, str, str, str], whole: set[tuple[str, str]]) -> bool:
    """Whether a folder above is listed with all that is in it."""
    root, _, rel, _ = place
    while rel:
        rel = rel.rpartition("/")[0]
        if (root, rel) in whole:
            return True
    return False


def _below(path: str, root: str) -> str | None:
    """The path below a root, "" for the root itself; None when it lies elsewhere."""
    path, root = path.rstrip("/"), root.rstrip("/")
    if path == root:
        return ""
    return path[len(root) + 1 :] if path.startswith(root + "/") else None


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _exists(root: str, rel: str) -> int:
    info = _look(join(root, rel))
    return wire.DST_EXISTS if info is not None and stat.S_ISDIR(info.st_mode) else 0


def outside(groups: list[bytes], paths: list[bytes]) -> list[bytes]:
    """Groups without those of the folders at these absolute paths, of either side."""
    found = []
    for blob in groups:
        src_root, dst_root, src_rel, dst_rel, _, _ = wire.load(blob)
        if not {raw(join(src_root, src_rel)), raw(join(dst_root, dst_rel))} & set(paths):
            found.append(blob)
    return found


def without(groups: list[bytes], paths: list[bytes]) -> list[bytes]:
    """Groups without the entries at these absolute paths, of either side: they did not answer."""
    found = []
    for blob in groups:
        src_root, dst_root, src_rel, dst_rel, names, entries = wire.load(blob)
        kept = []
        for entry in entries:
            name = entry if isinstance(entry, str) else entry[0]
            target = names[name] if isinstance(names, dict) else name
            both = (raw(join(src_root, src_rel, name)), raw(join(dst_root, dst_rel, target)))
            if not any(path in paths for path in both):
                kept.append(entry)
        if kept:
            found.append(wire.dump((src_root, dst_root, src_rel, dst_rel, names, kept)))
    return found
