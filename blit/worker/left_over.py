"""What only the destination has: dead temporaries are cleared, a mirror's extras are noted."""

from __future__ import annotations

import errno

from blit.worker import system, tmpname, wire
from blit.worker.context import join, raw
from blit.worker.entries import same_entry
from blit.worker.folders import listable
from blit.worker.stale import clear
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from blit.worker.filters import Hides
    from blit.worker.scan import Scanner, Token

CHECK_EVERY = 256  # entries between two looks at the clock
OFTEN = 8  # the same where each takes long, and others wait for what is found
# names that one record holds, and about as many one answer: a folder of a million would else be
# one answer, one deletion and one list of changes, 800 MB for all of them (2026-11-22)
MOST_NAMES = 8192


def left_over(
    scan: Scanner, token: Token, theirs: dict[str, os.DirEntry[str]], sfd: int, dfd: int,
    mirror: int, aside: dict[str, os.DirEntry[str]], spares: Hides | None,
) -> Generator[None, None, bool]:  # fmt: skip
    """Names only the destination has: temporaries of dead runs go, a mirror notes the rest.

    `aside`: those of which the source has one too, but leaves it out. Yields when there is much to
    tell; returns whether the folder is, or will be, another one than it was.
    """
    src_root, dst_root, src_rel, dst_rel, _, _ = token
    assert src_rel is not None
    dead = []
    for name in [n for n in theirs if n.startswith(tmpname.PREFIX)]:
        if tmpname.is_temporary(name) and name not in aside:
            dead.append(theirs.pop(name))
            scan.dst_entries -= 1
    changed = bool(dead) and clear(scan, dead, (*token[:4], None), sfd, dfd)
    if not mirror or not theirs:
        return changed
    if system.mount_id(dfd) != system.mount_id(scan.c.folders.root(dst_root)):
        scan.kept += len(theirs)  # below a mount point: never ours to delete
        return changed
    if spares is not None:
        for name, each in list(theirs.items()):
            if name in aside or spares(name, each.is_dir(follow_symlinks=False), each):
                del theirs[name]
        if not theirs:
            return changed
    same_by_case = {}
    everything = set()  # of the source, what may be one of theirs in another case
    ours = []  # what it lists now, whatever it answered when it was asked for that name
    sought = {name.casefold() for name in theirs}
    mine = listable(sfd)
    try:
        with os.scandir(mine) as listing:
            for number, item in enumerate(listing):
                if not number % CHECK_EVERY:
                    scan.c.page.tick()
                name = item.name
                folded = name.casefold()
                if name in theirs and name not in aside:
                    ours.append(name)
                if name in sought:
                    everything.add(name)
                if folded != name and folded in sought:
                    same_by_case[folded] = name
    finally:
        system.let_go(mine)
    for name in ours:
        theirs.pop(name, None)
    found = _Extras(scan, token)
    trees = False
    for name, entry in theirs.items():
        if found.many:
            found.note()
            yield
            scan.at_target(dst_root, dst_rel)
            scan.c.page.folder(join(src_root, src_rel), join(dst_root, dst_rel))
        is_folder = entry.is_dir(follow_symlinks=False)
        if name in aside:
            if is_folder and spares is not None:
                tree_token(scan, token, name, name, False)
                trees = True
            else:
                found.unwanted[is_folder].append(name)
            continue
        folded = name.casefold()
        partner = same_by_case.get(folded) or (folded if folded in everything else None)
        if partner is not None:
            if same_entry(name, partner, dfd):
                scan.kept += 1  # renamed by case alone, on a filesystem that does not tell
                continue
            name = f"{name}/{partner}"  # asked again at the deletion
        if is_folder and spares is not None:
            tree_token(scan, token, name.partition("/")[0], name, True)
            trees = True
            continue
        found.extra[is_folder].append(name)
    found.note()
    return changed or trees or found.any


class _Extras:
    """What only one folder of the destination has: its files and its folders, noted in parts."""

    def __init__(self, scan: Scanner, token: Token) -> None:
        self.scan, self.token = scan, token
        self.any = False
        self._reset()

    def _reset(self) -> None:
        self.extra: tuple[list[str], list[str]] = ([], [])
        self.unwanted: tuple[list[str], list[str]] = ([], [])

    @property
    def many(self) -> bool:
        return len(self.extra[0]) + len(self.extra[1]) >= MOST_NAMES or (
            len(self.unwanted[0]) + len(self.unwanted[1]) >= MOST_NAMES
        )

    def note(self) -> None:
        """Tell what has come together; the folders are listed later, and so told after this."""
        scan, (src_root, dst_root, src_rel, dst_rel, _, _) = self.scan, self.token
        assert src_rel is not None
        extra, unwanted = self.extra, self.unwanted
        self._reset()
        if extra[0] or extra[1]:
            scan.extras.append((src_root, dst_root, dst_rel, src_rel, *extra))
        if unwanted[0] or unwanted[1]:  # without a source folder: that it has them keeps none
            scan.extras.append(("", dst_root, dst_rel, None, *unwanted))
        count = sum(map(len, (*extra, *unwanted)))
        scan.extra_count += count
        self.any |= bool(count)
        for name in extra[1]:
            name = name.partition("/")[0]
            extra_token(scan, dst_root, dst_rel, name, join(src_root, src_rel, name))
        for name in unwanted[1]:
            extra_token(scan, dst_root, dst_rel, name)


def set_trash_aside(scan: Scanner, top: bool, theirs: dict[str, os.DirEntry[str]]) -> None:
    """At the top of a destination its trash is none of its entries."""
    if top and tmpname.TRASH in theirs and theirs[tmpname.TRASH].is_dir(follow_symlinks=False):
        del theirs[tmpname.TRASH]
        scan.dst_entries -= 1


def leave_trash(scan: Scanner, src_root: str) -> bool:
    """At the top of a source it stays there; told once."""
    scan.skipped.append((raw(join(src_root, tmpname.TRASH)), "trash"))
    return True


def extra_folder(scan: Scanner, unless: str, dst_root: str, dst_rel: str) -> Iterator[None]:
    """Everything in a folder that only the destination has; kept if `unless` exists by then."""
    context = scan.c
    scan.at_target(dst_root, dst_rel)
    dfd = context.folders.open(dst_root, dst_rel)
    if not _may_go(scan, dst_root, dst_rel, dfd):
        return
    held = os.dup(dfd)  # must survive the opening of many others while this listing is suspended
    try:
        with os.scandir(held) as listing:
            while _some(scan, listing, unless, dst_root, dst_rel):
                yield
                scan.at_target(dst_root, dst_rel)
                context.page.folder("", join(dst_root, dst_rel))
    finally:
        os.close(held)
    context.page.tick()
    yield


def _some(
    scan: Scanner, listing: Iterator[os.DirEntry[str]], unless: str, dst_root: str, dst_rel: str
) -> bool:
    """Note the next names of an extra folder; whether there may be more."""
    files: list[str] = []
    folders_: list[str] = []
    count = 0
    for entry in listing:
        count += 1
        if not count % CHECK_EVERY:
            scan.c.page.tick()
        (folders_ if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        if count >= MOST_NAMES:
            break
    scan.dst_entries += count
    scan.extra_count += count
    if count:
        within = wire.WITHIN if scan.options & wire.TRASH else None
        scan.extras.append((unless, dst_root, dst_rel, within, files, folders_))
    for name in folders_:
        extra_token(scan, dst_root, dst_rel, name, unless)
    return count >= MOST_NAMES


def extra_tree(scan: Scanner, dst_root: str, top: str, place: dict[str, str]) -> Iterator[None]:
    """The same with all below, where filters spare some names: what holds those stays too."""
    context = scan.c
    pending = [("", place["rel"])]
    unless = join(place["root"], place["rel"]) if "above" in place else ""
    found: list[str] = []  # each after the one that it lies in
    stays: set[str] = set()
    while pending:
        inner, src_rel = pending.pop()
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
                    pending.append((join(inner, entry.name), join(src_rel, entry.name)))
                else:
                    files.append(entry.name)
        scan.dst_entries += count
        if files:
            scan.extra_count += len(files)
            scan.extras.append((unless, dst_root, dst_rel, None, files, []))
        context.page.tick()
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


def extra_token(
    scan: Scanner, dst_root: str, dst_rel: str, name: str, unless: str = ""
) -> None:  # fmt: skip
    """`unless`: the path that the source would have if it had the outermost of these folders."""
    scan.stack.append((unless, dst_root, None, join(dst_rel, name), None, wire.EXTRA))


def tree_token(scan: Scanner, token: Token, name: str, record: str, theirs_alone: bool) -> None:
    """For `extra_tree`. `record`: the name as it stands in an entry of `extras`."""
    src_root, dst_root, src_rel, dst_rel, _, _ = token
    assert src_rel is not None
    place = {"root": src_root, "rel": join(src_rel, name), "record": record}
    if theirs_alone:
        place["above"] = src_rel
    scan.stack.append(("", dst_root, None, join(dst_rel, name), place, wire.EXTRA))
