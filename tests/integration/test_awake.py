"""The machine stays awake while a transfer runs, and nothing is left behind when it does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Blit, until
from hurt import Faults, fuse
from trees import make

# stands for systemd's: says what it was asked for, and when what it runs has ended
INHIBIT = """#!/bin/sh
echo "$@" >> "$AWAKE_LOG"
while case "$1" in --*) true;; *) false;; esac; do shift; done
"$@"
echo released >> "$AWAKE_LOG"
"""
RUN = (
    "import sys\nfrom blit import awake, cli, console\n"
    "console.AWAKE_AFTER = float(sys.argv[1])\nawake.SYSTEMD = sys.argv[2]\ncli.main(sys.argv[3:])"
)


@pytest.fixture
def said(blit: Blit, tmp_path: Path) -> Path:
    """Where the stand-in writes; it is found before the real one."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemd-inhibit").write_text(INHIBIT)
    (tmp_path / "bin/systemd-inhibit").chmod(0o755)
    blit.environment["PATH"] = f"{tmp_path}/bin:{blit.environment['PATH']}"
    blit.environment["AWAKE_LOG"] = str(tmp_path / "log")
    return tmp_path / "log"


@pytest.fixture
def slow(ram: Path) -> Iterator[Faults]:
    with fuse(ram) as faults:
        make(faults.below, {"src": {f"f{n:02}": b"x" * 20_000 for n in range(60)}})
        faults.hurt({"op": "read", "delay": 0.2})
        yield faults


def start(blit: Blit, after: float, systemd: Path, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(after), str(systemd), "copy", *map(str, words)],
        env=blit.environment, stderr=subprocess.PIPE,
    )  # fmt: skip


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_long_run_holds_the_lock_to_its_end(
    blit: Blit, said: Path, slow: Faults, ram: Path, tmp_path: Path
) -> None:
    run = start(blit, 0.1, tmp_path, f"{slow.point}/src/", ram / "dst")
    until(lambda: lines(said), "the lock is asked for")
    assert lines(said) == ["--what=sleep --who=blit --why=copy --mode=block cat"]
    slow.hurt()
    assert run.communicate(timeout=60)[1] == b"" and run.returncode == 0
    until(lambda: lines(said)[-1] == "released", "the lock is given back")


def test_a_killed_run_leaves_no_lock(
    blit: Blit, said: Path, slow: Faults, ram: Path, tmp_path: Path
) -> None:
    run = start(blit, 0.1, tmp_path, f"{slow.point}/src/", ram / "dst")
    until(lambda: lines(said), "the lock is asked for")
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    until(lambda: lines(said)[-1] == "released", "the lock is given back")


@pytest.mark.parametrize("case", ["short", "no systemd", "not allowed"])
def test_without_it_the_copy_is_the_same(
    blit: Blit, said: Path, slow: Faults, ram: Path, tmp_path: Path, case: str
) -> None:
    if case == "not allowed":
        (tmp_path / "bin/systemd-inhibit").write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    slow.hurt({"op": "read", "delay": 0.01})
    after, systemd = (60 if case == "short" else 0), tmp_path / ("no" * (case == "no systemd"))
    run = start(blit, after, systemd, f"{slow.point}/src/", ram / "dst")
    assert run.communicate(timeout=60)[1] == b"" and run.returncode == 0
    assert lines(said) == [] and len(os.listdir(ram / "dst")) == 60
