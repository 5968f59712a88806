"""Inside tmux and GNU screen it is the same program: it opens, takes keys, leaves, and is hung up."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from conftest import BLIT, Blit, until
from hurt import fuse
from trees import assert_same, make

FILES = 300

pytestmark = pytest.mark.slow


class Pane(Protocol):
    """A shell in a multiplexer that nobody is attached to."""

    def type(self, text: str) -> None: ...
    def text(self) -> str: ...
    def end(self) -> None: ...


class Tmux:
    def __init__(self, env: dict[str, str], cwd: Path) -> None:
        self._base = ["tmux", "-L", f"blit-{os.getpid()}", "-f", "/dev/null"]
        self._env = env
        self._do("new-session", "-d", "-x", "120", "-y", "36", "-c", str(cwd), "exec sh")

    def _do(self, *words: str) -> str:
        done = subprocess.run(
            [*self._base, *words], env=self._env, capture_output=True, check=True, timeout=60
        )
        return done.stdout.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        self._do("send-keys", "-l", text)

    def text(self) -> str:
        return self._do("capture-pane", "-p")

    def end(self) -> None:
        subprocess.run([*self._base, "kill-server"], capture_output=True, timeout=60, check=False)


class Screen:
    def __init__(self, env: dict[str, str], cwd: Path) -> None:
        self._env, self._cwd = env | {"SCREENDIR": str(cwd / "screens")}, cwd
        (cwd / "screens").mkdir(mode=0o700)
        (cwd / "screenrc").write_text("defutf8 on\naltscreen on\nstartup_message off\n")
        self._run("-c", str(cwd / "screenrc"), "-U", "-dmS", "blit", "sh")
        until(lambda: self.text() is not None, "screen answers")

    def _run(self, *words: str) -> int:
        done = subprocess.run(
            ["screen", *words], env=self._env, cwd=self._cwd, capture_output=True, timeout=60
        )
        return done.returncode

    def _do(self, *words: str) -> int:
        return self._run("-S", "blit", "-p", "0", "-X", *words)

    def type(self, text: str) -> None:
        self._do("stuff", text)

    def text(self) -> str:
        shot = self._cwd / "shot"
        shot.unlink(missing_ok=True)

        def written() -> bool:  # told again: what comes before it listens is lost
            self._do("hardcopy", str(shot))
            return shot.exists()

        until(written, "screen writes what it shows")
        return shot.read_bytes().decode("utf-8", "replace")

    def end(self) -> None:
        self._run("-S", "blit", "-X", "quit")


@pytest.fixture(params=[Tmux, Screen], ids=["tmux", "screen"])
def pane(request: pytest.FixtureRequest, blit: Blit, tmp_path: Path) -> Iterator[Pane]:
    name = "tmux" if request.param is Tmux else "screen"
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    env = {k: v for k, v in blit.environment.items() if k not in ("TMUX", "STY", "TERM", "COLUMNS")}
    (tmp_path / "pane").mkdir()
    made: Pane = request.param(env | {"PS1": "$ ", "TERM": "xterm-256color"}, tmp_path / "pane")
    yield made
    made.end()


def sees(pane: Pane, what: str | Callable[[str], object], deadline: float = 30.0) -> str:
    end, text = time.monotonic() + deadline, ""
    while time.monotonic() < end:
        text = pane.text()
        if what(text) if callable(what) else what in text:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{what!r} was not seen in {deadline:.0f} s:\n{text}")


def test_it_opens_takes_keys_and_leaves_its_report(pane: Pane, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" * 1000 for n in range(50)})
    pane.type(f"{' '.join(BLIT)} copy --tui {ram}/src/ {ram}/dst; echo code=$?\n")
    sees(pane, lambda text: "Transfers" in text and "done" in text)
    pane.type("?")
    sees(pane, lambda text: "ctrl+p" in text or "every command" in text)
    pane.type("?")
    sees(pane, lambda text: "every command" not in text)
    pane.type("q")
    said = sees(pane, "code=0")
    assert "copied 50 files" in said and "Transfers" not in said
    assert "--tui" in said  # the normal screen is back, with what stood there before
    assert_same(ram / "src", ram / "dst")


def test_when_the_session_is_closed_the_copy_ends_cleanly(
    pane: Pane, ram: Path, blit: Blit, tmp_path: Path
) -> None:
    """As a terminal that is closed, or a connection that is lost: SIGHUP, and more than one.

    When each counts, the second kills the workers, and a temporary stays.
    """
    with fuse(ram) as faults:
        make(faults.below, {"src": {f"f{n:03}": b"x" * 20_000 for n in range(FILES)}})
        faults.hurt({"op": "read", "delay": 0.2})
        pid = tmp_path / "pid"
        run = f"{' '.join(BLIT)} copy --tui {faults.point}/src/ {ram}/dst"
        pane.type(f"sh -c 'echo $$ > {pid}; exec {run}'\n")
        sees(pane, "Transfers")
        until(lambda: (ram / "dst").exists() and os.listdir(ram / "dst"), "the copy has begun")
        pane.end()
        process = Path("/proc", pid.read_text().strip())
        until(
            lambda: not process.exists() or " Z " in (process / "stat").read_text(), "it has ended"
        )
        arrived = os.listdir(ram / "dst")
        assert len(arrived) < FILES and not [name for name in arrived if name.startswith(".blit-")]
        faults.hurt()
        blit("copy", f"{faults.point}/src/", ram / "dst")
        assert_same(faults.below / "src", ram / "dst")
