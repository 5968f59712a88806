"""The part of what was learned that chooses the route: a small file, read before all imports.

The first task leaves before the engine is imported, and it depends on the route. So this stands
beside `perf_model.json`, made from it after each run; where it is missing or damaged a run begins
as the first one did. Read while the first look is under way: nobody waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blit.history.memory import Known, Memory

VERSION = 1
_CAP = 64 << 10  # bytes


def path() -> str:
    from blit import settings

    return os.path.join(settings.config_folder(), "perf_routes.json")


def read(enabled: bool = True) -> Mapping[str, Any]:
    """What is known, by profile. Empty without a history; never raises."""
    try:
        from blit import settings

        if not enabled or settings.no_history():
            return {}
        with open(path(), "rb") as file:
            content = file.read(_CAP + 1)
        if len(content) > _CAP:
            return {}
        import json

        found = json.loads(content)
        if found["version"] != VERSION or not isinstance(found["profiles"], dict):
            return {}
        profiles: dict[str, Any] = found["profiles"]
        return profiles
    except Exception:  # a route is not worth a copy
        return {}


def write(memory: Memory) -> None:
    """In one step. OSError."""
    import json

    profiles = {name: _plain(known) for name, known in memory.profiles.items()}
    content = json.dumps({"version": VERSION, "profiles": profiles}, separators=(",", ":"))
    new = f"{path()}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(new, flags, 0o600)
    try:
        os.write(fd, content.encode("ascii"))
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


def _plain(known: Known) -> dict[str, Any]:
    from blit.history import predict
    from blit.history.stored import rounded

    ways = {
        way: rounded(cost)[:5] for way, cost in known.ways.items()
        if way.startswith(("direct", predict.FEW))
    }  # fmt: skip
    return {
        "ways": ways, "serial": rounded(known.serial)[:5], "batch": rounded(known.batch)[:5],
        "workers": predict.start(known.workers)[0],
        "large": {how: [rate.runs, round(rate.bytes_s)] for how, rate in known.large.items()},
    }  # fmt: skip
