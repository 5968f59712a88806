"""What is written past Textual: title, progress, and that all of it is taken back."""

from __future__ import annotations

import signal

import pytest

from blit import restore
from blit.terminal import POP, PUSH, Terminal, shows_progress

CAN = {"TERM": "xterm-256color", "WT_SESSION": "1"}


class Screen:
    def __init__(self, environment: dict[str, str]) -> None:
        self.said: list[str] = []
        self.terminal = Terminal(self.said.append, environment)


def test_title_and_progress_are_said_once_and_taken_back() -> None:
    screen = Screen(CAN)
    screen.terminal.begin()
    for _ in range(3):
        screen.terminal.title("blit 58 % Photos")
        screen.terminal.progress("normal", 58.4)
    screen.terminal.end()
    screen.terminal.end()
    assert screen.said == [
        PUSH, "\x1b]2;blit 58 % Photos\x07", "\x1b]9;4;1;58\x07", "\x1b]9;4;0;\x07", POP,
    ]  # fmt: skip


def test_after_a_suspension_it_is_all_there_again() -> None:
    screen = Screen({"TERM": "xterm"})
    screen.terminal.begin()
    screen.terminal.title("blit")
    screen.terminal.end()
    screen.terminal.begin()
    assert screen.said == [PUSH, "\x1b]2;blit\x07", POP, PUSH, "\x1b]2;blit\x07"]


def test_nothing_is_said_before_the_beginning_or_on_a_dumb_terminal() -> None:
    screen = Screen(CAN)
    screen.terminal.title("x")
    screen.terminal.progress("normal", 1)
    dumb = Screen({"TERM": "dumb"})
    dumb.terminal.begin()
    dumb.terminal.title("x")
    dumb.terminal.progress("normal", 1)
    dumb.terminal.end()
    assert screen.said == dumb.said == []


def test_a_name_in_the_title_is_inert() -> None:
    screen = Screen({"TERM": "xterm"})
    screen.terminal.begin()
    screen.terminal.title("bad \x1b]0;pwn\x07 \x9b \u202e")
    assert screen.said[-1] == "\x1b]2;bad \\x1b]0;pwn\\x07 \\x9b \\u202e\x07"


@pytest.mark.parametrize(
    ("environment", "shows"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM_PROGRAM": "iTerm.app"}, False),  # 3.6.5 made thousands of notifications of it
        ({"WT_SESSION": "x"}, True),
        ({"ConEmuANSI": "ON"}, True),
        ({"ConEmuANSI": "OFF"}, False),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM_PROGRAM": "WezTerm"}, True),
        ({"VTE_VERSION": "7900"}, True),
        ({"VTE_VERSION": "7600"}, False),
        ({"WT_SESSION": "x", "TMUX": "/tmp/x"}, False),
        ({"WT_SESSION": "x", "TERM": "screen-256color"}, False),
    ],
)
def test_who_shows_progress(environment: dict[str, str], shows: bool) -> None:
    assert shows_progress(environment) is shows


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TERM": "xterm"}, []),
        ({"TERM": "xterm-kitty"}, ["\x1b]99;;blit: a, b \\x1b: done\x1b\\"]),
        ({"TERM_PROGRAM": "iTerm.app"}, ["\x1b]9;blit: a, b \\x1b: done\x07"]),
        ({"VTE_VERSION": "7600"}, ["\x1b]777;notify;blit;a, b \\x1b: done\x07"]),
        ({"TERM": "foot"}, ["\x1b]777;notify;blit;a, b \\x1b: done\x07"]),
        ({"VTE_VERSION": "7600", "TMUX": "/tmp/x"}, []),
    ],
)
def test_a_notification_where_one_is_known(environment: dict[str, str], said: list[str]) -> None:
    screen = Screen(environment)
    screen.terminal.notify("too early")
    screen.terminal.begin()
    screen.said.clear()
    screen.terminal.notify("a; b \x1b: done")
    assert screen.said == said


def test_ctrl_z_after_the_screen_is_what_it_was_before() -> None:
    before = signal.getsignal(signal.SIGCONT)
    saved = restore.Saved()
    signal.signal(signal.SIGCONT, lambda *_: None)  # as the screen does
    saved.job_control()
    assert signal.getsignal(signal.SIGCONT) is before
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
