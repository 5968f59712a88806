"""A huge folder is compared in shares by all workers: the same is found as by one worker alone.

First with real files, real scanners and a pretended pool, so that each may die at any moment; then
with real processes. Folders are huge here from the first entry on.
"""

from __future__ import annotations

import errno
import itertools
import mmap
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import (
    Blit,
    inject,
    ram_folder,
    requires_linux_backend,
    requires_strace,
    until,
    workers_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import Fifo, File, Hard, Symlink, Tree, assert_same, make, snapshot, temporaries

from blit.engine.crew import Crew
from blit.engine.ledger import Ledger
from blit.engine.schedule import Schedule
from blit.engine.tally import Tally
from blit.worker import (
    compare,
    entries,
    folders,
    metadata,
    one_share,
    remove,
    scan,
    shares,
    status,
    wire,
)
from blit.worker.context import Context, Result
from blit.worker.copy import Copier
from blit.worker.filters import prepare
from blit.worker.scan import Scanner

T = 1_700_000_000_123_456_789
HUGE = {"BLIT_SHARED_FROM": "1"}
DEAD = ".blit-" + "0" * 15 + "-001"  # a temporary that no run owns


@pytest.fixture(autouse=True)
def linux() -> None:
    requires_linux_backend("it compares each folder as a whole")


@pytest.fixture(autouse=True)
def huge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "SHARED", 1)
    monkeypatch.setattr(shares, "_NAMES", 4)
    monkeypatch.setattr(shares, "CHECK_EVERY", 2)
    monkeypatch.setattr(one_share, "CHECK_EVERY", 2)
    monkeypatch.setattr(scan, "CHECK_EVERY", 2)


# -- a pretended pool -----------------------------------------------------------------------------


@dataclass
class Found:
    totals: dict[str, int] = field(default_factory=dict)
    planned: list[tuple[str, str, int]] = field(default_factory=list)  # folder, name, reason
    extras: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[bytes, int]] = field(default_factory=list)
    vanished: int = 0
    final: list[bytes] = field(default_factory=list)
    paused: list[Any] = field(default_factory=list)  # tokens of listings that go on later
    scans: list[list[Any]] = field(default_factory=list)  # tokens that each task held
    same: int = 0  # found by comparing contents


class Pool:
    """Scanners that a schedule feeds; `dies`: numbers of the listing tasks that kill their worker,
    who has done the work and has not told of it."""

    def __init__(
        self, ram: Path, workers: int = 2, options: int = wire.MIRROR, copies: bool = False
    ) -> None:
        """`copies`: what is new is made in the destination, empty."""
        self.copies = copies
        self.filters = b""
        self.skips: list[bytes] = []
        self.tokens: list[Any] = []
        self.token = (str(ram / "src"), str(ram / "dst"), "", "", None, wire.DST_EXISTS)
        self.options, self.workers = options, workers
        self.numbers = itertools.count()
        self.contexts: list[Context] = []

    def _scanner(self) -> Scanner:
        page = status.Page(mmap.mmap(-1, status.PAGE), 0)
        self.contexts.append(Context(page, "t" * 15, next(self.numbers), os.getppid()))
        return Scanner(self.contexts[-1])

    def run(self, dies: frozenset[int] = frozenset(), budget: float = 0.0) -> Found:
        try:
            return self._run(dies, budget)
        finally:  # the handles of a process end with it; these are all of one
            for context in self.contexts:
                context.folders.close()
            self.contexts.clear()

    def _run(self, dies: frozenset[int], budget: float) -> Found:
        tokens = [wire.dump(each) for each in self.tokens or [self.token]]
        made = Schedule(tokens, self.options, [(), ()], self.workers, filters=self.filters)
        made.skips += self.skips
        scanners = [self._scanner() for _ in range(self.workers)]
        found, listings = Found(), 0
        for slot in itertools.cycle(range(self.workers)):
            if made.exhausted:
                break
            if (task := made.next(slot)) is None:
                continue
            if task["op"] == "copy" and self.options & wire.CHECKSUM:
                copier = Copier(scanners[slot].c, self.options | wire.DRY | wire.ITEMIZE)
                answer = copier.run(task["groups"]).as_dict()
                found.planned += [
                    ("", path.decode(), r) for r, path, _, _ in answer.get("changes", ())
                ]
                found.same += answer.get("unchanged", 0)
                made.done(slot, task, answer | {"seconds": 0.1})
                continue
            if task["op"] == "copy":
                for blob in task["groups"]:
                    group = wire.load(blob)
                    found.planned += [(group[2], entry[0], entry[5]) for entry in group[5]]
                    for entry in group[5] if self.copies else ():
                        Path(group[1], group[3], entry[0]).touch()
                made.done(slot, task, {"seconds": 0.1})
                continue
            listings += 1
            found.scans.append([wire.load(blob) for blob in task["folders"]])
            answer = scanners[slot].run({**task, "budget": budget})
            if listings in dies:
                assert made.lost(slot, task), "killed twice over the same"
                scanners[slot] = self._scanner()
                continue
            found.failures += [(path, code) for path, _, code, _ in answer.get("failures", ())]
            found.paused += [wire.load(blob) for blob in answer.get("at", ())]
            found.vanished += answer.get("vanished", 0)
            found.final += answer.get("final", ())
            made.done(slot, task, answer)
        for blob in made.extras:
            for _, _, rel, _, files, below in wire.load(blob):
                found.extras += [(rel, name) for name in (*files, *below)]
        found.extras.sort()
        found.planned.sort()
        found.failures.sort()
        keys = ("unchanged", "files", "bytes", "extra_count", "dst_entries", "folders", "replaced")
        found.totals = {key: getattr(made, key) for key in keys}
        if self.options & wire.CHECKSUM:  # a plan of what is to compare holds more or less
            found.totals = {k: found.totals[k] for k in ("extra_count", "dst_entries", "folders")}
            found.totals["unchanged"] = found.same + made.unchanged
        if not self.options & wire.MIRROR:  # for the delete guard alone
            del found.totals["dst_entries"]
        return found


def alone(pool: Pool) -> Found:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "SHARED", 1 << 62)
        return pool.run()


def assert_equal(one: Found, other: Found) -> None:
    assert one.totals == other.totals
    assert one.planned == other.planned
    assert one.extras == other.extras
    assert one.failures == other.failures


KINDS: dict[str, tuple[object, object]] = {
    "same": (File(b"x", mtime=T), File(b"x", mtime=T)),
    "new": (File(b"x", mtime=T), None),
    "changed": (File(b"xyz", mtime=T), File(b"x", mtime=T)),
    "extra": (None, File(b"x")),
    "extra folder": (None, {"a": b"a", "b": {"c": b"c"}}),
    "folder": ({"in": File(b"in", mtime=T)}, {"in": File(b"in", mtime=T), "old": b"old"}),
    "new folder": ({"in": b"in"}, None),
    "link": (Symlink("x"), Symlink("y")),
    "pipe": (Fifo(0o600), Fifo(0o600)),
    "to file": (File(b"x", mtime=T), {"was": b"a folder"}),
    "to folder": ({"is": b"a folder"}, File(b"x")),
}


def trees(kinds: list[str]) -> tuple[Tree, Tree]:
    src: dict[str, Any] = {}
    dst: dict[str, Any] = {}
    for number, kind in enumerate(kinds):
        here, there = (KINDS | OF_CONTENT)[kind]
        if here is not None:
            src[f"Name {number}"] = here
        if there is not None:
            dst[f"Name {number}"] = there
    return src, dst


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=40),
    workers=st.integers(1, 4),
    mirror=st.booleans(),
)
def test_shares_find_what_one_worker_alone_finds(
    kinds: list[str], workers: int, mirror: bool
) -> None:
    """Without the listing for extras (`tally` in schedule.py) none is found."""
    with tiny() as ram:
        src, dst = trees(kinds)
        make(ram / "src", src)
        make(ram / "dst", dst)
        options = wire.DRY | (wire.MIRROR if mirror else 0)
        assert_equal(Pool(ram, workers, options).run(), alone(Pool(ram, workers, options)))


OF_CONTENT: dict[str, tuple[object, object]] = {
    "other content": (File(b"x", mtime=T), File(b"y", mtime=T)),
    "other time": (File(b"x", mtime=T), File(b"x", mtime=T + 1_000_000_000)),
    "large": (File(b"x" * 300_000, mtime=T), File(b"x" * 300_000, mtime=T)),
    "large other": (File(b"x" * 300_000, mtime=T), File(b"x" * 299_999 + b"y", mtime=T)),
    "mode": (File(b"x", mode=0o600, mtime=T), File(b"x", mode=0o644, mtime=T)),
    "pipe for a file": (File(b"", mtime=T), Fifo(0o644, mtime=T)),
    "file for a pipe": (Fifo(0o644, mtime=T), File(b"", mtime=T)),
    "link for a file": (File(b"x", mtime=T), Symlink("x")),
}


@contextmanager
def tiny() -> Iterator[Path]:
    with ram_folder() as ram, pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (entries, "SHARED", 1), (shares, "_NAMES", 4),
            (shares, "CHECK_EVERY", 2), (one_share, "CHECK_EVERY", 2), (scan, "CHECK_EVERY", 2),
        ):  # fmt: skip
            patch.setattr(module, name, value)
        yield ram


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS | OF_CONTENT)), min_size=1, max_size=40),
    workers=st.integers(1, 4),
    mirror=st.booleans(),
)
def test_by_content_too(kinds: list[str], workers: int, mirror: bool) -> None:
    """Without `by_content` in the loop of one_share.py what only looks the same is the same; with
    its deadline alone, and no `later`, files are forgotten."""
    with tiny() as ram:
        src, dst = trees(kinds)
        make(ram / "src", src)
        make(ram / "dst", dst)
        options = wire.DRY | wire.CHECKSUM | (wire.MIRROR if mirror else 0)
        assert_equal(Pool(ram, workers, options).run(), alone(Pool(ram, workers, options)))


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=40),
    patterns=st.lists(
        st.sampled_from(["*1*", "!*12", "*2/", "/*3", "in", "*5", "deep/", "*"]), max_size=3
    ),
    limits=st.sampled_from([None, (2, None, None, None), (None, 1, None, None)]),
    spares=st.booleans(),
    by_content=st.booleans(),
)
def test_with_the_filters_of_a_mirror_too(
    kinds: list[str], patterns: list[str], limits: Any, spares: bool, by_content: bool
) -> None:
    """Without `_is_hidden` in shares.py what --delete-excluded is to delete stays; without `spares`
    what the filters leave out is deleted."""
    with tiny() as ram:
        src, dst = trees(kinds)
        make(ram / "src", src)
        make(ram / "dst", dst)
        options = wire.DRY | wire.MIRROR | (wire.CHECKSUM if by_content else 0)
        found = []
        for run in (Pool.run, alone):
            pool = Pool(ram, 2, options)
            pool.filters = prepare(("", [*patterns], True, spares, limits))["filters"]
            found.append(run(pool))
        assert_equal(*found)


def test_a_plain_copy_hands_out_names_before_it_lists_the_destination(ram: Path) -> None:
    """Without `first` in shares.py the others wait; a dead temporary is cleared away all the same."""
    make(ram / "src", {f"f{n}": b"x" for n in range(40)})
    make(ram / "dst", {f"f{n}": b"y" for n in range(40)} | {DEAD: b"dead"})
    for options, waits in ((0, False), (wire.MIRROR, True), (wire.CHECKSUM, True)):
        make(ram / "dst", {DEAD: b"dead"})
        found = Pool(ram, 2, options).run()
        before = next(n for n, task in enumerate(found.scans) if _is_share(task))
        assert (before > 20) == waits, before  # the listing of 41 names has that many pauses
        assert not (ram / "dst" / DEAD).exists()
        if not options:
            assert {name for _, name, _ in found.planned} == {f"f{n}" for n in range(40)}


def test_a_comparison_by_content_opens_no_pipe_of_either_side(ram: Path) -> None:
    """Nor a device, where that may do something. Without `odd` in shares.py it does."""
    make(ram / "src", {f"f{n}": b"" for n in range(9)} | {"p1": Fifo(), "p2": b"", "p3": Fifo()})
    make(ram / "dst", {f"f{n}": b"" for n in range(9)} | {"p1": b"", "p2": Fifo(), "p3": Fifo()})
    real, opened = os.open, []

    def watched(path: Any, *how: Any, **more: Any) -> int:
        opened.append(os.fsdecode(path))
        return real(path, *how, **more)

    for most in (1 << 16, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shares, "_MOST_EXTRAS", most)
            patch.setattr(compare.os, "open", watched)
            found = Pool(ram, 2, wire.DRY | wire.CHECKSUM).run()
        assert "f1" in opened and not {"p1", "p2", "p3"} & set(opened)
        assert [name for _, name, _ in found.planned if name in ("p1", "p2")] == ["p1", "p2"]


def test_a_file_that_was_given_up_is_left_out_of_its_share(ram: Path) -> None:
    """It did not answer when it was opened. Without `_is_given_up` the next worker hangs too."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(9)})
    make(ram / "dst", {f"f{n}": File(b"y", mtime=T) for n in range(9)} | {"old": b""})
    for side in ("src", "dst"):
        pool = Pool(ram, 2, wire.DRY | wire.CHECKSUM | wire.MIRROR)
        pool.skips = [os.fsencode(ram / side / "f7")]
        found = pool.run()
        assert [name for _, name, _ in found.planned] == [f"f{n}" for n in range(9) if n != 7]
        assert found.extras == [("", "old")]


EVERYTHING = sorted(KINDS) * 4


@pytest.fixture
def pair(ram: Path) -> Path:
    src, dst = trees(EVERYTHING)
    make(ram / "src", src)
    make(ram / "dst", dst)
    return ram


def _is_share(task: list[Any]) -> bool:
    return any(token[5] & wire.SHARE for token in task)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in two parts"])
def test_a_worker_that_dies_in_a_share_is_counted_once(
    pair: Path, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With pauses in a share (`due` in scan.py) what it had told already is told again."""
    monkeypatch.setattr(one_share, "CHECK_EVERY", 256 if whole else 2)
    pool = Pool(pair, 2, wire.DRY | wire.MIRROR)
    wanted, calm = alone(pool), pool.run()
    moments = [n for n, task in enumerate(calm.scans, 1) if _is_share(task)]
    assert len(moments) > 10
    assert not [token for token in calm.paused if token[5] & wire.SHARE and "names" in token[4]]
    for moment in moments:
        assert_equal(Pool(pair, 2, wire.DRY | wire.MIRROR).run(frozenset({moment})), wanted)


def test_whoever_dies_nothing_is_forgotten(ram: Path) -> None:
    """Told at once and not at the end, the entries of the destination are counted twice."""
    src, dst = trees(["same", "new", "changed", "extra", "link"] * 6)
    make(ram / "src", src)
    make(ram / "dst", dst)
    pool = Pool(ram, 2, wire.DRY | wire.MIRROR)
    whole, calm = alone(pool), pool.run()
    for moment in range(1, len(calm.scans) + 1):
        found = Pool(ram, 2, wire.DRY | wire.MIRROR).run(frozenset({moment}))
        assert set(found.planned) == set(whole.planned), moment
        assert set(found.extras) == set(whole.extras), moment
        assert found.totals["dst_entries"] == whole.totals["dst_entries"], moment
        assert not found.failures


def test_who_begins_anew_lists_the_extras_itself(ram: Path) -> None:
    """Two that were copied before the first lister died look in a count like two extras.

    Without `begun` in shares.py this fails."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(20)})
    make(
        ram / "dst", {f"f{n}": File(b"x", mtime=T) for n in range(18)} | {"old1": b"", "old2": b""}
    )
    pool = Pool(ram, 1)
    scanner = pool._scanner()
    task = {"options": wire.MIRROR, "same": ((), ())}
    task |= {"budget": 60.0, "want": 1 << 30, "large": 1 << 30}
    for again in (0, wire.BEGUN):
        token = wire.dump((*pool.token[:5], pool.token[5] | again))
        answer = scanner.run(task | {"folders": [token]})
        tally = Tally()
        opened = tally.take(answer)
        found = [name for r in wire.load(answer["extras"] or wire.dump([])) for name in r[4]]
        if again:
            assert sorted(found) == ["old1", "old2"]
        else:
            assert len(opened) == 1 and not found


@pytest.mark.parametrize("shared", [True, False], ids=["in shares", "as a whole"])
def test_what_is_copied_between_two_tries_is_none_of_the_destination_s_entries(
    ram: Path, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `self.token` in scan.py the delete guard counts them, and what was there twice."""
    if not shared:
        monkeypatch.setattr(entries, "SHARED", 1 << 62)
    new = {f"f{n}": File(b"x", mtime=T) for n in range(20)}
    old = {f"f{n}": File(b"x", mtime=T) for n in range(12)} | {f"old{n}": b"" for n in range(8)}

    def run(*dies: int) -> Found:
        for side, names in (("src", new), ("dst", old)):
            subprocess.run(["rm", "-rf", ram / side], check=True)
            make(ram / side, {"one": names, "two": names})
        pool = Pool(ram, 2, copies=True)
        pool.tokens = [(*pool.token[:2], rel, rel, None, wire.DST_EXISTS) for rel in ("one", "two")]
        return pool.run(frozenset(dies))

    calm = run()
    wanted = sorted((rel, f"old{n}") for rel in ("one", "two") for n in range(8))
    assert calm.extras == wanted and calm.totals["dst_entries"] == 2 * 20
    for moment in range(1, len(calm.scans) + 1):
        found = run(moment)
        assert sorted(set(found.extras)) == wanted, moment
        assert found.totals["dst_entries"] == 2 * 20, moment
        assert not found.failures


def test_a_listing_that_gets_a_second_try_counts_the_destination_once(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `counted` in scan.py the delete guard would take it for twice as much."""
    monkeypatch.setattr(entries, "SHARED", 1 << 62)
    make(ram / "src", {"f": b"f"})
    make(ram / "dst", {f"old{n}": b"" for n in range(9)})
    source, real = os.stat(ram / "src").st_ino, os.scandir

    def broken(folder: Any) -> Any:
        if os.stat(folder).st_ino == source:
            raise OSError(errno.EIO, "Input/output error")
        return real(folder)

    monkeypatch.setattr(scan.os, "scandir", broken)
    found = Pool(ram).run()
    assert found.failures == [(os.fsencode(ram / "src"), errno.EIO)] and not found.final
    assert found.totals["dst_entries"] == 0


def replaced(folder: Path) -> None:
    """Another folder with the same in it takes its place, and the old one is removed."""
    old = folder.with_name("old one")
    folder.rename(old)
    subprocess.run(["cp", "-a", old, folder], check=True)
    subprocess.run(["rm", "-rf", old], check=True)


@pytest.mark.parametrize("place", ["", "sub"])
def test_a_source_folder_that_is_replaced_meanwhile_has_no_extras(ram: Path, place: str) -> None:
    """With `open` for `alive` in scan.py, and without `_still_there` in shares.py, all of the
    destination is extra: in the folder that was removed no name is any more."""
    names = {f"f{n}": File(b"x", mtime=T) for n in range(30)}
    make(ram / "src" / place, names | {"new": b"new"})
    make(ram / "dst" / place, names | {"old": b""})
    calm = Pool(ram, 1).run()
    assert calm.extras == [(place, "old")]
    (last,) = [
        n
        for n, task in enumerate(calm.scans, 1)
        if task and "names" not in (task[-1][4] or {"names"})
    ]
    run, scans = Scanner.run, itertools.count(1)

    def later(self: Scanner, task: dict[str, Any]) -> dict[str, Any]:
        if next(scans) == last:
            replaced(ram / "src" / place)
        return run(self, task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scanner, "run", later)
        found = Pool(ram, 1).run()
    assert set(found.extras) <= {(place, "old")}
    assert found.extras or found.failures


def test_a_source_folder_that_goes_while_it_is_asked_has_no_extras(ram: Path) -> None:
    """Without `_still_there` in shares.py all of the destination is extra."""
    names = {f"f{n}": File(b"x", mtime=T) for n in range(30)}
    make(ram / "src/sub", names)
    make(ram / "dst/sub", names | {"old": b""})
    note = shares.Folder._note

    def later(self: shares.Folder, found: dict[str, Any], aside: dict[str, Any]) -> Any:
        replaced(ram / "src/sub")
        return note(self, found, aside)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shares.Folder, "_note", later)
        found = Pool(ram).run()
    assert not found.extras
    assert found.failures == [(os.fsencode(ram / "dst/sub"), errno.ESTALE)]


def _deletes(ram: Path, meanwhile: Callable[[], None]) -> Result:
    """`f` and `old` of a folder, which was opened before."""
    make(ram / "src/sub", {"f": b"f"})
    make(ram / "dst/sub", {"f": b"f", "old": b""})
    context = Pool(ram)._scanner().c
    record = (str(ram / "src"), str(ram / "dst"), "sub", "sub", ["f", "old"], [])
    task = {"extras": [wire.dump([record])], "options": wire.MIRROR, "which": "files"}
    context.folders.open(str(ram / "src"), "sub")
    try:
        meanwhile()
        return remove.run(context, task)
    finally:
        context.folders.close()


def test_what_a_replaced_source_folder_has_is_not_deleted(ram: Path) -> None:
    """With `open` for `alive` in remove.py it is."""
    result = _deletes(ram, lambda: replaced(ram / "src/sub"))
    assert result.deleted == 1 and not result.failures
    assert os.listdir(ram / "dst/sub") == ["f"]


def test_nothing_is_deleted_once_the_source_folder_has_gone(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `lives` in remove.py both names are deleted."""
    real = remove.exists

    def later(name: str, fd: int) -> bool:
        if (ram / "src/sub").exists():
            replaced(ram / "src/sub")
        return real(name, fd)

    monkeypatch.setattr(remove, "exists", later)
    assert _deletes(ram, lambda: None).deleted == 0
    assert sorted(os.listdir(ram / "dst/sub")) == ["f", "old"]


def test_a_filesystem_that_counts_no_links_is_not_taken_for_removed(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some in user space. With any folder without links refused, nothing is deleted there."""
    real = os.fstat

    def fstat(fd: int) -> os.stat_result:
        numbers, more = real(fd).__reduce__()[1]
        return os.stat_result((*numbers[:3], 0, *numbers[4:]), more)

    monkeypatch.setattr(folders.os, "fstat", fstat)
    make(ram / "src", {"new": b""})
    result = _deletes(ram, lambda: None)
    assert result.deleted == 1 and not result.failures
    found = Pool(ram).run()
    assert found.extras == [] and not found.failures
    make(ram / "dst", {"old": b"", "older": b""})
    found = Pool(ram).run()
    assert found.extras == [("", "old"), ("", "older")] and not found.failures


def test_a_name_too_long_for_the_source_is_extra_and_goes(ram: Path) -> None:
    """On some (encrypting) filesystems 143 bytes are the most. Without ENAMETOOLONG in entries.py
    the whole folder fails, and such a name is never deleted."""
    make(ram / "src", {"f": b"f"})
    make(ram / "dst", {"f": b"f", "o" * 200: b""})
    real, source = os.stat, os.stat(ram / "src").st_ino

    def stat(name: Any, **how: Any) -> os.stat_result:
        if name == "o" * 200 and real(how["dir_fd"]).st_ino == source:
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        return real(name, **how)

    context = Pool(ram)._scanner().c
    record = (str(ram / "src"), str(ram / "dst"), "", "", ["o" * 200], [])
    task = {"extras": [wire.dump([record])], "options": wire.MIRROR, "which": "files"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries.os, "stat", stat)
        found = Pool(ram).run()
        result = remove.run(context, task)
    context.folders.close()
    assert found.extras == [("", "o" * 200)] and not found.failures
    assert result.deleted == 1 and not result.failures


def test_what_was_built_twice_beside_its_place_takes_it_once(ram: Path) -> None:
    """Begun anew after a death. Without `done` in remove.py the second fails, and lies around."""
    beside = [".blit-" + "0" * 15 + f"-00{n}" for n in range(4)]
    make(ram, {beside[0]: {"in": b"in"}, beside[1]: {"in": b"in"}, "to folder": b"a file"})
    make(ram, {beside[2]: b"new", beside[3]: b"new"})
    swaps = [("folder", str(ram), "", name, "to folder") for name in beside[:2]]
    swaps += [("file", str(ram), "", name, "to file") for name in beside[2:]]
    context = Pool(ram)._scanner().c
    task = {"swaps": [wire.dump(each) for each in swaps], "options": wire.MIRROR, "undo": False}
    result = remove.swap(context, task)
    context.folders.close()
    assert not result.failures and result.deleted == 1
    assert sorted(os.listdir(ram)) == ["to file", "to folder"]
    assert os.listdir(ram / "to folder") == ["in"]


def test_a_name_that_the_source_lists_is_no_extra_though_it_is_not_found(ram: Path) -> None:
    """As on a damaged filesystem. Without `ours` in left_over.py the copy would be deleted."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(30)})
    make(ram / "dst", {f"f{n}": File(b"x", mtime=T) for n in range(30)} | {"old": b""})
    real, source = os.stat, os.stat(ram / "src").st_ino

    def stat(name: Any, **how: Any) -> os.stat_result:
        if name == "f7" and real(how["dir_fd"]).st_ino == source:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return real(name, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_share.os, "stat", stat)
        patch.setattr(shares.os, "access", lambda *_, **__: False)
        found = Pool(ram).run()
    assert found.extras == [("", "old")] and found.vanished == 1


def test_nothing_extra_is_seen_by_counting(ram: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `names` in tally.py one more, each folder is listed once more for its extras."""
    names = {f"f{n}": File(b"x", mtime=T) for n in range(50)} | {f"d{n}": {} for n in range(5)}
    make(ram / "src", names)
    make(ram / "dst", names | {DEAD: b"dead", ".blit-trash": {"kept": b"k"}})
    listed = []
    monkeypatch.setattr(shares.Folder, "extras", lambda self: listed.append(self) or iter(()))
    found = Pool(ram, 2).run()
    assert not listed
    assert found.totals["unchanged"] == 50 and found.totals["dst_entries"] == 55
    assert not (ram / "dst" / DEAD).exists()


def test_a_trash_that_only_the_destination_calls_its_own_is_no_count(ram: Path) -> None:
    """Without `doubt` in shares.py the extra is not found: the trash made up for it."""
    make(
        ram / "src", {"sub": {f"f{n}": File(b"x", mtime=T) for n in range(9)} | {".blit-trash": {}}}
    )
    make(
        ram / "dst",
        {f"f{n}": File(b"x", mtime=T) for n in range(9)} | {".blit-trash": {}, "old": b""},
    )
    pool = Pool(ram, 2)
    pool.token = (str(ram / "src"), str(ram / "dst"), "sub", "", None, wire.DST_EXISTS)
    assert ("", "old") in pool.run().extras


def test_what_is_not_read_by_a_doubtful_look_is_no_extra(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `exists` in shares.py all of the destination would be deleted."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(9)})
    make(ram / "dst", {f"f{n}": File(b"x", mtime=T) for n in range(9)} | {"old": b"", "old2": b""})
    monkeypatch.setattr(shares.os, "access", lambda *a, **k: False)
    assert Pool(ram).run().extras == [("", "old"), ("", "old2")]


def test_a_listing_that_goes_on_later_knows_what_was_settled(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the time taken from the scanner after a pause, each file is asked for its attributes."""
    names = {f"f{n}": File(b"x", mtime=T) for n in range(40)}
    make(ram / "src", names)
    last = max(os.stat(path).st_ctime_ns for path in (ram / "src").iterdir())
    while os.stat(ram).st_ctime_ns <= last:  # a clock that files are stamped by ticks slowly
        os.utime(ram)
    make(ram / "dst", names)

    def asked(*_: object) -> bool:
        raise AssertionError("of a file that cannot have changed")

    whole = metadata.xattrs_differ
    folder = os.stat(ram / "dst").st_ino
    monkeypatch.setattr(
        metadata, "xattrs_differ",
        lambda me, s, d: whole(me, s, d) if isinstance(d, int) and os.fstat(d).st_ino == folder
        else asked(),
    )  # fmt: skip
    assert Pool(ram).run().totals["unchanged"] == 40


def test_names_that_vanish_between_the_listing_and_a_share(ram: Path) -> None:
    """As if they had never been: their copies are extra, and the count does not hide them."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(30)})
    make(ram / "dst", {f"f{n}": File(b"x", mtime=T) for n in range(30)})
    pool = Pool(ram, 1)
    run, gone = Scanner.run, []

    def later(self: Scanner, task: dict[str, Any]) -> dict[str, Any]:
        tokens = [wire.load(blob) for blob in task["folders"]]
        if not gone and _is_share(tokens):
            gone.extend(tokens[-1][4]["names"].split("/"))
            for name in gone:
                (ram / "src" / name).unlink()
        return run(self, task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scanner, "run", later)
        found = pool.run()
    assert gone and found.vanished == len(gone)
    assert found.extras == sorted(("", name) for name in gone)
    assert found.totals["unchanged"] == 30 - len(gone)


def test_a_share_that_cannot_be_opened_gets_no_second_try_as_a_whole_folder(ram: Path) -> None:
    """Without `handed` for shares in scan.py the whole folder is listed again: counted twice."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(9)})
    make(ram / "dst", {f"f{n}": File(b"x", mtime=T) for n in range(9)})
    pool = Pool(ram)
    with pytest.MonkeyPatch.context() as patch:

        def broken(*_: object) -> Iterator[None]:
            raise OSError(errno.ETIMEDOUT, "timed out")
            yield

        patch.setattr(one_share, "look", broken)
        found = pool.run()
    assert found.failures
    assert set(found.final) == {path for path, _ in found.failures}
    assert not found.extras


def test_comparing_in_shares_tells_how_long_it_waits(ram: Path) -> None:
    """So that more workers are started on a slow place, as for a batch. Without `waited` in
    one_share.py nothing is told, without the look at it in crew.py nobody hears it."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(30)})
    make(ram / "dst", {f"f{n}": File(b"x", mtime=T) for n in range(30)})
    crew = Crew(SimpleNamespace(workers=[]), Ledger(lambda _: None), lambda _: None)  # type: ignore[arg-type]
    for options, files in ((0, 0), (wire.CHECKSUM, 30)):
        pool = Pool(ram, 1, options)
        scanner = pool._scanner()
        task = {"folders": [wire.dump(pool.token)], "options": options, "same": ((), ())}
        task |= {"budget": 60.0, "want": 1 << 30, "large": 1 << 30}
        crew._taken(0, {"what": "list"}, scanner.run(task))
        scanner.c.folders.close()
        assert crew.waits.files == files
    assert crew.waits.worked > 0 and 0 < crew.waits.seconds < 60


def test_an_entry_that_cannot_be_looked_at_is_one_failure(ram: Path) -> None:
    src, dst = trees(["same"] * 12)
    make(ram / "src", src)
    make(ram / "dst", dst)
    real = os.stat
    for side in ("src", "dst"):
        inode = real(ram / side).st_ino

        def stat(name: Any, inode: int = inode, **how: Any) -> os.stat_result:
            if name == "Name 5" and real(how["dir_fd"]).st_ino == inode:
                raise OSError(errno.EACCES, "Permission denied")
            return real(name, **how)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one_share.os, "stat", stat)
            found = Pool(ram).run()
        assert found.failures == [(os.fsencode(ram / "src/Name 5"), errno.EACCES)]
        assert found.totals["unchanged"] == 11 and not found.extras


def test_where_names_mean_others_one_worker_compares_alone() -> None:
    """Without the options in entries.py it is shared."""
    assert entries.alone(0) == entries.alone(wire.MIRROR | wire.CHECKSUM) == 1
    assert entries.alone(wire.CASELESS) > 1 << 40


@pytest.mark.parametrize("kind", [File(b"a file"), Symlink("f0")])
def test_nothing_of_the_source_takes_the_place_of_a_trash(
    blit: Blit, ram: Path, kind: File | Symlink
) -> None:
    """Without `del theirs` in one_share.py it gives way."""
    make(ram / "src", {f"f{n}": b"x" for n in range(9)} | {".blit-trash": kind})
    make(ram / "dst", {".blit-trash": {"kept": b"kept"}, "f0": b"x"})
    blit("mirror", "--yes", f"{ram}/src/", ram / "dst", code=3, env=HUGE)
    assert (ram / "dst/.blit-trash/kept").read_bytes() == b"kept"


def test_a_share_goes_back_in_part_when_time_is_up(ram: Path) -> None:
    """Of a share that was split only the last part counts as one: else extras are missed."""
    make(ram / "src", {f"f{n}": File(b"x", mtime=T) for n in range(4)})
    make(ram / "dst", {f"f{n}": File(b"x", mtime=T) for n in range(4)} | {"old": b""})
    found = Pool(ram, 1).run(budget=0.0)
    split = [t for task in found.scans for t in task if t[5] & wire.SHARE and "names" in t[4]]
    assert [len(t[4]["names"].split("/")) for t in split] == [4, 2]
    assert found.extras == [("", "old")]


# -- real processes -------------------------------------------------------------------------------

SOURCE: Tree = {
    **{f"same{n}": File(b"same", mtime=T) for n in range(150)},
    **{f"new{n}": File(b"new %d" % n, mtime=T) for n in range(40)},
    **{f"changed{n}": File(b"changed now", mtime=T) for n in range(40)},
    **{f"sub{n}": {"x": File(b"x", mtime=T), "deep": {"y": b"y"}} for n in range(20)},
    **{f"link{n}": Symlink(f"same{n}") for n in range(5)},
    "mode": File(b"mode", mode=0o600, mtime=T), "pipe": Fifo(0o600), "hard1": b"hard",
    "hard2": Hard("hard1"), "hard3": Hard("hard1"), "to file": b"file", "to folder": {"in": b"in"},
    "UPPER": b"upper", "odd\udcff\n": b"odd",
}  # fmt: skip
TARGET: Tree = {
    **{f"same{n}": File(b"same", mtime=T) for n in range(150)},
    **{f"changed{n}": File(b"changed", mtime=T) for n in range(40)},
    **{f"sub{n}": {"x": File(b"x", mtime=T), "gone": b"gone"} for n in range(10)},
    **{f"old{n}": b"old" for n in range(30)},
    **{f"gone{n}": {"in": b"in", "deep": {"er": b"er"}} for n in range(5)},
    **{f"link{n}": Symlink("elsewhere") for n in range(3)},
    "mode": File(b"mode", mode=0o644, mtime=T), "hard1": b"hard", "to file": {"a": b"a"},
    "to folder": b"a file", "upper": b"lower", DEAD: b"dead",
}  # fmt: skip


@pytest.fixture
def both(ram: Path) -> tuple[Path, Path]:
    make(ram / "src", SOURCE)
    make(ram / "dst", TARGET)
    return ram / "src", ram / "dst"


def test_a_mirror_in_shares_is_the_mirror_that_one_worker_makes(
    blit: Blit, both: tuple[Path, Path]
) -> None:
    src, dst = both
    one = blit("mirror", "-n", "--max-delete", "999", f"{src}/", dst)
    shared = blit("mirror", "-n", "--max-delete", "999", f"{src}/", dst, env=HUGE)
    assert sorted(one.lines[:-1]) == sorted(shared.lines[:-1])
    assert len(shared.changes) > 150
    real = blit("mirror", "-v", "-y", "--max-delete", "999", f"{src}/", dst, env=HUGE)
    assert sorted(real.lines[:-1]) == sorted(one.lines[:-1])
    assert_same(src, dst)
    assert not temporaries(dst)
    again = blit.json("mirror", "-v", "-y", f"{src}/", dst, env=HUGE).summary
    assert again["files"]["copied"] == again["files"]["deleted"] == 0
    assert again["files"]["unchanged"] == 150 + 40 + 40 + 40 + 5 + 9


@pytest.mark.parametrize("verb", ["trash", "checksum", "copy", "move"])
def test_the_other_verbs(blit: Blit, both: tuple[Path, Path], verb: str) -> None:
    src, dst = both
    before = snapshot(src)
    if verb == "trash":
        blit("mirror", "-y", "--trash", "--max-delete", "999", f"{src}/", dst, env=HUGE)
        assert (dst / ".blit-trash").is_dir()
        subprocess.run(["rm", "-rf", dst / ".blit-trash"], check=True)
        os.utime(dst, ns=(T, src.stat().st_mtime_ns))
        assert_same(src, dst)
        return
    if verb == "checksum":
        os.utime(dst / "same7", ns=(T, T))
        (dst / "same8").write_bytes(b"emas")
        os.utime(dst / "same8", ns=(T, T))
        blit("mirror", "-y", "-c", "--max-delete", "999", f"{src}/", dst, env=HUGE)
        assert_same(src, dst)
        return
    for name in ("to file", "to folder"):
        subprocess.run(["rm", "-rf", dst / name], check=True)
    kept = snapshot(dst).keys() - {os.fsencode(DEAD)}
    blit(verb, f"{src}/", dst, env=HUGE)
    assert snapshot(dst).keys() == kept | before.keys()
    if verb == "move":
        assert not any(path.is_file() for path in src.rglob("*"))


@pytest.mark.parametrize("side", ["src", "dst"])
@pytest.mark.parametrize("when", [1, 2, 3, 4, 5])
def test_a_listing_that_fails_at_any_moment_deletes_nothing(
    blit: Blit, both: tuple[Path, Path], side: str, when: int
) -> None:
    requires_strace()
    src, dst = both
    prefix = inject(src if side == "src" else dst, "getdents64", f"error=EIO:when={when}")
    command = ("mirror", "-y", "--max-delete", "999", f"{src}/", dst)
    result = blit(*command, code=None, prefix=prefix, env=HUGE)
    assert result.code in (0, 1, 3), str(result)
    if result.code:
        assert snapshot(dst).keys() >= {b"old%d" % n for n in range(30)}
    blit(*command, env=HUGE)
    assert_same(src, dst)


def test_workers_that_are_killed_lose_nothing_and_delete_nothing_else(
    blit: Blit, ram: Path
) -> None:
    """Shot one after another while they compare: still a mirror, with exactly the extras gone."""
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n:05}": File(b"%d" % n, mtime=T) for n in range(6_000)})
    make(dst, {f"f{n:05}": File(b"%d" % n, mtime=T) for n in range(0, 6_000, 2)})
    make(dst, {f"old{n}": b"old" for n in range(500)})
    blit.environment |= HUGE
    shots = 0
    for least, more in ((3_550, ("-c",)), (4_300, ()), (5_500, ("--exclude", "*.o"))):
        process = blit.start(
            "mirror", "-y", "--max-delete", "9999", "--json", *more, f"{src}/", dst,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        until(
            lambda p=process, n=least: p.poll() is not None or len(os.listdir(dst)) >= n,
            "some files",
        )
        alive = workers_of(process.pid)
        if process.poll() is None and alive:
            os.kill(alive[shots % len(alive)], signal.SIGKILL)
            shots += 1
        result = blit.finish(process)
        assert b"Traceback" not in result.err
        assert result.code == 0, str(result)
        assert_same(src, dst)
        for n in range(1, 6_000, 2):
            (dst / f"f{n:05}").unlink()
        make(dst, {f"old{n}": b"old" for n in range(500)})
    assert shots, "no worker was still there to be killed"


@pytest.mark.parametrize("command", ["copy", "mirror"])
def test_filters(blit: Blit, ram: Path, command: str) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}.{'o' if n % 3 else 'c'}": b"new" for n in range(300)})
    make(dst, {f"f{n}.{'o' if n % 3 else 'c'}": b"older" for n in range(0, 600, 2)})
    had = {path.name for path in dst.iterdir()}
    yes = ("-y", "--max-delete", "999") if command == "mirror" else ()
    blit(command, *yes, "--exclude", "*.o", f"{src}/", dst, env=HUGE)
    wanted = {path.name for path in src.glob("*.c")} | {n for n in had if n.endswith(".o")}
    if command == "copy":
        wanted |= had
    assert {path.name for path in dst.iterdir()} == wanted
    assert all(path.read_bytes() == b"older" for path in dst.glob("*.o"))
    assert all((dst / path.name).read_bytes() == b"new" for path in src.glob("*.c"))


def test_the_guard_counts_the_destination_before_anything_is_copied(blit: Blit, ram: Path) -> None:
    """Counted after the copying, more than half of the destination would look like a third."""
    make(ram / "src", {f"new{n}": b"new" for n in range(400)} | {"f": b"f"})
    make(ram / "dst", {f"old{n}": b"old" for n in range(150)} | {"f": b"f"})
    result = blit("mirror", "-y", f"{ram}/src/", ram / "dst", code=4, env=HUGE)
    assert "150 entries of 151 in the destination" in result.errors[-1]
    assert len(os.listdir(ram / "dst")) == 551
