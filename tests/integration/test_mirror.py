"""What a mirror deletes, when it deletes nothing, and what it never touches."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import (
    Blit,
    inject,
    mounted,
    ordinary,
    requires_linux_backend,
    requires_mounts,
    requires_strace,
)
from trees import (
    Fifo,
    File,
    Folder,
    Hard,
    Symlink,
    assert_same,
    make,
    snapshot,
    temporaries,
)

from blit.worker.left_over import MOST_NAMES

T = 1_700_000_000_123_456_789
SOURCE = {"kept": b"kept", "changed": b"the new content", "sub": {"a": b"a"}, "empty": {}}
TARGET = {
    "kept": b"kept",
    "changed": b"old",
    "extra": b"x",
    "sub": {"a": b"a", "extra": b"y"},
    "gone": {"deep": {"er": b"z"}, "link": Symlink("../kept")},
}
EXTRAS = {b"extra", b"sub/extra", b"gone", b"gone/deep", b"gone/deep/er", b"gone/link"}


@pytest.fixture
def pair(ram: Path) -> tuple[Path, Path]:
    src, dst = ram / "src", ram / "dst"
    make(src, SOURCE)
    make(dst, TARGET)
    return src, dst


def test_yes_deletes_exactly_what_only_the_destination_has(
    blit: Blit, pair: tuple[Path, Path]
) -> None:
    src, dst = pair
    result = blit.json("mirror", "--yes", f"{src}/", dst)
    assert_same(src, dst)
    assert result.summary["files"]["deleted"] == len(EXTRAS)


def test_without_a_terminal_and_without_yes_everything_is_copied_and_nothing_deleted(
    blit: Blit, pair: tuple[Path, Path]
) -> None:
    src, dst = pair
    result = blit("mirror", f"{src}/", dst, code=4)
    found = snapshot(dst)
    assert found.keys() >= EXTRAS
    assert {p: e for p, e in found.items() if p not in EXTRAS}.keys() == snapshot(src).keys()
    assert (dst / "changed").read_bytes() == b"the new content"
    assert len(result.errors) == 1 and "--yes" in result.errors[0] and "6" in result.errors[0]


def test_a_copy_never_deletes(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    blit("copy", f"{src}/", dst)
    assert snapshot(dst).keys() >= EXTRAS


@pytest.mark.parametrize(
    ("extras", "common", "options", "code"),
    [
        (101, 100, (), 4),  # more than half and more than 100
        (100, 50, (), 0),  # 100 are never too many
        (101, 102, (), 0),  # less than half
        (101, 100, ("--max-delete", "101"), 0),
        (101, 100, ("--max-delete", "100"), 4),
        (3, 100, ("--max-delete", "2"), 4),
        (3, 100, ("--max-delete", "3"), 0),
        (1, 3, ("--max-delete", "0"), 4),
    ],
)
def test_the_delete_guard(
    blit: Blit, ram: Path, extras: int, common: int, options: tuple[str, ...], code: int
) -> None:
    src, dst = ram / "src", ram / "dst"
    both = {f"both{n}": File(b"x", mtime=T) for n in range(common)}
    make(src, {**both, "fresh": b"1"})
    make(dst, {**both, **{f"extra{n}": b"x" for n in range(extras)}})
    result = blit("mirror", "--yes", *options, f"{src}/", dst, code=code)
    left = len(list(dst.glob("extra*")))
    assert left == (extras if code else 0), "all or nothing"
    assert (dst / "fresh").exists()
    if code:
        assert len(result.errors) == 1
        assert str(extras) in result.errors[0] and "--max-delete" in result.errors[0]


def test_the_guard_counts_what_lies_in_extra_folders(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": File(b"x", mtime=T) for n in range(40)})
    make(dst, {"f1": File(b"x", mtime=T), "old": {f"g{n}": b"x" for n in range(150)}})
    result = blit("mirror", "-y", f"{src}/", dst, code=4)
    assert "151" in result.errors[-1]
    assert len(list((dst / "old").iterdir())) == 150


@pytest.mark.parametrize("whole", [False, True], ids=["beside others", "a folder of their own"])
def test_very_many_extras_of_one_folder_come_in_parts(blit: Blit, ram: Path, whole: bool) -> None:
    """Without the parts of left_over.py all 20,000 are one answer and one deletion."""
    source, target = ram / "source", ram / "target"
    for top in (source / "full", target / "full", target / "full" / "inner"):
        top.mkdir(parents=True)
    for n in range(20_000):
        (target / "full" / f"{n:05}-{'x' * 60}").touch()
    (target / "full" / "inner" / "deep").touch()
    (source / "full" / "kept").touch()
    if whole:
        (source / "full").rename(source / "other")
    command = ["mirror", "--json", "-v", "--max-delete", "30000", "--yes"]
    done = blit(*command, f"{source}/", target)
    assert done.summary["files"]["deleted"] == 20_002 + whole
    assert sorted(p.name for p in target.rglob("*")) == sorted(p.name for p in source.rglob("*"))
    parts = [
        len(each["changes"])
        for each in done.events
        if each["type"] == "batch_finished" and each["what"] == "delete"
    ]
    assert sum(parts) == 20_002 + whole
    assert max(parts) <= 2 * MOST_NAMES


def test_an_empty_source_deletes_nothing_unless_allowed(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    src.mkdir()
    make(dst, {"precious": b"x", "sub": {"more": b"y"}})
    before = snapshot(dst)
    result = blit("mirror", "--yes", f"{src}/", dst, code=4)
    assert_same(before, dst)
    assert len(result.errors) == 1 and "--allow-empty-source" in result.errors[0]
    blit("mirror", "--yes", "--allow-empty-source", f"{src}/", dst)
    assert list(dst.iterdir()) == []


def test_a_missing_source_deletes_nothing(blit: Blit, ram: Path) -> None:
    make(ram / "dst", {"precious": b"x"})
    blit("mirror", "--yes", f"{ram}/src/", ram / "dst", code=1)
    assert (ram / "dst/precious").exists()


def test_an_unreadable_folder_in_the_source_deletes_nothing(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a", "locked": {"inside": b"i"}, "z": b"z"})
    make(dst, {"extra": b"x", "locked": {"inside": b"i", "more": b"m"}})
    for path in (dst, dst / "locked"):
        path.chmod(0o777)
    (src / "locked").chmod(0)
    result = blit("mirror", "--yes", f"{src}/", dst, code=3, prefix=ordinary())
    assert (dst / "extra").exists() and (dst / "locked/more").exists()
    assert (dst / "a").exists() and (dst / "z").exists()
    assert any(f"{src}/locked" in line for line in result.errors)


def test_an_unreadable_file_in_the_source_deletes_nothing(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a", "secret": File(b"s", mode=0), "z": b"z"})
    make(dst, {"extra": b"x"})
    dst.chmod(0o777)
    result = blit("mirror", "--yes", f"{src}/", dst, code=3, prefix=ordinary())
    assert sorted(os.listdir(dst)) == ["a", "extra", "z"]
    assert sum(f"{src}/secret" in line for line in result.errors) == 1


@pytest.mark.parametrize("side", ["src", "dst"])
@pytest.mark.parametrize("where", ["", "sub"])
def test_a_listing_that_fails_half_way_deletes_nothing(
    blit: Blit, pair: tuple[Path, Path], side: str, where: str
) -> None:
    requires_strace()
    src, dst = pair
    folder = (src if side == "src" else dst) / where
    prefix = inject(folder, "getdents64", "error=EIO")
    result = blit("mirror", "--yes", f"{src}/", dst, code=None, prefix=prefix)
    assert result.code in (1, 3), str(result)
    assert snapshot(dst).keys() >= EXTRAS, "deleted although a folder could not be listed"
    assert any(str(folder) in line for line in result.errors), result


def test_a_copy_that_fails_deletes_nothing(blit: Blit, pair: tuple[Path, Path]) -> None:
    requires_strace()
    src, dst = pair
    prefix = inject(src / "changed", "read,pread64,copy_file_range,sendfile", "error=EIO")
    blit("mirror", "--yes", f"{src}/", dst, code=3, prefix=prefix)
    assert snapshot(dst).keys() >= EXTRAS
    assert (dst / "changed").read_bytes() == b"old"


def test_links_to_elsewhere_are_deleted_as_links(blit: Blit, ram: Path) -> None:
    src, dst, outside = ram / "src", ram / "dst", ram / "outside"
    make(outside, {"precious": b"p", "sub": {"more": b"m"}})
    make(src, {"a": b"a", "folder": {"b": b"b"}, "file": b"content"})
    make(dst, {
        "to_folder": Symlink(str(outside)), "to_file": Symlink(str(outside / "precious")),
        "folder": Symlink(str(outside)), "file": Symlink(str(outside / "precious")),
        "extra": {"inner": Symlink(str(outside / "sub"))},
    })  # fmt: skip
    before = snapshot(outside)
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(before, outside)
    assert_same(src, dst)


def test_a_copy_never_writes_through_a_link(blit: Blit, ram: Path) -> None:
    src, dst, outside = ram / "src", ram / "dst", ram / "outside"
    make(outside, {"precious": b"p"})
    make(src, {"folder": {"b": b"b"}, "file": b"content", "z": b"z"})
    make(dst, {"folder": Symlink(str(outside)), "file": Symlink(str(outside / "precious"))})
    before = snapshot(outside)
    blit("copy", f"{src}/", dst, code=3)
    assert_same(before, outside)
    assert (dst / "file").read_bytes() == b"content" and not (dst / "file").is_symlink()
    assert (dst / "z").read_bytes() == b"z"


def test_a_hard_linked_destination_is_replaced_not_written_through(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"new content"})
    make(dst, {"a": b"old"})
    os.link(dst / "a", ram / "elsewhere")
    blit("mirror", "--yes", f"{src}/", dst)
    assert (ram / "elsewhere").read_bytes() == b"old"
    assert (dst / "a").read_bytes() == b"new content"


@pytest.mark.root
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
@pytest.mark.parametrize("in_source", [False, True])
def test_nothing_below_a_mount_point_is_deleted(
    blit: Blit, ram: Path, kind: str, in_source: bool
) -> None:
    requires_mounts()
    if kind == "bind":
        requires_linux_backend("it does not tell bind mounts of one filesystem apart")
    src, dst, other = ram / "src", ram / "dst", ram / "other"
    make(src, {"a": b"a", **({"mnt": {"new": b"n"}} if in_source else {})})
    make(dst, {"extra": b"x", "mnt": {}})
    other.mkdir()
    how = ("--bind", str(other)) if kind == "bind" else ("-t", "tmpfs", "tmpfs")
    with mounted(dst / "mnt", *how):
        make(dst / "mnt", {"precious": b"p", "sub": {"more": b"m"}})
        result = blit("mirror", "--yes", f"{src}/", dst, code=None)
        assert result.code in (0, 3, 4), str(result)
        assert (dst / "mnt/precious").read_bytes() == b"p"
        assert (dst / "mnt/sub/more").read_bytes() == b"m"
        assert os.path.ismount(dst / "mnt") or kind == "bind"
        assert result.err, "what was kept is said"
        if in_source:
            assert (dst / "mnt/new").read_bytes() == b"n"


@pytest.mark.root
def test_a_mount_deep_in_an_extra_folder_is_kept(blit: Blit, ram: Path) -> None:
    requires_mounts()
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a"})
    make(dst, {"old": {"deep": {"mnt": {}}}})
    with mounted(dst / "old/deep/mnt", "-t", "tmpfs", "tmpfs") as point:
        (point / "precious").write_bytes(b"p")
        blit("mirror", "--yes", f"{src}/", dst, code=None)
        assert (point / "precious").read_bytes() == b"p"


@pytest.mark.root
def test_a_destination_that_is_a_mount_itself_is_mirrored(blit: Blit, ram: Path) -> None:
    requires_mounts()
    make(ram / "src", {"a": b"a", "sub": {"b": b"b"}})
    with mounted(ram / "dst", "-t", "tmpfs", "tmpfs") as dst:
        make(dst, {"extra": {"x": b"x"}})
        blit("mirror", "--yes", f"{ram}/src/", dst)
        assert_same(ram / "src", dst)


SWAPS = {
    "file_to_folder": ({"n": {"in": b"1", "deep": {"er": b"2"}}}, {"n": b"file"}),
    "folder_to_file": ({"n": b"file"}, {"n": {"in": b"1", "deep": {"er": b"2"}}}),
    "folder_to_link": ({"n": Symlink("to")}, {"n": {"in": b"1"}}),
    "link_to_folder": ({"n": {"in": b"1"}}, {"n": Symlink("nowhere")}),
    "fifo_to_folder": ({"n": {"in": b"1"}}, {"n": Fifo()}),
    "folder_to_fifo": ({"n": Fifo()}, {"n": {"in": b"1"}}),
    "empty_folder_to_file": ({"n": b"file"}, {"n": {}}),
    "file_to_empty_folder": ({"n": {}}, {"n": b"file"}),
    "deep": ({"s": {"t": {"n": {"x": b"1"}}}}, {"s": {"t": {"n": b"2"}}}),
    "twice": ({"n": {"m": b"f"}, "o": b"f"}, {"n": b"f", "o": {"m": {"p": b"q"}}}),
    "folder_to_hard_link": ({"n": b"file", "o": Hard("n")}, {"n": {"in": b"1"}}),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_a_mirror_swaps_files_and_folders(blit: Blit, ram: Path, swap: str) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {**SWAPS[swap][0], "other": b"o"})
    make(dst, {**SWAPS[swap][1], "extra": b"x"})
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(src, dst)
    assert not temporaries(dst)


@pytest.mark.parametrize("swap", SWAPS)
def test_a_mirror_that_may_not_delete_keeps_the_old_type(blit: Blit, ram: Path, swap: str) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {**SWAPS[swap][0], "other": b"o"})
    make(dst, {**SWAPS[swap][1], "extra": b"x"})
    before = snapshot(dst)
    blit("mirror", f"{src}/", dst, code=4)
    after = snapshot(dst)
    for path, entry in before.items():
        assert path in after, f"{path!r} was deleted"
        assert after[path].kind == entry.kind
    assert (dst / "other").read_bytes() == b"o"
    assert not temporaries(dst)


@pytest.mark.parametrize("swap", [s for s in SWAPS if s != "link_to_folder"])
def test_a_copy_reports_a_type_in_the_way(blit: Blit, ram: Path, swap: str) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {**SWAPS[swap][0], "other": b"o"})
    make(dst, SWAPS[swap][1])
    before = snapshot(dst)
    result = blit("copy", f"{src}/", dst, code=3)
    after = snapshot(dst)
    assert {path: after[path].kind for path in before} == {p: e.kind for p, e in before.items()}
    assert (dst / "other").read_bytes() == b"o"
    assert any("/n" in line for line in result.errors)
    assert not temporaries(dst)


def test_checksum_finds_what_size_and_time_do_not_show(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {
        "same": File(b"equal", mtime=T), "other": File(b"12345", mtime=T),
        "big": File(size=9 << 20, mtime=T), "sub": {"x": File(b"x" * 70_000, mtime=T)},
    })  # fmt: skip
    blit("mirror", "--yes", f"{src}/", dst)
    flipped = bytearray((dst / "big").read_bytes())
    flipped[7 << 20] ^= 1
    make(dst, {
        "other": File(b"54321", mtime=T), "big": File(bytes(flipped), mtime=T),
        "sub": {"x": File(b"x" * 69_999 + b"y", mtime=T)},
    })  # fmt: skip
    os.utime(dst, ns=(os.stat(src).st_mtime_ns,) * 2)
    assert blit.json("mirror", "--yes", f"{src}/", dst).summary["files"]["copied"] == 0
    result = blit("mirror", "--yes", "--checksum", "-v", f"{src}/", dst)
    content = {path for reason, path in result.changes if reason == "content"}
    assert content == {"other", "big", "sub/x"}
    assert_same(src, dst)
    again = blit.json("mirror", "--yes", "-c", f"{src}/", dst).summary["files"]
    assert again["copied"] == 0 and again["unchanged"] == 4


def test_checksum_leaves_the_bytes_alone_where_only_the_time_differs(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": File(b"equal", mtime=T)})
    make(dst, {"a": File(b"equal", mtime=T + 5)})
    inode = (dst / "a").stat().st_ino
    summary = blit.json("copy", "-c", f"{src}/", dst).summary
    assert (dst / "a").stat().st_ino == inode and summary["bytes"]["copied"] == 0
    assert_same(src, dst, ignore=("names",))


DRY_SOURCE = {
    "new": b"1", "size": b"longer", "mtime": File(b"abc", mtime=T), "mode": File(b"x", mode=0o600, mtime=T),
    "same": File(b"s", mtime=T), "sub": {"new": b"2", "same": File(b"s", mtime=T)}, "fresh": {"a": b"1", "e": {}},
    "link": Symlink("there"), "type": Symlink("x"), "hard": b"h", "hard2": Hard("hard"), "pipe": Fifo(),
    "becomes_folder": {"in": b"1"}, "becomes_file": b"f", "odd\nname\x1b[31m": b"o",
    "folder_mode": Folder({"x": File(b"x", mtime=T)}, mode=0o700),
}  # fmt: skip
DRY_TARGET = {
    "size": b"short", "mtime": File(b"abc", mtime=T - 9), "mode": File(b"x", mode=0o644, mtime=T),
    "same": File(b"s", mtime=T), "sub": {"same": File(b"s", mtime=T), "extra": b"e"},
    "link": Symlink("elsewhere"), "type": b"file", "extra": {"deep": {"x": b"x"}, "y": b"y"},
    "becomes_folder": b"file", "becomes_file": {"a": b"a", "b": {}}, "gone": b"g",
    "folder_mode": Folder({"x": File(b"x", mtime=T)}, mode=0o755),
}  # fmt: skip


@pytest.mark.parametrize(
    "command", [("mirror", "--yes"), ("mirror", "--yes", "-c"), ("copy",), ("copy", "-c")]
)
def test_a_dry_run_prints_the_lines_of_the_real_run_and_changes_nothing(
    blit: Blit, ram: Path, command: tuple[str, ...]
) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, DRY_SOURCE)
    make(dst, DRY_TARGET)
    before = snapshot(dst)
    code = 0 if command[0] == "mirror" else 3
    dry = blit(*command, "--dry-run", f"{src}/", dst, code=code)
    assert_same(before, dst)
    real = blit(*command, "-v", f"{src}/", dst, code=code)
    assert dry.changes == real.changes
    assert len(dry.changes) > 10
    assert {("new", "new"), ("size", "size"), ("mode", "mode"), ("new", "sub/new")} <= real.changes
    if code == 0:
        assert_same(src, dst)


def test_a_dry_run_into_nothing_makes_nothing(blit: Blit, ram: Path) -> None:
    src = ram / "src"
    make(src, DRY_SOURCE)
    dry = blit("copy", "-n", src, ram / "not/yet/there")
    assert not (ram / "not").exists()
    assert blit("copy", "-v", src, ram / "not/yet/there").changes == dry.changes


# -- overlap --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("copy",), ("mirror", "--yes")])
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("src/", "src/sub"),  # the destination inside the source
        ("src/", "src/sub/deep/new"),
        ("src/", "src"),  # the same
        ("src", "."),  # lands on itself
        ("src/", "link"),  # the same through a link
        ("src/", "link/sub"),
        ("link/", "src/sub"),
    ],
)
def test_overlaps_are_refused_before_the_first_write(
    blit: Blit, ram: Path, command: tuple[str, ...], source: str, target: str
) -> None:
    make(ram, {"src": {"a": b"a", "sub": {"b": b"b"}}, "link": Symlink("src")})
    before = snapshot(ram)
    result = blit(*command, source, target, cwd=ram, code=4)
    assert_same(before, ram)
    assert len(result.errors) == 1


@pytest.mark.parametrize("source", ["dst/sub/", "dst/sub", "dst/sub/deep/", "link/"])
def test_a_mirror_of_a_part_of_its_destination_is_refused(
    blit: Blit, ram: Path, source: str
) -> None:
    make(ram, {"dst": {"a": b"a", "sub": {"b": b"b", "deep": {"c": b"c"}}},
               "link": Symlink("dst/sub")})  # fmt: skip
    before = snapshot(ram)
    target = "dst" if source.endswith("/") else "."
    if not source.endswith("/"):  # ./sub would be the landing: a harmless mirror beside
        source, target = "dst/sub/", "./dst/."
    blit("mirror", "--yes", source, target, cwd=ram, code=4)
    assert_same(before, ram)


@pytest.mark.root
@pytest.mark.parametrize(
    ("bound", "source", "target", "command"),
    [
        ("src", "src/", "bind/", ("copy",)),
        ("src", "src/", "bind/", ("mirror", "-y")),
        ("src", "src/", "bind/sub", ("mirror", "-y")),
        ("src/sub", "src/", "bind/new", ("copy",)),
        ("src/sub", "src/", "bind/", ("mirror", "-y")),
        ("src/sub", "src", "bind", ("copy",)),
        ("src/sub", "bind/", "src", ("mirror", "-y")),
        ("src/sub", "bind/deep/", "src", ("mirror", "-y")),
    ],
)
def test_overlaps_through_a_bind_mount_lose_nothing(
    blit: Blit, ram: Path, bound: str, source: str, target: str, command: tuple[str, ...]
) -> None:
    requires_mounts()
    if bound == "src/sub" and command[0] == "copy":
        requires_linux_backend("it does not tell bind mounts of one filesystem apart")
    files = {f"f{n}": b"x" * n for n in range(40)}
    make(ram, {"src": {**files, "sub": {"b": b"b", "deep": {"c": b"c"}}}, "bind": {}})
    with mounted(ram / "bind", "--bind", str(ram / bound)):
        before = snapshot(ram / "src")
        result = blit(*command, source, target, cwd=ram, code=None, timeout=20)
        assert result.code == 4, str(result)
        after = snapshot(ram / "src")
        lost = {p for p, e in before.items() if e.kind == "file"} - after.keys()
        assert not lost
        depth = max(path.count(b"/") for path in after)
        assert depth < 12, f"copied itself {depth} folders deep"


def test_a_folder_onto_a_file_is_refused_before_the_first_write(blit: Blit, ram: Path) -> None:
    make(ram, {"src": {"a": b"a"}, "file": b"f", "dst": {"src": b"a file"}})
    before = snapshot(ram)
    for command in (("copy",), ("mirror", "--yes")):
        for source, target in (("src", "file"), ("src/", "file"), ("src", "dst")):
            result = blit(*command, source, target, cwd=ram, code=4)
            assert len(result.errors) == 1
    assert_same(before, ram)


SWAPPER = """
import os, sys
dst, aside, outside = sys.argv[1:]
while True:
    for step in "away", "back":
        for n in range(60):
            here, there = f"{dst}/d{n}", f"{aside}/d{n}"
            try:
                if step == "away":
                    os.rename(here, there)
                    os.symlink(outside, here)
                else:
                    os.unlink(here)
                    os.rename(there, here)
            except OSError:
                pass
"""


def test_folders_that_are_swapped_for_links_meanwhile_are_not_followed(
    blit: Blit, ram: Path
) -> None:
    """Somebody swaps destination folders for links to elsewhere, again and again, while we mirror."""
    requires_linux_backend(
        "it looks at a folder before each step, and a swap in between is followed"
    )
    src, dst, outside, aside = ram / "src", ram / "dst", ram / "outside", ram / "aside"
    make(outside, {"precious": b"p", "extra": b"e", "sub": {"deep": b"d"}})
    make(src, {f"d{n}": {f"f{k}": b"x" for k in range(40)} for n in range(60)})
    aside.mkdir()
    before = snapshot(outside)
    for _ in range(6):
        make(dst, {f"d{n}": {"extra": b"e", "precious": b"p"} for n in range(60)})
        swapper = subprocess.Popen([sys.executable, "-c", SWAPPER, dst, aside, outside])
        try:
            blit("mirror", "--yes", "--max-delete", "9999", f"{src}/", dst, code=None)
        finally:
            swapper.kill()
            swapper.wait()
        assert_same(before, outside)
        for folder in (dst, aside):
            shutil.rmtree(folder)
            folder.mkdir()


def test_content_is_never_more_readable_than_its_source(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"s{n}": File(size=300_000, mode=0o600) for n in range(400)})
    process = blit.start("copy", f"{src}/", dst)
    loose = set()
    while process.poll() is None:
        for name in os.listdir(dst) if dst.exists() else ():
            try:
                mode = stat.S_IMODE(os.lstat(dst / name).st_mode)
            except FileNotFoundError:
                continue
            if mode & 0o077:
                loose.add((name, oct(mode)))
    assert process.returncode == 0
    assert not loose
