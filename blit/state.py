"""TransferState.after(event): folds the story of a run into what a face needs; it has no clock."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from blit import eta as reckon
from blit.curve import MOVING, PAUSED, SILENT, Curve, pulses, silences
from blit.events import (
    Activity,
    BatchFinished,
    Change,
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
    Stalled,
    Summary,
)
from blit.pace import Pace

_WINDOW = 5.0  # seconds that the current rate looks back
_NO_ETA_BEFORE = 2.0  # seconds of data
_SHOWN_SILENCE = 3.0  # seconds without movement from which it is worth a mark and a warning
_RECENT = 60  # files
_PROBLEMS = 1_000  # named; all are counted
_COPYING = ("copy", "large_range", "direct")  # batches that tell what files and bytes cost
_HELD = ("paused", "counting", "ready", "asking")  # phases in which a person is waited for


class Spent(NamedTuple):
    """What batches of one kind took together."""

    what: str
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0  # of workers: several at once add up


class TransferState(NamedTuple):
    command: str = ""
    landings: tuple[tuple[bytes, bytes], ...] = ()
    dry_run: bool = False
    started_at: float = 0.0  # Unix time
    free: int = 0  # bytes free at the destination when the run began
    filesystems: tuple[str, str] = ("", "")
    route: str = ""
    route_why: str = ""
    forecast_s: float | None = None  # of the whole run, before it began
    forecast_band: tuple[float, float] | None = None  # about 8 of 10 runs end within it
    forecast_runs: int = 0  # earlier ones that it rests on
    expected: tuple[float, float, float] | None = None  # the same now: low, middle, high
    usual: tuple[float, float] = (0.0, 0.0)  # bytes and files a second on this route; 0: unknown
    slow: bool = False  # less than half of what is usual here
    profile: Mapping[str, Any] = MappingProxyType({})
    fresh: bool | None = None  # nothing was at the destination
    phase: str = "starting"
    elapsed: float = 0.0
    files: int = 0
    bytes: int = 0
    files_total: int = 0
    bytes_total: int = 0
    plan_done: bool = False
    plan_told: bool = False  # by `plan_finished`: no later beat can open it again
    planning_s: float | None = None
    unchanged: int = 0
    replaced: int = 0
    extras: int = 0
    percent: float = 0.0  # never falls; 100 only when the run has ended
    rate: float = 0.0  # bytes a second over the last seconds
    file_rate: float = 0.0
    mean: float = 0.0
    peak: float = 0.0
    eta: float | None = None  # seconds; None: not known yet
    eta_band: tuple[float, float] | None = None  # seconds: it narrows while the run goes on
    held_s: float = 0.0  # seconds of it paused, or waiting for a person
    quiet: float = 0.0
    silent: bool = False  # nothing has moved for a few seconds, and nobody wished it so
    beat: Heartbeat | None = None
    samples: tuple[tuple[float, int, int], ...] = ()  # (elapsed, bytes, files), the last seconds
    curve: Curve = Curve()
    pulses: tuple[bool, ...] = ()  # did anything move, second by second, the last ones
    silences: tuple[tuple[float, float], ...] = ()  # (elapsed when it began, seconds)
    failures: int = 0
    last_failure: Failed | None = None
    problems: tuple[Failed, ...] = ()  # the newest
    recent: tuple[Change | Failed, ...] = ()  # the newest last
    batches_done: int = 0
    spent: tuple[Spent, ...] = ()
    pace: Pace = Pace()  # what files and bytes cost in this run
    deletion: DeletionPlanned | None = None
    asking: bool = False  # the deletion waits for an answer
    deleted: int = 0
    flushing: str = ""
    stalled: Stalled | None = None
    summary: Summary | None = None

    @property
    def running(self) -> tuple[Activity, ...]:
        """What each worker has in hand."""
        return self.beat.workers if self.beat is not None and self.summary is None else ()

    @property
    def suspect(self) -> Activity | None:
        """What stands still, when nothing moves: the worker that has been quiet longest."""
        named = [a for a in self.running if a.path]
        return max(named, key=lambda a: (a.quiet, a.what not in ("", "list")), default=None)

    @property
    def limit(self) -> float:
        """Seconds of quiet at which the run gives up."""
        return self.beat.limit if self.beat is not None else 10.0

    @property
    def waiting_batches(self) -> int:
        return self.beat.waiting_batches if self.beat is not None and self.summary is None else 0

    @property
    def waiting_bytes(self) -> int:
        return self.beat.waiting_bytes if self.beat is not None and self.summary is None else 0

    def after(self, event: Event) -> TransferState:
        match event:
            case RunStarted():
                return self._replace(
                    command=event.command,
                    landings=event.landings,
                    dry_run=event.dry_run,
                    started_at=event.started_at,
                    free=event.free,
                    phase="copying",
                )
            case RouteChosen():
                return self._replace(
                    route=event.route, route_why=event.reason, forecast_s=event.forecast_s,
                    filesystems=event.filesystems, forecast_band=event.forecast_band,
                    forecast_runs=event.forecast_runs, usual=event.usual, profile=event.profile,
                    expected=reckon.told(event.forecast_s, event.forecast_band), fresh=event.fresh,
                )  # fmt: skip
            case PlanFinished():
                return self._foreseen(event)._replace(
                    plan_done=True,
                    plan_told=True,
                    unchanged=event.unchanged,
                    extras=event.extras,
                    planning_s=event.seconds,
                    files_total=event.files,
                    bytes_total=event.bytes,
                )
            case BatchFinished():
                return self._batch(event)
            case Failed():
                return self._replace(
                    failures=self.failures + 1, last_failure=event,
                    problems=(*self.problems, event)[-_PROBLEMS:],
                    recent=(*self.recent, event)[-_RECENT:],
                )  # fmt: skip
            case Heartbeat():
                # a mailbox hands out facts before the beat that is older than they are
                return self if self.summary is not None else self._beat(event)
            case DeletionPlanned():
                return self._replace(deletion=event, asking=event.asks)
            case MirrorFinished():
                return self._replace(deleted=event.deleted, asking=False)
            case Flushing():
                return self._replace(flushing=event.reason, phase="flushing")
            case Paused():
                return self._replace(
                    phase="paused", samples=(), rate=0.0, file_rate=0.0, eta=None,
                    eta_band=None, silent=False, quiet=0.0, slow=False,
                )  # fmt: skip
            case Resumed():
                return self._replace(phase="copying")
            case Stalled():
                return self._replace(stalled=event, phase="stalled")
            case RunFinished():
                return self._finished(event.summary)
            case _:
                return self

    def _foreseen(self, plan: PlanFinished) -> TransferState:
        """What is expected now that the totals are known."""
        seconds, band = plan.forecast_s, plan.forecast_band
        if seconds is None or band is None:
            return self
        usual = (plan.bytes / seconds, plan.files / seconds) if seconds > 0 else self.usual
        state = self._replace(expected=reckon.told(seconds, band), usual=usual)
        if self.forecast_s is None or self.phase in ("counting", "ready"):  # nothing has begun
            state = state._replace(forecast_s=seconds, forecast_band=band)
        return state

    def _batch(self, event: BatchFinished) -> TransferState:
        """A batch is done: its first changes for a glance, its time to its kind."""
        if event.what == "list":
            return self._replace(recent=(*self.recent, *event.changes[-3:])[-_RECENT:])
        before = next((s for s in self.spent if s.what == event.what), Spent(event.what))
        after = Spent(
            event.what, before.files + event.files, before.bytes + event.bytes,
            before.seconds + event.seconds,
        )  # fmt: skip
        rest = tuple(s for s in self.spent if s.what != event.what)
        return self._replace(
            recent=(*self.recent, *event.changes[-3:])[-_RECENT:],
            batches_done=self.batches_done + 1, spent=(*rest, after),
            pace=self.pace.after(event.files, event.bytes, event.seconds)
            if event.what in _COPYING else self.pace,
        )  # fmt: skip

    def _beat(self, beat: Heartbeat) -> TransferState:
        plan_done = self.plan_told or beat.plan_done
        paused = beat.phase == "paused"
        held = beat.phase in _HELD
        silent = beat.quiet >= _SHOWN_SILENCE and not held
        mark = PAUSED if held else SILENT if silent else MOVING
        curve = self.curve.after(beat.elapsed, beat.bytes, mark)
        held_s = self.held_s
        if held and self.beat is not None and self.phase in _HELD:
            held_s += max(0.0, beat.elapsed - self.beat.elapsed)
        since = self.beat.elapsed if self.beat is not None else 0.0
        common = {
            "phase": beat.phase, "elapsed": beat.elapsed, "held_s": held_s,
            "quiet": 0.0 if held else beat.quiet,
            "beat": beat, "silent": silent, "curve": curve,
            "pulses": pulses(self.pulses, since, beat.elapsed, held or beat.quiet < 1.0),
            "silences": silences(self.silences, beat.elapsed, beat.quiet if silent else 0.0),
            "unchanged": max(self.unchanged, beat.unchanged), "replaced": beat.replaced,
            "extras": max(self.extras, beat.extras), "deleted": max(self.deleted, beat.deleted),
        }  # fmt: skip
        if paused:
            return self._replace(**common)  # type: ignore[arg-type]
        samples = tuple(s for s in self.samples if beat.elapsed - s[0] <= _WINDOW)
        if self.beat is None:
            samples = ((0.0, 0, 0),)  # the run began with nothing done
        samples = (*samples, (beat.elapsed, beat.bytes, beat.files))
        span = samples[-1][0] - samples[0][0]
        rate = max(0.0, (beat.bytes - samples[0][1]) / span) if span > 0 else self.rate
        file_rate = max(0.0, (beat.files - samples[0][2]) / span) if span > 0 else 0.0
        busy = beat.elapsed - held_s
        mean = beat.bytes / busy if busy > 0 else 0.0
        fraction = reckon.done_fraction(beat, self.pace)
        percent = max(self.percent, min(99.0, 100 * fraction)) if plan_done else self.percent
        working = beat.phase == "copying" and beat.planned_files > beat.files
        measured = known = None
        if beat.elapsed >= _NO_ETA_BEFORE and span > 0 and not held:
            pace = self.pace
            measured = reckon.measured(beat, rate, file_rate, pace)
            overall = reckon.measured(beat, mean, beat.files / busy if busy > 0 else 0.0, pace)
            if measured is not None and overall is not None:
                known = reckon.band(measured, overall, beat.elapsed, fraction)
        foreseen = None if held or self.expected is None else reckon.remaining(self.expected, busy)
        if plan_done:  # what is left when all is copied was never forecast by itself
            left = working or beat.planned_bytes > beat.bytes
            eta, band = reckon.blended(measured, known, foreseen) if left else (None, None)
        else:
            eta, band = reckon.at_least(foreseen, measured)
        return self._replace(
            files=beat.files, bytes=beat.bytes,
            files_total=max(self.files_total, beat.planned_files),
            bytes_total=max(self.bytes_total, beat.planned_bytes),
            plan_done=plan_done, percent=percent, rate=rate, file_rate=file_rate, mean=mean,
            slow=working and reckon.slower(self.usual, rate, file_rate, busy),
            peak=max(self.peak, *(curve.rates()[:-1] or (rate,))), eta=eta, eta_band=band,
            samples=samples,
            **common,  # type: ignore[arg-type]
        )  # fmt: skip

    def _finished(self, summary: Summary) -> TransferState:
        late: tuple[Failed, ...] = ()
        if summary.files.failed > self.failures:  # what ended the run is told by its summary alone
            known = set(self.problems)
            late = tuple(f for f in summary.failures if f not in known)[-_PROBLEMS:]
        total = summary.seconds.total
        busy = total - self.held_s
        return self._replace(
            phase="finished", summary=summary, elapsed=total, files=summary.files.copied,
            bytes=summary.bytes.copied, percent=100.0 if summary.outcome == "ok" else self.percent,
            mean=summary.bytes.copied / busy if busy > 0 else 0.0, eta=None, eta_band=None,
            deleted=summary.files.deleted, unchanged=summary.files.unchanged,
            curve=self.curve.after(total, summary.bytes.copied), silent=False, asking=False,
            slow=False,
            failures=max(self.failures, summary.files.failed),
            problems=(*self.problems, *late)[-_PROBLEMS:],
            last_failure=late[-1] if late else self.last_failure,
        )  # fmt: skip
