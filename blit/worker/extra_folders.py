"""Folders that only the destination has: all in them is noted for the mirror's deletions."""

from __future__ import annotations

import errno

from blit.worker import left_over, system, wire
from blit.worker.context import join, raw
from blit.worker.folders import listable
from blit.worker.left_over import CHECK_EVERY
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blit.worker.scan import Scanner

_FEW = 4096  # folders of one that filters spare a part of


def extra_folder(scan: Scanner, unless: str, dst_root: str, dst_rel: str) -> Iterator[None]:
    """Everything in a folder that only the destination has; kept if `unless` exists by then."""
    context = scan.c
    scan.at_target(dst_root, dst_rel)
    dfd = context.folders.open(dst_root, dst_rel)
    if not _may_go(scan, dst_root, dst_rel, dfd):
        return
    held = listable(dfd)  # survives the opening of many others while this listing is suspended
    total, goes_on = 0, None
    try:
        folder = os.fstat(held)
        if scan.begun is not None:
            from blit.worker import begun

            goes_on = begun.rest(scan, held, folder)
            total = scan.begun["count"] if goes_on is not None else 0
        with goes_on or os.scandir(held) as listing:
            while (last := _some(scan, listing, unless, dst_root, dst_rel)) is not None:
                from blit.worker import begun

                total += left_over.MOST_NAMES
                begun.mark(scan, total, last, folder)
                yield
                scan.at_target(dst_root, dst_rel)
                context.page.folder("", join(dst_root, dst_rel))
    finally:
        system.let_go(held)
    context.page.tick()


def _some(
    scan: Scanner, listing: Iterator[os.DirEntry[str]], unless: str, dst_root: str, dst_rel: str
) -> str | None:
    """Note the next names of an extra folder; the last of them if there may be more."""
    files: list[str] = []
    folders_: list[str] = []
    count = 0
    for entry in listing:
        count += 1
        if not count % CHECK_EVERY:
            scan.c.page.tick()
        (folders_ if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        if count >= left_over.MOST_NAMES:
            break
    scan.dst_entries += count
    scan.extra_count += count
    if count:
        within = wire.WITHIN if scan.options & wire.TRASH else None
        scan.extras.append((unless, dst_root, dst_rel, within, files, folders_))
    for name in folders_:
        left_over.extra_token(scan, dst_root, dst_rel, name, unless)
    return entry.name if count >= left_over.MOST_NAMES else None


def extra_tree(scan: Scanner, dst_root: str, top: str, place: dict[str, str]) -> Iterator[None]:
    """The same with all below, where filters spare some names: what holds those stays too."""
    context = scan.c
    unless = join(place["root"], place["rel"]) if "above" in place else ""
    was = scan.begun or {"pending": [""], "found": [], "stays": set()}
    pending: list[str] = was["pending"]
    found: list[str] = was["found"]  # each after the one that it lies in
    stays: set[str] = was["stays"]
    while pending:
        inner = pending.pop()
        src_rel = join(place["rel"], inner)
        dst_rel = join(top, inner)
        context.page.folder("", join(dst_root, dst_rel))
        hides = scan.hides_in(place["root"], src_rel)
        assert hides is not None
        found.append(inner)
        scan.at_target(dst_root, dst_rel)
        if scan.given_up and raw(scan.where) in scan.given_up:
            stays.add(inner)
            continue
        dfd = context.folders.open(dst_root, dst_rel)
        if not _may_go(scan, dst_root, dst_rel, dfd):
            stays.add(inner)
            continue
        files: list[str] = []
        count = 0
        with os.scandir(dfd) as listing:
            for entry in listing:
                count += 1
                if not count % CHECK_EVERY:
                    context.page.tick()
                is_folder = entry.is_dir(follow_symlinks=False)
                if hides(entry.name, is_folder, entry):
                    stays.add(inner)
                elif is_folder:
                    pending.append(join(inner, entry.name))
                else:
                    files.append(entry.name)
        scan.dst_entries += count
        if files:
            scan.extra_count += len(files)
            scan.extras.append((unless, dst_root, dst_rel, None, files, []))
        context.page.tick()
        # of very many it would take too long to tell them with every answer
        few = len(found) + len(pending) <= _FEW
        scan.going = {"pending": pending, "found": found, "stays": stays} if few else None
        yield
    for inner in list(stays):
        while inner:
            inner = inner.rpartition("/")[0]
            stays.add(inner)
    for inner in found:
        if inner in stays:
            continue
        scan.extra_count += 1
        above, _, name = join(top, inner).rpartition("/")
        if inner or "above" not in place:
            scan.extras.append((unless, dst_root, above, None, [], [name]))
        else:
            record = [place["record"]]
            scan.extras.append((place["root"], dst_root, above, place["above"], [], record))


def _may_go(scan: Scanner, dst_root: str, dst_rel: str, dfd: int) -> bool:
    """Whether an extra folder may go as far as mounts and the sources are concerned."""
    folders = scan.c.folders
    if system.mount_id(dfd) != system.mount_id(folders.root(dst_root)):
        text = "a filesystem is mounted there: kept"
        scan.failures.append((raw(join(dst_root, dst_rel)), "delete", errno.EBUSY, text))
        return False
    info = os.fstat(dfd)
    if (info.st_dev, info.st_ino) in scan.sources:
        scan.overlap = raw(join(dst_root, dst_rel))
        return False
    return True
