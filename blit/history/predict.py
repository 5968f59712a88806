"""What a run will take, by what earlier ones took: coefficients that learn, and forecasts; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

MISS = 0.25  # an error above this is a misprediction, and is learned faster
_SLOW, _FAST = 0.2, 0.5  # parts of an error that one run corrects
_NEW = 3  # runs that may move a coefficient as far as it needs
_FAR, _NEAR = log(10_000), log(4)  # what one run is believed at most, while new and afterwards
_SPREAD = 0.25  # a typical error, as a logarithm, before one has been seen
_LEAST_SPREAD = 0.04
_EIGHT_OF_TEN = 1.61  # times the mean error: holds 8 of 10, of Gauss and of Laplace alike
_PRIOR = 0.12  # the spread of runs between the same roots, before two have been seen
_FADE = 0.85  # weight of a run against that of the one after it
_STALE = 0.3  # weight of what runs took before two in a row took another time
_LIKE = 0.2  # two loads are alike when neither files nor bytes differ by more
# how easily each coefficient moves: starting takes much the same time everywhere, files do not
_GIVE = (0.1, 1.0, 1.0, 1.0)
_COEFFICIENT = (1e-9, 1e5)  # seconds: no run can push one out of here


class Load(NamedTuple):
    """What a run has to do."""

    files: int = 0  # to copy
    mib: float = 0.0
    unchanged: int = 0  # files that are listed on both sides, and left alone

    def like(self, other: Load) -> bool:
        pairs = ((self.files, other.files), (self.mib, other.mib))
        return all(abs(a - b) <= _LIKE * max(a, b) + 1e-3 for a, b in pairs)


class Cost(NamedTuple):
    """Seconds = base + files x per_file + MiB x per_mib + unchanged x per_unchanged."""

    base: float
    per_file: float
    per_mib: float
    per_unchanged: float
    runs: int = 0
    spread: float = _SPREAD  # mean of |log(truth / forecast)|
    bias: float = 0.0  # mean of (forecast - truth) / truth
    misses: int = 0  # mispredictions in a row

    def parts(self, load: Load) -> tuple[float, float, float, float]:
        return (
            self.base, load.files * self.per_file, load.mib * self.per_mib,
            load.unchanged * self.per_unchanged,
        )  # fmt: skip

    def seconds(self, load: Load) -> float:
        return sum(self.parts(load))

    def learn(self, load: Load, seconds: float) -> Cost:
        """A step towards the truth, shared by the coefficients as they share in the forecast.

        The step is taken on logarithms: none can become negative, and a run that took ten times
        as long counts as much as one that took a tenth.
        """
        parts = self.parts(load)
        expected = sum(parts)
        if expected <= 0 or seconds <= 0:
            return self
        error = log(seconds / expected)
        far = _FAR if self.runs < _NEW else _NEAR
        believed = min(max(error, -far), far)
        missed = self.runs > 0 and abs(expected - seconds) > MISS * seconds
        rate = max(1 / (self.runs + 1), _FAST if missed else _SLOW)
        shares = [part / expected for part in parts]
        step = _step(shares, exp(rate * believed))
        base, per_file, per_mib, per_unchanged = (
            _within(value * exp(step * give * share))
            for value, give, share in zip(self[:4], _GIVE, shares, strict=True)
        )
        spread, bias = self.spread, self.bias
        if self.runs:  # the first forecast was nobody's
            weight = max(1 / (self.runs + 1), 0.1)
            spread += weight * (abs(believed) - spread)
            off = min((expected - seconds) / seconds, 3.0)
            bias += max(1 / self.runs, 0.1) * (off - bias)
        misses = self.misses + 1 if missed else 0
        runs = self.runs + 1
        return Cost(base, per_file, per_mib, per_unchanged, runs, spread, bias, misses)


def _step(shares: Sequence[float], factor: float) -> float:
    """The step for which the sum of share x exp(step x give x share) is `factor`; by bisection.

    Bounded, so that no coefficient falls by more than the square of the factor.
    """
    pulls = [give * share for give, share in zip(_GIVE, shares, strict=True)]
    low, high = sorted((0.0, (12 if factor > 1 else 2 / max(pulls)) * log(factor)))
    for _ in range(40):
        step = (low + high) / 2
        found = (s * exp(min(step * pull, 50)) for s, pull in zip(shares, pulls, strict=True))
        if sum(found) < factor:
            low = step
        else:
            high = step
    return step


def _within(coefficient: float) -> float:
    least, most = _COEFFICIENT
    return min(max(coefficient, least), most)


class Rate(NamedTuple):
    """How fast large files were copied in one way, as a mean that fades."""

    runs: int
    bytes_s: float

    def learn(self, bytes_s: float) -> Rate:
        """A step on logarithms: a run that was twice as fast weighs as one that took twice."""
        runs = self.runs + 1
        step = max(1 / runs, _SLOW) * log(bytes_s / self.bytes_s)
        return Rate(runs, min(max(self.bytes_s * exp(step), _RATE[0]), _RATE[1]))


_RATE = (1.0, 1e13)  # bytes a second: no run can push one out of here
# streaming runs of so few files that they could have gone the direct way are learned apart
FEW = "streaming few"
MOST_FEW, MOST_FEW_MIB = 64, 100_000_000 / (1 << 20)


# where nothing is known: a local disk that nobody has to wait for
PLANNING = Cost(0.03, 0.05e-3, 0.01e-3, 0.05e-3)
BATCH = Cost(1e-4, 40e-6, 0.7e-3, 1e-9)  # of one worker; the same as engine.plan.Cost
SERIAL = Cost(5e-3, 0.5e-3, 0.7e-3, 1e-6)  # of the one worker of a direct run
DIRECT = Cost(0.11, 0.5e-3, 0.7e-3, 1e-6)
STREAMING = Cost(0.12, 25e-6, 0.6e-3, 4e-6)


def usual(way: str) -> Cost:
    return DIRECT if way.startswith("direct") else STREAMING


class Past(NamedTuple):
    """One earlier run between the same two roots."""

    load: Load
    seconds: float
    deleted: int = 0
    mirror: bool = False
    fresh: bool | None = None  # nothing was at the destination


class Forecast(NamedTuple):
    """What is known before a run; all of it may be unknown."""

    seconds: float | None = None
    band: tuple[float, float] | None = None  # about 8 of 10 end within it
    runs: int = 0  # earlier ones that it rests on
    pair: bool = False  # those were between the same two roots, not only between such disks
    rates: tuple[float, float] = (0.0, 0.0)  # bytes and files a second that are usual
    workers: int = 0  # to start with; 0: nothing speaks for any number
    settled: int = 0  # runs that settled at so many
    per_file: float = 0.0  # seconds of one worker, for the size of batches; 0: unknown
    per_byte: float = 0.0
    deletes: int | None = None  # the most that a mirror between these roots has deleted
    held: int = 0  # entries that the source held in the middle of earlier runs; 0: not known
    profile: Mapping[str, Any] = MappingProxyType({})
    fresh: bool | None = None  # nothing is at the destination yet


if TYPE_CHECKING:  # named by types alone, and a protocol takes 0.3 ms to make
    from typing import Protocol

    class Predictor(Protocol):
        """What the engine asks; made by who knows the history. Never raises."""

        def look(self, facts: Mapping[str, Any], route: str) -> Forecast:
            """After the first look, in a thread, for it may read a file; `facts`: the answer."""
            ...

        def plan(self, files: int, size: int, unchanged: int) -> Forecast:
            """When all is listed: the same with totals that are known."""
            ...

        def routes(self) -> Mapping[str, Any]:
            """What moves the borders between the routes, by profile; a small file is read."""
            ...


def forecast(cost: Cost | None, past: Sequence[Past], load: Load | None, fresh: bool) -> Forecast:
    """`past`: the newest last. `load`: None while the totals are unknown.

    What the same two roots took before says more than any coefficient, as long as it was the same
    work: as much to copy, or, where that is not known yet, a destination as empty as this one.
    """
    if load is None:
        same = [each for each in past if each.fresh is None or each.fresh == fresh]
    else:
        same = [each for each in past if each.load.like(load)]
    if same:
        middle, spread = _typical([each.seconds for each in same])
        return _told(middle, spread, len(same), _rates(same), pair=True)
    if load is None or cost is None or not cost.runs:
        return Forecast()
    middle = cost.seconds(load)
    rates = (load.mib * (1 << 20) / middle, load.files / middle)
    return _told(middle, cost.spread * (1 + 0.5 / cost.runs), cost.runs, rates, pair=False)


def _told(
    middle: float, spread: float, runs: int, rates: tuple[float, float], pair: bool
) -> Forecast:
    factor = exp(_EIGHT_OF_TEN * max(spread, _LEAST_SPREAD))
    return Forecast(middle, (middle / factor, middle * factor), runs, pair, rates)


def _typical(seconds: Sequence[float]) -> tuple[float, float]:
    """The weighted median of what runs took, the newest counting most, and how far they spread."""
    logs = [log(max(value, 1e-3)) for value in seconds]
    weights = [_FADE**age for age in range(len(logs) - 1, -1, -1)]
    if len(logs) > 2 and _moved(logs, weights):
        weights[:-2] = [_STALE * weight for weight in weights[:-2]]
    middle = _median(logs, weights)
    total = sum(weights)
    seen = sum(w * abs(x - middle) for w, x in zip(weights, logs, strict=True)) / total
    count = len(logs)
    # few runs show too little of it: a prior of one run, and the doubt about the middle itself
    own = seen * (count / (count - 1)) ** 0.5 if count > 1 else _PRIOR
    heard = total**2 / sum(weight * weight for weight in weights)
    spread = (count * own + _PRIOR) / (count + 1) * (1 + 1.57 / heard) ** 0.5
    return exp(middle), spread * (1 + 0.5 / count)


def _moved(logs: Sequence[float], weights: Sequence[float]) -> bool:
    """Whether the last two both miss what those before them took, to the same side: one alone may
    be an outlier, two in a row are more likely to be how it is now. Where runs spread, to miss by
    as much is usual."""
    old = logs[:-2]
    before = _median(old, weights[:-2])
    far = max(log(1 + MISS), 2 * sum(abs(value - before) for value in old) / len(old))
    least, most = sorted(logs[-2:])
    return least > before + far or most < before - far


def _median(values: Sequence[float], weights: Sequence[float]) -> float:
    """Between the two values at the middle, where the weights on both sides are equal."""
    order = sorted(zip(values, weights, strict=True))
    half, passed = sum(weights) / 2, 0.0
    before = (order[0][0], 0.0)
    for value, weight in order:
        centre = passed + weight / 2
        if centre >= half:
            low, at = before
            if centre <= at:
                return value
            return low + (value - low) * (half - at) / (centre - at) if at else value
        before, passed = (value, centre), passed + weight
    return order[-1][0]


def _rates(past: Sequence[Past]) -> tuple[float, float]:
    """Bytes and files a second, of the runs that moved any."""
    moved = [each for each in past if each.load.files and each.seconds > 0]
    if not moved:
        return 0.0, 0.0
    seconds = sum(each.seconds for each in moved)
    size = sum(each.load.mib for each in moved) * (1 << 20)
    return size / seconds, sum(each.load.files for each in moved) / seconds


def start(settled: Sequence[int]) -> tuple[int, int]:
    """(workers to start with, runs that settled there), from the counts of earlier runs."""
    if not settled:
        return 0, 0
    count = sorted(settled)[(len(settled) - 1) // 2]
    return count, sum(each == count for each in settled)
