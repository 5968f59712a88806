"""The hot path of a comparison by content: what it leaves open, and what it leaves alone."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from blit.worker import compare, status
from blit.worker.context import Context
from blit.worker.system import os as system_os

FILES = 40  # more than are closed together


def opened() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd")} if os.path.isdir("/proc") else set()


@pytest.mark.parametrize("handles", [96, 8])
def test_a_comparison_closes_what_it_opened_and_nothing_else(tmp_path: Path, handles: int) -> None:
    """Without the look at the numbers in _let_go, closing from the first to the last of them, the
    descriptors between are closed too, and this fails."""
    page = status.Page(mmap.mmap(-1, 4096), 0)
    context = Context(page, "test", 0, os.getppid(), handles)
    names = [f"file-{n}" for n in range(FILES)]
    for side in ("src", "dst"):
        (tmp_path / side).mkdir()
        for name in names:
            (tmp_path / side / name).write_bytes(name.encode() * 50)
            os.utime(tmp_path / side / name, (1e9, 1e9))
    (tmp_path / "dst" / names[3]).write_bytes(b"!" * len(names[3] * 50))
    os.utime(tmp_path / "dst" / names[3], (1e9, 1e9))
    (tmp_path / "dst" / names[17]).unlink()
    sfd, dfd = (os.open(tmp_path / side, os.O_RDONLY) for side in ("src", "dst"))
    others = [os.open(tmp_path, os.O_RDONLY) for _ in range(9)]
    for gap in (others.pop(1), others.pop(3), others.pop(3), others.pop()):
        os.close(gap)  # what is opened next fills these first
    before = opened()
    equal, unsure = compare.sift(context, sfd, dfd, names, 1 << 62)
    assert (equal, unsure) == (FILES - 2, [names[3], names[17]])
    assert page.files == FILES - 2
    assert opened() == before
    for fd in (sfd, dfd, *others):
        os.close(fd)  # OSError if somebody else did


@pytest.mark.parametrize("length", [6, 46, 200])
def test_the_page_names_each_file_that_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """Whoever hangs in a call is given up by that name. Without the byte that says which of
    several, or without the names one by one where sixteen are too long, this fails."""
    shared = mmap.mmap(-1, 4096)
    context = Context(status.Page(shared, 0), "test", 0, os.getppid())
    view = status.View(shared, 0)
    names = [f"{n}-é".ljust(length, "x") for n in range(FILES)]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    fd = os.open(tmp_path, os.O_RDONLY)
    context.page.folder("/src", "/dst")
    real, seen = os.open, []

    def noting(name: bytes, flags: int, *, dir_fd: int) -> int:
        seen.append((view.activity()[1], view.other_side()))
        return real(name, flags, dir_fd=dir_fd)

    monkeypatch.setattr(system_os, "open", noting)
    compare.sift(context, fd, fd, names, 1 << 62)
    monkeypatch.undo()
    os.close(fd)
    both = [(b"/src/" + name.encode(), b"/dst/" + name.encode()) for name in names]
    assert seen == [each for each in both for _ in range(2)]
