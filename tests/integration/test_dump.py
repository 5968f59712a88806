"""`blit diagnostics dump`: what would happen, and nothing happens."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from blit import dump
from blit.engine.workers import Pool, Worker
from blit.worker import wire
from tests.conftest import Blit
from tests.hurt import fuse
from tests.integration.test_commands import job


def everything(*folders: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            info = path.lstat()
            found[str(path)] = (info.st_size, info.st_mtime_ns, info.st_mode)
    return found


def some(ram: Path, files: int = 3) -> Path:
    source = ram / "source"
    source.mkdir()
    for number in range(files):
        (source / f"f{number}").write_bytes(b"x" * 1000)
    return source


def test_it_says_what_it_sees_and_touches_nothing(blit: Blit, ram: Path) -> None:
    """With the probe's `_make` in a survey (no DRY in survey.run) the target appears."""
    source = some(ram)
    config = Path(blit.environment["BLIT_CONFIG_DIR"])
    blit("copy", f"{source}/", ram / "earlier")
    before = everything(ram, config)
    shown = blit("diagnostics", "dump", source, ram / "a" / "b")
    told = json.loads(blit("diagnostics", "dump", "--json", f"{source}/", ram / "earlier").out)
    assert everything(ram, config) == before
    assert not shown.err
    text = shown.out.decode()
    for part in (f"{ram}/a/b/source (new)", "tmpfs, in memory", "3 files, 3.0 kB", "direct: 3 files",
                 "as in 1 earlier run between such disks", "clone: no", "extended attributes:"):  # fmt: skip
        assert part in " ".join(text.split()), text
    assert max(map(len, shown.lines)) <= 80 + len(str(ram))  # a path is never cut
    assert told["destination"] == str(ram / "earlier") and told["exists"] and not told["fresh"]
    assert (told["route"], told["files"], told["bytes"]) == ("direct", 3, 3000)
    assert told["free"] > 0 and told["profile"]["destination"] == "tmpfs"
    assert told["abilities"]["owners"] and told["abilities"]["clone"] is False


def test_the_forecast_is_the_one_a_run_would_begin_with(blit: Blit, ram: Path) -> None:
    source = some(ram, 30)
    assert b"no history yet" in blit("diagnostics", "dump", source, ram / "target").out
    for _ in range(3):
        blit("copy", f"{source}/", ram / "target")
    told = json.loads(blit("diagnostics", "dump", "--json", f"{source}/", ram / "target").out)
    low, high = told["forecast_band"]
    assert 0 < low < told["forecast_s"] < high and told["forecast_runs"] == 2
    shown = " ".join(blit("diagnostics", "dump", f"{source}/", ram / "target").out.decode().split())
    assert "as in 2 earlier runs of the same two places" in shown
    blit.environment["BLIT_DISABLE_LOCAL_TELEMETRY"] = "1"
    off = blit("diagnostics", "dump", f"{source}/", ram / "target").out.decode()
    assert "none: the history is switched off by" in " ".join(off.split())


def test_what_would_be_refused_is_said_with_its_exit_code(blit: Blit, ram: Path) -> None:
    missing = blit("diagnostics", "dump", ram / "missing", ram, code=1)
    assert missing.errors == [f"blit: {ram}/missing does not exist: check the path"]
    source = some(ram)
    inside = blit("diagnostics", "dump", "--json", source, source / "below", code=4)
    told = json.loads(inside.out)
    assert (told["outcome"], told["exit_code"]) == ("refused", 4)
    assert "it would copy itself" in told["message"]
    assert blit("diagnostics", "dump", source, code=2).errors[0].startswith("blit: ")
    assert blit("diagnostics", "dump", "", ram, code=2).errors


def test_strange_names_are_shown_and_survive(blit: Blit, ram: Path) -> None:
    source = os.fsencode(ram) + b"/a\x1b[31m\xff\n"
    os.mkdir(source)
    shown = blit("diagnostics", "dump", source, ram / "to")
    assert b"\x1b" not in shown.out and b"\xff" not in shown.out
    told = json.loads(blit("diagnostics", "dump", "--json", source, ram / "to").out)
    assert os.fsencode(told["source"]) == source


def test_a_mount_that_hangs_ends_it(blit: Blit, ram: Path) -> None:
    source = some(ram)
    with fuse(ram) as mount:
        mount.hurt({"op": "getattr", "delay": 3600.0})
        done = blit("diagnostics", "dump", source, mount.point / "to", code=5)
    assert "is one of the two on a mount that hangs?" in done.errors[0]
    assert done.seconds < 30


def test_its_own_stop_is_no_silence_of_the_disk(ram: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Z for 40 s, and only then the worker answers. Without `Pulse` in dump.py it is given
    up."""
    made = job("copy", some(ram), ram / "to")
    now, looks, workers, post, ready = [100.0], [0], [], Pool.post_all, wire.ready

    def posted(pool: Pool, worker: Worker, task: dict[str, Any]) -> None:
        os.kill(worker.pid, signal.SIGSTOP)
        workers.append(worker.pid)
        post(pool, worker, task)

    def answers(fd: int, seconds: float) -> bool:
        looks[0] += 1
        if looks[0] == 1:
            now[0] += 40
            return False
        os.kill(workers[0], signal.SIGCONT)
        return ready(fd, 30.0)

    monkeypatch.setattr(Pool, "post_all", posted)
    monkeypatch.setattr(dump.wire, "ready", answers)
    monkeypatch.setattr(dump.time, "monotonic", lambda: now[0])
    facts = dump._look(made)
    assert facts is not None and "refused" not in facts


@pytest.mark.parametrize("words", [("dump", "--limit", "3", "a", "b"), ("perf", "a"), ()])
def test_wrong_words(blit: Blit, words: tuple[str, ...]) -> None:
    assert blit("diagnostics", *words, code=2).errors[0].startswith("blit: ")
