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
    row = next(line for line in found if line.startswith("  ext4 (ssd)"))
    assert row.split()[:4] == ["ext4", "(ssd)", "→", "fuse:"]
    assert row.split()[5] == "6"  # runs
    assert " 16 " in row  # workers
    (entry,) = [line for line in found if "expected" in line and "took" in line]
    assert "took 4 min 30 s" in entry
    assert "streaming" in entry


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
