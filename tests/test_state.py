"""The story of a run, folded: what a face may rely on whatever comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.eta import done_fraction
from blit.events import (
    Activity,
    BatchFinished,
    BatchStarted,
    ByteCounts,
    Change,
    Counts,
    DeletionPlanned,
    Event,
    Failed,
    Flushing,
    Heartbeat,
    MirrorFinished,
    Paused,
    PlanFinished,
    Resumed,
    RouteChosen,
    RunFinished,
    RunStarted,
    Seconds,
    Stalled,
    Summary,
)
from blit.state import TransferState

STARTED = RunStarted("copy", (b"/s",), b"/d/s", ((b"/s", b"/d/s"),), False, 0.0)


def beat(elapsed: float, **changes: Any) -> Heartbeat:
    usual = Heartbeat(elapsed, "copying", 0, 0, 100, 1000, True, 0, 0, 0, 0.0, ())
    return usual._replace(**changes)


def finished(outcome: str = "ok") -> RunFinished:
    return RunFinished(
        Summary(
            outcome, 0, "copy", b"/s", b"/d", "direct", Counts(copied=7, deleted=2),
            ByteCounts(copied=70), Seconds(2.0),
        )
    )  # fmt: skip


def told(story: Iterable[Event]) -> TransferState:
    state = TransferState()
    for event in story:
        state = state.after(event)
    return state


def test_the_beginning() -> None:
    state = told([STARTED, RouteChosen("direct", "tiny", 0.1, 2, ("ext4", "ext4"))])
    assert (state.command, state.landings) == ("copy", ((b"/s", b"/d/s"),))
    assert (state.route, state.route_why, state.forecast_s) == ("direct", "tiny", 0.1)
    assert state.phase == "copying"
    assert state.percent == 0.0


def test_a_beat_brings_the_counters() -> None:
    state = told([beat(1.0, files=10, bytes=200), beat(2.0, files=20, bytes=500)])
    assert (state.files, state.bytes, state.elapsed) == (20, 500, 2.0)
    assert (state.files_total, state.bytes_total) == (100, 1000)
    assert state.percent == pytest.approx(35.0)  # (20 % of the files + 50 % of the bytes) / 2
    assert state.rate == pytest.approx(250.0)  # it began with nothing at 0 s
    assert state.mean == pytest.approx(250.0)


def test_no_percent_before_the_scan_has_ended() -> None:
    assert told([beat(1.0, files=50, bytes=500, plan_done=False)]).percent == 0.0


def test_no_eta_before_two_seconds() -> None:
    story = [beat(t, files=int(10 * t), bytes=int(100 * t)) for t in (0.5, 1.0, 1.5, 1.9)]
    state = TransferState()
    for each in story:
        state = state.after(each)
        assert state.eta is None
    assert state.after(beat(2.0, files=20, bytes=200)).eta == pytest.approx(8.0)


def test_the_eta_weighs_files_and_bytes_by_what_they_cost() -> None:
    state = told([beat(1.0), beat(4.0, files=20, bytes=960)])
    assert state.eta == pytest.approx(16.0, rel=0.01)  # 80 files at 5 a second, not 40 bytes at 240


def test_no_eta_while_totals_are_unknown_or_nothing_moves() -> None:
    story = [beat(t, bytes=int(t), plan_done=False) for t in (1.0, 2.0, 3.0)]
    assert told(story).eta is None
    assert told([beat(1.0), beat(3.0)]).eta is None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    story = [beat(float(t), bytes=1000 * min(t, 5)) for t in range(1, 21)]
    state = told(story)
    assert state.rate == 0.0
    assert state.peak == pytest.approx(1000.0)


def test_ninety_nine_until_it_is_really_done() -> None:
    state = told([beat(3.0, files=100, bytes=1000)])
    assert state.percent == 99.0
    assert state.after(finished()).percent == 100.0


def test_a_run_that_failed_is_not_a_hundred_percent() -> None:
    assert told([beat(3.0, files=50, bytes=500), finished("partial")]).percent == 50.0


def test_the_summary_has_the_last_word() -> None:
    state = told([beat(1.0, files=5), finished()])
    assert (state.phase, state.files, state.bytes, state.deleted) == ("finished", 7, 70, 2)
    assert (state.elapsed, state.mean, state.eta) == (2.0, 35.0, None)
    assert state.summary is not None


def test_a_heartbeat_read_after_the_end_changes_nothing_that_shows() -> None:
    """A mailbox hands out facts before the beat that is older than they are."""
    state = told([finished(), beat(1.9, files=5, bytes=50)])
    assert (state.phase, state.files, state.eta) == ("finished", 7, None)


def test_a_heartbeat_older_than_the_plan_does_not_open_it_again() -> None:
    """For the same reason: totals that are known stay known."""
    state = told([PlanFinished(100, 1000, 3, 4, 0, 0.5), beat(0.4, plan_done=False)])
    assert state.plan_done


def test_failures_are_counted_and_the_last_is_kept() -> None:
    last = Failed(b"b", "write", 28, "full")
    state = told([Failed(b"a", "open", 13, "no"), last])
    assert (state.failures, state.last_failure) == (2, last)


def test_a_pause_forgets_the_rate() -> None:
    state = told([beat(1.0), beat(3.0, bytes=500, files=5), Paused(3.1)])
    assert (state.phase, state.rate, state.eta) == ("paused", 0.0, None)
    assert state.after(Resumed(9.0)).phase == "copying"


def test_the_pause_is_no_part_of_the_rate_after_it() -> None:
    story: list[Event] = [
        beat(1.0), beat(3.0, bytes=100), Paused(3.1), beat(4.0, bytes=100, phase="paused"),
        beat(6.0, bytes=100, phase="paused"), Resumed(7.0), beat(7.1, bytes=100),
        beat(8.1, bytes=200),
    ]  # fmt: skip
    assert told(story).rate == pytest.approx(100.0)


def test_a_pause_is_no_part_of_the_average() -> None:
    story: list[Event] = [beat(2.0, bytes=200), Paused(2.0)]
    story += [beat(float(t), bytes=200, phase="paused") for t in range(3, 13)]
    story += [Resumed(12.0), beat(14.0, bytes=400)]
    state = told(story)
    assert state.held_s == pytest.approx(10.0)
    assert state.mean == pytest.approx(100.0)
    assert not state.silent
    assert not state.silences


def test_the_suspect_is_who_has_been_quiet_longest() -> None:
    workers = (
        Activity(0, "copy", b"/a", 0, 0, what="copy", quiet=0.5),
        Activity(1, "list", b"/b", 0, 0, what="list", quiet=6.0, device="nfs"),
        Activity(2, "idle", b"", 0, 0, quiet=60.0),
    )
    state = told([beat(9.0, quiet=0.5, workers=workers, limit=67.0)])
    assert state.suspect == workers[1]
    assert state.limit == 67.0
    assert TransferState().suspect is None


def test_a_silence_is_noticed_and_remembered_once() -> None:
    story = [beat(5.0, bytes=500)] + [beat(5.0 + q, bytes=500, quiet=float(q)) for q in range(1, 8)]
    state = told(story)
    assert state.silent
    assert state.quiet == 7.0
    assert state.silences == ((5.0, 7.0),)
    assert state.pulses[-6:] == (False,) * 6
    state = state.after(beat(13.0, bytes=600, quiet=0.1))
    assert (state.silent, state.silences) == (False, ((5.0, 7.0),))
    assert state.pulses[-1]
    later = state.after(beat(30.0, bytes=600, quiet=4.0))
    assert later.silences == ((5.0, 7.0), (26.0, 4.0))


@pytest.mark.parametrize("phase", ["paused", "asking", "counting", "ready"])
def test_nobody_calls_it_a_silence_when_a_person_is_waited_for(phase: str) -> None:
    state = told([beat(5.0, bytes=500), beat(20.0, bytes=500, quiet=15.0, phase=phase)])
    assert (state.silent, state.quiet, state.silences) == (False, 0.0, ())


def test_the_eta_band_holds_the_eta_and_narrows() -> None:
    state, widths = TransferState(), []
    for t in range(1, 100):
        state = state.after(beat(float(t), files=t, bytes=10 * t))
        if t >= 2:
            assert state.eta is not None
            assert state.eta_band is not None
            low, high = state.eta_band
            assert low <= state.eta <= high
            widths.append((high - low) / state.eta)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0.5 > 0.1 > widths[-1]


def test_a_plan_that_is_held_takes_no_time() -> None:
    held = [beat(0.0, phase="counting", planned_files=n, plan_done=False) for n in (1, 5, 9)]
    state = told([*held, beat(0.0, phase="ready", planned_files=9, replaced=2, extras=3)])
    assert (state.phase, state.files_total, state.replaced, state.extras) == ("ready", 9, 2, 3)
    state = state.after(beat(1.0, bytes=100))
    assert state.rate == pytest.approx(100.0)


def test_problems_are_capped_and_all_are_counted() -> None:
    state = told([Failed(b"%d" % i, "read", 5, "no") for i in range(1500)])
    assert (state.failures, len(state.problems)) == (1500, 1000)
    assert state.problems[-1].path == b"1499"
    assert state.recent[-1] == state.problems[-1]


def test_where_the_time_goes_is_summed_by_kind() -> None:
    done = [
        BatchFinished(i, 0, what, 2, 10, 0.5) for i, what in enumerate(("copy", "link", "copy"))
    ]
    state = told([*done, BatchFinished(0, 0, "list", 0, 0, 9.0)])
    assert {s.what: (s.files, s.bytes, s.seconds) for s in state.spent} == {
        "copy": (4, 20, 1.0), "link": (2, 10, 0.5),
    }  # fmt: skip
    assert state.batches_done == 3


def test_the_question_is_open_until_it_is_answered() -> None:
    asked = told([DeletionPlanned(3, 9, True, True, "3 entries to delete")])
    assert asked.asking
    assert not asked.after(DeletionPlanned(3, 9, True, False, "as you answered")).asking
    assert not asked.after(finished()).asking


def test_recent_changes_are_few() -> None:
    changes = tuple(Change("new", b"%d" % i, "clone") for i in range(10))
    state = told([BatchFinished(i, 0, "copy", 10, 0, 0.1, changes) for i in range(50)])
    assert len(state.recent) == 60
    assert state.recent[-1] == changes[-1]


def test_the_other_facts() -> None:
    plan = PlanFinished(5, 50, 3, 2, 1, 0.1)
    deletion = DeletionPlanned(1, 9, True, False, "why")
    stalled = Stalled("copy", b"/x", "dev", 10.0)
    state = told([plan, deletion, MirrorFinished(1, 0), Flushing((b"/d",), "durable"), stalled])
    assert (state.plan_done, state.files_total, state.bytes_total) == (True, 5, 50)
    assert (state.unchanged, state.deletion, state.deleted) == (3, deletion, 1)
    assert (state.flushing, state.stalled, state.phase) == ("durable", stalled, "stalled")


def test_an_event_without_news_leaves_the_state_alone() -> None:
    state = told([STARTED])
    assert state.after(BatchStarted(1, 0, "copy", 1, 1)) is state


@pytest.mark.parametrize(
    ("numbers", "fraction"),
    [
        ({"planned_files": 0, "planned_bytes": 0}, 1.0),
        ({"planned_files": 0, "bytes": 250}, 0.25),
        ({"planned_bytes": 0, "files": 25}, 0.25),
        ({"files": 500, "bytes": 5000}, 1.0),
    ],
)
def test_done_fraction(numbers: dict[str, int], fraction: float) -> None:
    assert done_fraction(beat(1.0, **numbers)) == fraction


counts = st.integers(0, 10**12)
any_beat = st.builds(
    beat,
    st.floats(0, 1e6),
    files=counts,
    bytes=counts,
    planned_files=counts,
    planned_bytes=counts,
    plan_done=st.booleans(),
)
any_event = st.one_of(
    any_beat,
    any_beat,
    st.just(STARTED),
    st.builds(PlanFinished, counts, counts, counts, counts, counts, st.floats(0, 10)),
    st.builds(Paused, st.floats(0, 10)),
    st.builds(Resumed, st.floats(0, 10)),
    st.just(Failed(b"x", "open", 13, "no")),
    st.just(Flushing((), "why")),
)


@given(st.lists(any_event, max_size=30), st.sampled_from(["ok", "partial", "failed"]))
def test_whatever_happens(story: list[Event], outcome: str) -> None:
    state, percent = TransferState(), 0.0
    for event in story:
        before = state._replace()
        after = state.after(event)
        assert state == before  # frozen: a face may hold on to it
        state = after
        assert percent <= state.percent <= 99.0
        percent = state.percent
        known = state.elapsed >= 2.0 or state.expected is not None
        assert state.eta is None or (known and state.eta >= 0)
        assert state.rate >= 0 and state.mean >= 0 and state.peak >= 0
    end = state.after(finished(outcome))
    assert percent <= end.percent
    assert (end.percent == 100.0) == (outcome == "ok")


def test_the_failure_that_ends_a_run_is_a_problem_too() -> None:
    one, full = Failed(b"/d/a", "copy", 5, "no"), Failed(b"/d/b", "create", 28, "full")
    summary = Summary(
        "failed", 1, "copy", b"/s", b"/d", None, Counts(failed=2), failures=(one, full)
    )
    state = TransferState().after(STARTED).after(one)
    ended = state.after(RunFinished(summary))
    assert (ended.failures, ended.problems, ended.last_failure) == (2, (one, full), full)
    whole = state.after(RunFinished(summary._replace(files=Counts(failed=1), failures=(one,))))
    assert (whole.failures, whole.problems, whole.last_failure) == (1, (one,), one)
