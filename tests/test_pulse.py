"""When a beat is due and when a run has stalled; the time is invented."""

from __future__ import annotations

from itertools import pairwise

from blit.engine.pulse import LOOK, STALL, Pulse


def beats(pulse: Pulse, seconds: float, starved: bool) -> list[float]:
    """The times of the beats while it is looked at four times a second, from second 0 on."""
    looks = [LOOK * (i + 1) for i in range(int(seconds / LOOK))]
    return [now for now in looks if pulse.look(now, now, starved, held=False)]


def quiet_until(pulse: Pulse, start: float, end: float, held: bool = False) -> None:
    """Nothing moves from `start` to `end`."""
    for i in range(1, int((end - start) / LOOK) + 1):
        pulse.look(start + i * LOOK, "same", False, held)


def gaps(times: list[float]) -> list[float]:
    return [b - a for a, b in pairwise(times)]


def test_a_beat_every_second() -> None:
    times = beats(Pulse(0.0), 6, starved=False)
    assert times[0] <= 1.0
    assert gaps(times) == [1.0] * 5


def test_a_beat_every_half_second_while_workers_starve() -> None:
    times = beats(Pulse(0.0), 4, starved=True)
    assert times[0] <= 0.5
    assert set(gaps(times)) == {0.5} and len(times) >= 7


def test_hunger_brings_the_next_beat_forward() -> None:
    pulse = Pulse(0.0)
    last = beats(pulse, 2, starved=False)[-1]
    assert not pulse.look(last + 0.25, "a", True, False)
    assert not pulse.look(last + 0.5, "b", False, False)
    assert pulse.look(last + 0.75, "c", True, False)


def test_a_look_that_comes_late_gives_one_beat_not_several() -> None:
    pulse = Pulse(0.0)
    assert pulse.look(1.9, "a", False, False)
    assert not pulse.look(2.0, "b", False, False)
    assert pulse.look(2.9, "c", False, False)


def test_ten_seconds_without_a_sign_are_a_stall() -> None:
    pulse = Pulse(100.0)
    pulse.look(100.0, "same", False, False)
    quiet_until(pulse, 100.0, 100.0 + STALL - LOOK)
    assert not pulse.stalled
    assert pulse.quiet == STALL - LOOK
    pulse.look(100.0 + STALL, "same", False, False)
    assert pulse.stalled
    assert pulse.quiet == STALL


def test_a_worker_that_never_gives_a_first_sign_stalls_too() -> None:
    pulse = Pulse(0.0)
    quiet_until(pulse, 0.0, STALL + 2 * LOOK)
    assert pulse.stalled


def test_any_sign_starts_the_clock_anew() -> None:
    pulse = Pulse(0.0)
    pulse.look(0.0, "same", False, False)
    quiet_until(pulse, 0.0, 9.5)
    pulse.look(9.75, "moved", False, False)
    assert pulse.quiet == 0
    quiet_until(pulse, 9.75, 19.0)
    assert not pulse.stalled


def test_a_pause_stops_the_clock() -> None:
    pulse = Pulse(0.0)
    pulse.look(0.0, "same", False, False)
    quiet_until(pulse, 0.0, 9.0)
    quiet_until(pulse, 9.0, 60.0, held=True)
    assert pulse.quiet == 0
    quiet_until(pulse, 60.0, 69.5)
    assert not pulse.stalled
    quiet_until(pulse, 69.5, 70.0)
    assert pulse.stalled


def test_being_stopped_oneself_does_not_count() -> None:
    pulse = Pulse(0.0)
    pulse.look(0.0, "same", False, False)
    quiet_until(pulse, 0.0, 5.0)
    pulse.look(3605.0, "same", False, False)  # Ctrl-Z, an hour's sleep
    assert pulse.quiet == 5.0 + LOOK
    quiet_until(pulse, 3605.0, 3609.5)
    assert not pulse.stalled
    quiet_until(pulse, 3609.5, 3610.0)
    assert pulse.stalled


def test_a_busy_machine_that_looks_rarely_still_sees_a_stall() -> None:
    pulse = Pulse(0.0)
    pulse.look(0.0, "same", False, False)
    for now in (2.0, 4.0, 6.0, 8.0, 10.0):  # every gap just below that of being stopped
        pulse.look(now, "same", False, False)
    assert pulse.stalled


def test_the_stall_time_can_be_given() -> None:
    pulse = Pulse(0.0, stall_after=1.0)
    pulse.look(0.0, "same", False, False)
    quiet_until(pulse, 0.0, 1.0)
    assert pulse.stalled


def test_somebody_who_is_patient_gets_another_minute_once() -> None:
    pulse = Pulse(0.0)
    for now in range(1, 10):
        pulse.look(float(now), "same", False, False)
    pulse.be_patient()
    for now in range(10, 68):
        pulse.look(float(now), "same", False, False)
        assert not pulse.stalled
    for now in range(68, 72):
        pulse.look(float(now), "same", False, False)
    assert pulse.stalled
    pulse.look(72.0, "moved", False, False)
    assert pulse.limit == 10.0
