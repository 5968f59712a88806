"""The one switch between systems: callers import from here and never ask which system it is.

`os` is taken from here too by whatever has an open folder in its hands, see bypath.py.
"""

import os as os
import sys

TYPE_CHECKING = False
# BLIT_BACKEND=portable is for tests: Linux as a system of which nothing special is known
if TYPE_CHECKING or (sys.platform == "linux" and os.environ.get("BLIT_BACKEND") != "portable"):
    from blit.worker.linux import *  # noqa: F403
    from blit.worker.linux import CANNOT as CANNOT
else:
    from blit.worker.portable import *  # noqa: F403
    from blit.worker.portable import os as os


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
