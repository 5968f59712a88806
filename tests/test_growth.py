"""How many workers: climb while it pays, start where earlier runs ended, fall where cores are busy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from blit.engine.growth import WINDOW, Growth

CORES = 2


def settle(
    growth: Growth, speed: Callable[[int], float], busy: Callable[[int], float], seconds: float = 15
) -> list[int]:
    """The counts that it goes through where `speed` and `busy` follow from the count."""
    now = ticks = spare = 0.0
    seen = [growth.workers]
    while now < seconds:
        count = growth.look(now, int(ticks), spare, 0)
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
