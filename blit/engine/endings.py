"""The sentence with which a run ends that could not go on."""

from __future__ import annotations

import errno
import os

from blit.engine import space
from blit.events import Failed

_AGAIN = "run the same command again, it will go on"
_ADVICE = {
    errno.ENOSPC: f"no space is left there: free some and {_AGAIN}",
    errno.EDQUOT: f"your quota there is used up: free some space and {_AGAIN}",
    errno.EROFS: "the destination is mounted read-only, or has become so after a write error "
    f"(dmesg tells): when it can be written again, {_AGAIN}",
}


def defect(trace: str) -> str:
    """One sentence; the trace is for who asks for it."""
    if os.environ.get("BLIT_DEBUG"):
        return trace
    last = trace.strip().rpartition("\n")[2]
    return f"internal error ({last}); BLIT_DEBUG=1 shows where, please report it"


def fatal(failure: Failed) -> str:
    path = os.fsdecode(failure.path)
    if failure.step == "lock":
        return f"{path} {failure.message}"
    if failure.step == space.STEP:
        return f"{path}: {failure.message}"
    if "inodes" in failure.message:
        return f"{path}: no inodes are left there: remove some files and {_AGAIN}"
    return f"{path}: {_ADVICE.get(failure.errno, failure.message)}"
