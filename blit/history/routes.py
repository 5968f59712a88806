"""The part of what was learned that chooses the route: a small file, read before all imports.

The first task leaves before the engine is imported, and it depends on the route. So this stands
beside `perf_model.json`, made from it after each run; where it is missing or damaged a run begins
as the first one did. Read while the first look is under way: nobody waits for it. Lines of words
and numbers, since the import of json takes as long as the whole look:

    blit routes 2
    profile NAME
    serial BASE FILE MIB UNCHANGED RUNS      (batch the same; predict.Cost)
    workers NUMBER
    way BASE FILE MIB UNCHANGED RUNS NAME
    large RUNS BYTES_A_SECOND NAME
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blit.history.memory import Known, Memory
    from blit.history.predict import Cost

_FIRST = "blit routes 2"
_CAP = 64 << 10  # bytes


def path() -> str:
    from blit import settings

    return os.path.join(settings.config_folder(), "perf_routes.txt")


def read(enabled: bool = True) -> Mapping[str, Any]:
    """What is known, by profile. Empty without a history; never raises."""
    try:
        from blit import settings

        if not enabled or settings.no_history():
            return {}
        # never waits, whatever lies there
        fd = os.open(path(), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            content = file.read(_CAP + 1)
        return _parsed(content.decode("utf-8")) if len(content) <= _CAP else {}
    except Exception:  # a route is not worth a copy
        return {}


def _parsed(text: str) -> dict[str, Any]:
    first, *lines = text.splitlines()
    if first != _FIRST:
        return {}
    profiles: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for line in lines:
        what, _, rest = line.partition(" ")
        if what == "profile":
            known = profiles[rest] = {"ways": {}, "large": {}}
        elif what == "way":
            *cost, name = rest.split(" ", 5)
            known["ways"][name] = _numbers(cost)
        elif what == "large":
            *rate, name = rest.split(" ", 2)
            known["large"][name] = _numbers(rate)
        elif what == "workers":
            known[what] = int(rest)
        else:
            known[what] = _numbers(rest.split())
    return profiles


def _numbers(words: Sequence[str]) -> list[float]:
    return [float(word) for word in words]


def write(memory: Memory) -> None:
    """In one step, under the lock of the model. OSError."""
    lines = [_FIRST]
    for name, known in memory.profiles.items():
        lines += [f"profile {name}", *_lines(known)]
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    new = f"{path()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(new, flags, 0o600)
    try:
        if os.write(fd, content) != len(content):  # half of it could be read as something else
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), new)
        os.replace(new, path())
    except OSError:
        os.unlink(new)
        raise
    finally:
        os.close(fd)


def forget() -> None:
    """OSError."""
    try:
        os.unlink(path())
    except (FileNotFoundError, NotADirectoryError):
        pass


def _lines(known: Known) -> Iterator[str]:
    from blit.history import predict

    yield f"serial {_cost(known.serial)}"
    yield f"batch {_cost(known.batch)}"
    yield f"workers {predict.start(known.workers)[0]}"
    for way, cost in known.ways.items():
        if way.startswith(("direct", predict.FEW)):
            yield f"way {_cost(cost)} {way}"
    for how, rate in known.large.items():
        yield f"large {rate.runs} {round(rate.bytes_s)} {how}"


def _cost(cost: Cost) -> str:
    return " ".join(f"{value:.6g}" for value in cost[:5])
