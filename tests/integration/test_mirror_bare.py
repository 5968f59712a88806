"""A mirror of a source that only looks as if something were in it."""

from __future__ import annotations

from pathlib import Path

from conftest import Blit
from trees import contents, make


def test_filters_that_leave_nothing_delete_nothing(blit: Blit, ram: Path) -> None:
    """Without `bare` in mirror.py all of the destination goes, being less than the guard's 100."""
    make(ram, {"src": {"d": {"a.o": b"o"}}, "dst": {"x": b"x", "y": b"y"}})
    words = ("mirror", "--yes", "--exclude", "*.o", f"{ram}/src/", ram / "dst")
    told = blit(*words, code=4)
    assert b"the filters leave no file of the source" in told.err
    assert contents(ram / "dst") == {"x": b"x", "y": b"y"}
    blit(*words, "--allow-empty-source")
    assert contents(ram / "dst") == {}


def test_a_fresh_disk_is_an_empty_source(blit: Blit, ram: Path) -> None:
    """Without the name in probe.py the destination is emptied."""
    make(ram, {"src": {"lost+found": {}}, "dst": {"x": b"x"}})
    blit("mirror", "--yes", f"{ram}/src/", ram / "dst", code=4)
    assert contents(ram / "dst") == {"x": b"x"}
