"""What only the destination has: dead temporaries are cleared, a mirror's extras are noted."""

from __future__ import annotations

from blit.worker import system, tmpname, wire
from blit.worker.context import join, raw
from blit.worker.entries import same_entry
from blit.worker.folders import listable
from blit.worker.stale import clear
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

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
    before: frozenset[str] = frozenset()
    names: list[str] = []  # what of them is told next
    if scan.begun is not None:
        from blit.worker import begun

        before = begun.told(scan)
    for name, entry in theirs.items():
        if name in before:
            continue
        if found.many:
            found.note()
            from blit.worker import begun

            begun.noted(scan, names)
            names.clear()
            yield
            scan.at_target(dst_root, dst_rel)
            scan.c.page.folder(join(src_root, src_rel), join(dst_root, dst_rel))
        names.append(name)
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


def is_ours(
    scan: Scanner, hides: Hides | None, entry: os.DirEntry[str], settled: int
) -> bool:  # fmt: skip
    """Whether what limits leave out by now may have been copied by this run before it grew.

    What lies there came after the last change of its folder that was there before the run
    (`settled`), and is not left out by itself. Then it is a matter of the next run.
    """
    if hides is None or scan.filters is None or scan.filters.limits is None:
        return False
    try:
        if entry.stat(follow_symlinks=False).st_ctime_ns <= settled:
            return False
    except FileNotFoundError:
        return True
    return not hides(entry.name, entry.is_dir(follow_symlinks=False), entry)


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
