"""What the table of docs/safety.md says of blit is what it does, fault by fault."""

from __future__ import annotations

import re

import pytest
from beside import FAULTS, cell, tools
from conftest import requires_linux_backend
from test_safety_page import compared

pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if not fault.slow])
def test_the_table_tells_the_truth_about_blit(name: str) -> None:
    """Without the sync in Copier.flush the power cut on xfs fails; the rest has tests of its own.

    What hangs takes ten seconds and is left to test_stall.py and test_phases.py.
    """
    requires_linux_backend("the table is of Linux's own")
    blit = tools()[0]
    assert plain(cell(name, blit)) == plain(compared()[FAULTS[name].title]["blit"])


def plain(said: str) -> str:
    """How many files a power cut takes is the kernel's choice."""
    return re.sub(r"\d+ of \d+", "some", said)
