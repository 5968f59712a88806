"""How long a run still takes: what was forecast, what is measured, and both together; pure."""

from __future__ import annotations

from blit.events import Heartbeat
from blit.pace import Pace

_SLOW = 0.5  # of the usual rate
_SLOW_AFTER = 5.0  # seconds of data
_WIDTH = 1.28  # a band that holds 8 of 10 reaches so many deviations to each side

Band = tuple[float, float]
Told = tuple[float, float, float]  # low, middle, high: seconds


def told(seconds: float | None, band: Band | None) -> Told | None:
    """A forecast as one value."""
    if seconds is None or band is None:
        return None
    return min(band[0], seconds), seconds, max(band[1], seconds)


def done_fraction(beat: Heartbeat, pace: Pace = Pace()) -> float:
    """How much of the work is done, by what files and bytes cost in this run.

    Before the first batch has told, both weigh the same.
    """
    if pace.batches:
        done = pace.work(beat.files, beat.bytes)
        left = pace.work(beat.planned_files - beat.files, beat.planned_bytes - beat.bytes)
        if done + left > 0:
            return done / (done + left)
    parts = []
    if beat.planned_bytes:
        parts.append(min(1.0, beat.bytes / beat.planned_bytes))
    if beat.planned_files:
        parts.append(min(1.0, beat.files / beat.planned_files))
    return sum(parts) / len(parts) if parts else 1.0


def measured(beat: Heartbeat, rate: float, file_rate: float, pace: Pace = Pace()) -> float | None:
    """What is left, at the rate at which work is done now: bytes and files a second, weighted."""
    left = pace.work(beat.planned_files - beat.files, beat.planned_bytes - beat.bytes)
    speed = pace.work(file_rate, rate)
    return left / speed if left > 0 and speed > 0 else None


def band(eta: float, overall: float, elapsed: float, fraction: float) -> Band:
    """From the quicker to the slower of the two ways to reckon, wider while little is known.

    The margin falls with the square root of the time seen and with what is left: 35 % after 2 s,
    5 % after 100 s.
    """
    margin = min(0.5, 0.5 / max(1.0, elapsed) ** 0.5) * (1 - 0.5 * fraction)
    low, high = sorted((eta, overall))
    return low * (1 - margin), high * (1 + margin)


def remaining(expected: Told, elapsed: float) -> Told | None:
    """What is left of a forecast; None when the run has outlasted it, and it is worth nothing."""
    low, middle, high = expected
    if elapsed >= high:
        return None
    left = max(middle - elapsed, (high - elapsed) / 2)
    return max(0.0, min(low - elapsed, left)), left, max(high - elapsed, left)


def at_least(foreseen: Told | None, found: float | None) -> tuple[float | None, Band | None]:
    """While totals are unknown: the forecast, but never less than what is found already takes.

    Without a forecast nothing can be said.
    """
    if foreseen is None:
        return None, None
    low, middle, high = (max(value, found or 0.0) for value in foreseen)
    return middle, (low, high)


def blended(
    eta: float | None, known: Band | None, foreseen: Told | None
) -> tuple[float | None, Band | None]:
    """Measurement and forecast, each as heavy as it is sure of itself (by inverse variance).

    A forecast that the measurement contradicts by more than its own width loses its weight with
    the third power of the contradiction.
    """
    if foreseen is None:
        return eta, known
    low, middle, high = foreseen
    if eta is None or known is None:
        return middle, (low, high)
    doubt = max((known[1] - known[0]) / 2 / _WIDTH, 1e-3)
    width = max((high - low) / 2 / _WIDTH, 1e-3)
    width *= max(1.0, abs(eta - middle) / (1.5 * width + doubt)) ** 3
    heavy, light = 1 / doubt**2, 1 / width**2
    both = (heavy * eta + light * middle) / (heavy + light)
    reach = _WIDTH / (heavy + light) ** 0.5
    return both, (max(0.0, both - reach), both + reach)


def slower(usual: tuple[float, float], rate: float, file_rate: float, elapsed: float) -> bool:
    """Whether neither bytes nor files come at half of their usual rates."""
    if elapsed < _SLOW_AFTER or not any(usual):
        return False
    return rate <= _SLOW * usual[0] and file_rate <= _SLOW * usual[1]
