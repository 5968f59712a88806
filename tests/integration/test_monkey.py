"""A monkey at the keys for a few seconds, with seeds that have found something; scripts/monkey goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import requires_mounts
from monkey import CAGE, session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def caged(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It may press anything, and must not be able to copy or delete anything of ours."""
    requires_mounts()
    room = tmp_path_factory.mktemp("room")
    probe = [
        *CAGE,
        str(room),
        str(room),
        sys.executable,
        "-c",
        f"open({str(Path(__file__))!r}, 'a')",
    ]
    tried = subprocess.run(probe, capture_output=True, text=True, env=os.environ, check=False)
    if "Read-only file system" not in tried.stderr:
        pytest.skip(f"no cage can be had here: {tried.stderr[-200:]}")


@pytest.mark.parametrize("seed", [20, 52])
def test_whatever_is_pressed_the_screen_answers_and_leaves_nothing_behind(
    caged: None, seed: int
) -> None:
    """What it has found so far has tests of its own: test_steady.py, test_driver.py, test_stall.py."""
    session(seed, 2.0, patience=30.0)
