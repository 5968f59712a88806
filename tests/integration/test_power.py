"""The power goes at any moment: what was replaced holds old or new, what was deleted is replaced.

The filesystem is shut down by an ioctl without its log being flushed, unmounted and mounted again,
which is what a power cut leaves. `BLIT_POWER_CUTS=100 pytest tests/integration/test_power.py` does
it at a hundred moments of each run instead of a few.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Blit, mounted, requires_loop, requires_tool, until
from trees import assert_same, contents, differences, filler, make, temporaries

from integration.test_commands import job, running

CUTS = int(os.environ.get("BLIT_POWER_CUTS", "3"))
FILES, EXTRAS = 360, 40
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
KINDS = {
    # without auto_da_alloc: ext4 then does not make up for programs that forget to sync
    "ext4": (64, ("-q", "-F", "-m0"), "loop,noauto_da_alloc"),
    "xfs": (300, ("-q", "-f", "-m", "reflink=1"), "loop"),
}

pytestmark = [pytest.mark.root, pytest.mark.slow]


class Disk:
    """A filesystem in a file, with a copy of what it was at the beginning."""

    def __init__(self, ram: Path, kind: str) -> None:
        self.kind = kind
        requires_loop()
        requires_tool(f"mkfs.{kind}")
        megabytes, arguments, self.options = KINDS[kind]
        self.image, self.first, self.point = ram / "image", ram / "first", ram / "point"
        with open(self.image, "wb") as out:
            out.truncate(megabytes << 20)
        made = subprocess.run(
            [f"mkfs.{kind}", *arguments, str(self.image)], check=False, timeout=60
        )
        if made.returncode:
            pytest.skip(f"no {kind} of {megabytes} MB can be made here")

    def keep(self) -> None:
        """What is on it now is what `mount(anew=True)` gives back."""
        shutil.copyfile(self.image, self.first)

    @contextmanager
    def mount(self, anew: bool = False) -> Iterator[Path]:
        if anew:
            shutil.copyfile(self.first, self.image)
        with mounted(self.point, "-o", self.options, str(self.image)) as point:
            living = Path("/sys/fs", self.kind, os.path.basename(device_of(point)))
            assert living.exists(), living
            try:
                yield point
            finally:
                until(
                    lambda: not subprocess.run(["umount", str(point)], check=False,
                                               stderr=subprocess.DEVNULL).returncode,
                    "the filesystem is let go",
                )  # fmt: skip
                # Others may have taken it along into namespaces of their own, as `unshare -m` does;
                # for as long as these last a second mount gives back the very one that was cut.
                until(lambda: not living.exists(), "others let the filesystem go", 120)

    def cut(self, commit: bool = False) -> None:
        """The power goes. `commit`: right after the journal was written for somebody else."""
        if commit:
            fd = os.open(self.point / "somebody else's", os.O_CREAT | os.O_WRONLY)
            os.write(fd, b"x")
            os.fsync(fd)
            os.close(fd)
        fd = os.open(self.point, os.O_RDONLY)
        fcntl.ioctl(fd, _SHUTDOWN, struct.pack("i", _NO_LOG_FLUSH))
        os.close(fd)


def device_of(point: Path) -> str:
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        lines = [line.split() for line in table]
    return next(words[words.index("-") + 2] for words in lines if words[4] == str(point))


def fill(root: Path, word: bytes, size: int, extras: int = 0) -> None:
    for number in range(FILES):
        length = size * (1 + number % 5) if number % 90 else 600_000 + size
        make(root / f"d{number % 9}", {f"f{number}": filler(length, b"%s %d" % (word, number))})
    for number in range(extras):
        make(root / f"d{number % 9}", {f"extra{number}": b"only here %d" % number})


def check(found: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes], when: str) -> None:
    """What the disk holds after the cut is what the contract allows."""
    found = {n: d for n, d in found.items() if not os.path.basename(n).startswith(".blit-")}
    found.pop("somebody else's", None)
    for name, data in old.items():
        if name in new:
            assert name in found, f"{when}: {name} is gone"
            assert found[name] in (data, new[name]), (
                f"{when}: {name} holds {len(found[name])} bytes, neither old nor new"
            )
    if gone := old.keys() - found.keys():
        late = [name for name, data in new.items() if found.get(name) != data]
        assert not late, f"{when}: {len(gone)} deleted before {late[:3]} was on disk"


@pytest.mark.parametrize("kind", KINDS)
def test_the_power_comes_back_although_others_still_see_the_disk(ram: Path, kind: str) -> None:
    """Of these tests alone: without the wait in `Disk.mount` what comes back is still cut off."""
    disk = Disk(ram, kind)
    requires_tool("unshare")
    with disk.mount() as point:
        (point / "f").write_bytes(b"f")
        os.sync()
        command = ["unshare", "-m", "sh", "-c", "echo; exec sleep 1"]
        other = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert other.stdout is not None
        other.stdout.readline()
        disk.cut()
    with disk.mount() as point:
        assert (point / "f").read_bytes() == b"f"
    other.communicate(timeout=20)


@pytest.mark.parametrize("kind", KINDS)
def test_a_power_cut_during_an_overwriting_mirror(blit: Blit, ram: Path, kind: str) -> None:
    """Without the sync in Copier.flush, and without the one before the deletions, this fails."""
    disk, src = Disk(ram, kind), ram / "src"
    fill(src, b"new", 4_000)
    make(src / "fresh", {f"n{number}": filler(9_000, b"%d" % number) for number in range(60)})
    with disk.mount() as point:
        fill(point / "dst", b"old", 3_000, EXTRAS)
        old = contents(point / "dst")
    disk.keep()
    new = contents(src)
    command = ("mirror", "--yes", f"{src}/", disk.point / "dst")
    with disk.mount(anew=True) as point:
        whole = blit(*command).seconds
        assert_same(src, point / "dst")
    chance = random.Random(f"{kind} {CUTS}")
    midway = 0
    for number in range(CUTS):
        # the first part is the program's start
        moment = whole * (0.3 + 0.8 * (number + chance.random()) / CUTS)
        with disk.mount(anew=True) as point:
            durable = ("--durable",) if number % 3 else ()
            process = blit.start(*command, *durable)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                pass
            running = process.poll() is None
            disk.cut(commit=not number % 2)
            result = blit.finish(process, 30)
        with disk.mount() as point:
            found = contents(point / "dst")
            when = f"cut {moment:.2f} of {whole:.2f} s into the run, exit code {result.code}"
            check(found, old, new, when)
            equal = not differences(src, point / "dst")
            assert equal or result.code or not durable, f"{when}: but it is not on disk"
            midway += running and any(found.get(name) != old.get(name) for name in found)
            if not equal:
                blit(*command)
                assert_same(src, point / "dst")
                assert not temporaries(point)
    assert midway, "the moments were badly chosen: none was in the middle of the copying"


def _replaced(old: Path, count: int) -> Callable[[], bool]:
    """True when so many of these have another content than they had."""
    before = {name: (old / name).stat().st_ino for name in os.listdir(old)}

    def enough() -> bool:
        return sum((old / n).stat().st_ino != inode for n, inode in before.items()) >= count

    return enough


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_renamed_is_on_disk_already(blit: Blit, ram: Path, kind: str) -> None:
    """The worst moment: right after the first renames, and the journal is just being written.

    Without the sync in Copier.flush this fails: the renames are on disk and the bytes are not.
    """
    disk, src = Disk(ram, kind), ram / "src"
    make(src, {f"f{number}": filler(5_000 + number, b"new") for number in range(400)})
    with disk.mount() as point:
        make(point / "dst", {f"f{n}": filler(4_000 + n, b"old") for n in range(400)})
        old = contents(point / "dst")
        os.sync()
        process = blit.start("copy", f"{src}/", point / "dst")
        until(_replaced(point / "dst", 1), "the first rename")
        disk.cut(commit=True)
        blit.finish(process, 30)
    with disk.mount() as point:
        check(contents(point / "dst"), old, contents(src), "cut at the first rename")


def _names(folder: Path) -> int:
    """How many there are; none in a folder that has just gone."""
    try:
        return len(os.listdir(folder))
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_copied_earlier_is_on_disk_before_the_first_deletion(
    blit: Blit, ram: Path, kind: str
) -> None:
    """A run that copies nothing any more deletes what an earlier one, unsynced, has copied anew.

    Without the sync in Run.delete this fails.
    """
    disk, src = Disk(ram, kind), ram / "src"
    make(src, {"moved": {f"f{n}": filler(9_000 + n) for n in range(80)}})
    with disk.mount() as point:
        make(point / "dst", {"place": {f"f{n}": filler(9_000 + n) for n in range(80)}})
        os.sync()
        blit("copy", f"{src}/", point / "dst")
        process = blit.start("mirror", "--yes", f"{src}/", point / "dst")
        until(lambda: _names(point / "dst" / "place") < 80, "the first deletion")
        disk.cut(commit=True)
        blit.finish(process, 30)
    with disk.mount() as point:
        found = contents(point / "dst")
        assert all(found.get(name) == data for name, data in contents(src).items())


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_durable_run_everything_is_on_disk(blit: Blit, ram: Path, kind: str) -> None:
    """Without the flush at the end of the run this fails."""
    disk, src = Disk(ram, kind), ram / "src"
    fill(src, b"new", 2_000)
    make(src, {"sub": {"empty": {}, "deep": {"x": b"x"}}})
    with disk.mount() as point:
        result = blit.json("copy", "--durable", f"{src}/", point / "dst")
        disk.cut()
        assert [e["type"] for e in result.events].count("flushing") == 1
    with disk.mount() as point:
        assert_same(src, point / "dst")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_replaced_files_are_on_disk_too(blit: Blit, ram: Path, count: int) -> None:
    """Up to two are synced one by one. Without sync_file this fails."""
    disk, src = Disk(ram, "xfs"), ram / "src"
    make(src, {f"f{number}": filler(50_000, b"new") for number in range(count)})
    with disk.mount() as point:
        make(point / "dst", {f"f{number}": filler(40_000, b"old") for number in range(count)})
        os.sync()
        blit("copy", f"{src}/", point / "dst")
        disk.cut(commit=True)
    with disk.mount() as point:
        assert_same(src, point / "dst")


def test_a_name_is_linked_to_a_copy_only_when_that_is_on_disk(blit: Blit, ram: Path) -> None:
    """The copy is of an earlier run, unsynced. Without the sync in links._one this fails."""
    disk, src = Disk(ram, "xfs"), ram / "src"
    make(src, {"a": filler(90_000)})
    with disk.mount() as point:
        make(point / "dst", {"b": b"old content"})
        os.sync()
        blit("copy", f"{src}/", point / "dst")
        os.link(src / "a", src / "b")
        blit("copy", f"{src}/", point / "dst")
        disk.cut(commit=True)
    with disk.mount() as point:
        data = (point / "dst/b").read_bytes()
        assert data in (b"old content", (src / "a").read_bytes()), f"{len(data)} bytes"


def test_what_somebody_made_while_the_plan_waited_is_replaced_like_anything_old(
    ram: Path,
) -> None:
    """Without Copier._take_place this fails: renamed over at once, on disk some time later."""
    disk, src = Disk(ram, "xfs"), ram / "src"
    make(src, {f"f{number}": filler(30_000, b"new") for number in range(20)})
    with disk.mount() as point:
        (point / "dst").mkdir()
        with running(job("copy", src, point / "dst", held=True)) as run:
            run.ready()
            make(point / "dst", {f"f{number}": b"made meanwhile" for number in range(20)})
            os.sync()
            run.control.go()
            assert run.end().files.copied == 20
        assert_same(src, point / "dst")
        disk.cut(commit=True)
    with disk.mount() as point:
        found = contents(point / "dst")
        assert all(found[name] == data for name, data in contents(src).items())
