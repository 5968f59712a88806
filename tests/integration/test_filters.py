"""What filters leave out of a copy and spare in a mirror, by the real program on real trees."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest
from conftest import Blit, ordinary, requires_tool
from trees import Fifo, File, Hard, Node, Symlink, make, snapshot, temporaries

from blit.worker import tmpname

T = 1_700_000_000_000_000_000
SOURCE = {
    "a.c": b"c",
    "a.o": b"o",
    "build": {"deep": {"x": b"x"}},
    "sub": {"b.o": b"o", "keep.o": b"k", "build": b"a file", "s.o": Symlink("b.o"), "p.o": Fifo()},
    "all.o": {"inside": b"i"},
    "one": b"1",
    "two.o": Hard("one"),
}


def names(root: Path) -> set[str]:
    return {os.fsdecode(path) for path in snapshot(root)} - {"."}


@pytest.fixture
def src(ram: Path) -> Path:
    make(ram / "src", SOURCE)
    return ram / "src"


def test_a_copy_without_what_matches(blit: Blit, src: Path, ram: Path) -> None:
    words = ("--exclude", "*.o", "--include", "keep.o", "--exclude=build/", f"{src}/", ram / "dst")
    result = blit.json("copy", *words)
    assert names(ram / "dst") == {"a.c", "sub", "sub/keep.o", "sub/build", "one"}
    route = next(e for e in result.events if e["type"] == "route_chosen")
    assert route["route"] == "streaming" and "filters" in route["reason"]
    assert blit.json("copy", *words).summary["files"]["copied"] == 0


def test_the_last_match_wins(blit: Blit, src: Path, ram: Path) -> None:
    blit("copy", "--include", "keep.o", "--exclude", "*.o", f"{src}/", ram / "dst")
    assert "sub/keep.o" not in names(ram / "dst")


def test_patterns_are_seen_from_what_the_source_holds(blit: Blit, src: Path, ram: Path) -> None:
    blit("copy", "--exclude", "/build", "--exclude", "src", src, ram / "dst")
    found = names(ram / "dst")
    assert "src/sub/build" in found and "src/build" not in found, "with and without a slash alike"


def test_a_file_that_is_named_is_copied(blit: Blit, src: Path, ram: Path) -> None:
    blit("copy", "--exclude", "*.o", src / "a.o", src / "sub", f"{ram}/dst/")
    assert names(ram / "dst") == {"a.o", "sub", "sub/build"}


def test_patterns_from_a_file_and_from_standard_input(blit: Blit, src: Path, ram: Path) -> None:
    (ram / "list").write_bytes(b"# objects\n*.o\n\n!keep.o\n")
    blit("copy", "--exclude-from", ram / "list", "--exclude", "one", f"{src}/", ram / "a")
    assert {"sub/keep.o", "a.c"} <= names(ram / "a")
    assert not {"a.o", "one"} & names(ram / "a")
    for number, given in enumerate(["--exclude-from=-", "--exclude-from=/dev/stdin"]):
        command = blit.command("copy", given, f"{src}/", ram / f"b{number}")
        done = subprocess.run(command, input=b"*.o\n", env=blit.environment, check=False)
        assert done.returncode == 0
        assert {"a.o", "a.c"} & names(ram / f"b{number}") == {"a.c"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--exclude-from", "no/such/list"], "no/such/list cannot be read for its patterns"),
        (["--exclude", "end\\"], "end\\ is no pattern: the backslash at its end"),
        (["--exclude", "[open"], "[open is no pattern: a bracket is not closed"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    blit: Blit, src: Path, ram: Path, words: list[str], said: str
) -> None:
    result = blit("copy", *words, f"{src}/", ram / "dst", code=2, cwd=ram)
    assert len(result.errors) == 1 and said in result.errors[0]
    assert not (ram / "dst").exists()


def test_a_pattern_that_matched_nothing_is_named_where_somebody_reads(
    blit: Blit, src: Path, ram: Path
) -> None:
    words = (
        "copy",
        "--exclude",
        "*.o",
        "--exclude",
        "a.o",
        "--exclude",
        "nope*",
        f"{src}/",
        ram / "d",
    )
    assert "blit: 1 pattern matched nothing: nope*" in blit(*words, "-n").errors
    assert blit(*words).errors == [], "a nightly run stays silent"


# -- .gitignore -----------------------------------------------------------------------------------


def test_gitignore_files_count_from_where_they_stand(blit: Blit, ram: Path) -> None:
    make(ram / "src", {
        ".gitignore": b"*.o\n/top\n", "top": b"", "a.o": b"", "a.c": b"",
        "sub": {".gitignore": b"!b.o\n/only\n", "b.o": b"", "c.o": b"", "top": b"", "only": b"",
                "deep": {"b.o": b"", "only": b"", "x.o": b""}},
        "b.o": b"",
    })  # fmt: skip
    blit("copy", "--gitignore", "--exclude", "a.c", f"{ram}/src/", ram / "dst")
    assert names(ram / "dst") == {
        ".gitignore", "sub", "sub/.gitignore", "sub/b.o", "sub/top", "sub/deep", "sub/deep/b.o",
        "sub/deep/only",
    }  # fmt: skip
    blit("copy", f"{ram}/src/", ram / "all")
    assert names(ram / "all") == names(ram / "src"), "they are obeyed where that is asked for"


def test_a_gitignore_that_cannot_be_read_is_a_failure(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"a": b"", "sub": {".gitignore": File(b"secret\n", mode=0), "secret": b"s"}})
    make(ram / "dst", {"extra": b"e"})
    (ram / "dst").chmod(0o777)
    words = ("mirror", "-y", "--gitignore", f"{ram}/src/", ram / "dst")
    result = blit(*words, code=3, prefix=ordinary())
    assert any(".gitignore" in line for line in result.errors)
    assert names(ram / "dst") >= {"a", "extra"}
    assert not (ram / "dst/sub/secret").exists(), (
        "what to leave out is not known: nothing is copied"
    )


# -- mirrors --------------------------------------------------------------------------------------


def test_a_mirror_spares_what_is_left_out(blit: Blit, src: Path, ram: Path) -> None:
    make(ram / "dst", {
        "old.o": b"", "old.c": b"", "build": {"other": {"y": b""}},
        "gone": {"x.o": b"", "x.c": b"", "in": {"y.c": b""}}, "away": {"in": {"z": b""}},
        ".blit-trash-no": b"",
    })  # fmt: skip
    words = ("mirror", "-y", "--exclude", "*.o", "--exclude", "build/", f"{src}/", ram / "dst")
    planned = blit(*words, "-n")
    assert {path for why, path in planned.changes if why == "delete"} == {
        "old.c", "gone/x.c", "gone/in/", "gone/in/y.c", "away/", "away/in/", "away/in/z",
        ".blit-trash-no",
    }  # fmt: skip
    result = blit(*words, "-v")
    assert planned.changes == result.changes
    assert names(ram / "dst") == {
        "old.o", "build", "build/other", "build/other/y", "gone", "gone/x.o", "a.c", "sub",
        "sub/build", "one",
    }  # fmt: skip
    assert blit.json(*words).summary["files"]["deleted"] == 0


def test_delete_excluded_takes_what_is_left_out_too(blit: Blit, src: Path, ram: Path) -> None:
    make(ram / "dst", {
        "a.o": b"", "old.o": b"", "build": {"other": {"y": b""}}, "gone": {"x.o": b""}, "a.c": b"c",
    })  # fmt: skip
    words = ("--exclude", "*.o", "--exclude", "build/", "--delete-excluded", f"{src}/", ram / "dst")
    planned = blit("mirror", "-y", "-n", *words)
    result = blit("mirror", "-y", "-v", *words)
    assert planned.changes == result.changes
    assert names(ram / "dst") == {"a.c", "sub", "sub/build", "one"}


def test_the_gitignore_of_the_source_protects_in_the_destination(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"sub": {".gitignore": b"*.log\n", "a": b"", "new.log": b""}})
    make(
        ram / "dst",
        {"x.log": b"", "sub": {"old.log": b"", "old": b"", "in": {"a.log": b"", "b": b""}}},
    )
    blit("mirror", "-y", "--gitignore", f"{ram}/src/", ram / "dst")
    assert names(ram / "dst") == {
        "sub", "sub/.gitignore", "sub/a", "sub/old.log", "sub/in", "sub/in/a.log",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs", "words", "said"),
    [
        (
            {"in": b""},
            b"mine",
            ["--exclude", "x", "--include", "x/"],
            "a file that the filters protect",
        ),
        (b"new", {"mine": b""}, ["--exclude", "x/"], "a folder that the filters protect"),
        (b"new", {"a.keep": b"", "goes": b""}, ["--exclude", "*.keep"], ""),
    ],
)
def test_what_is_protected_gives_way_to_no_other_type(
    blit: Blit, ram: Path, ours: Node, theirs: Node, words: list[str], said: str
) -> None:
    make(ram / "src", {"x": ours, "plain": {"in": b""}})
    make(ram / "dst", {"x": theirs})
    before = names(ram / "dst") - {"x/goes"}
    result = blit("mirror", "-y", *words, f"{ram}/src/", ram / "dst", code=3)
    assert names(ram / "dst") - {"x/goes"} == before | {"plain", "plain/in"}
    assert result.errors[0].startswith(f"blit: {ram}/dst/x: ") and said in result.errors[0]
    assert temporaries(ram / "dst") == []


def test_temporaries_of_dead_runs_are_cleared_whatever_is_excluded(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"a": b""})
    process = blit.start("copy", f"{ram}/src/", ram / "dst")
    process.wait(30)
    (ram / "dst" / tmpname.Names(tmpname.run_token(process.pid), 0).next()).write_bytes(b"half")
    assert len(temporaries(ram / "dst")) == 1
    blit("copy", "--exclude", ".*", f"{ram}/src/", ram / "dst")
    assert temporaries(ram / "dst") == []


# -- git and the mirror agree ---------------------------------------------------------------------

LEAVES = ["a", "b", "a.o", "b.o", "x y", "keep", "n\nl"]
LIMBS = ["d", "e", "d.o", "build"]
PATTERNS = [
    "*.o",
    "!b.o",
    "build",
    "/d",
    "d/",
    "e/*",
    "**/a",
    "[ab]",
    "!d.o/",
    "x*",
    "d/**/b",
    "!keep",
    "*",
]


def grow(dice: random.Random, top: Path, depth: int = 0) -> None:
    top.mkdir()
    for name in dice.sample(LEAVES, dice.randint(1, 4)):
        (top / name).write_bytes(b"1")
        os.utime(top / name, ns=(T, T))
    if depth < 3:
        for name in dice.sample(LIMBS, dice.randint(0, 3)):
            grow(dice, top / name, depth + 1)


def ignored(root: Path, patterns: list[str], scratch: Path) -> set[str]:
    """What git leaves out below `root`, folders too, with all that is in them."""
    (scratch / "patterns").write_text("\n".join(patterns) + "\n")
    everything = names(root)
    command = ["git", f"--git-dir={scratch}/git", f"--work-tree={root}"]
    subprocess.run([*command, "init", "-q"], check=True, cwd=root)
    command += [
        "-c",
        f"core.excludesFile={scratch}/patterns",
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    ]
    given = b"\0".join(map(os.fsencode, sorted(everything)))
    out = subprocess.run(command, input=given, capture_output=True, cwd=root, check=False)
    assert out.returncode in (0, 1), out
    return {os.fsdecode(path) for path in out.stdout.split(b"\0") if path}


@pytest.mark.parametrize("seed", range(10))
def test_nothing_that_git_ignores_is_copied_or_deleted(blit: Blit, ram: Path, seed: int) -> None:
    requires_tool("git")
    dice = random.Random(seed)
    src, dst = ram / "src", ram / "dst"
    grow(dice, src)
    grow(dice, dst)
    patterns = dice.sample(PATTERNS, dice.randint(1, 4))
    wanted = names(src) - ignored(src, patterns, ram)
    spared = ignored(dst, patterns, ram)
    for path in list(spared):  # what holds them stays
        while path := os.path.dirname(path):
            spared.add(path)
    words = [
        "mirror",
        "--allow-empty-source",  # some of these trees are ignored whole
        "-y",
        "--max-delete",
        "9999",
        *(f"--exclude={p}" for p in patterns),
        f"{src}/",
        dst,
    ]
    planned = blit(*words, "-n")
    result = blit(*words, "-v")
    assert planned.changes == result.changes
    assert names(dst) == wanted | spared, patterns
    done = blit.json(*words, "--delete-excluded")
    assert names(dst) == wanted, patterns
    assert json.loads(done.out.splitlines()[-1])["exit_code"] == 0


def test_files_are_left_out_by_size_and_age_on_both_sides(blit: Blit, ram: Path) -> None:
    """Without the limits in `hides` of left_over.py `theirs-large` would be deleted."""
    old, new = 10**18, 16 * 10**17
    make(ram / "src", {
        "small": File(b"1", mtime=new), "large": File(size=5000, mtime=new), "old": File(b"22", mtime=old),
        "sub": {"large": File(size=6000, mtime=new), "fits": File(b"333", mtime=new)}, "link": Symlink("old", mtime=old),
    })  # fmt: skip
    make(ram / "dst", {
        "large": b"kept", "theirs-large": File(size=5001, mtime=new), "theirs-small": File(b"goes", mtime=new),
        "only": {"large": File(size=9000, mtime=new), "small": File(b"x", mtime=new)},
    })  # fmt: skip
    limits = ("--max-size", "4k", "--newer", f"@{(old + new) // 2 // 10**9}")
    for options in ((), ("--checksum",)):
        blit("mirror", "--yes", *options, *limits, f"{ram}/src/", ram / "dst")
        found = {p.relative_to(ram / "dst").as_posix() for p in (ram / "dst").rglob("*")}
        wanted = {"small", "large", "sub", "sub/fits", "link", "theirs-large", "only", "only/large"}
        assert found == wanted
        assert (ram / "dst" / "large").read_bytes() == b"kept"
    blit("copy", "--min-size=4k", f"{ram}/src/", ram / "two")
    assert {p.name for p in (ram / "two").rglob("*") if p.is_file() and not p.is_symlink()} == {
        "large"
    }
    result = blit("copy", "--min-size=4x", f"{ram}/src/", ram / "three", code=2)
    assert "'4x' is no size: say 500, 64k, 10M or 1.5G" in result.err.decode()
    for low, high in (("--min-size=10M", "--max-size=1M"), ("--newer=1d", "--older=2d")):
        result = blit("copy", low, high, f"{ram}/src/", ram / "four", code=2)
        assert "no file is within" in result.err.decode() and not (ram / "four").exists()
    blit("copy", "--min-size=4k", "--max-size=4k", f"{ram}/src/", ram / "four")
