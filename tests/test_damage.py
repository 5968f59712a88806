"""A history that is damaged, lost, hostile or far too large costs a forecast, never more."""

from __future__ import annotations

import copy
import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blit import settings
from blit.history import (
    export,
    jsonl,
    lessons,
    memory,
    predictor,
    recorder,
    records,
    report,
    routes,
    stored,
    views,
)  # fmt: skip
from blit.history.memory import Memory
from tests import past
from tests.conftest import Blit

PLACE = {"source": "ext4", "destination": "fuse", "source_kind": "ssd",
         "destination_kind": "unknown", "same_device": False, "case_rule": "kept", "grain": 1}  # fmt: skip
SPENT = {"files": 10, "bytes": 100, "seconds": 1.0}
WHOLE = past.facts(
    profile=PLACE, fresh=True, forecast_s=10.0, silences=[[1.0, 2.0]],
    spent={"copy": SPENT, "direct": SPENT},
    large={"split": [1, 10**9, 1.0], "whole": [1, 10**9, 1.0]},
)  # fmt: skip
HOSTILE = [
    10**400, 10**4000, -1, 1e308, 5e-324, 10**18, 0, "", None, [], {}, True, float("inf"),
    float("nan"), "\ud800", "a\nb", "a\u2028b", "\x1b[31m", [[1]],
]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("BLIT_DISABLE_LOCAL_TELEMETRY", raising=False)
    return tmp_path


def places(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inside = found.items() if isinstance(found, dict) else ()
    if isinstance(found, list):
        inside = enumerate(found[:2])
    for name, each in inside:
        yield from places(each, (*path, name))


def put(found: Any, path: tuple[Any, ...], value: Any) -> Any:
    found = copy.deepcopy(found)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return found


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_in_any_place_of_a_line_breaks_anything(value: Any, config: Path) -> None:
    """Without the bounds in memory.number and records.Count integers of 400 digits did."""
    good = past.facts(1, profile=PLACE)
    for path in places(WHOLE):
        line = put(WHOLE, path, value)
        learned = memory.rebuilt([good, line, good])
        assert stored.from_plain(json.loads(json.dumps(stored.plain(learned)))), path
        routes.write(learned)
        assert set(routes.read()) == set(learned.profiles), path
        shown = "".join(lessons.lines(learned, 80))
        assert "\x1b" not in shown
        shown.encode()
        for record in records.parse([json.dumps(line).encode()]).records:
            views.facts(record)
            record.curve.curve().resampled(40)
            export.as_csv([record])
            report.runs_table([record], 80)
            report.pairs_table(views.between([record]), 80)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_in_any_place_of_the_model_breaks_anything(value: Any) -> None:
    """It is rebuilt, or learns its way back. Without the bounds in stored it overflowed for ever."""
    record = past.facts(profile=PLACE, spent=WHOLE["spent"], large=WHOLE["large"])
    run = memory.run_of(record)
    assert run is not None
    whole = stored.plain(memory.rebuilt([record] * 4))
    for path in places(whole):
        if path[-1] == "version":
            continue
        try:
            found = stored.from_plain(put(whole, path, value))
        except ValueError:
            continue
        lessons.lines(found, 80)
        for _ in range(12):
            found = found.after(run)
        stored.from_plain(stored.plain(found))
        cost = found.profiles[run.profile].ways[run.way]
        assert run.seconds / 2 < cost.seconds(run.load) < run.seconds * 2, path


def test_of_a_huge_file_only_the_end_is_read(config: Path, monkeypatch) -> None:
    """Without the limit in jsonl._read this fails; eight gigabytes of nothing took all memory."""
    file = past.write(config, *(past.facts(n) for n in range(40)))
    whole = file.read_bytes()
    file.write_bytes(b"\0" * 500_000 + whole)
    monkeypatch.setattr(jsonl, "_MOST", len(whole) + 1000)
    lines = jsonl.lines(str(file))
    assert sum(map(len, lines)) <= jsonl._MOST
    assert len(past.read(config).records) == 39  # a line lost its beginning to the zeros
    os.truncate(file, 8 << 30)
    jsonl.append(str(file), b"{}")
    assert file.stat().st_size <= jsonl.CAP


def test_the_cap_is_kept_at_every_instant(tmp_path: Path, monkeypatch) -> None:
    """Without the look at the size before the line is written this fails."""
    file = tmp_path / "history"
    file.write_bytes(b"x" * 99 + b"\n" + b"y" * 896 + b"\n")
    replace, seen = jsonl._replace, []

    def watched(path: str, content: bytes) -> None:
        seen.append(file.stat().st_size)
        replace(path, content)
        seen.append(file.stat().st_size)

    monkeypatch.setattr(jsonl, "_replace", watched)
    assert jsonl.append(str(file), b"z" * 50, cap=1000) is False
    assert len(seen) == 2 and max(seen) <= 1000
    assert file.read_bytes().endswith(b"z\n")


def test_a_full_disk_is_told_before_anybody_misses_a_run(config: Path, monkeypatch) -> None:
    full = os.statvfs(config)
    values = list(full[:10])
    values[4] = 0  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(values))
    out = io.StringIO()
    report.perf(None, False, out, out, 80)
    assert "nothing can be written" in out.getvalue()
    assert "No space left on device" in out.getvalue()


# -- the two files that follow from it ------------------------------------------------------------


def ended(**given: Any) -> None:
    line = past.facts(profile=PLACE, **given)
    first = jsonl.append(recorder.history_file(), json.dumps(line).encode())
    predictor.learn(line, anew=first)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_stands_where_the_routes_go_stops_neither_run_nor_model(
    kind: str, blit: Blit, ram: Path
) -> None:
    """Without O_NONBLOCK in routes.read the pipe held the run for ever; the folder the model."""
    config = Path(blit.environment["BLIT_CONFIG_DIR"])
    config.mkdir(exist_ok=True)
    routes_file = config / "perf_routes.txt"
    os.mkfifo(routes_file) if kind == "pipe" else routes_file.mkdir()
    (ram / "source").write_bytes(b"x")
    blit("copy", ram / "source", ram / "target")
    assert (ram / "target").read_bytes() == b"x"
    assert (config / "perf_model.json").exists()


def test_a_pipe_where_the_settings_are_is_an_error_and_nothing_hangs(blit: Blit, ram: Path) -> None:
    """Without O_NONBLOCK in settings._opened it hung for ever."""
    config = Path(blit.environment["BLIT_CONFIG_DIR"])
    config.mkdir(exist_ok=True)
    os.mkfifo(config / "config.toml")
    (ram / "source").write_bytes(b"x")
    refused = blit("copy", ram / "source", ram / "target", code=2)
    assert b"config.toml cannot be read (not a regular file)" in refused.err


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_stands_where_the_model_goes_costs_no_forecast(kind: str, config: Path) -> None:
    past.write(config, past.facts(0, profile=PLACE))
    model = config / "perf_model.json"
    os.mkfifo(model) if kind == "pipe" else model.mkdir()
    assert len(predictor.read().profiles) == 1


def test_half_a_file_of_routes_is_not_put_in_place(config: Path, monkeypatch) -> None:
    """Without the look at what was written this fails: 16 workers became 1."""
    ended()
    before = routes.read()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, content: write(fd, content[:-9]))
    with pytest.raises(OSError):  # noqa: PT011
        routes.write(predictor.read())
    assert routes.read() == before
    assert sorted(path.name for path in config.iterdir()) == [
        "perf_local.jsonl", "perf_model.json", "perf_routes.txt",
    ]  # fmt: skip


def test_a_history_that_was_taken_away_is_forgotten(config: Path) -> None:
    """Without `anew` the model goes on from what it knew, roots and all."""
    ended(target="/mnt/secret")
    os.unlink(recorder.history_file())
    assert predictor.read() == Memory()
    ended()
    assert "secret" not in (config / "perf_model.json").read_text()


def test_what_is_cleared_while_a_run_learns_does_not_come_back(config: Path) -> None:
    """Without the lock in jsonl.remove this fails: the run puts its file there afterwards."""
    ended(target="/mnt/secret")
    clearing = threading.Thread(target=records.clear)

    def change(content: bytes) -> bytes:
        clearing.start()
        clearing.join(0.3)
        return content

    jsonl.change(predictor.path(), change)
    clearing.join(30)
    assert not (config / "perf_model.json").exists()


def test_without_a_home_nothing_is_written_where_one_stands(monkeypatch) -> None:
    """Without settings._under it is a folder named `~`, perhaps in the middle of a source."""
    for name in ("BLIT_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # no HOME, no such user
    monkeypatch.setattr(settings.sys, "platform", "linux")
    assert settings.config_folder() == "/.config/blit"
    assert str(settings.state_dir()) == "/.local/state/blit"


def test_a_word_of_the_history_never_reaches_the_terminal_raw(config: Path) -> None:
    past.write(config, past.facts(0, profile=PLACE, route="\x1b]0;x\x07", route_why="\x1b[2J"))
    out = io.StringIO()
    assert report.perf(None, False, out, out, 80) == 0
    assert "\x1b" not in out.getvalue()
