"""The full screen on a real terminal: start, watch, pause, stop, leave, resize, signals, a freeze."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import BLIT, Blit, until, workers_of
from hurt import Faults, fuse
from terminal import Cells, Terminal
from trees import assert_same, make

Start = Callable[..., Terminal]

pytestmark = pytest.mark.slow

FILES = 120
SLOW = {"op": "read", "delay": 0.2}  # a file a worker


@pytest.fixture
def start(blit: Blit) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(
            *arguments: object,
            width: int = 120,
            height: int = 36,
            env: dict[str, str] | None = None,
        ) -> Terminal:
            words = [w if isinstance(w, bytes) else str(w) for w in arguments]
            environment = blit.environment | (env or {})
            return stack.enter_context(Terminal([*BLIT, *words], environment, width, height))

        yield begin


@pytest.fixture
def slow(ram: Path) -> Iterator[Faults]:
    """A source that gives ten files a second, or more with more workers."""
    with fuse(ram) as faults:
        make(faults.below, {"src": {f"f{n:03}": b"x" * 20_000 for n in range(FILES)}})
        faults.hurt(SLOW)
        yield faults


def arrived(dst: Path) -> int:
    return (
        sum(1 for name in os.listdir(dst) if not name.startswith(".blit-")) if dst.exists() else 0
    )


def opened(terminal: Terminal) -> str:
    return terminal.sees(
        lambda _: 1049 in terminal.cells.modes and "Transfers" in terminal.cells.text
    )


# -- start and watch ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=str)
def test_a_long_copy_opens_the_screen_by_itself_and_moves(
    start: Start, slow: Faults, ram: Path, size: tuple[int, int]
) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst", width=size[0], height=size[1])
    opened(terminal)
    took = time.monotonic() - terminal.began
    assert arrived(ram / "dst")  # the copy had begun before the first frame
    assert took < 3  # 0.6 s where nothing else runs
    for what in (r"of (≥ )?120", r"src/", r"\d+ ?%", r"[▁▂▃▄▅▆▇█]", r"B/s"):
        terminal.sees(lambda text, what=what: re.search(what, text), 5)
    first = arrived(ram / "dst")
    until(lambda: arrived(ram / "dst") > first, "files keep coming")
    slow.hurt()
    terminal.sees("done")
    terminal.type("q")
    assert terminal.ends() == 0 and terminal.is_restored()
    assert "copied 120 files, 2.4 MB" in terminal.text
    assert f"{slow.point}/src/ → {ram}/dst" in terminal.text.replace("\n", "")
    slow.hurt()
    assert_same(slow.below / "src", ram / "dst")


def test_a_short_copy_says_what_it_says_without_a_screen(start: Start, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(20)})
    terminal = start("copy", f"{ram}/src/", ram / "dst", env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert terminal.ends() == 0
    bare = start("copy", "--no-tui", f"{ram}/src/", ram / "other")
    assert bare.ends() == 0
    assert "\x1b[?1049h" not in terminal.said
    times = re.compile(r"in [^)\n]*\)?")
    said = times.sub("", terminal.said.replace(f"{ram}/dst", f"{ram}/other"))
    assert said == times.sub("", bare.said) and "copied 20 files" in said


def test_tui_opens_it_at_once_and_other_wishes_do_not(start: Start, ram: Path) -> None:
    make(ram / "src", {"a": b"a"})
    terminal = start("copy", "--tui", ram / "src", ram / "dst")
    opened(terminal)
    terminal.sees("done")
    terminal.type("q")
    assert terminal.ends() == 0 and "copied 1 file" in terminal.text
    for more in ({"TERM": "dumb"}, {"CI": "1"}):
        other = start("copy", ram / "src", ram / f"dst{len(more)}", env=more)
        assert other.ends() == 0 and "\x1b[?1049h" not in other.said


def test_alone_it_is_the_manager_and_q_leaves(start: Start) -> None:
    terminal = start()
    opened(terminal)
    terminal.type("q")
    assert terminal.ends() == 0 and terminal.is_restored()
    assert "Traceback" not in terminal.said


def test_names_are_inert(start: Start, slow: Faults, ram: Path) -> None:
    """On the screen and afterwards: nothing of a name reaches the terminal as a command."""
    evil = b"oops] \x1b]0;pwn\x07 [red]\xff"
    make(slow.below / "src", {b"bad [": {evil: b"x"}, b"also \x9b2J": b"y"})
    make(ram / "dst", {b"bad [": {evil: {"in the way": b"x"}}})
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    terminal.sees("✗ 1")
    slow.hurt()
    terminal.sees("1 problem")
    terminal.type("p")
    terminal.sees("errno")
    terminal.type("q")
    terminal.type("q")
    assert terminal.ends() == 3 and terminal.is_restored()
    assert "]0;pwn" in terminal.said and "\x1b]0;pwn" not in terminal.said
    assert "\x9b" not in terminal.said and not any(
        "pwn" in title and title.startswith("0;") for title in terminal.cells.titles
    )
    assert "oops" in terminal.text and "finished with 1 problem" in terminal.text


# -- pause, stop, leave ---------------------------------------------------------------------------


def test_space_pauses_the_bytes_and_no_stall_is_called(
    start: Start, slow: Faults, ram: Path
) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    until(lambda: arrived(ram / "dst") > 3, "the copy is on its way")
    terminal.type(" ")
    terminal.sees("paused")
    time.sleep(1)  # what was in hand
    stands = arrived(ram / "dst")
    time.sleep(12)  # longer than the stall rule allows
    assert arrived(ram / "dst") == stands < FILES
    assert terminal.process.poll() is None and "paused" in terminal.text
    terminal.type(" ")
    until(lambda: arrived(ram / "dst") > stands, "it goes on")
    slow.hurt()
    terminal.sees("done")
    terminal.type("q")
    assert terminal.ends() == 0


def test_leaving_asks_and_finishing_stops_safely(start: Start, slow: Faults, ram: Path) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    terminal.type("q")
    terminal.sees("A transfer is still running")
    terminal.type("\x1b[B\x1b[B\r")  # the third: finish the files in hand
    assert terminal.ends() == 130 and terminal.is_restored()
    assert "interrupted" in terminal.text and "the same command goes on" in terminal.text.replace(
        "\n", " "
    )
    assert 0 < arrived(ram / "dst") < FILES
    assert not [name for name in os.listdir(ram / "dst") if name.startswith(".blit-")]


def test_leaving_the_screen_the_copy_goes_on_in_the_terminal(
    start: Start, slow: Faults, ram: Path
) -> None:
    make(ram / "dst", {"f119": {"in the way": b"x"}, "f000": {"in the way": b"x"}})
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    until(lambda: arrived(ram / "dst") > 8, "the copy is on its way")
    terminal.type("q")
    terminal.sees("still running")
    terminal.type("\x1b[B\r")
    terminal.sees(lambda _: 1049 not in terminal.cells.modes)
    assert terminal.process.poll() is None
    terminal.sees(lambda text: "of 120 files" in text or "of 118 files" in text)  # the bar goes on
    slow.hurt()
    assert terminal.ends() == 3 and terminal.is_restored()
    assert (
        "f000: " in terminal.text
        and "f119: " in terminal.text
        and "copied 118 files" in terminal.text
    )
    assert arrived(ram / "dst") == FILES


def test_a_mirrors_open_question_is_asked_again_in_the_terminal(
    start: Start, slow: Faults, ram: Path
) -> None:
    make(ram / "dst", {"extra": b"x"})
    terminal = start("mirror", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    terminal.sees(lambda text: "delete" in text.lower() or "▲" in text)
    terminal.type("q")
    terminal.sees("still running")
    terminal.type("\x1b[B\r")
    terminal.sees("[y/N]")
    slow.hurt()
    terminal.type("y\r")
    assert terminal.ends() == 0
    assert not (ram / "dst" / "extra").exists() and arrived(ram / "dst") == FILES


def test_two_quick_ctrl_c_stop_now(start: Start, slow: Faults, ram: Path) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    terminal.type("\x03")
    terminal.sees("still running")
    terminal.type("\x03")
    assert terminal.ends(10) == 130 and terminal.is_restored()


# -- the terminal itself --------------------------------------------------------------------------


def test_resize_at_any_time(start: Start, slow: Faults, ram: Path, blit: Blit) -> None:
    """Also where the shell exports the size that it began with: without terminal.measure_itself
    this fails."""
    blit.environment |= {"COLUMNS": "80", "LINES": "24"}
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    for width, height in ((80, 24), (60, 15), (200, 60), (30, 8), (120, 36)):
        terminal.resize(width, height)
        if width < 60:
            terminal.sees("60x15")
        else:  # the footer ends at the right end of the last row of exactly this terminal
            end = f"\n.{{{width - 9}}} palette$"
            terminal.sees(lambda text, end=end: re.search(end, text) and "blit" in text)
            assert terminal.text.count("\n") == height - 1
    slow.hurt()
    terminal.sees("done")
    terminal.type("q")
    assert terminal.ends() == 0 and terminal.is_restored()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)]
)
@pytest.mark.parametrize("when", ["before the screen", "on the screen"])
def test_signals_restore_the_terminal(
    start: Start, slow: Faults, ram: Path, number: int, code: int, when: str
) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    if when == "on the screen":
        opened(terminal)
    until(lambda: arrived(ram / "dst"), "the copy is on its way")
    workers = workers_of(terminal.process.pid)
    began = time.monotonic()
    os.kill(terminal.process.pid, number)
    assert terminal.ends(8) == code and time.monotonic() - began < 6
    assert terminal.is_restored() and "Traceback" not in terminal.said
    assert "interrupted" in terminal.text
    assert not [name for name in os.listdir(ram / "dst") if name.startswith(".blit-")]
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), "the workers leave")


def test_a_signal_on_the_manager_alone(start: Start) -> None:
    terminal = start()
    opened(terminal)
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.ends(5) == 143 and terminal.is_restored()


def test_a_terminal_that_stops_reading_does_not_stop_the_copy(
    start: Start, slow: Faults, ram: Path
) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    terminal.freeze()
    slow.hurt({"op": "read", "delay": 0.25})
    frozen = time.monotonic()
    seen = [arrived(ram / "dst")]
    while time.monotonic() - frozen < 15 and seen[-1] < FILES:
        time.sleep(3)
        seen.append(arrived(ram / "dst"))
    assert all(b > a for a, b in pairwise(seen))
    time.sleep(max(0.0, frozen + 15 - time.monotonic()))
    terminal.thaw()
    slow.hurt()
    terminal.sees("done")
    terminal.type("q")
    assert terminal.ends() == 0 and "copied 120 files" in terminal.text


def test_a_terminal_that_vanishes_without_a_signal_is_left(
    slow: Faults, ram: Path, blit: Blit
) -> None:
    """It was not the controlling one: nobody sends SIGHUP, and reading from it never waits."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*BLIT, "copy", "--tui", f"{slow.point}/src/", str(ram / "dst")], start_new_session=True,
        stdin=slave, stdout=slave, stderr=slave, env=blit.environment | {"TERM": "xterm-256color"},
    )  # fmt: skip
    try:
        os.close(slave)
        said = b""
        while b"?1049h" not in said:
            said += os.read(master, 1 << 16)
        until(lambda: arrived(ram / "dst"), "the copy is on its way")
        os.close(master)
        assert process.wait(10) == 143
    finally:
        process.kill()
        process.wait()


def test_a_frozen_terminal_is_left_by_a_signal(start: Start, slow: Faults, ram: Path) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    terminal.freeze()
    time.sleep(4)  # until its buffer and Textual's are full
    began = time.monotonic()
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.process.wait(10) == 143 and time.monotonic() - began < 8
    terminal.thaw()
    assert terminal.ends() == 143
    assert terminal.is_restored()


def test_a_screen_that_breaks_hands_over(
    start: Start, slow: Faults, ram: Path, tmp_path: Path
) -> None:
    """A defect of a drawing, made here: the copy goes on, one sentence says so, no traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, sys\n"
        "class Break(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'blit.tui.widgets.speed':\n"
        "            import threading\n"
        "            def later():\n"
        "                from blit.tui.app import BlitApp\n"
        "                def broken(self, chart=False): raise ZeroDivisionError('drawn badly')\n"
        "                BlitApp.tick = broken\n"
        "            threading.Timer(1.0, later).start()\n"
        "sys.meta_path.insert(0, Break())\n"
    )
    terminal = start("copy", f"{slow.point}/src/", ram / "dst", env={"PYTHONPATH": str(tmp_path)})
    opened(terminal)
    terminal.sees(lambda _: 1049 not in terminal.cells.modes)
    terminal.sees("the screen broke")
    assert terminal.process.poll() is None
    slow.hurt()
    assert terminal.ends() == 0 and terminal.is_restored()
    assert "copied 120 files" in terminal.text and "Traceback" not in terminal.said


# -- the rest -------------------------------------------------------------------------------------


def test_a_stall_ends_with_its_code_and_the_terminal_restored(
    start: Start, slow: Faults, ram: Path
) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    slow.hurt({"op": "read", "hang": True})
    terminal.sees(lambda text: re.search(r"stalled|nothing moved", text), 25)
    terminal.sees(lambda text: "■" in text or "✗" in text or "stalled" in text, 25)
    until(lambda: "stalled" in terminal.text, "the end", 25)
    terminal.type("q")
    code = terminal.ends(25)
    slow.hurt()
    assert code == 5 and terminal.is_restored()


def still(folder: Path) -> bool:
    """Whether nothing arrives for half a second."""
    before = arrived(folder)
    time.sleep(0.5)
    return arrived(folder) == before


def test_the_queue_survives_a_kill(start: Start, slow: Faults, ram: Path, blit: Blit) -> None:
    terminal = start("copy", f"{slow.point}/src/", ram / "dst")
    opened(terminal)
    path = Path(blit.environment["BLIT_CONFIG_DIR"]) / "queue.json"
    until(path.exists, "the queue file")
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait(10)
    until(lambda: b'"src' in path.read_bytes() or b"src/" in path.read_bytes(), "what ran is in it")
    until(lambda: still(ram / "dst"), "the workers of what was killed end")
    again = start()
    opened(again)
    again.sees("src/")
    before = arrived(ram / "dst")
    time.sleep(1)
    assert arrived(ram / "dst") == before  # nothing starts by itself
    again.type("q")
    assert again.ends() == 0


def test_a_recording_is_shown_again(start: Start, blit: Blit, ram: Path, tmp_path: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" * 1000 for n in range(200)})
    done = blit.json("copy", f"{ram}/src/", ram / "dst")
    (tmp_path / "log").write_bytes(done.out)
    terminal = start("replay", tmp_path / "log")
    opened(terminal)
    terminal.sees("done")
    terminal.sees("200 files")
    terminal.type("q")
    assert terminal.ends() == 0 and terminal.is_restored()


# -- what is not imported --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["--help"], ["copy", "--help"], ["--version"], ["copy", "--no-tui", "A", "B"]]
)
def test_without_a_screen_nothing_heavy_is_loaded(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "A").write_bytes(b"a")
    code = (
        "import os, sys\n"
        "from blit import cli, console\n"
        "heavy = {'textual', 'rich', 'pydantic', 'multiprocessing'}\n"
        "console.leave = lambda code: print('LOADED', *sorted(heavy & set(sys.modules)))\n"
        f"cli.main({arguments!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.stdout.splitlines()[-1].split() == ["LOADED"], done


def test_the_terminal_of_these_tests_knows_its_sequences() -> None:
    cells = Cells(10, 3)
    for char in "\x1b[?1049h\x1b[2;3Hab\x1b[31;1mc\x1b[1;1Hx\x1b]0;t\x07\x1b[2;1H\x1b[K":
        cells.feed(char)
    assert cells.text == "x\n\n" and cells.modes == {1049} and cells.titles == ["0;t"]
    cells.feed("\x1b[3;1H1234567890A")
    assert cells.text == "\n1234567890\nA"
