"""The one switch between systems: callers import from here and never ask which system it is."""

import os
import sys

if sys.platform == "linux":
    from blit.worker.linux import *  # noqa: F403
    from blit.worker.linux import CANNOT as CANNOT
else:
    from blit.worker.portable import *  # noqa: F403


def let_go(*fds: int) -> None:
    """Close what was only read, or is given up: no error of that says anything about a copy.

    What was written is closed by `os.close`, whose error is a write error. Below 0: not open.
    """
    for fd in fds:
        if fd >= 0:
            try:
                os.close(fd)
            except OSError:
                pass
