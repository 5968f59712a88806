"""What is copied and where it lands: real trees, and the second run that does nothing."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    Blit,
    requires_linux_backend,
    requires_root,
    requires_strace,
    requires_tool,
    room_in_ram,
)
from trees import (
    Fifo,
    File,
    Folder,
    Hard,
    Sparse,
    Symlink,
    Tree,
    assert_same,
    filler,
    make,
    snapshot,
    temporaries,
)

T = 1_600_000_000_987_654_321


def copied(blit: Blit, *arguments: str | Path) -> int:
    count: int = blit.json(*arguments).summary["files"]["copied"]
    return count


# -- where things land ----------------------------------------------------------------------------

LANDINGS = {
    # (sources, destination, where "src/in" or "file" must be afterwards)
    "a folder into a folder that exists": (["src"], "dst", ["dst/src/in"]),
    "a folder into one that does not": (["src"], "new", ["new/src/in"]),
    "a folder into one with a slash": (["src"], "new/", ["new/src/in"]),
    "contents into a folder": (["src/"], "dst", ["dst/in"]),
    "contents into one that is missing": (["src/"], "new/deeper", ["new/deeper/in"]),
    "contents, said with a dot": (["src/."], "dst", ["dst/in"]),
    "contents, said with two slashes": (["src//"], "dst//", ["dst/in"]),
    "a folder by an odd path": (["dst/../src"], "new", ["new/src/in"]),
    "a folder through a link": (["link/"], "new", ["new/in"]),
    "a file into a folder": (["file"], "dst", ["dst/file"]),
    "a file into a folder with a slash": (["file"], "dst/", ["dst/file"]),
    "a file into a missing folder": (["file"], "new/", ["new/file"]),
    "a file to a name": (["file"], "dst/other", ["dst/other"]),
    "a file to a name below missing folders": (["file"], "a/b/c", ["a/b/c"]),
    "a file over a file": (["file"], "dst/old", ["dst/old"]),
    "a file into a folder behind a link": (["file"], "to_dst", ["dst/file"]),
    "several into a folder": (["src", "file"], "dst", ["dst/src/in", "dst/file"]),
    "several into a missing folder": (["file", "src/"], "new", ["new/file", "new/in"]),
    "several files into a missing folder": (["file", "src/in"], "new", ["new/file", "new/in"]),
}


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("landing", LANDINGS)
def test_where_things_land(blit: Blit, ram: Path, landing: str, absolute: bool) -> None:
    sources, target, there = LANDINGS[landing]
    make(ram, {"src": {"in": b"content"}, "file": b"content", "dst": {"old": b"old", "stay": b"s"},
               "link": Symlink("src"), "to_dst": Symlink("dst")})  # fmt: skip
    before = snapshot(ram)
    prefix = f"{ram}/" if absolute else ""
    arguments = [prefix + s for s in sources] + [prefix + target]
    result = blit("copy", *arguments, "-v", cwd=ram)
    for path in there:
        assert (ram / path).read_bytes() == b"content"
    fresh = {
        p.decode() for p in snapshot(ram).keys() - before.keys() if (ram / p.decode()).is_file()
    }
    assert fresh == set(there) - {"dst/old"}, "something landed elsewhere too"
    assert "→" in result.errors[0]
    inodes = [(ram / path).stat().st_ino for path in there]
    assert copied(blit, "copy", *[f"{ram}/{a}" if not absolute else a for a in arguments]) == 0
    assert [(ram / path).stat().st_ino for path in there] == inodes


@pytest.mark.parametrize(
    ("source", "target", "there"),
    [("src", "dst", "dst/src/in"), ("src/", "new", "new/in"), (".", "../new2", "../new2/src/in")],
)
def test_a_mirror_lands_where_a_copy_does(
    blit: Blit, ram: Path, source: str, target: str, there: str
) -> None:
    make(ram, {"work": {"src": {"in": b"content"}, "dst": {"stay": b"s"}}})
    blit("mirror", "--yes", source, target, cwd=ram / "work")
    assert (ram / "work" / there).read_bytes() == b"content"
    if target == "dst":
        assert (ram / "work/dst/stay").exists()


def test_a_link_without_a_slash_is_copied_as_a_link(blit: Blit, ram: Path) -> None:
    make(ram, {"src": {"in": b"x"}, "link": Symlink("src"), "dangling": Symlink("nowhere")})
    blit("copy", ram / "link", ram / "dangling", f"{ram}/dst/")
    assert os.readlink(ram / "dst/link") == "src" and os.readlink(ram / "dst/dangling") == "nowhere"


# -- small and mixed trees ------------------------------------------------------------------------


def test_one_file_is_the_same_in_all(blit: Blit, ram: Path) -> None:
    make(
        ram / "src", {"f": File(size=123_457, mode=0o640, mtime=T, xattrs={"user.note": b"hello"})}
    )
    summary = blit.json("copy", ram / "src/f", f"{ram}/dst/").summary
    assert summary["route"] == "direct" and summary["files"]["copied"] == 1
    assert summary["bytes"]["copied"] == 123_457
    assert_same(snapshot(ram / "src"), snapshot(ram / "dst"), ignore=("folder_mtime",))


def test_eight_files_go_directly_and_nine_by_streaming(blit: Blit, ram: Path) -> None:
    for count, route in ((8, "direct"), (9, "streaming")):
        src, dst = ram / f"src{count}", ram / f"dst{count}"
        make(src, {f"f{n}": File(size=n * 5_000, mtime=T + n) for n in range(count)})
        summary = blit.json("copy", f"{src}/", dst).summary
        assert summary["route"] == route and summary["files"]["copied"] == count
        assert_same(src, dst)
        assert copied(blit, "copy", f"{src}/", dst) == 0


def _mixed() -> Tree:
    long = "n" * 251
    tree: dict[str | bytes, Any] = {
        "empty": b"", "one": b"1", "page": File(size=4096), "large": File(size=3_000_001),
        "none": {}, "nested": {"none": {"either": {}}},
        "to_file": Symlink("one", mtime=T), "to_nothing": Symlink("nowhere\n", mtime=T + 1),
        "to_folder": Symlink("nested"), "to_above": Symlink("../../.."), "absolute": Symlink("/etc/passwd"),
        "hard": Hard("one"), "nested2": {"hard": Hard("one"), "large": Hard("large"), "deep": {"hard": Hard("one")}},
        "pipe": Fifo(0o622, mtime=T), "sparse": Sparse(50 << 20, {1 << 20: b"data", (50 << 20) - 1: b"\0"}),
        "all_hole": Sparse(9 << 20), "tail": Sparse((9 << 20) + 7, {9 << 20: b"the end"}),
        long + ".txt": b"255 bytes", b"\xff\xfe not utf-8 \x80": b"bytes", "new\nline\ttab": b"n",
        "\x1b[31mred": b"esc", " spaces ": b" ", "-n": b"option", "--yes": b"option", "back\\slash": b"b",
        "é": b"precomposed", "e\u0301": b"combining", "*?[x]": b"glob", "[bold]": b"markup", "日本": b"wide",
        "m0444": File(b"r", mode=0o444), "m0555": File(b"x", mode=0o555), "m4755": File(b"s", mode=0o4755),
        "m2755": File(b"g", mode=0o2755), "m1777": Folder({"in": b"t"}, mode=0o1777),
        "closed": Folder({"in": b"c"}, mode=0o500), "setgid": Folder({"in": b"c"}, mode=0o2775),
        "old": File(b"o", mtime=1), "ns": File(b"n", mtime=T), "future": File(b"f", mtime=4_000_000_000_000_000_001),
        "folder_ns": Folder({"in": File(b"i", mtime=T + 3)}, mtime=T + 2), "before_1970": File(b"b", mtime=-5_000_000_001),
        "noted": File(b"x", xattrs={"user.one": b"1", "user.two": b"\0\xff"}),
        "noted_folder": Folder({}, xattrs={"user.folder": b"f"}),
        b"\xff folder": {b"\xfe": {"in": b"deep"}},
    }  # fmt: skip
    if os.geteuid() == 0:
        tree["m0000"] = File(b"nobody", mode=0)
        tree["m0000_folder"] = Folder({"in": b"x"}, mode=0)
    return tree


@pytest.mark.parametrize("command", [("copy",), ("mirror", "--yes"), ("mirror", "--yes", "-c")])
def test_a_mixed_tree_is_the_same_in_all(blit: Blit, ram: Path, command: tuple[str, ...]) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, Folder(_mixed(), mode=0o750, mtime=T + 9))
    first = blit(*command, f"{src}/", dst)
    assert first.out == first.err == b""
    assert_same(src, dst)
    for name in ("sparse", "all_hole", "tail"):
        ours, theirs = (src / name).stat(), (dst / name).stat()
        assert theirs.st_size == ours.st_size
        assert theirs.st_blocks <= ours.st_blocks, f"{name}: holes were filled"
    before = {path: os.lstat(os.path.join(os.fsencode(dst), path)) for path in snapshot(dst)}
    again = blit(*command, f"{src}/", dst, "-v")
    assert again.changes == set()
    for path, info in before.items():
        now = os.lstat(os.path.join(os.fsencode(dst), path))
        assert (now.st_ino, now.st_ctime_ns) == (info.st_ino, info.st_ctime_ns), f"{path!r} touched"


def test_owners_are_kept(blit: Blit, ram: Path) -> None:
    requires_root()
    make(ram / "src", {"a": b"a", "sub": {"b": b"b"}, "link": Symlink("a"), "pipe": Fifo()})
    for number, name in enumerate(("a", "sub", "sub/b", "link", "pipe")):
        os.chown(ram / "src" / name, 10_000 + number, 20_000 + number, follow_symlinks=False)
    blit("copy", f"{ram}/src/", ram / "dst")
    assert_same(ram / "src", ram / "dst")


def test_access_lists_are_kept(blit: Blit, ram: Path) -> None:
    requires_tool("setfacl", "getfacl")
    make(ram / "src", {"a": File(b"a", mode=0o640), "sub": {"b": b"b"}, "c": b"c"})
    for options in (("-m", "u:12345:rw", "a"), ("-m", "d:u:12345:rx,u:12345:rwx", "sub")):
        done = subprocess.run(["setfacl", *options], cwd=ram / "src", check=False)
        if done.returncode:
            pytest.skip("no access lists on this filesystem")
    blit("copy", f"{ram}/src/", ram / "dst")
    assert_same(ram / "src", ram / "dst")
    assert blit("copy", f"{ram}/src/", ram / "dst", "-v").changes == set()
    subprocess.run(["setfacl", "-b", "a"], cwd=ram / "src", check=True)
    blit("copy", f"{ram}/src/", ram / "dst")
    assert_same(ram / "src", ram / "dst")


def test_a_socket_is_named_and_not_copied(blit: Blit, ram: Path) -> None:
    import socket

    make(ram / "src", {"a": b"a"})
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(ram / "src/sock"))
        result = blit("copy", f"{ram}/src/", ram / "dst", code=None)
    assert result.code in (0, 3)
    assert sorted(os.listdir(ram / "dst")) == ["a"]
    assert len(result.errors) == 1 and "sock" in result.errors[0]


def test_a_deep_tree_with_paths_beyond_path_max(blit: Blit, ram: Path) -> None:
    requires_linux_backend("it reaches no path beyond PATH_MAX")
    src = ram / "src"
    src.mkdir()
    depth = 0
    here = os.open(src, os.O_RDONLY | os.O_DIRECTORY)
    for depth in range(120):
        name = f"{depth:03}" + "d" * 60
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    fd = os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(fd, b"deep")
    os.close(fd)
    os.close(here)
    blit("mirror", "--yes", f"{src}/", ram / "dst")
    here = os.open(ram / "dst", os.O_RDONLY | os.O_DIRECTORY)
    for depth in range(120):
        below = os.open(f"{depth:03}" + "d" * 60, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    with open("leaf", "rb", opener=lambda name, flags: os.open(name, flags, dir_fd=here)) as leaf:
        assert leaf.read() == b"deep"
    os.close(here)
    for tree in (src, ram / "dst"):
        subprocess.run(["rm", "-rf", str(tree)], check=True)


# -- the second run -------------------------------------------------------------------------------


def test_what_differs_is_copied_again_and_only_that(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": File(size=1000 + n, mtime=T) for n in range(30)})
    blit("copy", f"{src}/", dst)
    make(src, {"f1": b"another size", "f2": File(filler(1002, b"else"), mtime=T + 1)})
    os.utime(src / "f3", ns=(T + 10**9, T + 10**9))
    os.chmod(src / "f4", 0o600)
    os.setxattr(src / "f5", "user.fresh", b"1")
    make(src, {"sub": {"fresh": b"x"}})
    inodes = {p.name: p.stat().st_ino for p in dst.iterdir()}
    result = blit("copy", f"{src}/", dst, "-v")
    files = {c for c in result.changes if not c[1].endswith("/")}
    assert files == {("size", "f1"), ("mtime", "f2"), ("mtime", "f3"), ("mode", "f4"), ("mode", "f5"),
                     ("new", "sub/fresh")}  # fmt: skip
    assert_same(src, dst)
    moved = {n for n, inode in inodes.items() if (dst / n).stat().st_ino != inode}
    assert moved == {"f1", "f2", "f3"}, "metadata alone is mended without copying the bytes"


def test_metadata_alone_is_mended_without_the_bytes(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"f": File(size=100_000, mtime=T), "folder": Folder({"in": b"i"}, mtime=T),
               "link": Symlink("f", mtime=T), "pipe": Fifo(mtime=T)})  # fmt: skip
    blit("copy", f"{src}/", dst)
    os.chmod(dst / "f", 0o600)
    os.chmod(dst / "folder", 0o700)
    os.chmod(dst / "pipe", 0o600)
    os.setxattr(dst / "f", "user.surplus", b"1")
    os.utime(dst / "folder", ns=(T + 1, T + 1))
    os.utime(dst / "link", ns=(T + 1, T + 1), follow_symlinks=False)
    os.utime(dst, ns=(os.stat(src).st_mtime_ns,) * 2)
    inode = (dst / "f").stat().st_ino
    summary = blit.json("copy", f"{src}/", dst).summary
    assert summary["bytes"]["copied"] == 0
    assert_same(src, dst)
    assert (dst / "f").stat().st_ino == inode


def test_hard_links_are_mended(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"shared", "b": Hard("a"), "sub": {"c": Hard("a")}, "x": b"x", "y": Hard("x")})
    blit("copy", f"{src}/", dst)
    assert_same(src, dst)
    for name in ("b", "sub/c"):  # the destination has copies where it should have links
        data = (dst / name).read_bytes()
        os.unlink(dst / name)
        (dst / name).write_bytes(data)
        os.utime(dst / name, ns=(os.stat(src / "a").st_mtime_ns,) * 2)
    make(src, {"a": b"shared and changed"})
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(src, dst)
    assert blit("mirror", "-y", "-v", f"{src}/", dst).changes == set()


def test_temporaries_of_a_dead_run_are_cleared_away_and_those_of_a_living_one_not(
    blit: Blit, ram: Path
) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"x" for n in range(30)})
    process = blit.start("copy", f"{src}/", dst)
    process.wait(30)
    name = _temporary_name(process.pid)
    (dst / name).write_bytes(b"left by the dead")
    alive = _temporary_name(os.getpid())
    (dst / alive).write_bytes(b"in the hands of the living")
    (dst / ".blit-notes").write_bytes(b"a user's own file")
    blit("copy", f"{src}/", dst)
    assert {os.path.basename(t) for t in temporaries(dst)} == {alive, ".blit-notes"}


def _temporary_name(pid: int) -> str:
    from blit.worker import tmpname

    return tmpname.Names(tmpname.run_token(pid), 1).next()


def test_two_runs_into_one_destination(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {f"d{n}": {f"f{k}": File(size=3_000) for k in range(60)} for n in range(20)})
    runs = [blit.start("copy", f"{src}/", dst) for _ in range(3)]
    assert [blit.finish(run).code for run in runs] == [0, 0, 0]
    assert_same(src, dst, ignore=("folder_mtime",))
    assert not temporaries(dst)
    blit("copy", f"{src}/", dst)
    assert_same(src, dst)


# -- many and large -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hundred_thousand_small_files(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    for folder in range(100):
        os.makedirs(src / f"d{folder}")
        fd = os.open(src / f"d{folder}", os.O_RDONLY | os.O_DIRECTORY)
        for number in range(1_000):
            out = os.open(f"f{number}", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
            os.write(out, b"%d/%d" % (folder, number))
            os.close(out)
        os.close(fd)
    summary = blit.json("copy", f"{src}/", dst, timeout=120).summary
    assert summary["files"]["copied"] == 100_000
    assert sum(len(files) for _, _, files in os.walk(dst)) == 100_000
    for _ in range(2_000):
        path = f"d{random.randrange(100)}/f{random.randrange(1_000)}"
        assert (dst / path).read_bytes() == (src / path).read_bytes()
        assert (dst / path).stat().st_mtime_ns == (src / path).stat().st_mtime_ns
    again = blit.json("copy", f"{src}/", dst, timeout=120).summary["files"]
    assert again["copied"] == 0 and again["unchanged"] == 100_000
    for number in range(50):
        os.unlink(src / f"d{number}/f7")
    files = blit.json("mirror", "-y", f"{src}/", dst, timeout=120).summary["files"]
    assert files["deleted"] == 50 and files["copied"] == 0


def test_a_large_sparse_file_is_split_and_stays_sparse(blit: Blit, ram: Path) -> None:
    data = {n * (301 << 20) + 12_345: filler(70_000, b"%d" % n) for n in range(16)}
    make(ram / "src", {"image": Sparse(5 << 30, data, mtime=T)})
    summary = blit.json("copy", ram / "src/image", f"{ram}/dst/").summary
    assert summary["route"] == "large_file"
    assert_same(snapshot(ram / "src"), snapshot(ram / "dst"), ignore=("folder_mtime",))
    assert (ram / "dst/image").stat().st_blocks <= (ram / "src/image").stat().st_blocks
    make(ram / "src", {**{f"f{n}": b"x" for n in range(20)}, "hole": Sparse(2 << 30)})
    blit("mirror", "--yes", f"{ram}/src/", ram / "dst")
    assert_same(ram / "src", ram / "dst")
    assert copied(blit, "copy", f"{ram}/src/", ram / "dst") == 0


def test_pieces_that_several_workers_write_at_once_go_past_the_kernels_copy(
    blit: Blit, ram: Path
) -> None:
    """Without `shared` in large.py it says "kernel", and this fails."""
    room_in_ram(600 << 20)
    with open(ram / "big", "wb") as out:
        for number in range(13):
            out.write(filler(16 << 20, b"%d" % number))
    summary = blit.json("copy", ram / "big", f"{ram}/dst/").summary
    assert summary["methods"] == {"read/write": 1}
    subprocess.run(["cmp", str(ram / "big"), str(ram / "dst/big")], check=True)


def test_a_write_that_fails_in_a_shared_piece_fails_the_file(blit: Blit, ram: Path) -> None:
    requires_strace()
    make(ram, {"src": {"big": Sparse(160 << 20, {100 << 20: filler(32 << 20, b"x")})}})
    prefix = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64"]
    prefix += ["-e", "inject=pwrite64:error=ENOSPC:when=9"]
    blit("copy", f"{ram}/src/", ram / "dst", code=1, prefix=prefix)
    assert not (ram / "dst/big").exists()
    blit("copy", f"{ram}/src/", ram / "dst")
    assert_same(ram / "src", ram / "dst", ignore=("folder_mtime",))


@pytest.mark.slow
def test_a_large_real_file(blit: Blit, ram: Path) -> None:
    size = 1_200 << 20
    room_in_ram(2 * size)
    (ram / "src").mkdir()
    with open(ram / "src/big", "wb") as out:
        for number in range(size >> 24):
            out.write(filler(1 << 24, b"%d" % number))
    summary = blit.json("copy", f"{ram}/src/", ram / "dst").summary
    assert summary["bytes"]["copied"] == size and summary["route"] in ("large_file", "streaming")
    subprocess.run(["cmp", str(ram / "src/big"), str(ram / "dst/big")], check=True)
    assert copied(blit, "copy", f"{ram}/src/", ram / "dst") == 0
