"""What comes from the terminal and is no key, and being stopped by others than oneself."""

from __future__ import annotations

import os
import signal
import termios
import time
from collections.abc import Iterator

import pytest
from conftest import BLIT, Blit, until
from terminal import Terminal

pytestmark = pytest.mark.slow


@pytest.fixture
def screen(blit: Blit) -> Iterator[Terminal]:
    with Terminal([*BLIT], blit.environment, 80, 24) as terminal:
        terminal.sees(lambda text: "Nothing to do yet" in text and text.endswith("palette"))
        yield terminal


def answers(terminal: Terminal) -> None:
    """Keys are keys, each once; but for those that come right behind what is none."""
    end = time.monotonic() + 20
    while "Keys and signs" not in terminal.text and time.monotonic() < end:
        terminal.type("?")
        try:
            terminal.sees("Keys and signs", 3)
        except AssertionError:
            continue
    terminal.sees("Keys and signs")
    terminal.type("?")
    terminal.sees(lambda text: "Keys and signs" not in text)


def leaves(terminal: Terminal) -> None:
    terminal.type("q")
    assert terminal.ends() == 0 and terminal.is_restored()
    assert "broke" not in terminal.said and "Traceback" not in terminal.said


def test_bytes_that_are_no_keys_break_nothing(screen: Terminal) -> None:
    """Without run_input_thread of tui/driver.py the first of them ends the screen."""
    for noise in (
        b"\xff\xfe",  # a terminal that does not speak UTF-8
        b"\x1b[M\xa0\xa0\xa0",  # its mouse
        b"\x1b[99999999999~", b"\x1b[:P", b"\x1b[5529648A",  # numbers that no key has
        b"\x1b[200~caf\xe9 qqqq\r\x1b[201~",  # pasted
    ):  # fmt: skip
        screen.type(noise)
        time.sleep(0.4)  # a key right behind it would be dropped with it
        answers(screen)
    leaves(screen)


def test_what_was_pasted_with_them_does_nothing(screen: Terminal) -> None:
    """Without _drop of tui/driver.py the q leaves."""
    screen.type(b"\x1b[200~\xe9" + b"." * 6000 + b"q" * 2000 + b"\x1b[201~")
    time.sleep(0.4)
    answers(screen)
    leaves(screen)


def raw(terminal: Terminal) -> bool:
    return not termios.tcgetattr(terminal.slave)[3] & termios.ICANON


def test_stopped_by_a_debugger_or_a_freezer(screen: Terminal) -> None:
    """Without resume_application_mode of tui/driver.py two threads read the keys, and the terminal
    stays raw at the end."""
    for _ in range(2):
        os.kill(screen.process.pid, signal.SIGSTOP)
        screen.resize(*((100, 30) if screen.cells.width == 80 else (80, 24)))
        os.kill(screen.process.pid, signal.SIGCONT)
        screen.sees(lambda text: text.endswith("palette") and "Nothing to do yet" in text)
        for _ in range(3):
            answers(screen)
    assert raw(screen)
    leaves(screen)


def test_suspended_from_outside_and_brought_back(screen: Terminal) -> None:
    os.kill(screen.process.pid, signal.SIGTSTP)
    until(lambda: not raw(screen) and 1049 not in screen.cells.modes, "the terminal is given back")
    os.kill(screen.process.pid, signal.SIGCONT)
    screen.sees(lambda text: text.endswith("palette") and "Nothing to do yet" in text)
    answers(screen)
    leaves(screen)


def test_another_size_and_back_at_once(screen: Terminal) -> None:
    """What the terminal has cut off meanwhile is drawn anew; without BlitApp.on_resize it is not."""
    before = screen.text
    for _ in range(3):
        screen.resize(60, 15)
        screen.resize(80, 24)
        screen.sees(before)
    leaves(screen)
