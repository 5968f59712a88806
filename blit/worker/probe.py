"""The first look at a job: its arguments, where things land, whether that is safe, and on what.

Runs in a worker, because the very first `stat` may hang on a dead mount.
"""

from __future__ import annotations

import stat
from time import monotonic

from blit.worker import abilities, grain, latency, refuse, room, status, system, tmpname, wire
from blit.worker.context import Context, join, raw
from blit.worker.entries import is_empty, is_vacant
from blit.worker.ground import NETWORK, kind, rotational
from blit.worker.landing import base, landing, plain
from blit.worker.refuse import Refusal, look, nested, source_of
from blit.worker.system import os
from blit.worker.wire import DIRECT_BYTES, DIRECT_FILES, FEW_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DIRECT_FOLDERS = 64
_LOOK = 0.001  # seconds that a look may go on beyond the files that go the direct way in any case
_SLOW_LOOK = 0.02  # the same of folders: each may be slow to ask, and the listing asks them again


def run(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    """Task: `sources`, `target` (raw, absolute, str), `options`, `only` (absolute paths, a retry),
    `files_from`, `listed` (a list of names: its path, or its content), `filters` (see
    filters.prepare) or None, `check` (the contents of two folders are compared).

    Answer: `refused` (outcome, path, text), or `folders` (dumps of tokens), `landings` (source,
    destination), `options` completed by what the filesystems can, `same`, `small` (files, bytes) or
    None, `largest` (bytes of a single file given), `empty` (nothing in the source while the
    destination has something), `roots` (of the destination), `filesystems`, `devices`,
    `rotational`, `pace` (see latency.of), `kinds` (see ground.py), `caseless` (the destination),
    `fresh` (what is to be made is not there, or an empty folder), `free` (bytes), `room` (see
    room.look), `remarks` (for `-v`), with filters `filters` (for the scans) and `patterns`, with
    `only` also `base` (the `folders` without it).
    """
    page = context.page
    page.operation(status.PROBE)
    refuse.alive = page.tick
    try:
        return _probe(context, task)
    except Refusal as no:
        return {"refused": (no.code, raw(no.path), str(no))}
    except OSError as error:
        path = error.filename if isinstance(error.filename, str) else task["target"]
        text = f"cannot be used: {error.strerror or error}"
        return {"refused": ("failed", raw(path), text)}
    finally:
        page.operation(status.IDLE)


def _probe(context: Context, task: dict[str, Any]) -> dict[str, Any]:
    page = context.page
    target: str = task["target"]
    page.folder("", "")
    page.name(target[-700:])
    there = look(target)
    target_is_folder = there is not None and stat.S_ISDIR(there.st_mode)
    check = bool(task.get("check"))
    if check and there is None:
        raise Refusal("failed", target, "does not exist: there is nothing to compare with")
    if check and not target_is_folder:
        raise Refusal("usage", target, "is not a folder: blit check compares two folders")
    options: int = task["options"]
    tokens: list[tuple[Any, ...]] = []
    single: dict[tuple[str, str], dict[str, str]] = {}  # names of files by their folder and root
    linked: dict[tuple[int, int], list[tuple[str, str]]] = {}  # of hard links, by inode, the same
    landings, mine, theirs, places = [], [], [], []
    alone = bool(options & wire.MIRROR)
    seen: dict[str, str] = {}
    filters = _filters(task["filters"]) if task.get("filters") else {}
    small: tuple[int, int] | None = None if filters else (0, 0)
    empty, fresh = False, True
    device, devices = 0, set()
    largest, roots = None, set()
    looks: tuple[list[float], list[float]] = ([], [])
    for source in task["sources"]:
        page.name(source[-700:])
        info = source_of(source)
        page.tick()
        device = info.st_dev
        devices.add(device)
        is_folder = stat.S_ISDIR(info.st_mode)
        if options & wire.MIRROR and not is_folder:
            text = "is not a folder: blit mirror takes a folder, blit copy takes files too"
            if check:
                text = "is not a folder: blit check compares two folders"
            raise Refusal("usage", source, text)
        place = landing(
            plain(source) + "/" if check else source,
            is_folder,
            target,
            target_is_folder,
            len(task["sources"]) > 1,
        )
        if seen.get(place.path) == plain(source):
            continue  # named twice
        if place.path in seen and seen[place.path] != plain(source):
            raise Refusal(
                "usage",
                source,
                f"and {seen[place.path]} would both land in {place.path}: "
                "without a trailing slash each gets a folder of its own",
            )
        if (place.rel or place.name or "").partition("/")[0] == tmpname.TRASH:
            raise Refusal("usage", place.path, "is kept for a trash: choose another name")
        seen[place.path] = plain(source)
        exists = refuse.check(source, info, is_folder, place, there, alone)
        page.tick()
        landings.append((raw(source), raw(place.path)))
        roots.add(place.root)
        places.append((place.root, place.rel if is_folder and (exists or alone) else ""))
        if is_folder:
            flag = wire.DST_EXISTS if exists else 0
            tokens.append((plain(source), place.root, "", place.rel, None, flag))
            mine.append((info.st_dev, info.st_ino))
            if exists:
                theirs.append((exists.st_dev, exists.st_ino))
            if small is not None:
                small = _small(context, plain(source), small, looks)
            page.tick()
            vacant = exists is None or is_vacant(place.path)
            fresh = fresh and vacant
            if alone and not vacant:
                empty = is_empty(plain(source), "lost+found")  # a fresh disk
        else:
            folder = os.path.dirname(plain(source)) or "/"
            parent = look(place.root)
            flag = wire.DST_EXISTS if parent is not None else 0
            fresh = fresh and not os.path.lexists(place.path)
            assert place.name is not None
            # thousands of them, of one folder mostly, are listed together
            names = single.get((folder, place.root))
            if names is None:
                names = single[folder, place.root] = {}
                tokens.append((folder, place.root, "", "", names, flag))
            names[base(source)] = place.name
            if info.st_nlink > 1:
                linked.setdefault((info.st_dev, info.st_ino), []).append((folder, place.root))
            page.tick()
            size = info.st_size if stat.S_ISREG(info.st_mode) else 0
            largest = size if len(task["sources"]) == 1 else None
            if small is not None:
                small = (small[0] + 1, small[1] + size)
        if small is not None and (small[0] > FEW_FILES or small[1] > DIRECT_BYTES):
            small = None
    nested(seen)
    if joined := {place for places_ in linked.values() if len(places_) > 1 for place in places_}:
        tokens = [(*t[:5], t[5] | wire.JOINED) if t[:2] in joined and t[4] else t for t in tokens]
    above = target
    while (ground := look(above)) is None or not stat.S_ISDIR(ground.st_mode):
        above = os.path.dirname(above.rstrip("/")) or "/"
    page.name(target[-700:])
    missing: list[tuple[bytes, str, int, str]] = []
    listed = task.get("files_from") is not None or task.get("listed") is not None
    if listed:
        task["only"], missing = _listed(context, task)
    remarks: list[str] = []
    if options & wire.TRASH or not options & wire.DRY:
        from blit.worker import opening

        remarks = opening.open_roots(context, options, sorted(roots), places)
    if listed or task.get("only"):
        from blit.worker.retry import tokens_of

        filters["base"] = [wire.dump(t) for t in tokens]
        tokens, small, largest = tokens_of(tokens, task["only"], page.tick), None, None
    elif options & wire.HELD:
        small = largest = None
    page.tick()
    source_type = system.filesystem(task["sources"][0])[0]
    page.tick()
    target_type, target_device = system.filesystem(above)
    if source_type in NETWORK or source_type.startswith("fuse"):
        options |= wire.GENTLE
    page.tick()
    coarse = max(grain.known(source_type), grain.ask(above, target_type))
    options |= abilities.of(context, above, target_type, target_device, options, sorted(roots))
    page.tick()
    if options & wire.CASELESS:
        refuse.alike(landings)
    disk = os.statvfs(above)
    return {
        "folders": [wire.dump(t) for t in tokens],
        "landings": landings,
        "options": options & 0xFFFF | coarse << 16,
        "same": (mine, theirs),
        "small": small,
        "largest": largest,
        "roots": sorted(roots),
        "pace": latency.of(*looks),
        "rotational": rotational(device) or rotational(ground.st_dev),
        "kinds": (kind(device, source_type), kind(ground.st_dev, target_type)),
        "caseless": bool(options & wire.CASELESS),
        "fresh": fresh,
        "empty": empty,
        "filesystems": (source_type, target_type),
        "devices": (device, ground.st_dev),
        "device": (ground.st_dev, target_device),
        "free": disk.f_bavail * disk.f_frsize,
        "room": room.look(target, target_type, ground.st_dev, devices, disk),
        "failures": missing,
        "remarks": remarks,
        **filters,
    }


def _listed(
    context: Context, task: dict[str, Any]
) -> tuple[list[str], list[tuple[bytes, str, int, str]]]:
    """What the list names, and what of it cannot be copied. Raises Refusal."""
    from blit.worker import listed

    source: str = task["sources"][0]
    if not stat.S_ISDIR(source_of(source).st_mode):
        text = "is not a folder: a list names what is in one"
        raise Refusal("usage", source, text)
    data: bytes | None = task["listed"]
    if data is None:
        path: str = task["files_from"]
        context.page.name(path[-700:])
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            text = f"cannot be read for its names: {error.strerror}"
            raise Refusal("usage", path, text) from None
    return listed.below(plain(source), listed.names(data), context.page.tick)


def _filters(asked: Any) -> dict[str, Any]:
    """Patterns are read and checked before anything is written. Raises Refusal."""
    from blit.worker import filters

    try:
        return filters.prepare(asked)
    except ImportError:
        raise Refusal("failed", "pathspec", "is missing, and filters need it: install it") from None
    except ValueError as error:
        raise Refusal("usage", *error.args) from None


def _small(
    context: Context, root: str, so_far: tuple[int, int],
    looks: tuple[list[float], list[float]],
) -> tuple[int, int] | None:  # fmt: skip
    """Files and bytes of a small tree; None as soon as it is not small.

    `looks`: are given the seconds that each file and each folder took.
    """
    files, size = so_far
    now = monotonic()
    until, patience = now + _LOOK, now + _SLOW_LOOK
    pending, folders = [""], 0
    while pending:
        folders += 1
        if folders > _DIRECT_FOLDERS:
            return None
        rel = pending.pop()
        try:
            fd = context.folders.open(root, rel)
            with os.scandir(fd) as listing:
                for entry in listing:
                    context.page.tick()
                    before = monotonic()
                    if entry.is_dir(follow_symlinks=False):
                        now = monotonic()
                        looks[1].append(now - before)
                        pending.append(join(rel, entry.name))
                        if len(pending) > DIRECT_FILES and now > patience:
                            return None
                        continue
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
                    now = monotonic()
                    looks[0].append(now - before)
                    if size > DIRECT_BYTES or files > FEW_FILES:
                        return None
                    if files > DIRECT_FILES and now > until:
                        return None
        except OSError:
            return None  # the scan will meet it and say so
        if len(pending) > _DIRECT_FOLDERS:
            return None
    return files, size
