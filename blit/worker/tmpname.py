"""Temporary names: recognisable, at most 31 bytes; they say which run made them, and if it lives.

`.blit-` machine(4) pid(5) start(6) `-` worker(2) number(1..7), all in base 36. 31 bytes because a
longer name would not fit the kernel's inline dentry name, and short enough for any filesystem,
since a suffix on a 255-byte name would not be.
"""

from __future__ import annotations

from blit.worker import system

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
PREFIX = ".blit-"
_TOKEN = 15


def base36(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text


def run_token(pid: int) -> str:
    """The token of the run whose main process is `pid`."""
    start = system.process_start(pid) or 0
    return base36(system.machine(), 4) + base36(pid, 5) + base36(start, 6)


def is_temporary(name: str) -> bool:
    if not name.startswith(PREFIX):
        return False
    rest = name[len(PREFIX) :]
    return (
        _TOKEN + 4 <= len(rest) <= _TOKEN + 10
        and rest[_TOKEN] == "-"
        and all(c in _DIGITS for c in rest[:_TOKEN] + rest[_TOKEN + 1 :])
    )


def is_dead(name: str) -> bool:
    """Whether the run that made this temporary has ended. False where that cannot be known."""
    token = name[len(PREFIX) : len(PREFIX) + _TOKEN]
    if token[:4] != base36(system.machine(), 4):
        return False
    pid = int(token[4:9], 36)
    start = system.process_start(pid)
    return start is None or base36(start, 6) != token[9:15]


def of_other_machine(name: str) -> bool:
    return name[len(PREFIX) : len(PREFIX) + 4] != base36(system.machine(), 4)


def worker_prefix(token: str, slot: int) -> str:
    """What all temporaries of one worker of one run begin with."""
    return f"{PREFIX}{token}-{base36(slot, 2)}"


class Names:
    """The next free temporary name of this worker."""

    def __init__(self, token: str, slot: int) -> None:
        self.prefix = worker_prefix(token, slot)
        self.number = 0  # slots are never used twice in a run, so no two workers share a prefix

    def next(self) -> str:
        self.number += 1
        return f"{self.prefix}{self.number:x}"
