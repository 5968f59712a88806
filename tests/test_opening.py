"""The screen is imported without the garbage collector, which works again whatever becomes of it."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterator

import pytest

from blit import opening
from blit.session import Session
from blit.tui.messages import Choice


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    pace = sys.getswitchinterval()
    yield
    gc.enable()
    sys.setswitchinterval(pace)


def test_a_screen_that_never_stands_leaves_no_process_without_a_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without `over` in session.py the engine would go on for hours and free no cycle."""
    opening.import_screen()
    assert not gc.isenabled()
    monkeypatch.setitem(sys.modules, "blit.tui.app", None)  # an ImportError
    said = io.StringIO()
    session = Session(1, (said, said), history=False)
    try:
        assert session.show(None) == Choice.GO_ON
        assert "the screen broke" in said.getvalue()
        assert gc.isenabled()
    finally:
        session.end()
        session.manager.join_loop()
