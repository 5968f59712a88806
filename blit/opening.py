"""Imports the full screen beside a copy that has begun already."""

from __future__ import annotations

import gc
import sys


def import_screen() -> None:
    """In a thread of its own: it takes a tenth of a second of the processor, and more."""
    gc.disable()  # 10 % of it; the app turns it on again when it stands
    # the engine's thread feeds the workers: it must not wait 5 ms, the default, at every step
    sys.setswitchinterval(0.001)
    try:
        import blit.tui.app  # noqa: F401
    except Exception:
        pass  # who opens the screen meets it again, and says so


def over() -> None:
    """The screen has ended, or never stood: its transfers may go on for hours without it."""
    gc.enable()
