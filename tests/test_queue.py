"""Who may start, who waits for whom, and what moving does to the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blit.events import Counts, Summary
from blit.job import Job
from blit.queue import (
    ENDED,
    PARKED,
    PREVIEW,
    RUNNING,
    WAITING,
    Candidate,
    Disks,
    Entry,
    clash,
    moved,
    turns,
)
from blit.state import TransferState


def disks(*pairs: tuple[int, int], heads: str = "") -> Disks:
    return Disks(frozenset(pairs), frozenset(heads))


ONE, OTHER = disks((1, 2)), disks((3, 4))


def test_same_pair_one_after_the_other_others_side_by_side() -> None:
    start, why = turns(
        [
            Candidate(1, RUNNING, ONE),
            Candidate(2, WAITING, ONE),
            Candidate(3, WAITING, OTHER),
            Candidate(4, WAITING, OTHER),
        ]
    )
    assert start == (3,)
    assert why == {2: "after #1: same disks", 4: "after #3: same disks"}


def test_a_shared_head_keeps_apart_what_else_could_run_side_by_side() -> None:
    a, b = disks((1, 2), heads="a"), disks((1, 3), heads="a")
    assert clash(a, b) and not clash(disks((1, 2)), disks((1, 3)))
    assert turns([Candidate(1, RUNNING, a), Candidate(2, WAITING, b)])[0] == ()


def test_nobody_overtakes_one_that_waits_for_the_same_disks() -> None:
    wide = disks((1, 2), heads="ab")
    start, why = turns(
        [
            Candidate(1, RUNNING, disks((1, 2), heads="a")),
            Candidate(2, WAITING, wide),
            Candidate(3, WAITING, disks((5, 6), heads="b")),
        ]
    )
    assert start == () and why[3] == "after #2: same disks"


def test_parked_ended_and_previews_take_no_turn_and_hold_up_nobody() -> None:
    start, why = turns(
        [
            Candidate(1, PARKED, ONE),
            Candidate(2, ENDED, ONE),
            Candidate(3, PREVIEW, ONE),
            Candidate(4, WAITING, ONE),
        ]
    )
    assert start == (4,) and why == {}


def test_what_is_not_known_waits_and_says_why() -> None:
    start, why = turns([Candidate(1, WAITING, None, "its disk does not answer")])
    assert start == () and why == {1: "its disk does not answer"}


def test_while_the_disks_of_a_running_one_are_looked_for_nobody_starts() -> None:
    assert turns([Candidate(1, RUNNING, None), Candidate(2, WAITING, OTHER)]) == ((), {})
    silent = Candidate(1, RUNNING, None, "its disk does not answer")
    assert turns([silent, Candidate(2, WAITING, OTHER)])[0] == (2,)


def test_missing_sources_hold_up_nobody() -> None:
    """The transfer itself says what is wrong with them."""
    assert turns([Candidate(1, RUNNING, ONE), Candidate(2, WAITING, Disks())])[0] == (2,)


def test_moving_changes_places_with_the_next_that_waits() -> None:
    waiting = frozenset((2, 4, 5))
    assert moved((1, 2, 3, 4, 5), waiting, 4, -1) == (1, 4, 3, 2, 5)
    assert moved((1, 2, 3, 4, 5), waiting, 4, 1) == (1, 2, 3, 5, 4)
    assert moved((1, 2, 3, 4, 5), waiting, 2, 2) == (1, 4, 3, 5, 2)
    assert moved((1, 2, 3, 4, 5), waiting, 2, -1) == (1, 2, 3, 4, 5)
    assert moved((1, 2, 3, 4, 5), waiting, 1, 1) == (1, 2, 3, 4, 5)


@given(
    st.permutations(range(8)),
    st.frozensets(st.integers(0, 7)),
    st.integers(0, 7),
    st.integers(-9, 9),
)
def test_moving_loses_nobody_and_moves_only_who_may(
    ids: list[int], movable: frozenset[int], id: int, by: int
) -> None:
    after = moved(ids, movable, id, by)
    assert sorted(after) == list(range(8))
    for place, one in enumerate(ids):
        assert one in movable or after[place] == one


def test_the_word_for_an_entry() -> None:
    job = Job("copy", (b"/a",), b"/b")
    entry = Entry(1, job)
    assert entry.status == "waiting" and not entry.active
    ended = TransferState(
        summary=Summary("partial", 3, "copy", b"/a", b"/b", None, Counts(failed=1))
    )
    assert Entry(1, job, ended, ENDED).status == "partial"
    assert Entry(1, job, stage=ENDED).status == "failed"
    assert Entry(1, job, stage=RUNNING, paused=True).status == "paused"
    assert Entry(1, job, stage=RUNNING, paused=True, stopping=True).status == "stopping"
    assert Entry(1, job, TransferState(silent=True), RUNNING).status == "silent"
    assert Entry(1, job, TransferState(phase="asking"), RUNNING).status == "asking"
