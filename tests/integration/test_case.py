"""Destinations that do not tell upper from lower case: what collides, what is renamed by case."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Blit, requires_fuse, requires_loop, requires_tool
from hurt import fuse
from trees import Hard, contents, make, temporaries

SOURCE = {
    "Name": b"one", "nAME": b"two!!", "Sub": {"f": b"1"}, "sub": {"g": b"2"}, "ss": b"ss", "ß": b"sz",
    "é": b"precomposed", "e\u0301": b"combining", "x": {"Deep": b"D", "deep": b"d"},
    **{f"F{n}": b"x" for n in range(10)},
}  # fmt: skip
KINDS = ["keeps", "lowers"]


@contextmanager
def caseless(ram: Path, kind: str) -> Iterator[Path]:
    """A folder there; one filesystem keeps the case of names, the other shows all in lower case."""
    if kind == "keeps":
        requires_fuse()
        with fuse(ram, "casefs.py") as there:
            yield there.point
        return
    requires_loop()
    requires_tool("lowntfs-3g", "mkfs.ntfs")
    image, point = ram / "image", ram / "mount"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ntfs", "-q", "-F", "-f", image], check=True, capture_output=True)
    subprocess.run(["lowntfs-3g", "-o", "ignore_case", image, point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=False)


@pytest.mark.root
@pytest.mark.parametrize("kind", KINDS)
def test_names_that_collide_are_refused_and_both_named(blit: Blit, ram: Path, kind: str) -> None:
    """Without `settle` one overwrites the other, another one at each run."""
    make(ram / "src", SOURCE)
    with caseless(ram, kind) as point:
        dst = point / "dst"
        for command in (("copy",), ("mirror", "-y"), ("copy", "--checksum")):
            summary = blit.json(*command, f"{ram}/src/", dst, code=3).summary
            told = {Path(f["path"]).name: f["message"] for f in summary["failures"]}
            assert told.keys() - {"ß"} == {"nAME", "sub", "deep"}
            assert "Name" in told["nAME"] and "Sub" in told["sub"]
            assert (dst / "NAME").read_bytes() == b"one"
            assert (dst / "x/deep").read_bytes() == b"D"
            assert os.listdir(dst / "sub") == ["f"]
            assert (dst / "é").read_bytes() == b"precomposed"
            assert (dst / "e\u0301").read_bytes() == b"combining"
            if "ß" not in told:  # this filesystem tells them apart, and it was asked
                assert (dst / "ß").read_bytes() == b"sz"
        assert summary["files"]["copied"] == 0
        assert not temporaries(point)


@pytest.mark.root
@pytest.mark.parametrize("kind", KINDS)
def test_a_rename_by_case_alone_keeps_the_file_and_is_no_news(
    blit: Blit, ram: Path, kind: str
) -> None:
    """Without `settle` each is copied again at every run; without `same_entry` in remove.py and
    `left_over` it would be deleted by its old name."""
    src = ram / "src"
    make(
        src,
        {"Name": b"n", "Sub": {"f": b"1", "Leaf": b"2"}, "gone": b"g", "a": b"h", "b": Hard("a")},
    )
    with caseless(ram, kind) as point:
        dst = point / "dst"
        blit("copy", f"{src}/", dst)
        inode = (dst / "Name").stat().st_ino
        os.rename(src / "Name", src / "NAME")
        os.rename(src / "Sub/Leaf", src / "Sub/leaf")
        os.rename(src / "Sub", src / "sUB")
        os.rename(src / "b", src / "B")
        os.unlink(src / "gone")
        planned = blit("mirror", "-n", "-y", f"{src}/", dst)
        result = blit("mirror", "-y", "-v", f"{src}/", dst)
        assert {c for c in result.changes if c[1][-1] != "/"} == {("delete", "gone")}
        assert result.changes == planned.changes
        assert (dst / "name").stat().st_ino == inode
        assert contents(dst).keys() == (
            contents(src).keys() if kind == "keeps" else {n.lower() for n in contents(src)}
        )
        before = [p.stat().st_mtime_ns for p in (dst, dst / "sub")]
        assert blit("mirror", "-y", "-v", f"{src}/", dst).changes == set()
        assert [p.stat().st_mtime_ns for p in (dst, dst / "sub")] == before


@pytest.mark.root
def test_single_files_that_collide(blit: Blit, ram: Path) -> None:
    """Without `met` the second copy takes the place of the first."""
    make(ram, {"a": {"q": b"1", "Q": b"2"}, "b": {"Q": b"3"}})
    with caseless(ram, "keeps") as point:
        result = blit("copy", ram / "a/q", ram / "b/Q", f"{point}/d/", code=2)
        assert f"{ram}/a/q" in result.errors[0] and f"{ram}/b/Q" in result.errors[0]
        blit("copy", ram / "a/q", f"{point}/d/")
        blit("copy", ram / "a/Q", f"{point}/d/", code=3)
        assert contents(point / "d") == {"q": b"1"}
        blit("copy", ram / "b/Q", f"{point}/d/")  # another folder's: meant to replace it
        assert (point / "d/q").read_bytes() == b"3"


@pytest.mark.root
def test_what_failed_for_its_name_is_not_retried_over_the_other(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"Name": b"one", "nAME": b"two!!", **{f"f{n}": b"x" for n in range(10)}})
    with caseless(ram, "keeps") as point:
        blit("copy", f"{ram}/src/", point / "dst", code=3)
        blit("copy", "--retry-failed", f"{ram}/src/", point / "dst", code=None)
        assert (point / "dst/Name").read_bytes() == b"one"
