"""docs/safety.md names tests that exist, and its table has every fault and every tool."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from beside import FAULTS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/safety.md").read_text()
BEGIN, END = "<!-- compare_safety: begin -->", "<!-- compare_safety: end -->"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def promises() -> list[list[str]]:
    """Each row of each table of promises: promise, how it is kept, tests."""
    own = PAGE.split(BEGIN)[0] + PAGE.split(END)[1]
    rows = [cells(line) for line in own.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] not in ("promise", "---")]


@cache
def compared() -> dict[str, dict[str, str]]:
    """The table beside the others: fault → tool → what it says."""
    lines = PAGE.split(BEGIN)[1].split(END)[0].splitlines()
    head, _, *rows = (cells(line) for line in lines if line.startswith("|"))
    names = [name.strip("`").split()[0] for name in head[1:]]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


@cache
def functions(file: str) -> str:
    paths = list(ROOT.glob(f"tests/**/{file}"))
    assert paths, f"there is no {file}"
    return "\n".join(path.read_text() for path in paths)  # of some modules there are two


@pytest.mark.parametrize("row", promises(), ids=lambda row: row[0][:60])
def test_each_promise_names_tests_that_exist(row: list[str]) -> None:
    """A name with one letter changed on the page fails."""
    assert len(row) == 3 and row[1], row
    named = re.findall(r"`(test_\w+\.py)`(?:: ((?:`\w+`(?:, )?)+))?", row[2])
    assert named, "a promise without a test"
    for file, words in named:
        text = functions(file)
        for word in re.findall(r"`(\w+)`", words):
            assert re.search(rf"^(async )?def test_\w*{word}", text, re.M), f"{word} in {file}"
    known = {word for pair in named for word in (pair[0], *re.findall(r"\w+", pair[1]))}
    loose = [w for w in re.findall(r"`(\w[\w.]*)`", row[2]) if w not in known and "_" in w]
    assert all(w.startswith("BLIT_") for w in loose), f"of which file? {loose}"


def test_no_promise_stands_there_twice() -> None:
    said = [row[0] for row in promises()]
    assert len(said) == len(set(said))


def test_the_table_beside_the_others_is_whole() -> None:
    table = compared()
    assert list(table) == [fault.title for fault in FAULTS.values()]
    for fault, row in table.items():
        assert set(row) == {"blit", "cp", "rsync", "rclone"}, fault
        assert all(re.match("kept|LOST: |not applicable: ", said) for said in row.values()), fault
