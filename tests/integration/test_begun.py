"""A worker that dies over a folder of which it has told a part: nothing is told, or counted, twice.

First with the pretended pool of test_shares, so that each may die at any moment; then with real
processes.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Blit, requires_linux_backend, until, workers_of
from trees import File, Hard, Tree, assert_same, differences, make, temporaries

from blit.worker import (
    begun,
    entries,
    extra_folders,
    left_over,
    one_share,
    scan,
    shares,
    status,
    wire,
)
from blit.worker.context import Context
from blit.worker.filters import prepare
from blit.worker.main import Worker
from integration.test_shares import Found, Pool, T, assert_equal, trees

WAYS = ("whole", "whole, slow", "shares", "contents", "contents in shares", "spared")


@pytest.fixture(autouse=True)
def linux() -> None:
    requires_linux_backend("it compares each folder as a whole")


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings are suspended again and again, and extras told three at a time."""
    monkeypatch.setattr(shares, "_NAMES", 4)
    for module in (shares, one_share, scan, left_over, extra_folders):
        monkeypatch.setattr(module, "CHECK_EVERY", 2)
    for module in (left_over, scan):
        monkeypatch.setattr(module, "MOST_NAMES", 3)


def _pair(ram: Path) -> tuple[Tree, Tree]:
    kinds = ["new", "folder", "same", "extra", "changed", "new folder", "extra folder"]
    src, dst = trees(kinds * 4)
    deep = {f"s{n}": {"x": b"x", "y": {"z": b"z"}} for n in range(6)}
    src["down"] = {**src, "more": deep}
    dst["down"] = {**dst, "more": {**deep, **{f"o{n}": {"p": b"p"} for n in range(9)}}}
    dst["gone"] = {**{f"g{n}": {"q": {"r": b"r"}} for n in range(9)}, "keep.o": b"o"}
    make(ram / "src", src)
    make(ram / "dst", dst)
    return src, dst


def _pool(ram: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> Pool:
    options = wire.DRY | wire.MIRROR | (wire.CHECKSUM if "contents" in way else 0)
    monkeypatch.setattr(entries, "SHARED", 1 if "shares" in way else 1 << 62)
    pool = Pool(ram, 2, options)
    if way == "spared":
        pool.filters = prepare(("", ["*.o"], True, True, None))["filters"]
    return pool


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("way", WAYS)
def test_whoever_dies_all_is_told_once(
    ram: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Subfolders too: without begun.rest they are listed twice, and count so in the delete guard."""
    _pair(ram)
    if "slow" in way:
        real = scan.Scanner.run
        monkeypatch.setattr(scan.Scanner, "run", lambda s, task: real(s, {**task, "slow": 2}))
        monkeypatch.setattr(scan, "OFTEN", 2)
    calm = _pool(ram, way, monkeypatch).run()
    assert len(calm.scans) > 40 and len(calm.paused) > 10
    for moment in range(1, len(calm.scans) + 1, 3 if "shares" in way else 1):
        found = _pool(ram, way, monkeypatch).run(frozenset({moment}))
        assert_equal(found, calm)


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("shared", [True, False], ids=["in shares", "as a whole"])
def test_what_was_copied_meanwhile_is_not_told_again(
    ram: Path, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is in a run: who goes on finds at the destination what was copied of the first part."""
    monkeypatch.setattr(entries, "SHARED", 1 if shared else 1 << 62)

    def run(*dies: int) -> Found:
        subprocess.run(["rm", "-rf", ram / "src", ram / "dst"], check=True)
        names = {f"f{n}": File(b"x", mtime=T) for n in range(20)}
        names |= {f"d{n}": {"in": File(b"in", mtime=T)} for n in range(9)}
        make(ram / "src", {"one": names})
        old: Tree = {"f1": File(b"x", mtime=T), **{f"o{n}": b"" for n in range(8)}}
        make(ram / "dst", {"one": old | {f"d{n}": {} for n in range(9)}})
        os.utime(ram / "dst/one", ns=(T, T))
        pool = Pool(ram, 2, copies=True)
        pool.tokens = [(*pool.token[:2], "one", "one", None, wire.DST_EXISTS)]
        return pool.run(frozenset(dies))

    calm = run()
    for moment in range(1, len(calm.scans) + 1):
        assert_equal(run(moment), calm)


class _Turned:
    """A listing, each time in another order, as it may be where a program keeps the names."""

    times = 0
    real = staticmethod(os.scandir)

    def __init__(self, folder: int) -> None:
        with self.real(folder) as found:
            names = sorted(found, key=lambda each: each.name)
        random.Random(_Turned.times).shuffle(names)
        _Turned.times += 1
        self.names = iter(names)

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        return self.names

    def __enter__(self) -> _Turned:
        return self

    def __exit__(self, *_: object) -> None: ...
    def close(self) -> None: ...


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("change", ["a name more", "another order"])
def test_a_folder_that_is_another_by_then_is_told_anew(
    ram: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice is harmless, and to leave out is not. Without the stamp, or without the names that are
    compared in begun.py, this fails."""
    monkeypatch.setattr(entries, "SHARED", 1 << 62)
    make(ram / "src", {f"f{n:02}": File(b"x", mtime=T) for n in range(20)})
    make(ram / "dst", {})
    pool = Pool(ram, 1)
    real, first = scan.Scanner.run, []

    def run(scanner: scan.Scanner, task: dict[str, object]) -> dict[str, object]:
        answer: dict[str, object] = real(scanner, task)
        first.append(1)
        if len(first) == 2 and change == "a name more":
            make(ram / "src", {f"a{n}": b"new" for n in range(9)})  # listed first on a tmpfs
        elif len(first) == 2:
            monkeypatch.setattr(scan.os, "scandir", _Turned)
        return answer

    monkeypatch.setattr(scan.Scanner, "run", run)
    found = pool.run(frozenset({3}))
    assert {name for _, name, _ in found.planned} == set(os.listdir(ram / "src"))


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("when", ["extras in shares", "taken over", "begun anew"])
def test_a_file_that_grows_past_a_limit_once_it_is_copied_stays(
    ram: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --delete-excluded. Without is_ours in left_over.py it would go, as if it had been there;
    what was there and is left out goes as before."""
    monkeypatch.setattr(entries, "SHARED", 1 if when == "extras in shares" else 1 << 62)
    names = {f"f{n:02}": File(b"x", mtime=T) for n in range(20)}
    excluded = {"big": File(b"x" * 99, mtime=T), "f.o": File(b"", mtime=T)}
    make(ram / "src", names | excluded)
    make(ram / "dst", {"big": b"", "f.o": b"", "old": b""})
    while os.stat(ram).st_ctime_ns <= os.stat(ram / "dst").st_ctime_ns:  # such a clock ticks slowly
        os.utime(ram)

    def grow() -> None:
        for name in names:
            if when != "begun anew" and when != "taken over":
                (ram / "dst" / name).touch()
            if (ram / "dst" / name).exists():
                (ram / "src" / name).write_bytes(b"x" * 99)

    extras, rest = shares.Folder.extras, begun.rest

    def meanwhile(folder: shares.Folder) -> Any:
        grow()
        return extras(folder)

    def taken_over(*given: Any, **named: Any) -> Any:
        grow()
        if when == "begun anew":
            os.utime(ram / "src")
            given = (*given[:2], os.stat(ram / "src"), *given[3:])
        return rest(*given, **named)

    if when == "extras in shares":
        monkeypatch.setattr(shares.Folder, "extras", meanwhile)
    else:
        monkeypatch.setattr(begun, "rest", taken_over)
    pool = Pool(ram, 2, copies=True)
    pool.filters = prepare(("", ["*.o"], False, False, (None, 10, None, None)))["filters"]
    found = pool.run(frozenset({9} if when != "extras in shares" else ()))
    grown = [name for name in names if (ram / "src" / name).stat().st_size > 10]
    assert len(grown) > 3
    assert found.extras == [("", "big"), ("", "f.o"), ("", "old")]


@pytest.mark.parametrize("linked", [False, True], ids=["compared", "linked"])
def test_the_times_of_a_folder_are_set_though_who_changed_it_died(ram: Path, linked: bool) -> None:
    """It had its rename and told nobody; to who does it again all looks unchanged. Without
    redone.touch, or the same in links.py, the folder keeps a wrong time with exit code 0."""
    make(ram / "src", {"a": File(b"new", mtime=T), "b": Hard("a")} if linked else {"a": b"new"})
    make(ram / "dst", {"a": File(b"new", mtime=T), "b": b"old"} if linked else {"a": b"old"})
    options = 0 if linked else wire.CHECKSUM
    page = status.Page(mmap.mmap(-1, status.PAGE), 0)
    worker = Worker(Context(page, "t" * 15, 0, os.getppid()))
    token = wire.dump((str(ram / "src"), str(ram / "dst"), "", "", None, wire.DST_EXISTS))
    task: dict[str, Any] = {"folders": [token], "options": options, "same": ((), ())}
    listed = worker.scan(task | {"budget": 60.0, "want": 1 << 30, "large": 1 << 30})
    for dead in ({}, {"dead": 1}):
        if linked:
            parts = [blob for _, _, blob in listed["links"]]
            answer = worker.links({"parts": parts, "options": options} | dead)
        else:
            groups = [blob for _, _, blob in listed["groups"]]
            answer = worker.copy({"groups": groups, "options": options} | dead)
        assert wire.load(answer["finish"])[0][:2] == (str(ram / "src"), str(ram / "dst"))
    worker.c.folders.close()
    assert (ram / "dst" / ("b" if linked else "a")).read_bytes() == b"new"


# -- real processes -------------------------------------------------------------------------------


def _source(src: Path, seed: int) -> int:
    """A tree whose folders are listed in several steps; how many files it has."""
    some = random.Random(seed)

    def folder(depth: int) -> Tree:
        tree: Tree = {}
        for n in range(some.choice((3, 30, 700))):
            tree[f"f{n}"] = File(b"%d" % n * some.randrange(40), mtime=T)
        for n in range(some.choice((2, 60, 400)) if depth else 0):
            tree[f"d{n}"] = folder(0) if some.random() < 0.05 else {"x": File(b"x", mtime=T)}
        return tree

    make(src, {f"top{n}": folder(1) for n in range(6)})
    return sum(len(files) for _, _, files in os.walk(src))


@pytest.mark.slow
def test_a_mirror_whose_workers_are_shot_is_whole_and_its_figures_are_right(
    blit: Blit, ram: Path
) -> None:
    """Copied and unchanged together are what the source has, and what was extra is gone."""
    rounds(blit, ram, 6, 1)


def rounds(
    blit: Blit, ram: Path, count: int, seed: int,
    also: Callable[[Path, Path], None] = lambda src, dst: None,
) -> int:  # fmt: skip
    """So many copies and mirrors whose workers are shot at any moment; returns the shots. `also`:
    what else must hold of both sides."""
    some, shots = random.Random(seed), 0
    src, dst = ram / "src", ram / "dst"
    files = _source(src, seed)
    for number in range(count):
        kept, altered = number % 3, 0
        if kept == 1:  # all is there but for some, and there is more
            for path in list(dst.rglob("f*"))[:: some.randrange(2, 9)]:
                path.unlink()
            make(dst, {"old": {f"o{n}": {"p": b"p"} for n in range(300)}, "top0": {"e": b""}})
        elif kept == 2:  # what only a comparison by content sees
            make(dst, {"top1": {f"e{n}": b"" for n in range(400)}})
            for path in [p for p in dst.rglob("f*") if p.stat().st_size][:: some.randrange(2, 9)]:
                path.write_bytes(b"-" * path.stat().st_size)
                os.utime(path, ns=(T, T))
                altered += 1
        else:
            subprocess.run(["rm", "-rf", dst], check=True)
        extra = {0: 0, 1: 602, 2: 400}[kept]
        before = sum(len(f) for _, _, f in os.walk(dst)) - {0: 0, 1: 301, 2: 400}[kept]
        before -= altered
        words = ("mirror", "-y", "--max-delete", "602") if kept else ("copy",)
        more = ("-c",) if kept == 2 or some.random() < 0.3 else ()
        process = blit.start(
            *words, "--json", *more, f"{src}/", dst, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        until(lambda p=process: p.poll() is not None or workers_of(p.pid), "workers")
        for _ in range(some.randrange(1, 4)):
            time.sleep(some.random() * 0.15)
            alive = workers_of(process.pid)
            if process.poll() is None and alive:
                for worker in alive if some.random() < 0.3 else [some.choice(alive)]:
                    os.kill(worker, signal.SIGKILL)
                    shots += 1
        result = blit.finish(process)
        assert b"Traceback" not in result.err
        said = f"round {number} of seed {seed}: {result.code} {result.err!r} {result.events[-1]}"
        if result.code:  # two died over the same work: told, and the next run does it
            assert result.code in (1, 3), said
            blit("mirror", "-y", "--max-delete", "602", *more, f"{src}/", dst)
            assert_same(src, dst)
            continue
        wrong = differences(src, dst)
        assert not wrong, f"{said}\n{wrong[:5]}"
        also(src, dst)
        assert not temporaries(dst), said
        counts = result.summary["files"]
        assert counts["copied"] + counts["unchanged"] == files, said
        assert counts["unchanged"] == before, said
        assert counts["deleted"] <= extra, said
    return shots
