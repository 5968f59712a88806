"""`blit check A B`: whether two folders are the same, told and not mended."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from conftest import Blit, Result, inject, requires_strace
from trees import File, Folder, Sparse, Symlink, make, snapshot

SECOND = 10**9


def check(blit: Blit, *words: object, **options: object) -> Result:
    return blit("check", *map(str, words), code=None, **options)  # type: ignore[arg-type]


TREE = {
    "same": File(b"same", mtime=SECOND),
    "sub": Folder(
        {"deep": File(b"deep", mtime=SECOND), "link": Symlink("deep", mtime=SECOND)}, mtime=SECOND
    ),
    "odd\n\udcff": File(b"o", mtime=SECOND),
    "holes": Sparse(1 << 20, {4096: b"x"}, mtime=SECOND),
}


def test_two_equal_folders(blit: Blit, ram: Path) -> None:
    make(ram / "a", Folder(TREE, mtime=SECOND))
    make(ram / "b", Folder(TREE, mtime=SECOND))
    before = snapshot(ram)
    for a, b in ((ram / "a", ram / "b"), (f"{ram}/a/", f"{ram}/b/"), (f"{ram}/a/.", ram / "b")):
        for options in ((), ("--checksum",), ("-v",)):
            result = check(blit, *options, a, b)
            assert result.code == 0, result
            assert (
                result.lines[-1].startswith("4 files are the same") or "5 files" in result.lines[-1]
            )
    assert snapshot(ram) == before


def test_every_kind_of_difference_is_named_and_nothing_is_changed(blit: Blit, ram: Path) -> None:
    make(ram / "a", Folder({
        "same": File(b"same", mtime=SECOND), "size": File(b"12", mtime=SECOND), "time": File(b"t", mtime=SECOND),
        "mode": File(b"m", mode=0o600, mtime=SECOND), "kind": Symlink("same"), "here": File(b"h"),
        "link": Symlink("same", mtime=SECOND), "sub": Folder({"deep": b"d"}, mtime=SECOND),
        "bytes": File(b"one", mtime=SECOND),
    }, mtime=SECOND))  # fmt: skip
    make(ram / "b", Folder({
        "same": File(b"same", mtime=SECOND), "size": File(b"1", mtime=SECOND), "time": File(b"t", mtime=2 * SECOND),
        "mode": File(b"m", mode=0o644, mtime=SECOND), "kind": File(b"k"), "there": File(b"t"),
        "link": Symlink("other", mtime=SECOND), "sub": Folder({}, mtime=SECOND),
        "bytes": File(b"two", mtime=SECOND),
    }, mtime=SECOND))  # fmt: skip
    before = snapshot(ram)
    wanted = {
        "size    size", "mtime   time", "mode    mode", "type    kind", "only A  here", "only B  there",
        "content link", "only A  sub/deep",
    }  # fmt: skip
    result = check(blit, ram / "a", ram / "b")
    assert (result.code, set(result.lines[:-1]), result.err) == (3, wanted, b"")
    assert result.lines[-1].startswith("8 differences, 2 files are the same")
    result = check(blit, "-c", ram / "a", ram / "b")
    assert (result.code, set(result.lines[:-1])) == (3, wanted | {"content bytes"})
    assert check(blit, "-q", ram / "a", ram / "b").code == 3
    summary = check(blit, "--json", ram / "a", ram / "b").summary
    assert (summary["outcome"], summary["exit_code"], summary["message"]) == (
        "differs",
        3,
        "8 differences",
    )
    assert snapshot(ram) == before


def test_what_is_left_out_is_not_compared_on_either_side(blit: Blit, ram: Path) -> None:
    make(
        ram / "a",
        Folder({"f": File(b"f", mtime=SECOND), "x.o": b"1", "only.o": b"1"}, mtime=SECOND),
    )
    make(
        ram / "b",
        Folder({"f": File(b"f", mtime=SECOND), "x.o": b"22", "extra.o": b"1"}, mtime=SECOND),
    )
    assert check(blit, "--exclude=*.o", ram / "a", ram / "b").code == 0
    assert check(blit, ram / "a", ram / "b").code == 3


def test_an_empty_folder_differs_from_a_full_one_and_is_no_mistake(blit: Blit, ram: Path) -> None:
    make(ram / "a", Folder({}, mtime=SECOND))
    make(ram / "b", Folder({str(n): b"" for n in range(300)}, mtime=SECOND))
    result = check(blit, ram / "a", ram / "b")
    assert result.code == 3
    assert result.lines[-1].startswith("300 differences")


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ("nope", "b", "nope does not exist"),
        ("a", "nope", "nope does not exist: there is nothing to compare with"),
        ("a/f", "b", "is not a folder: blit check compares two folders"),
        ("a", "b/f", "is not a folder"),
        ("a", "a", "at once"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    blit: Blit, ram: Path, a: str, b: str, says: str
) -> None:
    make(ram, {"a": {"f": b"f"}, "b": {"f": b"f"}})
    result = check(blit, ram / a, ram / b)
    assert result.code in (1, 2, 4)
    assert len(result.errors) == 1
    assert says in result.errors[0]
    assert result.out == b""
    assert sorted(os.listdir(ram)) == ["a", "b"]


def test_what_cannot_be_read_is_not_called_the_same(blit: Blit, ram: Path) -> None:
    """Without the ledger's failures in the outcome this would exit with 0."""
    requires_strace()
    make(
        ram / "a",
        Folder({"f": File(b"f", mtime=SECOND), "g": File(b"g", mtime=SECOND)}, mtime=SECOND),
    )
    make(
        ram / "b",
        Folder({"f": File(b"f", mtime=SECOND), "g": File(b"g", mtime=SECOND)}, mtime=SECOND),
    )
    prefix = inject(ram / "b" / "g", "read", "error=EIO")
    result = check(blit, "-c", ram / "a", ram / "b", prefix=prefix)
    assert (result.code, result.err.count(b"g: ")) == (3, 1)


def test_a_socket_that_one_side_has_is_a_difference(blit: Blit, ram: Path) -> None:
    """Without `_special` in summary.py the first two are the same."""
    make(ram, {"a": Folder({}), "b": Folder({"s": b""})})
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.fspath(ram / "a" / "s"))
    os.utime(ram / "a", ns=(SECOND, SECOND))
    os.utime(ram / "b", ns=(SECOND, SECOND))
    assert check(blit, ram / "a", ram / "b").code == 3
    (ram / "b" / "s").unlink()
    os.utime(ram / "b", ns=(SECOND, SECOND))
    assert check(blit, ram / "a", ram / "b").code == 3
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.fspath(ram / "b" / "s"))
    os.utime(ram / "b", ns=(SECOND, SECOND))
    assert check(blit, ram / "a", ram / "b").code == 0
