"""Temporary names: recognised, never confused with the user's, and their run lives or not."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.worker import system, tmpname


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The processes that live, with their start times; on machine 77."""
    alive = {4242: 1000}
    monkeypatch.setattr(system, "process_start", alive.get)
    monkeypatch.setattr(system, "place", lambda: (77, 2, 3))
    return alive


def test_base36() -> None:
    assert tmpname.base36(0, 4) == "0000"
    assert tmpname.base36(35, 2) == "0z"
    assert tmpname.base36(36**2 + 1, 3) == "101"
    assert tmpname.base36(36**2, 2) == "00"  # what does not fit is cut


def test_names_are_recognised_different_and_short(processes: dict[int, int]) -> None:
    names = tmpname.Names(tmpname.run_token(4242), 63)
    made = [names.next() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(tmpname.is_temporary(name) for name in made)
    assert made[0].startswith(".blit-")


def test_no_name_is_longer_than_31_bytes() -> None:
    names = tmpname.Names(tmpname.run_token(os.getpid()), 63)
    names.number = 16**7 - 2
    name = names.next()
    assert len(name) == 31
    assert tmpname.is_temporary(name)


def test_two_workers_never_share_a_prefix() -> None:
    prefixes = [tmpname.worker_prefix("t" * 15, slot) for slot in range(64)]
    assert not [(a, b) for a in prefixes for b in prefixes if a is not b and a.startswith(b)]


@pytest.mark.parametrize(
    "name",
    [
        "", ".blit-", ".blit", "blit-" + "0" * 20, ".blit-notes.txt", ".blit-" + "0" * 19,
        ".blit-" + "0" * 15 + "-" + "0" * 2,  # no number
        ".blit-" + "0" * 15 + "-" + "0" * 10,  # one too long
        ".blit-" + "0" * 15 + "-" + "0A1",
        ".blit-" + "0" * 14 + "é-001",
        " .blit-" + "0" * 15 + "-001",
    ],
)  # fmt: skip
def test_what_is_no_temporary(name: str) -> None:
    assert not tmpname.is_temporary(name)


LONG_AGO = 1e9


def test_the_temporary_of_a_living_run_is_not_dead(processes: dict[int, int]) -> None:
    name = tmpname.Names(tmpname.run_token(4242), 0).next()
    assert not tmpname.is_dead(name, LONG_AGO)


def test_it_is_dead_when_the_process_has_gone(processes: dict[int, int]) -> None:
    name = tmpname.Names(tmpname.run_token(4242), 0).next()
    processes.clear()
    assert tmpname.is_dead(name, 0)


def test_it_is_dead_when_another_process_has_the_number(processes: dict[int, int]) -> None:
    name = tmpname.Names(tmpname.run_token(4242), 0).next()
    processes[4242] = 2000
    assert tmpname.is_dead(name, 0)


def test_it_is_dead_after_a_reboot_whoever_has_the_number(
    processes: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = tmpname.Names(tmpname.run_token(4242), 0).next()
    monkeypatch.setattr(system, "place", lambda: (77, 9, 3))
    monkeypatch.setattr(system, "uptime", lambda: 5_000.0)
    assert tmpname.is_dead(name, 5_100)
    assert not tmpname.is_dead(name, 4_900), "of another host that looks like ours, and lives"


@pytest.mark.parametrize(("place", "days"), [((77, 2, 9), 1), ((78, 2, 3), 7)], ids=str)
def test_of_other_namespaces_and_hosts_only_the_age_tells(
    processes: dict[int, int],
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[int, int, int],
    days: int,
) -> None:
    name = tmpname.Names(tmpname.run_token(4242), 0).next()
    monkeypatch.setattr(system, "place", lambda: place)
    processes.clear()
    assert not tmpname.is_dead(name, days * 86_400 - 60)
    assert tmpname.is_dead(name, days * 86_400 + 60)


def test_this_very_process_lives() -> None:
    assert not tmpname.is_dead(tmpname.Names(tmpname.run_token(os.getpid()), 1).next(), LONG_AGO)


@given(st.integers(1, 2**22), st.integers(0, 63), st.integers(1, 16**7 - 2))
def test_any_run_makes_names_that_are_recognised(pid: int, slot: int, number: int) -> None:
    token = tmpname.base36(5, 6) + tmpname.base36(pid, 5) + tmpname.base36(9, 4)
    names = tmpname.Names(token, slot)
    names.number = number
    name = names.next()
    assert tmpname.is_temporary(name) and len(name) <= 31
    assert name.startswith(tmpname.worker_prefix(token, slot))
