"""What was learned, as a person reads it."""

from __future__ import annotations

import json

import pytest
from rich.cells import cell_len

from blit.history import lessons, memory
from blit.history.memory import Memory
from tests.test_memory import KEY, facts

TOOK = [10.0, 10.0, 10.0, 30.0, 90.0, 270.0]


def learned() -> Memory:
    return memory.rebuilt([facts(10 - n, seconds__total=took) for n, took in enumerate(TOOK)])


@pytest.mark.parametrize("width", [80, 120])
def test_a_row_for_each_profile_and_route(width: int) -> None:
    found = lessons.lines(learned(), width)
    assert max(map(cell_len, found)) <= width
    at = found.index("  " + KEY)
    row = found[at + 1]
    assert row.split()[:2] == ["streaming", "6"]  # runs
    assert " 16 " in row  # workers
    (entry,) = [line for line in found if "expected" in line and "took" in line]
    assert "took 4 min 30 s" in entry
    assert "streaming" in entry
    assert found[found.index(entry) + 1].strip() == KEY


def test_what_counts_is_never_cut_away() -> None:
    """In one line with the places, of 80 columns, the time it took was lost in the middle."""
    place = facts()["profile"] | {"source": "fuse.mergerfs", "destination": "fuse.sshfs",
                                  "source_kind": "removable", "same_device": True,
                                  "case_rule": "ignored", "grain": 20_000_000}  # fmt: skip
    runs = [
        facts(10 - n, seconds__total=took, profile=place, route=route)
        for n, took in enumerate(TOOK)
        for route in ("streaming", "direct")
    ]
    found = lessons.lines(memory.rebuilt(runs), 80)
    assert max(map(cell_len, found)) <= 80
    assert sum("expected" in line and "took 4 min 30 s" in line for line in found) == 2
    ways = [line.split()[0] for line in found if line.startswith("    ") and line.endswith("%")]
    assert ways == ["direct", "streaming"]


def test_nothing_was_learned() -> None:
    assert lessons.lines(Memory(), 80) == []


def test_the_same_as_json() -> None:
    found = json.loads(json.dumps(lessons.plain(learned())))
    (row,) = found["learned"]
    assert (row["profile"], row["way"], row["runs"]) == (KEY, "streaming", 6)
    assert row["misses"] == 3
    assert len(found["mispredictions"]) == 1


def test_a_hostile_name_stays_harmless() -> None:
    place = facts()["profile"] | {"source": "\x1b]0;x\x07"}
    assert "\x1b" not in "".join(lessons.lines(memory.rebuilt([facts(profile=place)]), 80))
