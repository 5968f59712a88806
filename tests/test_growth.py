"""How many workers: climb while it pays, start where earlier runs ended, fall where cores are busy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from blit.engine.growth import MOST, WINDOW, Growth, Waits, at_once
from blit.worker.wire import SLOW

CORES = 2


def settle(
    growth: Growth, speed: Callable[[int], float], busy: Callable[[int], float],
    seconds: float = 15, pace: float = 0.0,
) -> list[int]:  # fmt: skip
    """The counts that it goes through where `speed` and `busy` follow from the count."""
    now = ticks = spare = 0.0
    seen = [growth.workers]
    while now < seconds:
        count = growth.look(now, int(ticks), spare, 0, pace)
        if count != seen[-1]:
            seen.append(count)
        now += WINDOW / 4
        ticks += speed(count) * WINDOW / 4
        spare += (1 - busy(count)) * CORES * WINDOW / 4
    return seen


def slow_server(count: int) -> float:
    """Serves 16 at once."""
    return 500.0 * min(count, 16)


def waiting(count: int) -> float:
    return 0.02 * count


def test_it_climbs_until_it_does_not_pay() -> None:
    assert settle(Growth(0, 2, CORES), slow_server, waiting) == [2, 8, 32]


def test_a_doubling_that_does_not_pay_is_taken_back() -> None:
    assert settle(Growth(0, 16, CORES, most=64), slow_server, lambda n: 0.3) == [16, 32, 16]


def test_busy_cores_start_nothing() -> None:
    assert settle(Growth(0, 2, CORES), lambda n: 1000.0, lambda n: 0.9) == [2]


@pytest.mark.parametrize("warm", [1, 3])
def test_a_warm_start_stays_where_nothing_speaks_against_it(warm: int) -> None:
    growth = Growth(0, 32, CORES, warm=warm)
    assert settle(growth, slow_server, waiting) == [32]
    assert growth.settled


def test_few_runs_that_agree_do_not_keep_it_from_climbing() -> None:
    assert settle(Growth(0, 4, CORES, warm=1), slow_server, lambda n: 0.4)[:2] == [4, 8]
    assert settle(Growth(0, 4, CORES, warm=3), slow_server, lambda n: 0.4) == [4]


def test_it_falls_where_the_cores_turn_out_to_be_busy() -> None:
    growth = Growth(0, 16, CORES, warm=3)
    assert settle(growth, lambda n: 1000.0, lambda n: 1.0) == [16, 8, 4, 2]
    assert growth.settled


def test_a_fall_that_costs_is_taken_back() -> None:
    growth = Growth(0, 16, CORES, warm=3)
    assert settle(growth, slow_server, lambda n: 1.0) == [16, 8, 16]
    assert growth.settled


def test_nothing_is_judged_while_there_is_not_enough_work() -> None:
    growth = Growth(0, 2, CORES)
    for step in range(100):
        assert growth.look(step * WINDOW, step * 1000, step * 2.0, 1) == 2


# -- the first step, where it is known what is waited for --------------------------------------------


def test_a_slow_look_asks_for_many_at_once() -> None:
    """2 ms an operation, two of them a look."""
    assert at_once(0.0042, CORES) == 16
    assert at_once(0.0042, 16) == MOST


def test_the_less_a_look_takes_the_fewer() -> None:
    assert at_once(0.001, CORES) == 8
    assert at_once(SLOW, CORES) == 4


@pytest.mark.parametrize("pace", [0.0, 5e-6, 1e-4, SLOW * 0.99])
def test_a_disk_of_this_machine_asks_for_none(pace: float) -> None:
    assert at_once(pace, CORES) == 0


def waits(files: int, took: float, worked: float, size: int = 4096) -> Waits:
    found = Waits()
    answer = {"took": took, "worked": worked, "bytes": files * size}
    found.add({"files": files}, answer)
    return found


def test_what_copying_waited_for_is_told_as_looks() -> None:
    assert waits(50, 1.0, 0.02).pace == pytest.approx(0.98 / 50 / 4)


def test_work_is_no_waiting() -> None:
    """On a machine with much to do a worker waits for a core: that is not told from work here."""
    assert waits(50, 1.0, 0.3).pace == 0


def test_a_few_files_or_large_ones_tell_nothing() -> None:
    assert waits(3, 1.0, 0.0).pace == 0
    assert waits(50, 1.0, 0.0, size=1 << 20).pace == 0


def test_what_was_given_back_is_not_counted() -> None:
    found = Waits()
    answer = {"took": 0.3, "worked": 0.0, "bytes": 0, "back": (585, 1)}
    found.add({"files": 600}, answer)
    assert found.pace == pytest.approx(0.3 / 15 / 4)


def test_it_leaps_as_soon_as_it_is_known_what_is_waited_for() -> None:
    assert settle(Growth(0, 2, CORES), slow_server, waiting, pace=0.005, seconds=1) == [2, 16]


def test_a_leap_that_does_not_pay_is_taken_back() -> None:
    growth = Growth(0, 2, CORES)
    assert settle(growth, lambda n: 100.0, waiting, pace=0.005) == [2, 16, 2]
    assert growth.settled


def test_no_leap_where_the_cores_are_busy() -> None:
    assert settle(Growth(0, 2, CORES), lambda n: 1000.0, lambda n: 0.9, pace=0.005) == [2]


def test_no_leap_where_earlier_runs_say_how_many() -> None:
    assert settle(Growth(0, 4, CORES, warm=3), slow_server, waiting, pace=0.005) == [4]
