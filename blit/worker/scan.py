"""Lists one folder of both sides together and says what is new, changed, extra or not yet listed.

A scan task is a share of the open folders and a budget. The worker lists them depth first and stops
when the budget is used up, in the middle of a huge folder if need be (the listing stays open here
and goes on with the next task). It answers with what the rest of the run needs, all of it as bytes
that the parent only passes on. A listing that fails is reported, and the parent then deletes
nothing.
"""

from __future__ import annotations

import errno
import stat
from itertools import islice
from stat import ST_GID, ST_MODE, ST_NLINK, ST_SIZE, ST_UID
from time import monotonic

from blit.worker import blame, compare, left_over, metadata, room, status, system, tmpname, wire
from blit.worker.context import Context, join, raw, shown
from blit.worker.entries import alone, exists
from blit.worker.folders import listable
from blit.worker.left_over import CHECK_EVERY, MOST_NAMES, OFTEN
from blit.worker.stale import sweep
from blit.worker.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from blit.worker.filters import Filters, Hides

GROUP_FILES = 512  # entries a group at most, so that one folder feeds several workers
GROUP_BYTES = 64 << 20
PLAIN = 1 << 20  # bytes: less does not matter to a group's size
GROUP_COMPARED = 128  # of unknown size
_REGULAR = stat.S_IFREG >> 12

Token = tuple[str, str, "str | None", str, "dict[str, Any] | None", int]


class Scanner:
    """The listing of one worker, kept between its tasks.

    Task: `folders` (dumps of tokens), `options`, `budget` (seconds), `want` (entries after which to
    answer early), `group` (files at most), `slow` (2: at first), `large` (bytes from which files
    are handed out alone), `same` ((dev, ino) of the sources, not to be met among what would be
    deleted, and of the destinations, not in a source); if there are any, `filters` (prepared).
    Answer: see `_answer`.
    """

    def __init__(self, context: Context) -> None:
        self.c = context
        self.stack: list[Token] = []
        self.current: Iterator[None] | None = None
        self.filters: Filters | None = None
        self.same: list[int] = []
        # of the folder that is open: what is told of it, and what somebody who died over it had
        # told; see begun.py
        self.going: dict[str, Any] | None = None
        self.begun: dict[str, Any] | None = None
        self._reset()

    def _reset(self) -> None:
        self.groups: list[tuple[int, int, bytes]] = []
        self.large: list[tuple[int, bytes]] = []
        self.links: list[tuple[int, int, bytes]] = []
        self.link_parts: dict[int, list[tuple[Any, ...]]] = {}
        self.finish: list[tuple[Any, ...]] = []  # (…, mode), and what is spelled otherwise there
        self.bare: list[tuple[Any, ...]] = []  # new, and no file makes them
        self.extras: list[tuple[str, str, str, str | None, list[str], list[str]]] = []
        self.swaps: list[bytes] = []
        self.extra_count = 0
        self.dst_entries = 0
        self.unchanged = self.unchanged_bytes = 0
        self.same.clear()  # bytes of each of more that are unchanged
        self.files = self.bytes = self.folders = 0
        self.failures: list[tuple[bytes, str, int, str]] = []
        self.skipped: list[tuple[bytes, str]] = []
        self.changes: list[tuple[int, bytes, int, int]] = []
        self.overlap = b""
        self.kept = self.vanished = 0
        self.replaced = 0  # of the files: what stands in the place of another content
        self.later: list[bytes] = []  # tokens that only a confirmed plan may open
        self.met: list[tuple[str, int, int]] = []  # these two: see engine/tally.py
        self.whole: list[tuple[str, int, int, bytes]] = []
        self.need = [*room.NONE]
        # files whose contents were compared here, seconds that it took and had a core in hand
        self.waited: tuple[int, float, float] | None = None
        self.final: list[bytes] = []  # folders that failed and must not be listed twice
        self.fatal: tuple[bytes, str, int, str] | None = None
        self.where = ""  # the folder that is being opened or listed, for its failure
        self.settled = 0  # ctime of the destination folder that is being compared

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        self._reset()
        self.options: int = task["options"]
        # a dry run must not hand out what only knows how to write
        self.slow: int = task.get("slow", 0)
        self.large_from: int = 1 << 62 if self.options & wire.DRY else task["large"]
        self.group_files: int = task.get("group", GROUP_FILES)
        sources, targets = task["same"]
        self.sources = {self.c.folders.own(pair) for pair in sources}
        self.targets = {self.c.folders.own(pair) for pair in targets}
        want: int = task["want"]
        self.stack.extend(wire.load(blob) for blob in task["folders"])
        self._filter(task.get("filters"))
        self.given_up = task.get("skip", ())  # folders that did not answer, told already
        page = self.c.page
        self.deadline = deadline = monotonic() + task["budget"]
        while self.stack or self.current is not None:
            if self.current is None:
                self.token = self.stack.pop()
                self.current = self._folder(self.token)
            page.operation(status.LIST)
            try:
                next(self.current)
            except StopIteration:
                self.current = None
            if monotonic() >= deadline or self.files >= want or page.flag() or self.overlap:
                break
            if self.extra_count >= MOST_NAMES:
                break
        page.operation(status.IDLE)
        return self._answer()

    def _filter(self, blob: bytes | None) -> None:
        if blob is None:
            self.filters = None
            return
        if self.filters is None or self.filters.blob != blob:
            from blit.worker.filters import Filters

            self.filters = Filters(blob, self.c.folders)
        self.filters.hits.clear()

    def hides_in(self, src_root: str, src_rel: str) -> Hides | None:
        """The test for what the filters leave out of one folder, if there are any."""
        if self.filters is None:
            return None
        if self.filters.gitignore:
            self.where = join(src_root, src_rel, ".gitignore")
        hides = self.filters.of(src_root, src_rel)
        self.where = join(src_root, src_rel)
        return hides

    def _answer(self) -> dict[str, Any]:
        """`folders`: tokens not listed yet; `open`: a listing goes on here with the next task."""
        left, self.stack = self.stack, []
        self.unchanged += len(self.same)
        self.unchanged_bytes += sum(self.same)
        hits = self.filters.hits if self.filters is not None else None
        for bucket, parts in self.link_parts.items():
            self.links.append((bucket, len(parts), wire.dump(parts)))
        answer = {
            "folders": [wire.dump(token) for token in left],
            "open": self.current is not None,
            "groups": self.groups,
            "large": self.large,
            "links": self.links,
            "finish": wire.dump(self.finish) if self.finish else b"",
            "bare": wire.dump(self.bare) if self.bare else b"",
            "extras": wire.dump(self.extras) if self.extras else b"",
            "swaps": self.swaps,
        }
        if self.current is not None:
            from blit.worker import begun

            answer["at"] = [wire.dump(begun.at(self))]  # alone gone on with if this worker dies
        for key in (
            "extra_count", "dst_entries", "unchanged", "unchanged_bytes", "files",
            "bytes", "folders", "failures", "skipped", "changes", "overlap", "kept", "vanished",
            "replaced", "later", "final", "fatal", "met", "whole",
            "waited",
        ):  # fmt: skip
            if value := getattr(self, key):
                answer["listed" if key == "folders" else key] = value
        if any(self.need):
            answer |= room.told(self.c, self.need, self.dst_root)
        if hits:
            answer["hits"] = list(hits)
        return answer

    # -- one folder --------------------------------------------------------------------------------

    def _folder(self, token: Token) -> Iterator[None]:
        """Lists one folder; yields when it is time to look at the clock. Failures are recorded."""
        src_root, dst_root, src_rel, dst_rel, names, flags = token
        page = self.c.page
        source = join(src_root, src_rel) if src_rel is not None else ""
        page.folder(source, join(dst_root, dst_rel))
        self.folders += not flags & (wire.SHARE | wire.TOLD)
        self.begun = self.going = None
        if names is not None and flags & wire.TOLD:
            self.begun = self.going = names.pop("begun", None)
            names = names if names or flags & wire.SHARE else None
        self.dst_root = dst_root
        # names of it are in lists that must not hold them twice
        self.handed = bool(flags & wire.SHARE) or self.begun is not None
        self.where = source or join(dst_root, dst_rel)
        self.counted = 0  # of its entries
        if self.given_up and self._is_given_up(token):
            return
        try:
            if src_rel is None:
                from blit.worker import extra_folders

                if names is None:
                    yield from extra_folders.extra_folder(self, src_root, dst_root, dst_rel)
                else:
                    yield from extra_folders.extra_tree(self, dst_root, dst_rel, names)
            else:
                yield from self._both(src_root, dst_root, src_rel, dst_rel, names, flags)
        except OSError as error:
            if why := blame.source_gone(self.c, src_root, error):
                self.fatal = (raw(self.where), "list", error.errno or 0, why)
                self.stack.clear()
                return
            self._failed(self.where, "list", error)
            if self.handed:
                self.final.append(raw(self.where))
            else:
                self.dst_entries -= self.counted  # it may have its second try

    def count(self, entries: int) -> None:
        """So many the destination has in the folder that is open: told once, whoever dies."""
        self.dst_entries += entries
        self.counted = entries
        self.token = (*self.token[:5], self.token[5] | wire.BEGUN)

    def _failed(self, path: str, step: str, error: OSError) -> None:
        self.failures.append((raw(path), step, error.errno or 0, error.strerror or str(error)))

    def _is_given_up(self, token: Token) -> bool:
        src_root, dst_root, src_rel, dst_rel, _, _ = token
        source = raw(join(src_root, src_rel)) if src_rel is not None else b""
        return source in self.given_up or raw(join(dst_root, dst_rel)) in self.given_up

    def _both(
        self, src_root: str, dst_root: str, src_rel: str, dst_rel: str,
        names: dict[str, str] | None, flags: int,
    ) -> Iterator[None]:  # fmt: skip
        page, options, folders = self.c.page, self.options, self.c.folders
        sfd, source = folders.alive(src_root, src_rel)
        if (source.st_dev, source.st_ino) in self.targets and src_rel:
            self.overlap = raw(join(src_root, src_rel))
            return
        copy = None
        dfd = -1
        if flags & wire.DST_EXISTS:
            self.at_target(dst_root, dst_rel)
            try:
                dfd = folders.open(dst_root, dst_rel)
                copy = os.fstat(dfd)
            except FileNotFoundError:
                pass
            except PermissionError:
                # a folder of ours that its mode keeps us out of
                if options & wire.DRY:
                    raise
                if options & wire.HELD:
                    token = (src_root, dst_root, src_rel, dst_rel, names, flags)
                    self.later.append(wire.dump(token))
                    return
                dfd = folders.open(dst_root, dst_rel, make=True)
                copy = os.fstat(dfd)
            if copy is not None and (copy.st_dev, copy.st_ino) in self.sources:
                self.overlap = raw(join(dst_root, dst_rel))  # what is copied there is a source
                return
            if copy is not None and options & wire.DURABLE:
                self.c.wrote(copy.st_dev, dst_root, dst_rel, dfd)  # what is up to date counts too
        self._at_source(src_root, src_rel)
        # both handles must survive the opening of many others while this listing is suspended
        held = listable(sfd)
        held_dst = -1
        try:
            held_dst = listable(dfd) if dfd >= 0 else -1
            if names is None or flags & wire.SHARE:
                yield from self._compare(
                    token=(src_root, dst_root, src_rel, dst_rel, names, flags),
                    sfd=held, dfd=held_dst, source=source, copy=copy,
                )  # fmt: skip
            else:
                self._named(src_root, dst_root, src_rel, dst_rel, names, flags, held, held_dst)
        finally:
            system.let_go(held, held_dst)
        page.tick()

    def _at_source(self, root: str, rel: str) -> None:
        self.c.page.operation(status.LIST)
        self.where = join(root, rel)

    def at_target(self, root: str, rel: str) -> None:
        self.c.page.operation(status.LIST_TARGET)
        self.where = join(root, rel)

    def _named(
        self, src_root: str, dst_root: str, src_rel: str, dst_rel: str,
        names: dict[str, str], flags: int, sfd: int, dfd: int,
    ) -> None:  # fmt: skip
        """Single files given as sources: only these names are looked at."""
        before = self.bytes
        entries: list[tuple[str, int, int, int, int, int]] = []
        taken: dict[str, str] = {}
        for name, target in names.items():
            try:
                info = os.stat(name, dir_fd=sfd, follow_symlinks=False)
            except FileNotFoundError:
                self.vanished += 1
                continue
            except OSError as error:
                self._failed(join(src_root, src_rel, name), "list", error)
                continue
            there = None
            if dfd >= 0:
                try:
                    there = os.stat(target, dir_fd=dfd, follow_symlinks=False)
                except FileNotFoundError:
                    pass
            if self.options & wire.CASELESS:
                from blit.worker.spelling import met

                listed = dfd if there is not None else -1
                if failure := met((dst_root, dst_rel), sfd, listed, name, target, taken):
                    self.failures.append(failure)
                    continue
            entry = self._entry(name, target, info, there, sfd, dfd, dst_rel)
            # its other names may be of this run; a large file given as a source goes as it is
            linked = info.st_nlink > 1 and stat.S_ISREG(info.st_mode)
            joined = flags & (wire.FINISH_ANYWAY | wire.JOINED)
            linked &= bool(joined) or info.st_size < self.large_from
            if entry == "folder":
                why = OSError(errno.EISDIR, "a folder stands where a file must go")
                self._failed(join(dst_root, dst_rel, target), "create", why)
            elif linked:
                place = (src_root, dst_root, src_rel, dst_rel, names, flags)
                self._link(place, name, entry, info, there, target)
            elif entry is None:
                continue
            elif entry[1] == wire.FILE and entry[2] >= self.large_from:
                self._large(src_root, dst_root, src_rel, dst_rel, entry, names)
            else:
                entries.append(entry)
        for at in range(0, len(entries), GROUP_FILES):
            part = entries[at : at + GROUP_FILES]
            named = {entry[0]: names[entry[0]] for entry in part}
            self._group(src_root, dst_root, src_rel, dst_rel, part, named)
        if flags & wire.FINISH_ANYWAY:
            mode = stat.S_IMODE(os.fstat(sfd).st_mode)
            self.finish.append((src_root, dst_root, src_rel, dst_rel, mode))
        if dfd >= 0 and (not flags & wire.FINISH_ANYWAY or self.bytes - before >= wire.WORTH):
            sweep(self, (src_root, dst_root, src_rel, dst_rel, names), sfd, dfd)

    def _compare(
        self, token: Token, sfd: int, dfd: int, source: os.stat_result, copy: os.stat_result | None
    ) -> Iterator[None]:
        src_root, dst_root, src_rel, dst_rel, share, flags = token
        assert src_rel is not None
        options, page = self.options, self.c.page
        self.settled = copy.st_ctime_ns if copy is not None else 0
        if self.begun is not None:  # before this run changed anything in it
            self.settled = int(self.begun.get("settled", self.settled))
        mirror = options & wire.MIRROR
        by_content = options & wire.CHECKSUM
        theirs: dict[str, os.DirEntry[str]] = {}
        aside: dict[str, os.DirEntry[str]] = {}  # of theirs: names that are left out of the source
        listed: Callable[[Any], Iterator[Any]] = iter
        touched = False
        hides = self.hides_in(src_root, src_rel) if share is None or mirror else None
        spares = hides if mirror and self.filters is not None and self.filters.spares else None
        if share is not None:
            from blit.worker.one_share import look

            theirs, listed, touched = yield from look(self, token, sfd, dfd, hides)
            hides = None  # they were asked when its names were handed out
        elif dfd >= 0:
            most = alone(options)
            self.at_target(dst_root, dst_rel)
            with os.scandir(dfd) as listing:
                while part := {each.name: each for each in islice(listing, CHECK_EVERY)}:
                    theirs.update(part)
                    page.tick()
                    if len(theirs) >= most:
                        break
            if len(theirs) >= most:
                from blit.worker.shares import hand_out

                theirs.clear()
                changed = yield from hand_out(self, token, sfd, dfd, hides, source)
                changed |= bool(flags & wire.TOLD)
                self._folder_itself(token, sfd, dfd, source, copy, changed)
                return
            self.count(0 if flags & wire.BEGUN else len(theirs))
            left_over.set_trash_aside(self, not (src_rel and dst_rel), theirs)
            self._at_source(src_root, src_rel)
        if self.slow and copy is None and share is None:  # all of it is new
            listed = system.glances(sfd)
        respelled: list[tuple[str, str]] = []  # there and here
        if options & wire.CASELESS and share is None:
            from blit.worker.spelling import settle

            listed, respelled = settle(self, (dst_root, dst_rel), sfd, dfd, theirs, hides)
        entries: list[tuple[str, int, int, int, int, int]] = []
        compared: list[str] = []
        weight = 0
        files_before = self.files
        # this run changes what the folder holds, and so its mtime; or did it, for who died over it
        touched |= copy is None or bool(respelled) or bool(flags & wire.TOLD)
        counted, ticked, due = 0, 0, OFTEN if self.slow else CHECK_EVERY
        name, goes_on = "", None
        if self.begun is not None and share is None:
            from blit.worker import begun

            goes_on = begun.rest(self, sfd, source, theirs, aside, hides)
            if goes_on is not None:
                counted = ticked = self.begun["count"]
                name, due = self.begun["last"], due + counted
        if share is not None:
            due = 1 << 62  # told as a whole, or not at all when its worker dies
        take, same = theirs.pop, self.same.append
        file, new, fill, plain = wire.FILE, wire.NEW, self.group_files, min(self.large_from, PLAIN)
        settled, shared, base = self.settled, page.map, page.base
        with goes_on or os.scandir(sfd) as listing:
            for item in listed(listing):
                counted += 1
                if counted == due:
                    page.ticks += counted - ticked - 1
                    page.tick()
                    early = self.slow and (self.stack or self.slow > 1)  # it is waited for
                    ticked, due = counted, counted + (OFTEN if early else CHECK_EVERY)
                    if monotonic() >= self.deadline and (early or counted >= CHECK_EVERY):
                        if entries:
                            self._group(src_root, dst_root, src_rel, dst_rel, entries, None)
                            entries, weight = [], 0
                        if not options & wire.CASELESS:
                            from blit.worker import begun

                            if compared:
                                self._compared(src_root, dst_root, src_rel, dst_rel, compared)
                                compared = []
                            begun.mark(self, counted - 1, name, source, settled=settled)
                        else:
                            self.going = {**(self.going or {}), "settled": settled}
                        yield
                        self._at_source(src_root, src_rel)
                        page.folder(join(src_root, src_rel), join(dst_root, dst_rel))
                        self.settled = settled
                name = item.name
                shared[base] = counted & 255  # a stat may take seconds
                other = take(name, None)
                try:
                    if hides is not None and hides(name, item.is_dir(follow_symlinks=False), item):
                        if other is not None and not (
                            flags & wire.TOLD and left_over.is_ours(self, hides, other, settled)
                        ):
                            aside[name] = other
                        continue
                    if (
                        by_content
                        and other is not None
                        and item.is_file(follow_symlinks=False)
                        and other.is_file(follow_symlinks=False)
                    ):
                        # who compares them opens both, and an open file tells more than a stat here
                        compared.append(name)
                        if len(compared) >= GROUP_COMPARED:
                            self._compared(src_root, dst_root, src_rel, dst_rel, compared)
                            compared = []
                        continue
                    if item.is_dir(follow_symlinks=False):
                        if (
                            name == tmpname.TRASH
                            and not src_rel
                            and left_over.leave_trash(self, src_root)
                        ):
                            continue
                        if (
                            spares is not None and other is not None
                            and not other.is_dir(follow_symlinks=False)
                            and spares(name, False, other)
                        ):  # fmt: skip
                            self._spared(token, name, "file", "folder")
                            continue
                        touched |= self._subfolder(token, name, other)
                        continue
                    info = item.stat(follow_symlinks=False)
                    there = None
                    if other is None:
                        # the hot path of a first copy; `_entry` says the same
                        size = info[ST_SIZE]
                        if (
                            info[ST_MODE] >> 12 == _REGULAR and info[ST_NLINK] == 1
                            and size < plain
                        ):  # fmt: skip
                            entries.append((name, file, size, info.st_mtime_ns, info.st_ino, new))
                            weight += size
                            self.files += 1
                            self.bytes += size
                            self.need[3] += 1
                            allocated = info.st_blocks << 9
                            self.need[0] += size if size < allocated else allocated
                            touched = True
                            if len(entries) >= fill or weight >= GROUP_BYTES:
                                self._group(src_root, dst_root, src_rel, dst_rel, entries, None)
                                entries, weight = [], 0
                            continue
                    else:
                        try:
                            there = other.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            pass  # somebody removed the copy: it is new
                        else:
                            # the hot path of a run with nothing to do; `existing` says the same
                            mode, size = info[ST_MODE], info[ST_SIZE]
                            if (
                                mode == there[ST_MODE]
                                and mode >> 12 == _REGULAR
                                and size == there[ST_SIZE]
                                and info[ST_UID] == there[ST_UID]
                                and info[ST_GID] == there[ST_GID]
                                and info[ST_NLINK] == 1
                                and info.st_mtime_ns == there.st_mtime_ns
                                and info.st_ctime_ns < there.st_ctime_ns <= settled
                                and not by_content
                            ):
                                same(size)
                                continue
                except FileNotFoundError:
                    self.vanished += 1
                    continue
                except OSError as error:
                    if blame.source_gone(self.c, src_root, error):
                        raise  # of no entry alone
                    self._failed(join(src_root, src_rel, name), "list", error)
                    continue
                try:
                    entry = self._entry(name, name, info, there, sfd, dfd, dst_rel)
                except OSError as error:  # reading a link or attributes, on either side
                    if error.errno == errno.ENOENT and not exists(name, sfd):
                        self.vanished += 1
                        continue
                    self._failed(join(src_root, src_rel, name), "compare", error)
                    continue
                linked = info.st_nlink > 1 and stat.S_ISREG(info.st_mode)
                if entry is None:
                    if linked:
                        self._link(token, name, None, info, there)
                    continue
                if entry == "folder":
                    if spares is not None and spares(name, True, item):
                        self._spared(token, name, "folder", "file")
                        continue
                    touched = True
                    from blit.worker.in_the_way import file_for_folder

                    file_for_folder(self, token, name, info)
                    continue
                if entry[5] != wire.MODE:
                    touched = True
                if linked:
                    self._link(token, name, entry, info, there)
                    continue
                size = entry[2]
                if entry[1] == wire.FILE and size >= self.large_from and entry[5] != wire.MODE:
                    self._large(src_root, dst_root, src_rel, dst_rel, entry, None)
                    continue
                if weight and weight + size > GROUP_BYTES:
                    self._group(src_root, dst_root, src_rel, dst_rel, entries, None)
                    entries, weight = [], 0
                entries.append(entry)
                weight += size
                if len(entries) >= fill:
                    self._group(src_root, dst_root, src_rel, dst_rel, entries, None)
                    entries, weight = [], 0
        if compared:
            self._compared(src_root, dst_root, src_rel, dst_rel, compared)
        page.ticks += counted - ticked
        if entries:
            self._group(src_root, dst_root, src_rel, dst_rel, entries, None)
        theirs.update(aside)
        if theirs:
            if mirror and share is None and len(theirs) > left_over.MOST_NAMES:
                from blit.worker import begun

                begun.mark(self, counted, name, source, settled=settled)
            touched |= yield from left_over.left_over(
                self, token, theirs, sfd, dfd, mirror, aside, spares
            )
        if share is not None:
            if touched:
                mode = stat.S_IMODE(source.st_mode)
                self.finish.append((src_root, dst_root, src_rel, dst_rel, mode))
            return
        self._folder_itself(token, sfd, dfd, source, copy, touched)
        if respelled:
            self.finish[-1] = (*self.finish[-1], respelled)
        if copy is None and self.files == files_before:
            self.bare.append(self.finish[-1])

    def _entry(
        self, name: str, target: str, info: os.stat_result, there: os.stat_result | None,
        sfd: int, dfd: int, dst_rel: str,
    ) -> Any:  # fmt: skip
        """None: nothing to do; "folder": a folder is in the way; else a wire entry."""
        mode, size = info.st_mode, info.st_size
        if stat.S_ISREG(mode):
            kind = wire.FILE
        elif stat.S_ISLNK(mode):
            kind = wire.SYMLINK
        elif stat.S_ISFIFO(mode):
            kind = wire.FIFO
        elif (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and self.c.me.root:
            kind = wire.DEVICE
        else:
            if there and (there.st_mode >> 12, there.st_rdev) == (mode >> 12, info.st_rdev):
                return None  # it is there already
            what = "socket" if stat.S_ISSOCK(mode) else "device"
            self.skipped.append((raw(join(dst_rel, target)), what))
            return None
        if kind != wire.FILE:
            size = 0
        if there is None:
            reason = wire.NEW
        elif stat.S_ISDIR(there.st_mode):
            return "folder"
        elif stat.S_IFMT(there.st_mode) != stat.S_IFMT(mode):
            reason = wire.TYPE
        else:
            verdict = compare.existing(self, kind, name, target, info, there, sfd, dfd)
            if verdict is None:
                self.unchanged += 1
                self.unchanged_bytes += size
                return None
            reason = verdict
        self.files += 1
        if reason not in (wire.MODE, wire.COMPARE):
            self.bytes += size
            if there is not None:
                self.replaced += 1
                room.replaced(self.need, info, there)
            else:
                self.need[3] += 1
                allocated = info.st_blocks << 9  # as in room.least
                self.need[0] += size if size < allocated else allocated
        return (name, kind, size, info.st_mtime_ns, info.st_ino, reason)

    # -- what is found -----------------------------------------------------------------------------

    def _group(
        self, src_root: str, dst_root: str, src_rel: str, dst_rel: str,
        entries: list[tuple[str, int, int, int, int, int]], names: dict[str, str] | None,
    ) -> None:  # fmt: skip
        weight = sum(e[2] for e in entries)
        blob = wire.dump((src_root, dst_root, src_rel, dst_rel, names, entries))
        self.groups.append((len(entries), weight, blob))

    def _compared(
        self, src_root: str, dst_root: str, src_rel: str, dst_rel: str, names: list[str]
    ) -> None:
        """Files to compare by content: names alone, so that very many of them are cheap."""
        self.files += len(names)
        blob = wire.dump((src_root, dst_root, src_rel, dst_rel, self.settled, names))
        self.groups.append((len(names), 0, blob))

    def _large(
        self, src_root: str, dst_root: str, src_rel: str, dst_rel: str,
        entry: tuple[str, int, int, int, int, int], names: dict[str, str] | None,
    ) -> None:  # fmt: skip
        blob = wire.dump((src_root, dst_root, src_rel, dst_rel, names, [entry]))
        self.large.append((entry[2], blob))

    def _link(self, *found: Any) -> None:
        from blit.worker.linked import note

        note(self, *found)

    def _subfolder(self, token: Token, name: str, other: os.DirEntry[str] | None) -> bool:
        """A folder of the source: to be listed later. True when it will be new here."""
        self.handed = True
        src_root, dst_root, src_rel, dst_rel, _, _ = token
        assert src_rel is not None
        src, dst = join(src_rel, name), join(dst_rel, name)
        if other is None:
            self.stack.append((src_root, dst_root, src, dst, None, 0))
            return True
        if other.is_dir(follow_symlinks=False):
            self.stack.append((src_root, dst_root, src, dst, None, wire.DST_EXISTS))
            return False
        from blit.worker.in_the_way import folder_for_file

        return folder_for_file(self, token, name)

    def _spared(self, token: Token, name: str, theirs: str, ours: str) -> None:
        """What the filters protect stands in the place of what must be copied."""
        path = raw(join(token[1], token[3], name))
        text = f"a {theirs} that the filters protect stands where a {ours} must go"
        self.failures.append((path, "create", errno.EEXIST, text))

    def _folder_itself(
        self, token: Token, sfd: int, dfd: int, source: os.stat_result, copy: os.stat_result | None,
        touched: bool,
    ) -> None:  # fmt: skip
        """Whether the folder's own metadata must be set at the end, and why."""
        src_root, dst_root, src_rel, dst_rel, _, _ = token
        assert src_rel is not None
        reason = -1
        if copy is None:
            reason = wire.NEW
            self.need[3] += 1
        elif metadata.needs_mending(
            self.c.me, source, copy, self.options, sfd, dfd
        ) or metadata.xattrs_differ(self.c.me, sfd, dfd):
            reason = wire.MODE
        elif source.st_mtime_ns != copy.st_mtime_ns and not compare.close_enough(
            source.st_mtime_ns, copy.st_mtime_ns, self.options >> 16
        ):
            reason = wire.MTIME
        if reason >= 0 and self.options & wire.ITEMIZE:
            self.changes.append(
                (reason, raw(shown(dst_rel, src_rel) or ".") + b"/", wire.METADATA, 0)
            )
        if reason >= 0 or touched:
            self.finish.append((src_root, dst_root, src_rel, dst_rel, stat.S_IMODE(source.st_mode)))
