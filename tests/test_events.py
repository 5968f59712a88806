"""Events by name, as plain data, and names of any bytes through JSON and back."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit import events
from blit.events import Activity, BatchFinished, Change, Counts, Event, Failed, Heartbeat, Summary

# SPEC, section 10: the engine's whole vocabulary
VOCABULARY = [
    "run_started", "route_chosen", "batch_planned", "plan_finished", "batch_started",
    "batch_finished", "failed", "heartbeat", "stalled", "paused", "resumed",
    "deletion_planned", "mirror_finished", "flushing", "run_finished",
]  # fmt: skip


def back(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def test_the_vocabulary_is_the_contract() -> None:
    names = [events.type_name(tuple.__new__(kind)) for kind in get_args(Event)]
    assert sorted(names) == sorted(VOCABULARY)


@pytest.mark.parametrize("kind", get_args(Event))
def test_events_are_frozen_and_their_fields_do_not_hide_the_type(kind: Any) -> None:
    assert "type" not in kind._fields and "schema" not in kind._fields
    with pytest.raises(AttributeError):
        setattr(kind(*[0] * len(kind._fields)), kind._fields[0], 1)


def test_plain_goes_down_into_what_an_event_holds() -> None:
    change = Change("new", b"a/b", "clone")
    assert events.plain(BatchFinished(1, 0, "copy", 2, 3, 0.5, (change,))) == {
        "number": 1,
        "worker": 0,
        "what": "copy",
        "files": 2,
        "bytes": 3,
        "seconds": 0.5,
        "changes": [{"reason": "new", "path": "a/b", "method": "clone", "size": 0}],
    }


def test_plain_keeps_numbers_words_and_nothing() -> None:
    assert events.plain((1, 2.5, "x", None, True)) == [1, 2.5, "x", None, True]


def test_a_whole_summary_can_be_json() -> None:
    summary = Summary(
        "partial", 3, "copy", b"/s\xff", b"/d", None, Counts(copied=1),
        failures=(Failed(b"x\xfe", "open", 13, "no"),), methods={"clone": 2},
    )  # fmt: skip
    found = json.loads(json.dumps(events.plain(summary)))
    assert back(found["source"]) == b"/s\xff"
    assert back(found["failures"][0]["path"]) == b"x\xfe"
    assert found["files"]["copied"] == 1
    assert found["methods"] == {"clone": 2}


def test_bytes_that_are_no_text_are_written_as_surrogate_escapes() -> None:
    text = json.dumps(events.plain(b"caf\xe9"))
    assert text == '"caf\\udce9"'


@given(st.binary())
def test_every_name_survives_json(name: bytes) -> None:
    beat = Heartbeat(
        0.0, "copying", 0, 0, 0, 0, False, 0, 0, 0, 0.0, (Activity(0, "copy", name, 0, 0),)
    )
    line = json.dumps(events.plain(beat))
    assert line.isascii() and "\n" not in line
    assert back(json.loads(line)["workers"][0]["path"]) == name
