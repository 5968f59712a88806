"""Small new files where blocks can be shared: cloned on the short path, which trusts no clone."""

from __future__ import annotations

import mmap
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Blit, mounted, requires_loop, requires_tool
from trees import assert_same, contents, filler, make, temporaries

from blit.worker import status, system, wire
from blit.worker.context import Context, Result
from blit.worker.copy import Copier

pytestmark = pytest.mark.root


@pytest.fixture(params=["xfs", "btrfs"])
def disk(ram: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    requires_loop()
    requires_tool(f"mkfs.{request.param}")
    image = ram / "image"
    with open(image, "wb") as out:
        out.truncate(300 << 20)
    subprocess.run(
        [f"mkfs.{request.param}", "-q", "-f", str(image)], check=True, timeout=60,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with mounted(ram / "disk", "-o", "loop", str(image)) as point:
        (point / "dst").mkdir(mode=0o700)
        yield point


@pytest.fixture
def careful(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that took all care."""
    names: list[str] = []
    usual = Copier._careful

    def noted(copier: Copier, sfd: int, dfd: int, name: str, *rest: object) -> object:
        names.append(name)
        return usual(copier, sfd, dfd, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Copier, "_careful", noted)
    return names


def copy(src: Path, dst: Path) -> Result:
    infos = [(path.name, path.stat()) for path in sorted(src.iterdir())]
    entries = [(n, wire.FILE, i.st_size, i.st_mtime_ns, i.st_ino, wire.NEW) for n, i in infos]
    page = status.Page(mmap.mmap(-1, status.PAGE), 0)
    context = Context(page, "t" * 15, 0, os.getppid())
    return Copier(context, 0).run([wire.dump((str(src), str(dst), "", "", None, entries))])


def test_the_first_shows_that_clones_work_and_the_others_are_quick(
    disk: Path, careful: list[str]
) -> None:
    """Without CLONE in SWIFT (swift.py), or without `cloned` in ladder.py, all take care."""
    make(disk / "src", {f"f{n:02}": filler(100 + n * 517, b"%d" % n) for n in range(40)})
    result = copy(disk / "src", disk / "dst")
    assert careful == ["f00"]
    assert not result.failures and result.files == 40
    assert result.methods[wire.CLONE] == result.cloned == 40
    assert result.cloned_bytes == result.bytes == sum(map(len, contents(disk / "src").values()))
    assert contents(disk / "dst") == contents(disk / "src")
    assert not temporaries(disk / "dst")


@pytest.mark.parametrize("size", [10, 9000])
def test_what_changes_before_it_is_cloned_is_left_to_all_care(
    disk: Path, careful: list[str], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A clone says nothing of how much there was. Without the look at size and times this fails."""
    make(disk / "src", {f"f{n}": filler(3000, b"%d" % n) for n in range(7)})
    real, calls = system.clone, 0

    def cloned(source: int, target: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            (disk / "src/f3").write_bytes(b"2" * size)
        real(source, target)

    monkeypatch.setattr(system, "clone", cloned)
    result = copy(disk / "src", disk / "dst")
    assert careful == ["f0", "f3"]
    assert not result.failures and result.files == 7
    assert contents(disk / "dst") == contents(disk / "src")


def test_clones_that_end_are_copies(
    disk: Path, careful: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a file may not share its blocks: what follows is moved by the next best way."""
    make(disk / "src", {f"f{n:02}": filler(3000, b"%d" % n) for n in range(30)})
    real, calls = system.clone, 0

    def cloned(source: int, target: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 10:
            raise OSError(95, "not any more")
        real(source, target)

    monkeypatch.setattr(system, "clone", cloned)
    result = copy(disk / "src", disk / "dst")
    assert not result.failures and result.files == 30
    assert result.methods[wire.CLONE] == 10 and result.methods[wire.KERNEL] == 20
    assert calls <= 13, "asked again and again"
    assert contents(disk / "dst") == contents(disk / "src")


def test_the_whole_program(blit: Blit, disk: Path) -> None:
    tree = {f"d{m}": {f"f{n}": filler(1 + 97 * n, b"%d" % m) for n in range(90)} for m in range(6)}
    make(disk / "src", tree)
    result = blit.json("copy", f"{disk}/src/", disk / "dst")
    assert result.summary["files"]["cloned"] == result.summary["files"]["copied"] == 540
    assert_same(disk / "src", disk / "dst")
