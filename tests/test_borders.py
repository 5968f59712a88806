"""Where one route ends and the next begins, by what was measured; the usual where nothing is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blit.engine import borders
from blit.engine.borders import AGAIN, Few, Known
from blit.engine.large import Large, LargeFiles
from blit.engine.route import choose
from blit.history import memory, predict, routes
from blit.history.predict import Cost, Load, Rate
from tests import past

MB, GIB = 10**6, 1 << 30
SERIAL = Cost(5e-3, 0.6, 1e-3, 1e-6, 3)  # 0.6 s a file: two milliseconds an operation
QUICK = Cost(1e-3, 0.1e-3, 1e-3, 1e-6, 5)
COSTS = st.builds(
    Cost, *[st.floats(1e-9, 1e4) for _ in range(4)], runs=st.integers(1, 100)
)  # fmt: skip
RATES = st.builds(Rate, st.integers(1, 100), st.floats(1, 1e12))
KNOWN = st.builds(
    Known, direct=st.none() | COSTS, few=st.none() | COSTS, serial=st.none() | COSTS,
    workers=st.integers(0, 64), split=st.none() | RATES, whole=st.none() | RATES,
)  # fmt: skip


@given(st.integers(0, 64), st.integers(0, 200 * MB))
def test_nothing_known_nothing_moves(files: int, size: int) -> None:
    found = borders.few(Known(), files, size)
    assert found == Few(files <= 8 and size <= 100 * MB)
    assert choose(False, False, (files, size), None, few=found) == choose(
        False, False, (files, size), None
    )


@given(KNOWN, st.integers(0, 64), st.integers(0, 200 * MB))
def test_whatever_was_measured_the_answer_is_one_of_the_two(
    known: Known, files: int, size: int
) -> None:
    found = borders.few(known, files, size)
    assert found == borders.few(known, files, size)  # no chance in it
    usual = files <= 8 and size <= 100 * MB
    assert found.why or found.direct == usual  # another way is never taken without a word
    if size > 100 * MB or files < 2:
        assert found.direct == usual
    if found.workers:
        assert not found.direct and found.workers <= max(files, 1)
    route = choose(False, False, (files, size), None, few=found)
    assert route.name == ("direct" if found.direct else "streaming")
    assert choose(True, False, (files, size), None, few=found).name == "streaming"


def test_a_few_files_that_are_slow_are_shared() -> None:
    known = Known(direct=Cost(0.2, 0.6, 1e-3, 1e-6, 1), serial=SERIAL)
    route = choose(False, False, (8, 8), None, few=borders.few(known, 8, 8))
    assert (route.name, route.workers) == ("streaming", 8)
    assert "they take one worker about 4.8 s here, so 8 share them" in route.reason
    assert borders.few(known, 1, 8).direct  # one file has nobody to be shared with


def test_what_was_no_faster_is_left_alone_and_tried_again_one_time_in_sixteen() -> None:
    direct, few = Cost(0.2, 0.6, 1e-3, 1e-6, 1), Cost(0.2, 0.59, 1e-3, 1e-6, 1)
    taken = []
    for runs in range(1, 3 * AGAIN):
        known = Known(direct._replace(runs=runs), few, SERIAL)
        taken.append(borders.few(known, 8, 8).direct)
    assert taken.count(False) == 3  # Without `_turn` in borders.few this fails.
    much_slower = Known(direct._replace(runs=AGAIN - 2), few._replace(per_file=3.0), SERIAL)
    assert borders.few(much_slower, 8, 8).direct  # that would cost too much to try


def test_more_files_than_eight_go_the_direct_way_where_that_is_quicker() -> None:
    direct, few = Cost(0.1, 0.1e-3, 1e-3, 1e-6, 5), Cost(0.12, 0.1e-3, 1e-3, 1e-6, 5)
    found = borders.few(Known(direct, few, QUICK), 40, 40)
    assert found.direct and "one worker, no planner" in found.why
    assert not borders.few(Known(direct, few._replace(base=0.09), QUICK), 40, 40).direct
    assert not borders.few(Known(direct, few, SERIAL), 40, 40).direct
    assert not borders.few(Known(direct, few._replace(runs=2), QUICK), 40, 40).direct


@given(KNOWN)
def test_a_disk_that_must_move_its_head_never_splits(known: Known) -> None:
    assert borders.large(known, may_split=False) == (False, False, "")


def test_a_large_file_goes_the_way_that_was_faster() -> None:
    slow, fast = Rate(4, 1e8), Rate(4, 2e8)
    assert borders.large(Known(), True) == (True, False, "")
    whole = borders.large(Known(split=slow, whole=fast), True)
    assert (
        not whole.split and whole.why == "by one worker, 2.0 × as fast as split in 4 earlier runs"
    )
    split = borders.large(Known(split=fast, whole=slow), True)
    assert split.split and "2.0 × as fast as whole" in split.why
    assert borders.large(Known(split=Rate(2, 1e8)), True) == (True, False, "")
    trial = borders.large(Known(split=Rate(3, 1e8)), True)
    assert trial.split and trial.trial and "by one worker this time" in trial.why
    assert borders.large(Known(split=Rate(8, 1e8), whole=Rate(7, 0.9e8)), True).trial
    assert not borders.large(Known(split=Rate(8, 1e8), whole=Rate(7, 0.4e8)), True).trial


def beginning(large: LargeFiles, *sizes: int, workers: int = 2) -> list[dict[str, Any]]:
    """The first tasks of these files, each ended before the next."""
    large.waiting.extend(Large(size, b"") for size in sizes)
    found = []
    while large.waiting:
        task = large.step(workers)
        assert task is not None
        found.append(task)
        if task["op"] == "copy":
            large.whole_done(task, {"files": 1, "took": 2.0})
            continue
        begun = {"temporary": "x", "identity": (0, 0, 0), "sparse": False, "size": task["bytes"]}
        large.done(task, begun, workers)
        while (piece := large.piece(workers)) is not None:
            large.done(piece, {"method": 1}, workers)
        end = large.step(workers)
        assert end is not None
        large.done(end, {"files": 1}, workers)
    return found


def test_what_each_way_took_is_told() -> None:
    seconds = iter(range(100))
    large = LargeFiles(0, True, clock=lambda: float(next(seconds)))
    beginning(large, GIB // 2)
    assert large.tried == {"split": (1, GIB // 2, 1.0)}
    large.choice = borders.large(Known(split=Rate(3, 1e8)), True)
    tasks = beginning(large, GIB // 2, GIB // 2)
    # the first alone is tried the other way. Without `trial` in LargeFiles._decide this fails.
    assert [task["op"] for task in tasks] == ["copy", "large_begin"]
    assert large.tried["whole"] == (1, GIB // 2, 2.0)
    assert large.tried["split"] == (2, GIB, 2.0)


def test_an_experiment_is_never_made_with_a_huge_file() -> None:
    large = LargeFiles(0, True, borders.large(Known(split=Rate(3, 1e8)), True))
    large.waiting.append(Large(5 * GIB, b""))
    large.step(2)
    assert large.active is not None and large.active.split
    assert large.choice.trial


def test_others_like_it_keep_the_workers_busy_and_tell_nothing() -> None:
    large = LargeFiles(0, True, clock=lambda: 0.0)
    tasks = beginning(large, *[GIB // 2] * 3)
    assert [task["op"] for task in tasks] == ["copy", "large_begin", "large_begin"]
    assert "whole" not in large.tried


# -- from the history -----------------------------------------------------------------------------


def direct(**given: Any) -> dict[str, Any]:
    return past.facts(
        route="direct", files__copied=8, files__unchanged=0, bytes__copied=8 * MB,
        seconds__total=5.0, spent={"direct": {"files": 8, "bytes": 8 * MB, "seconds": 4.8}},
        **given,
    )  # fmt: skip


def known_after(*records: dict[str, Any]) -> Known:
    (known,) = memory.rebuilt(records).profiles.values()
    text = "\n".join(["blit routes 2", "profile a → b", *routes._lines(known)])
    return borders.known_of(routes._parsed(text)["a → b"], "direct", predict.FEW)


def test_one_direct_run_on_a_slow_disk_is_enough_to_share_the_next() -> None:
    known = known_after(direct())
    assert known.serial is not None
    assert known.serial.seconds(Load(8, 8 * MB / (1 << 20))) == pytest.approx(4.8, rel=0.05)
    assert not borders.few(known, 8, 8 * MB).direct


def test_few_files_and_many_are_learned_apart() -> None:
    few = past.facts(files__copied=8, files__unchanged=0, bytes__copied=8 * MB, seconds__total=1.0)
    many = past.facts(files__copied=5000, bytes__copied=8 * MB, seconds__total=9.0)
    known = known_after(few, many, {**few, "command": "mirror"}, {**few, "filtered": True})
    assert known.few is not None and known.few.runs == 1
    assert known.few.seconds(Load(8, 8)) == pytest.approx(1.0, rel=0.05)


def test_large_files_are_remembered_by_how_they_were_copied() -> None:
    runs = [past.facts(large={"split": [1, GIB, 2.0]}), past.facts(large={"whole": [2, GIB, 1.0]})]
    known = known_after(*runs)
    assert known.split == (1, GIB / 2) and known.whole == (1, GIB)


@given(RATES, st.floats(1e3, 1e11))
def test_a_rate_converges_on_the_truth_and_one_outlier_does_not_wreck_it(
    rate: Rate, truth: float
) -> None:
    for _ in range(80):
        rate = rate.learn(truth)
    assert rate.bytes_s == pytest.approx(truth, rel=0.1)
    assert truth / 10 < rate.learn(truth / 1000).bytes_s < truth


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=6)
                    | st.dictionaries(st.sampled_from(["ways", "serial", "batch", "workers",
                                                       "large", "direct", "split"]), inner)))  # fmt: skip
def test_damage_means_nothing_is_known(found: Any) -> None:
    known = borders.known_of(found, "direct", predict.FEW)
    borders.few(known, 8, 8)
    borders.large(known, True)


NUMBER = st.floats().map(str) | st.sampled_from(["1", "3", "inf", "nan", "", "x", "0.5"])
LINE = st.builds(
    lambda what, numbers, name: " ".join([what, *numbers, name]),
    st.sampled_from(["profile a", "serial", "batch", "workers", "way", "large", "", "ways"]),
    st.lists(NUMBER, max_size=6), st.sampled_from(["", "direct", "streaming few", "split"]),
)  # fmt: skip
GOOD = ["blit routes 2", "profile a"]
WHOLE = [*GOOD, *("serial 1 1 1 1 1", "batch 1 1 1 1 1", "workers 2", "large 1 5 split")]


@given(st.lists(LINE, max_size=8), st.sampled_from([[], GOOD, WHOLE]))
@example(["workers inf"], WHOLE)
@example(["serial 1 1 1 1 inf"], WHOLE)
@example(["large inf 1 split"], WHOLE)
def test_a_damaged_file_stops_no_run(lines: list[str], before: list[str]) -> None:
    folder = Path(os.environ["BLIT_CONFIG_DIR"])
    folder.mkdir(exist_ok=True)
    Path(routes.path()).write_text("\n".join([*before, *lines]))
    for found in routes.read().values():
        known = borders.known_of(found, "direct", predict.FEW)
        borders.few(known, 8, 8)
        borders.large(known, True)


def test_what_is_written_is_read() -> None:
    """Names of profiles hold spaces and arrows."""
    (known,) = memory.rebuilt([direct()]).profiles.values()
    Path(os.environ["BLIT_CONFIG_DIR"]).mkdir(exist_ok=True)
    routes.write(memory.Memory({"ext4 (ssd) → nfs": known, "a b": known}))
    found = routes.read()
    assert list(found) == ["ext4 (ssd) → nfs", "a b"]
    assert found["a b"]["ways"]["direct"] == pytest.approx(known.ways["direct"][:5], rel=1e-5)
    routes.forget()
    assert routes.read() == {}
