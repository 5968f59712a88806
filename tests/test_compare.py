"""The hot path of a comparison by content: what it leaves open, and what it leaves alone."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from blit.worker import compare, status
from blit.worker.context import Context

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
