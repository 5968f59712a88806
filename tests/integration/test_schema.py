"""docs/events.schema.json is what blit/events.py says, and what `--json` really prints keeps to it."""

from __future__ import annotations

import json
import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from conftest import Blit
from pydantic import ValidationError
from trees import File, make

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "event_schema"


def script() -> Any:
    loader = SourceFileLoader("event_schema", str(SCRIPT))
    spec = spec_from_loader("event_schema", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_file_is_current() -> None:
    made = script()
    assert made.PLACE.read_text() == made.schema(), "run scripts/event_schema"


def test_real_logs_keep_to_it(blit: Blit, ram: Path) -> None:
    """Every type that runs without a fault and one with failures say, each line of it."""
    make(
        ram,
        {
            "src": {
                b"bad\xff": b"x", "big": File(size=4 << 20),
                "d": {f"f{n}": b"y" * n for n in range(300)}, "conflict": {"x": b""},
            },
            "dst": {"extra": b"z", "conflict": b"a file"},
        },
    )  # fmt: skip
    lines = script().lines()
    seen = set()
    runs = [
        blit.json("copy", "-v", "--durable", f"{ram}/src/", ram / "dst", code=3),
        blit.json("mirror", "--yes", f"{ram}/src/", ram / "dst"),
        blit.json("mirror", "-n", f"{ram}/src/", ram / "dst"),
        blit.json("copy", ram / "nothing", ram / "dst", code=1),
        blit.json("copy", "--max-delete", code=2),
    ]
    for run in runs:
        for number, event in enumerate(run.events):
            lines.validate_python(event)
            assert (event.get("schema") == 1) == (number == 0)
            seen.add(event["type"])
        assert run.events[-1]["type"] == "summary"
    assert seen >= {
        "run_started", "route_chosen", "batch_planned", "plan_finished", "batch_started",
        "batch_finished", "failed", "deletion_planned", "mirror_finished", "flushing",
        "run_finished", "summary",
    }  # fmt: skip


def test_what_it_does_not_know_is_wrong() -> None:
    lines = script().lines()
    good = {"type": "paused", "elapsed": 1.0}
    lines.validate_python(good)
    for bad in (good | {"more": 1}, {"type": "paused"}, good | {"elapsed": "1"}, {"type": "x"}):
        with pytest.raises(ValidationError):
            lines.validate_python(bad)


def test_a_schema_validator_takes_the_file(blit: Blit, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(script().PLACE.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    make(tmp_path / "src", {os.fsdecode(b"\xff"): b"x"})
    for event in blit.json("copy", "-v", f"{tmp_path}/src/", tmp_path / "dst").events:
        validator.validate(event)
