"""Where blit keeps what it remembers, and the few lasting choices; every failure means defaults."""

from __future__ import annotations

import os
from pathlib import Path


def config_dir() -> Path:
    """Settings and the performance history; not made here. BLIT_CONFIG_DIR moves it."""
    given = os.environ.get("BLIT_CONFIG_DIR")
    if given:
        return Path(given)
    from platformdirs import user_config_path

    return user_config_path("blit", appauthor=False)


def state_dir() -> Path:
    """The queue of transfers; not made here. Beside the settings where BLIT_CONFIG_DIR is set."""
    given = os.environ.get("BLIT_CONFIG_DIR")
    if given:
        return Path(given)
    from platformdirs import user_state_path

    return user_state_path("blit", appauthor=False)
