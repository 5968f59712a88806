"""Temporary names: recognisable, at most 31 bytes, and they say which run made them, and where.

`.blit-` host(2) boot(2) namespace(2) pid(5) start(4) `-` worker(2) number(1..7), in base 36, the
number in hex. 31 bytes because a longer name would not fit the kernel's inline dentry name, and
short enough for any filesystem, since a suffix on a 255-byte name would not be.

That of a file worth going on with ends in `-` and a key(17) of its source, see resume.py: any later
run finds it by that. One that was left on purpose has no owner: its run is written as zeros.
"""

from __future__ import annotations

import os

from blit.worker import system

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
PREFIX = ".blit-"
TRASH = ".blit-trash"  # at the top of a destination: what was deleted or replaced there
_TOKEN = 15
KEY = 17
_NOBODY = "0" * _TOKEN
_CLOCKS = 5.0  # seconds by which a file's time and the clock may differ after a boot
_FOREIGN_NAMESPACE_AGE = 24 * 3600.0
_FOREIGN_HOST_AGE = 7 * 24 * 3600.0


def base36(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text


def run_token(pid: int) -> str:
    """The token of the run whose main process is `pid`."""
    return _place() + base36(pid, 5) + base36(system.process_start(pid) or 0, 4)


def _place() -> str:
    """Where process numbers mean something: this host, this boot, this pid namespace."""
    return "".join(base36(number, 2) for number in system.place())


def is_temporary(name: str) -> bool:
    if not name.startswith(PREFIX):
        return False
    owner, dash, rest = name[len(PREFIX) :].partition("-")
    number, mark, key = rest.partition("-")
    return (
        len(owner) == _TOKEN and dash == "-" and 3 <= len(number) <= 9
        and (len(key) == KEY or not mark) and all(c in _DIGITS for c in owner + number + key)
    )  # fmt: skip


def is_partial(name: str) -> bool:
    """Whether it is the temporary of a file worth going on with."""
    return is_temporary(name) and name[-KEY - 1] == "-" and len(name) > len(PREFIX) + _TOKEN + KEY


def disowned(name: str) -> str:
    """The name under which a temporary is left for any later run to go on with."""
    return PREFIX + _NOBODY + name[len(PREFIX) + _TOKEN :]


def is_dead(name: str, age: float) -> bool:
    """Whether the run that made this temporary has ended; `age`: seconds since it was last written.

    In this pid namespace that is certain, and so it is after a reboot. For another namespace (a
    container) or another host on a shared filesystem only the age can tell.
    """
    token = name[len(PREFIX) : len(PREFIX) + _TOKEN]
    if token == _NOBODY:
        return True
    here = _place()
    if token[:2] != here[:2]:
        return age > _FOREIGN_HOST_AGE
    if token[2:4] != here[2:4]:
        # of an earlier boot, unless it was written in this one: then by a host that looks like ours
        return age > min(system.uptime() + _CLOCKS, _FOREIGN_HOST_AGE)
    if token[4:6] != here[4:6]:
        return age > _FOREIGN_NAMESPACE_AGE
    pid = int(token[6:11], 36)
    start = system.process_start(pid)
    if start is None and _hidden(pid):
        return age > _FOREIGN_NAMESPACE_AGE
    return start is None or base36(start, 4) != token[11:15]


def _hidden(pid: int) -> bool:
    """Whether it is somebody else's process that lives and is not shown (`hidepid`)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        pass
    return False


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
