"""The memory on disk, and what the engine asks of it; a few milliseconds, never a failed run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blit import settings
from blit.history import habits, jsonl, memory, predict, profile, routes, stored
from blit.history.memory import Known, Memory
from blit.history.predict import Forecast, Load, Past

if TYPE_CHECKING:
    from blit.job import Job

_CAP = 1 << 20  # bytes: what is larger was not written by blit
_WORTH = 1.0  # seconds that a run must be expected to take before workers are started for it
_PATIENCE = 1.0  # seconds that a run waits for the others at its very end


class Learned:
    """Implements `predict.Predictor` for one job; without a history it knows nothing."""

    def __init__(self, job: Job, enabled: bool = True) -> None:
        self.job, self.enabled = job, enabled
        self._cost: predict.Cost | None = None
        self._few: predict.Cost | None = None  # for as many files as a direct run may have
        self._past: tuple[Past, ...] = ()
        self._fresh = False

    def look(self, facts: Mapping[str, Any], route: str) -> Forecast:
        try:
            return self._look(facts, route)
        except Exception:  # a forecast is not worth a copy
            if os.environ.get("BLIT_DEBUG"):
                raise
            return Forecast()

    def plan(self, files: int, size: int, unchanged: int) -> Forecast:
        load = Load(files, size / (1 << 20), unchanged)
        cost = self._few if files + unchanged <= predict.MOST_FEW and self._few else self._cost
        return predict.forecast(cost, self._past, load, self._fresh)

    def routes(self) -> Mapping[str, Any]:
        return routes.read(self.enabled)

    def _look(self, facts: Mapping[str, Any], route: str) -> Forecast:
        place = profile.of_facts(facts)
        fresh = bool(facts.get("fresh"))
        load = _load(facts)
        if not self.enabled or settings.no_history():
            return Forecast(profile=place, fresh=fresh)
        job, found = self.job, read()
        known = found.profiles.get(profile.key(place), Known())
        options = {name: getattr(job, name) for name in ("checksum", "verify", "durable")}
        if not job.dry_run:
            self._cost = known.ways.get(profile.way(route, options))
            if route == "streaming" and facts["small"] is not None and not job.mirror:
                self._few = known.ways.get(profile.way(predict.FEW, options))
        past = () if job.filtered or job.selected else found.pairs.get(pair_of(job), ())
        if not job.dry_run:  # it takes another time, but the guard says what it would say
            self._past = past
        self._fresh = fresh
        total = predict.forecast(self._cost, self._past, None, fresh)
        if fresh and load is not None:
            total = predict.forecast(self._few or self._cost, self._past, load, fresh)
        workers, settled = predict.start(known.workers)
        if total.seconds is not None and total.seconds < _WORTH:
            workers, settled = 0, 0
        batch = known.batch
        return total._replace(
            workers=workers, settled=settled, deletes=habits.deletes(past),
            held=habits.held(past),
            per_file=batch.per_file if batch.runs else 0.0,
            per_byte=batch.per_mib / (1 << 20) if batch.runs else 0.0,
            profile=place, fresh=fresh,
        )  # fmt: skip


def pair_of(job: Job) -> str:
    from blit.history.recorder import encode

    options = {name: getattr(job, name) for name in ("checksum", "verify", "durable")}
    return memory.pair_of(
        map(encode, job.sources), encode(job.target), profile.way("", options)
    )  # fmt: skip


def _load(facts: Mapping[str, Any]) -> Load | None:
    """What there is to copy, where the first look has seen all of it."""
    if facts["small"] is not None:
        return Load(facts["small"][0], facts["small"][1] / (1 << 20))
    return Load(1, facts["largest"] / (1 << 20)) if facts["largest"] is not None else None


# -- the file -------------------------------------------------------------------------------------


def path() -> str:
    return os.path.join(settings.config_folder(), "perf_model.json")


def read() -> Memory:
    """As it was written last; lost or damaged, from the history. OSError."""
    from blit.history.recorder import history_file

    if not os.path.exists(history_file()):
        return Memory()  # somebody took it away: what it taught is not kept behind their back
    try:
        # never waits, whatever lies there
        fd = os.open(path(), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            return _parsed(file.read(_CAP + 1) or b"")
    except (OSError, ValueError):
        return _rebuilt()


def learn(record: Mapping[str, Any], anew: bool = False) -> None:
    """Remember a run that has just been written to the history; `anew`: as its first. OSError."""
    run = memory.run_of(record)
    if run is None:
        return

    def change(content: bytes) -> bytes:
        try:
            found = _parsed(b"" if anew else content).after(run)
        except ValueError:
            found = _rebuilt()  # the run is in the history already
        try:
            routes.write(found)
        except OSError:
            pass  # the model is worth keeping without it
        return json.dumps(stored.plain(found), separators=(",", ":")).encode("ascii")

    jsonl.change(path(), change, _PATIENCE)


def forget() -> None:
    """After runs were taken out of the history: what is left of it is read again. OSError."""
    jsonl.remove(path())
    routes.forget()


def _parsed(content: bytes) -> Memory:
    if len(content) > _CAP:
        raise ValueError("too large")
    try:
        return stored.from_plain(json.loads(content))
    except RecursionError:
        raise ValueError("too deep") from None


def _rebuilt() -> Memory:
    from blit.history.recorder import history_file

    records = []
    for line in jsonl.lines(history_file()):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    records.sort(key=lambda record: at if isinstance(at := record.get("at"), int | float) else 0.0)
    return memory.rebuilt(records)
