"""Hard links of which one is looked at alone: given as a source, or tried once more."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest
from conftest import Blit
from trees import Hard, make

from blit.worker import links, status, wire
from blit.worker.context import Context
from blit.worker.scan import Scanner


@pytest.mark.parametrize("many", [0, 20], ids=["direct", "planned"])
def test_names_that_are_given_as_sources_stay_one_file(blit: Blit, ram: Path, many: int) -> None:
    """Without `linked` in `_named` of scan.py they are two files."""
    make(ram / "src", {"a": b"x", "b": Hard("a"), "c": b"y", **{f"f{n}": b"" for n in range(many)}})
    for again in (False, True):
        blit("copy", *sorted((ram / "src").iterdir()), f"{ram}/dst/")
        a, b, c = (os.stat(ram / "dst" / name) for name in "abc")
        assert a.st_ino == b.st_ino and a.st_nlink == 2 and c.st_nlink == 1, again
    blit("copy", ram / "src/a", ram / "dst/other")
    assert (ram / "dst/other").read_bytes() == b"x" and os.stat(ram / "dst/other").st_nlink == 1


@pytest.mark.parametrize("apart", [False, True], ids=["one folder", "two folders"])
def test_so_do_those_of_a_large_one(blit: Blit, ram: Path, apart: bool) -> None:
    """Without `joined` in probe.py they are two files. One that has its other names elsewhere goes
    as it is, in pieces."""
    size = 129 << 20
    make(ram, {"src": {"a": b"", "c": b""}, "more": {}, "out": {}})
    for name in ("a", "c"):
        with open(ram / "src" / name, "wb") as file:
            file.seek(size - 1)
            file.write(b"x")
    other = ram / ("more" if apart else "src") / "b"
    os.link(ram / "src/a", other)
    os.link(ram / "src/c", ram / "out/c")
    blit("copy", ram / "src/a", other, f"{ram}/dst/")
    a, b = (os.stat(ram / "dst" / name) for name in "ab")
    assert a.st_ino == b.st_ino and a.st_size == size and a.st_nlink == 2
    result = blit.json("copy", ram / "src/c", f"{ram}/dst/")
    assert os.stat(ram / "dst/c").st_nlink == 1 and result.summary["files"]["copied"] == 1


@pytest.mark.parametrize("options", [0, wire.CHECKSUM])
@pytest.mark.parametrize("size", [1, 100])
def test_a_name_that_is_tried_once_more_is_linked_to_the_others(
    ram: Path, options: int, size: int
) -> None:
    """With FINISH_ANYWAY not asked for in scan.py large ones are copied for themselves; and without
    `linked` all are, with exit code 0."""
    make(ram / "src", {"a": b"x" * size, "b": Hard("a")})
    make(ram / "dst", {"b": b"y"})
    place = (str(ram / "src"), str(ram / "dst"), "", "")
    tokens = [
        (*place, {name: name}, wire.DST_EXISTS | wire.FINISH_ANYWAY) for name in ("a", "b")
    ]  # as after a failure of each, see retry.py
    page = status.Page(mmap.mmap(-1, status.PAGE), 0)
    context = Context(page, "t" * 15, 0, os.getppid())
    task = {"options": options, "same": ((), ()), "budget": 60.0, "want": 1 << 30, "large": 50}
    parts = []
    for token in tokens:
        answer = Scanner(context).run(task | {"folders": [wire.dump(token)]})
        assert not answer["groups"] and not answer["large"]
        parts += [blob for _, _, blob in answer["links"]]
    result = links.run(context, {"parts": parts, "options": options})
    context.folders.close()
    assert not result.failures
    assert (ram / "dst/a").samefile(ram / "dst/b")
    assert (ram / "dst/b").read_bytes() == b"x" * size
