"""`blit diagnostics dump SRC DST`: what blit sees, expects and would do; nothing is moved."""

from __future__ import annotations

import json
import os
import textwrap
import time
from typing import IO, TYPE_CHECKING, Any

from blit import errors, settings, show
from blit.engine import probing
from blit.engine.pulse import LOOK, Pulse
from blit.engine.route import Route
from blit.engine.workers import Pool, WorkerDied
from blit.history import predictor, profile, routes
from blit.history.predict import Forecast
from blit.job import Job
from blit.worker import wire

if TYPE_CHECKING:
    from blit.engine.borders import Known

_PATIENCE = 10.0  # seconds until a mount that does not answer is given up, as in a run
_NAME = 13  # columns
_KINDS = {
    "ssd": "ssd", "rotational": "a disk with a moving head", "removable": "removable",
    "network": "network", "memory": "in memory",
}  # fmt: skip


def run(job: Job, as_json: bool, out: IO[str], err: IO[str], width: int) -> int:
    """An exit code of the table in errors.py. The look is a worker's: a mount may hang."""
    facts = _look(job)
    if facts is None:
        text = f"no answer in {_PATIENCE:.0f} s: is one of the two on a mount that hangs?"
        return _refused("stalled", job.target, text, as_json, out, err)
    if "refused" in facts:
        outcome, path, text = facts["refused"]
        return _refused(outcome, path, text, as_json, out, err)
    chosen, known = probing.choose(job, facts, routes.read())
    forecast = predictor.Learned(job).look(facts, chosen.name)
    if as_json:
        out.write(json.dumps(_plain(job, facts, chosen, known, forecast)) + "\n")
    else:
        for name, text in _rows(job, facts, chosen, known, forecast):
            wrapped = textwrap.wrap(text, width - _NAME, break_on_hyphens=False) or [""]
            out.writelines(
                f"{name * (not number):{_NAME}}{line}\n" for number, line in enumerate(wrapped)
            )
    return 0


def _look(job: Job) -> dict[str, Any] | None:
    """What a worker finds; None when it does not answer. It is killed, not waited for."""
    try:
        pool = Pool(1)
    except OSError as error:
        return {"refused": ("failed", b"", f"cannot start a worker process: {error.strerror}")}
    worker = pool.workers[0]
    try:
        pool.post_all(worker, {**probing.probe_task(job, pool), "op": "survey"})
        pulse = Pulse(time.monotonic(), _PATIENCE)
        while not wire.ready(worker.answers, LOOK):
            # the time in which we were stopped ourselves (Ctrl-Z, a suspended machine) is not its
            pulse.look(time.monotonic(), None, False, False)
            if pulse.stalled:
                return None
        facts = pool.answer_now(worker)
    except WorkerDied:
        facts = None
    finally:
        pool.kill()
    if facts is None or "defect" in facts:
        text = "the worker process died over the first look: is this Python intact?"
        return {"refused": ("failed", b"", text)}
    return facts


def _refused(
    outcome: str, path: bytes, text: str, as_json: bool, out: IO[str], err: IO[str]
) -> int:
    sentence = f"{show.path(path)} {text}" if path else text
    code = errors.EXIT_CODES[outcome]
    if as_json:
        told = {"outcome": outcome, "exit_code": code, "message": sentence}
        out.write(json.dumps({"type": "dump", "schema": 1, **told}) + "\n")
    else:
        err.write(f"blit: {sentence}\n")
    return code


# -- as text --------------------------------------------------------------------------------------


def _rows(
    job: Job, facts: dict[str, Any], chosen: Route, known: Known | None, forecast: Forecast
) -> list[tuple[str, str]]:
    place = profile.of_facts(facts)
    can = facts["abilities"]
    source, landing = facts["landings"][0]
    state = "new" if not can["exists"] else "empty" if facts["fresh"] else "is there already"
    rights = "" if can["writable"] else f"; {show.path(can['ground'])} is not writable for you"
    rows = [
        ("Source", show.path(source)),
        ("Lands in", f"{show.path(landing)} ({state}{rights})"),
        ("From", _ground(place["source"], place["source_kind"])),
        ("To", f"{_ground(place['destination'], place['destination_kind'])}, "
               f"{show.size(facts['free'])} free"),
    ]  # fmt: skip
    if facts["small"] is not None:
        files, size = facts["small"]
        rows.append(("Holds", f"{show.count(files, 'file')}, {show.size(size)}"))
    elif facts["largest"] is not None:
        rows.append(("Holds", f"1 file, {show.size(facts['largest'])}"))
    rows += [("Can", "; ".join(_abilities(facts, place)))]
    rows += [("Route", f"{chosen.name.replace('_', ' ')}: {show.text(chosen.reason)}")]
    rows += [("Forecast", _forecast(forecast))]
    if known is not None and forecast.workers > 1:
        earlier = show.count(forecast.settled, "earlier run")
        rows.append(("Workers", f"{forecast.workers} to start with, as in {earlier}"))
    return [*rows, ("Learned as", show.text(profile.key(place)))]


def _ground(filesystem: str, kind: object) -> str:
    where = _KINDS.get(str(kind), "kind of disk unknown")
    return f"{show.text(filesystem or 'unknown filesystem')}, {where}"


def _abilities(facts: dict[str, Any], place: dict[str, Any]) -> list[str]:
    can, options = facts["abilities"], facts["options"]
    words = {True: "yes", False: "no", None: "not known before the first file"}
    grain = place["grain"] / 1e7
    times = f"to {grain:g} s" if grain >= 0.01 else "to 0.01 s or finer"
    return [
        f"clone: {words[can['clone']]}", f"extended attributes: {words[can['attributes']]}",
        f"holes: {words[can['holes']]}", f"times: {times}",
        f"owners: {words[not options & wire.OWNERLESS]}",
        f"modes: {words[not options & wire.MODELESS]}",
        f"upper and lower case: {'one name' if facts['caseless'] else 'told apart'}",
        f"flushed at the end: {'always' if options & wire.DURABLE else 'with --durable'}",
    ]  # fmt: skip


def _forecast(forecast: Forecast) -> str:
    if forecast.seconds is None or forecast.band is None:
        why = settings.no_history()
        return f"none: the history is {show.text(why)}" if why else "no history yet of such a run"
    low, high = (show.seconds(value) for value in forecast.band)
    earlier = show.count(forecast.runs, "earlier run")
    where = "of the same two places" if forecast.pair else "between such disks"
    return f"{low}–{high}, as in {earlier} {where}"


# -- as JSON --------------------------------------------------------------------------------------


def _plain(
    job: Job, facts: dict[str, Any], chosen: Route, known: Known | None, forecast: Forecast
) -> dict[str, Any]:
    options, can = facts["options"], facts["abilities"]
    place = profile.of_facts(facts)
    source, landing = (raw.decode("utf-8", "surrogateescape") for raw in facts["landings"][0])
    small, largest = facts["small"], facts["largest"]
    return {
        "type": "dump", "schema": 1, "outcome": "ok", "exit_code": 0,
        "source": source, "destination": landing, "exists": can["exists"],
        "fresh": facts["fresh"], "ground": os.fsdecode(can["ground"]),
        "writable": can["writable"], "free": facts["free"], "profile": place,
        "profile_key": profile.key(place), "rotational": facts["rotational"],
        "abilities": {
            "clone": can["clone"], "attributes": can["attributes"], "holes": can["holes"],
            "owners": not options & wire.OWNERLESS, "modes": not options & wire.MODELESS,
            "times_s": place["grain"] / 1e7, "caseless": facts["caseless"],
            "reserves": bool(options & wire.PREALLOCATE), "flushed": bool(options & wire.DURABLE),
        },
        "files": small[0] if small is not None else None if largest is None else 1,
        "bytes": small[1] if small is not None else largest,
        "route": chosen.name, "reason": chosen.reason,
        "workers": chosen.workers or forecast.workers,
        "forecast_s": forecast.seconds, "forecast_band": forecast.band,
        "forecast_runs": forecast.runs, "history_off": settings.no_history(),
        "learned": known is not None,
    }  # fmt: skip
