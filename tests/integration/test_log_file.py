"""`--log-file`: the lines of `--json`, beside any face; a log that cannot be stops nothing late."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import BLIT, Blit
from terminal import Terminal
from trees import assert_same, make

from blit import logfile
from blit.bus import Bus
from blit.events import Paused

TREE = {f"f{n:02}": b"x" * 1000 for n in range(30)}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_it_holds_what_json_prints_and_replay_shows_it(blit: Blit, tmp_path: Path) -> None:
    make(tmp_path / "src", TREE)
    log = tmp_path / "log"
    done = blit.json("copy", "--log-file", log, f"{tmp_path}/src/", tmp_path / "dst")
    kept = lines(log)
    facts = [event for event in done.events if event["type"] != "heartbeat"]
    assert [event for event in kept if event["type"] != "heartbeat"] == facts
    assert kept[0]["schema"] == 1 and kept[-1]["type"] == "summary"
    assert log.stat().st_mode & 0o777 == 0o600
    assert blit("replay", log).code == 0
    # once more: the file is that of the last run
    blit("copy", "--log-file", log, f"{tmp_path}/src/", tmp_path / "dst")
    again = lines(log)
    assert again[0]["schema"] == 1 and again[-1]["files"]["unchanged"] == len(TREE)


def test_it_is_written_beside_the_screen(
    blit: Blit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "src", TREE)
    command = ["copy", "--tui", "--log-file", "log", "src/", "dst"]
    monkeypatch.chdir(tmp_path)
    with Terminal([*BLIT, *command], blit.environment, 120, 36) as terminal:
        terminal.sees("done")
        terminal.type("q")
        assert terminal.ends() == 0
    kept = lines(tmp_path / "log")
    assert kept[0]["type"] == "run_started"
    assert kept[-1]["type"] == "summary" and kept[-1]["files"]["copied"] == len(TREE)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no/log", "No such file or directory"),
        ("other", "Is a directory"),
        ("mine", "it exists and is no log of blit"),
        ("src/log", "lies in what is copied"),
        ("-", "needs a file"),
        ("", "needs a file"),
    ],
)
def test_what_can_be_no_log_is_refused_before_anything_is_written(
    blit: Blit, tmp_path: Path, name: str, says: str
) -> None:
    """Without the wait for the writer's answer in cli.py the copy is done before the refusal."""
    make(tmp_path, {"src": {"a": b"a"}, "mine": b"precious", "other": {}})
    done = blit("copy", "--log-file", name, "src", "dst", code=2, cwd=tmp_path)
    assert len(done.errors) == 1 and says in done.errors[0]
    assert not (tmp_path / "dst").exists()
    assert (tmp_path / "mine").read_bytes() == b"precious"
    assert os.listdir(tmp_path / "src") == ["a"]


def test_a_log_that_is_not_whole_is_said_and_no_success(blit: Blit, tmp_path: Path) -> None:
    make(tmp_path / "src", TREE)
    done = blit("copy", "--log-file", "/dev/full", f"{tmp_path}/src/", tmp_path / "dst", code=1)
    assert "the log /dev/full is not whole: No space left on device" in done.errors[0]
    assert_same(tmp_path / "src", tmp_path / "dst")


def test_nobody_waits_for_a_disk_that_stands_still(tmp_path: Path) -> None:
    """A FIFO that is never read takes 64 KiB and then nothing, as a dead mount."""
    os.mkfifo(tmp_path / "log")
    log, bus = logfile.Log(str(tmp_path / "log"), patience=1.0), Bus()
    log.follow(bus.subscribe())
    began = time.monotonic()
    for number in range(20_000):
        bus.publish(Paused(number))
    published = time.monotonic() - began
    bus.close()
    assert "is not whole: it is too slow" in log.end(0)
    assert published < 5  # 0.05 s; with the writing in the publisher's thread it never ends
