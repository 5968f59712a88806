"""TransferState.after(event): folds the story of a run into what a face needs; it has no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from blit.events import (
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

_WINDOW = 5.0  # seconds that the current rate looks back
_NO_ETA_BEFORE = 2.0  # seconds of data


@dataclass(frozen=True, slots=True)
class TransferState:
    command: str = ""
    landings: tuple[tuple[bytes, bytes], ...] = ()
    dry_run: bool = False
    route: str = ""
    route_why: str = ""
    forecast_s: float | None = None
    phase: str = "starting"
    elapsed: float = 0.0
    files: int = 0
    bytes: int = 0
    files_total: int = 0
    bytes_total: int = 0
    plan_done: bool = False
    plan_told: bool = False  # by `plan_finished`: no later beat can open it again
    unchanged: int = 0
    percent: float = 0.0  # never falls; 100 only when the run has ended
    rate: float = 0.0  # bytes a second over the last seconds
    mean: float = 0.0
    peak: float = 0.0
    eta: float | None = None  # seconds; None: not known yet
    quiet: float = 0.0
    beat: Heartbeat | None = None
    samples: tuple[tuple[float, int, int], ...] = ()  # (elapsed, bytes, files), the last seconds
    failures: int = 0
    last_failure: Failed | None = None
    recent: tuple[Change, ...] = ()
    deletion: DeletionPlanned | None = None
    deleted: int = 0
    flushing: str = ""
    stalled: Stalled | None = None
    summary: Summary | None = None

    def after(self, event: Event) -> TransferState:
        match event:
            case RunStarted():
                return replace(
                    self,
                    command=event.command,
                    landings=event.landings,
                    dry_run=event.dry_run,
                    phase="copying",
                )
            case RouteChosen():
                return replace(
                    self, route=event.route, route_why=event.reason, forecast_s=event.forecast_s
                )
            case PlanFinished():
                return replace(
                    self,
                    plan_done=True,
                    plan_told=True,
                    unchanged=event.unchanged,
                    files_total=event.files,
                    bytes_total=event.bytes,
                )
            case BatchFinished():
                return (
                    replace(self, recent=(*self.recent, *event.changes[-3:])[-12:])
                    if event.changes
                    else self
                )
            case Failed():
                return replace(self, failures=self.failures + 1, last_failure=event)
            case Heartbeat():
                # a mailbox hands out facts before the beat that is older than they are
                return self if self.summary is not None else self._beat(event)
            case DeletionPlanned():
                return replace(self, deletion=event)
            case MirrorFinished():
                return replace(self, deleted=event.deleted)
            case Flushing():
                return replace(self, flushing=event.reason, phase="flushing")
            case Paused():
                return replace(self, phase="paused", samples=(), rate=0.0, eta=None)
            case Resumed():
                return replace(self, phase="copying")
            case Stalled():
                return replace(self, stalled=event, phase="stalled")
            case RunFinished():
                return self._finished(event.summary)
            case _:
                return self

    def _beat(self, beat: Heartbeat) -> TransferState:
        plan_done = self.plan_told or beat.plan_done
        if beat.phase == "paused":
            return replace(self, phase="paused", elapsed=beat.elapsed, quiet=beat.quiet, beat=beat)
        samples = tuple(s for s in self.samples if beat.elapsed - s[0] <= _WINDOW)
        if self.beat is None:
            samples = ((0.0, 0, 0),)  # the run began with nothing done
        samples = (*samples, (beat.elapsed, beat.bytes, beat.files))
        span = samples[-1][0] - samples[0][0]
        rate = max(0.0, (beat.bytes - samples[0][1]) / span) if span > 0 else self.rate
        file_rate = max(0.0, (beat.files - samples[0][2]) / span) if span > 0 else 0.0
        mean = beat.bytes / beat.elapsed if beat.elapsed > 0 else 0.0
        fraction = done_fraction(beat)
        percent = max(self.percent, min(99.0, 100 * fraction)) if plan_done else self.percent
        eta = None
        if plan_done and beat.elapsed >= _NO_ETA_BEFORE and span > 0:
            eta = _eta(beat, rate, file_rate)
        return replace(
            self, phase=beat.phase, elapsed=beat.elapsed, files=beat.files, bytes=beat.bytes,
            files_total=max(self.files_total, beat.planned_files),
            bytes_total=max(self.bytes_total, beat.planned_bytes),
            plan_done=plan_done, percent=percent, rate=rate, mean=mean,
            peak=max(self.peak, rate), eta=eta, quiet=beat.quiet, beat=beat, samples=samples,
        )  # fmt: skip

    def _finished(self, summary: Summary) -> TransferState:
        total = summary.seconds.total
        return replace(
            self, phase="finished", summary=summary, elapsed=total, files=summary.files.copied,
            bytes=summary.bytes.copied, percent=100.0 if summary.outcome == "ok" else self.percent,
            mean=summary.bytes.copied / total if total > 0 else 0.0, eta=None,
            deleted=summary.files.deleted,
        )  # fmt: skip


def done_fraction(beat: Heartbeat) -> float:
    """How much is done: files and bytes weigh the same, since small files cost by the file."""
    parts = []
    if beat.planned_bytes:
        parts.append(min(1.0, beat.bytes / beat.planned_bytes))
    if beat.planned_files:
        parts.append(min(1.0, beat.files / beat.planned_files))
    return sum(parts) / len(parts) if parts else 1.0


def _eta(beat: Heartbeat, rate: float, file_rate: float) -> float | None:
    """The slower of what the bytes and the files that are left will take at the current rates."""
    left_bytes = max(0, beat.planned_bytes - beat.bytes)
    left_files = max(0, beat.planned_files - beat.files)
    candidates = []
    if left_bytes and rate > 0:
        candidates.append(left_bytes / rate)
    if left_files and file_rate > 0:
        candidates.append(left_files / file_rate)
    return max(candidates) if candidates else None
