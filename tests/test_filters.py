"""Patterns mean what they mean to git: single rules, whole trees, and the options that make them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import requires_tool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trees import Symlink, make

from blit import arguments, request
from blit.arguments import pattern_line
from blit.job import Job
from blit.worker import filters
from blit.worker.filters import Filters
from blit.worker.folders import Folders

# -- one rule -------------------------------------------------------------------------------------


@pytest.fixture
def folders() -> Iterator[Folders]:
    made = Folders()
    yield made
    made.close()


def hidden(folders: Folders, lines: list[str], path: str) -> bool:
    """Whether an entry is left out; a slash at the end makes it a folder."""
    made = Filters(filters.prepare(("", (*lines,), False, True, None))["filters"], folders)
    above, _, name = path.rstrip("/").rpartition("/")
    return made.of("/nowhere", above)(name, path.endswith("/"), None)


@pytest.mark.parametrize(
    ("lines", "yes", "no"),
    [
        (["*.o"], ["a.o", "d/e/a.o", "d.o/"], ["a.oo", "a"]),
        (["build/"], ["build/", "d/build/"], ["build", "builds/"]),
        (["/top"], ["top", "top/"], ["d/top"]),
        (["d/x"], ["d/x"], ["e/d/x", "x"]),
        (["**/x/y"], ["x/y", "a/b/x/y"], ["y", "x/z/y"]),
        (["a/**"], ["a/b", "a/b/c"], ["a/", "b/a"]),
        (["a/**/z"], ["a/z", "a/b/c/z"], ["z", "a/y"]),
        (["*", "!keep"], ["a", "d/"], ["keep", "d/keep"]),
        (["!keep", "keep"], ["keep"], ["other"]),
        (["x?[!a]"], ["x1b", "d/x1b"], ["x1a", "x1/", "x/b"]),
        (["[[:digit:]][[:upper:]]"], ["1A"], ["AA", "1a"]),
        (["with blank   "], ["with blank"], ["with blank   "]),
        (["kept blank\\ "], ["kept blank "], ["kept blank"]),
        (["windows\r"], ["windows"], ["windows\r"]),
        (["# a comment", "", "\\#x", "\\!y"], ["#x", "!y"], ["# a comment", "x"]),
        (["a\nb", "a*z", "q"], ["a\nb", "a\n\nz"], ["a", "q\n"]),
        (["a/**/z"], ["a/d\ne/z"], ["a/z/b"]),
        (["d/x[!a]y"], ["d/xby"], ["d/x/y"]),
        (["é?"], ["éé"], ["é"]),
        (["bad\udcff*"], ["bad\udcff\udcfe"], ["bad"]),
    ],
)
def test_a_pattern(folders: Folders, lines: list[str], yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not hidden(folders, lines, path)] == []
    assert [path for path in no if hidden(folders, lines, path)] == []


@pytest.mark.parametrize("line", ["/", "!", "!/", "a//b", "end\\", "[open", "[z-a]", "[[:odd:]]"])
def test_what_is_no_pattern_is_said(line: str) -> None:
    with pytest.raises(ValueError, match="is no pattern") as caught:
        filters.prepare(("", (line,), False, True, None))
    assert caught.value.args[0] == line


def test_a_file_of_patterns(tmp_path: Path, folders: Folders) -> None:
    listed = tmp_path / "list"
    listed.write_bytes(b"\xef\xbb\xbf*.o\r\n# comment\n\n*.tmp\n")
    found = filters.prepare(("", ("a", os.fsencode(listed), "!b.o"), False, True, None))
    assert found["patterns"] == ["a", "*.o\r", "*.tmp", "!b.o"]
    listed.write_bytes(b"fine\nbad\\\n")
    with pytest.raises(ValueError, match=r"list, line 2") as caught:
        filters.prepare(("", (os.fsencode(listed),), False, True, None))
    assert caught.value.args[0] == "bad\\"


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_of_patterns_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        filters.prepare(("", (os.fsencode(tmp_path / name),), False, True, None))
    assert caught.value.args[0] == str(tmp_path / name)


def test_which_patterns_matched_is_known_also_where_a_later_one_decided(folders: Folders) -> None:
    made = Filters(
        filters.prepare(("", ("*.log", "gone", "debug.*"), False, True, None))["filters"], folders
    )
    hides = made.of("/nowhere", "")
    assert hides("debug.log", False, None) and not hides("other", False, None)
    assert sorted(made.hits) == [0, 2]
    made.hits.clear()
    assert hides("a.log", False, None) and made.hits == []  # told once


def test_the_gitignore_of_another_run_is_read_anew(tmp_path: Path, folders: Folders) -> None:
    asked = ("", (), True, True, None)
    assert filters.prepare(asked)["filters"] != filters.prepare(asked)["filters"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_gitignore_that_is_no_file_says_nothing(
    tmp_path: Path, folders: Folders, kind: str
) -> None:
    place = tmp_path / ".gitignore"
    if kind == "link":
        make(tmp_path, {"rules": b"*\n", ".gitignore": Symlink("rules")})
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.mkdir()
    made = Filters(filters.prepare(("", (), True, True, None))["filters"], folders)
    assert not made.of(str(tmp_path), "")("a", False, None)


# -- the options ----------------------------------------------------------------------------------


def job(*words: str) -> Job:
    return request.job(arguments.parser().parse_args(["mirror", *words, "/src/", "/dst"]))


def test_the_order_on_the_command_line_is_kept() -> None:
    made = job("--exclude", "*.o", "--include", "a.o", "--exclude-from=list", "--exclude", "b")
    assert made.patterns == ("*.o", "!a.o", os.fsencode(os.path.abspath("list")), "b")
    assert made.filtered and not made.gitignore and not made.delete_excluded
    assert job("--gitignore").filtered
    assert job("--delete-excluded").delete_excluded
    assert not job().filtered and job().patterns == ()


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("#x#", "#x#"), ("x ", "x "), ("x\\ ", "x "), ("!x", None), ("\\!x", "!x")],
)
def test_a_pattern_of_the_command_line_is_no_comment(
    folders: Folders, pattern: str, name: str | None
) -> None:
    line = pattern_line(pattern)
    if name is None:
        assert not hidden(folders, ["*", line], "x")
    else:
        assert hidden(folders, [line], name)
        assert not hidden(folders, ["*", pattern_line(pattern, include=True)], name)


@pytest.mark.parametrize(
    "words", [["--exclude", ""], ["--exclude", "a\nb"], ["--include", "!a"], ["--exclude-from", ""]]
)
def test_options_that_say_nothing(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        job(*words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("blit: --")


# -- git says the same ----------------------------------------------------------------------------

# Not here, because git differs from its own manual: a bracket across a slash, a range backwards, and
# `a**/b`, where the literal beginning is cut off before the stars are looked at. `?` is a byte to it.
NAMES = ["a", "b", "ab", "a.o", "b.o", "x y", "d", "!c", "#c", "[x]", "n\nl", "a ", "\\"]
PARTS = [
    "a", "b", "*", "?", "*.o", "a*", "[ab]", "[!a]", "[a-b]*", "**", "d", "x y", "\\#c", "\\!c", "!c",
    "#c", "\\[x\\]", "[[:alpha:]]", "a\\ ", "*b", "a ", "?*", "**a", "[^b]", "***", "x\\ y", "[]x]",
    "[[]x]", "n*", "\\\\", "\\a",
]  # fmt: skip


def pattern(dice: random.Random) -> str:
    parts = dice.choices(PARTS, k=dice.choice([1, 1, 1, 2, 2, 3]))
    before = dice.choice(["", "", "", "!"]) + dice.choice(["", "", "", "", "/"])
    return before + "/".join(parts) + dice.choice(["", "", "", "/"])


def grow(dice: random.Random, top: Path, depth: int = 0) -> None:
    top.mkdir(exist_ok=True)
    for name in dice.sample(NAMES, dice.randint(2, 5)):
        if depth < 3 and dice.random() < 0.45:
            grow(dice, top / name, depth + 1)
        else:
            (top / name).touch()
    if dice.random() < 0.3:
        lines = [pattern(dice) for _ in range(dice.randint(1, 4))]
        (top / ".gitignore").write_text("\n".join(lines) + "\n", encoding="utf-8")


def kept(made: Filters, root: Path, rel: str = "") -> Iterator[str]:
    """The files that are not left out, as a scan meets them."""
    hides = made.of(str(root), rel)
    for entry in os.scandir(root / rel):
        path = f"{rel}/{entry.name}" if rel else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if path == ".git" or hides(entry.name, is_folder, entry):
            continue
        if is_folder:
            yield from kept(made, root, path)
        else:
            yield path


def not_ignored(root: Path, patterns: list[str], gitignore: bool) -> set[str]:
    command = ["git", "-C", str(root), "-c", "core.ignoreCase=false", "ls-files", "--others", "-z"]
    command += [f"--exclude={each}" for each in patterns]
    command += ["--exclude-per-directory=.gitignore"] if gitignore else []
    out = subprocess.run(command, check=True, capture_output=True).stdout
    return {os.fsdecode(path) for path in out.split(b"\0") if path}


def usable(pattern: str) -> bool:
    try:
        return filters.rule(pattern_line(pattern)) is not None
    except ValueError:
        return False


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1 << 32), gitignore=st.booleans())
def test_git_keeps_the_same_files(ram: Path, seed: int, gitignore: bool) -> None:
    requires_tool("git")
    dice, root = random.Random(seed), ram / "tree"
    shutil.rmtree(root, ignore_errors=True)
    grow(dice, root)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    patterns = [p for p in (pattern(dice) for _ in range(dice.randint(0, 3))) if usable(p)]
    opened = Folders()
    try:
        lines = tuple(map(pattern_line, patterns))
        made = Filters(filters.prepare(("", lines, gitignore, True, None))["filters"], opened)
        assert set(kept(made, root)) == not_ignored(root, patterns, gitignore), patterns
    finally:
        opened.close()
