"""The one switch between systems: callers import from here and never ask which system it is."""

import sys

if sys.platform == "linux":
    from blit.worker.linux import *  # noqa: F403
    from blit.worker.linux import CANNOT as CANNOT
else:
    from blit.worker.portable import *  # noqa: F403
