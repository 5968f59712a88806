"""A log of --json comes back as the events that it was, and is told again at its own pace."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from conftest import Blit, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trees import make

from blit import events, replay
from blit.events import (
    Activity,
    BatchFinished,
    Change,
    Counts,
    DeletionPlanned,
    Event,
    Failed,
    Heartbeat,
    RouteChosen,
    RunFinished,
    RunStarted,
    Summary,
)
from blit.headless import Json
from blit.queue import ENDED, RUNNING

NAME = b"bad [/oops] \x1b]0;pwn\x07 \xff\n"
STARTED = RunStarted("copy", (NAME,), b"/d/" + NAME, ((NAME, b"/d"),), False, 5.0, 9)
BEAT = Heartbeat(
    1.0, "copying", 1, 2, 3, 4, True, 5, 6, 7, 0.5,
    (Activity(0, "copying", NAME, 10, 5, 1, "copy", 1, 2, 3, 4),),
)  # fmt: skip
END = RunFinished(
    Summary(
        "partial",
        3,
        "copy",
        NAME,
        b"/d",
        "streaming",
        Counts(copied=1, failed=1),
        events.ByteCounts(2),
        events.Seconds(2.0, 0.1, None),
        None,
        2,
        (Failed(NAME, "open", 13, "Permission denied"),),
        "finished with 1 problem",
        methods={"clone": 1},
        warnings=("w",),
    )
)
STORY: tuple[Event, ...] = (
    STARTED, RouteChosen("streaming", "many", None, 2, ("ext4", "tmpfs")), BEAT,
    BatchFinished(1, 0, "copy", 1, 2, 0.1, (Change("new", NAME, "clone", 3),)),
    Failed(NAME, "open", 13, "Permission denied"), END,
)  # fmt: skip


def log(path: Path, *story: Event) -> str:
    out = io.StringIO()
    face = Json(out)
    for event in story:
        face.hear(event)
    path.write_text(out.getvalue())
    return str(path)


def test_the_story_comes_back_as_it_was(tmp_path: Path) -> None:
    assert tuple(told.event for told in replay.read(log(tmp_path / "log", *STORY))) == STORY


def made(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of the type of a field; numbers that JSON has."""
    args = get_args(hint)
    if hasattr(hint, "_fields"):
        hints = get_type_hints(hint, localns={})
        return st.builds(hint, **{name: made(one) for name, one in hints.items()})
    if get_origin(hint) is tuple:
        if args[-1] is ...:
            return st.lists(made(args[0]), max_size=3).map(tuple)
        return st.tuples(*map(made, args))
    if type(None) in args:
        return st.none() | made(args[0])
    if get_origin(hint) is Mapping:
        return st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
    return {
        float: st.floats(allow_nan=False, allow_infinity=False), bytes: st.binary(max_size=9),
        str: st.text(max_size=9), int: st.integers(), bool: st.booleans(),
    }[hint]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of([made(kind) for kind in get_args(Event)]))
def test_every_event_survives_the_way_there_and_back(event: Event) -> None:
    if isinstance(event, RunFinished):
        line: dict[str, Any] = {"type": "summary", **events.plain(event.summary)}
    else:
        line = {"type": events.type_name(event), **events.plain(event)}
    assert events.from_plain(json.loads(json.dumps(line))) == event


def test_what_a_newer_version_adds_is_left_out() -> None:
    assert events.from_plain({"type": "sunrise", "colour": "red"}) is None
    line = {"type": "paused", "elapsed": 1, "why": "tea"}
    assert events.from_plain(line) == events.Paused(1.0)
    older = {"type": "heartbeat"} | {k: v for k, v in events.plain(BEAT).items() if k != "limit"}
    assert events.from_plain(older) == BEAT


@pytest.mark.parametrize(
    "line",
    [{"type": "paused"}, {"type": "paused", "elapsed": "soon"}, {"type": "paused", "elapsed": True},
     {"type": "failed", "path": 1, "step": "", "errno": 0, "message": ""},
     {"type": "run_started", "sources": "/a"}, {"type": "summary"},
     {"type": "batch_finished", "changes": [7]}],
)  # fmt: skip
def test_what_is_not_what_it_says_is_no_event(line: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"belongs|missing|not an object"):
        events.from_plain(line)


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "does not begin"), ("hello\n", "line 1"), ("[1]\n", "no event"), ('{"type": 3}\n', "begin"),
     ('{"type": "paused", "elapsed": 1}\n', "begin"), ("[" * 100_000 + "\n", "line 1"),
     ('{"type": "run_started"}\n', "line 1"), ("\x00\xff", "line 1")],
)  # fmt: skip
def test_a_bad_file_is_one_sentence(tmp_path: Path, blit: Blit, text: str, word: str) -> None:
    path = tmp_path / "log"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(replay.Unreadable, match=word) as caught:
        replay.read(str(path))
    assert "\n" not in str(caught.value)


def test_a_bad_file_is_a_usage_error(tmp_path: Path, blit: Blit) -> None:
    for path in (tmp_path / "none", tmp_path):
        result = blit("replay", path, code=2)
        assert len(result.errors) == 1 and str(path) in result.errors[0] and not result.out


def test_a_log_that_breaks_off_ends_with_what_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log(path, *STORY[:-1])
    path.write_text(path.read_text() + '{"type": "heartb')
    end = replay.read(str(path))[-1].event
    assert isinstance(end, RunFinished) and end.summary.outcome == "interrupted"
    assert end.summary.bytes.copied == 2 and "recording ends" in end.summary.message


def test_beats_set_the_pace_and_what_lies_between_is_spread() -> None:
    found = list(replay.timed([STARTED, STORY[1], STORY[3], BEAT, STORY[4], END]))
    assert [told.at for told in found] == [0.25, 0.5, 0.75, 1.0, 1.5, 2.0]
    early = END._replace(summary=END.summary._replace(seconds=events.Seconds(0.5)))
    assert [t.at for t in replay.timed([BEAT, early])] == [1.0, 1.0]  # never back in time


def test_a_replay_moves_can_be_held_and_ends() -> None:
    story = tuple(replay.timed(list(STORY)))
    show = replay.Replay(story, speed=20)
    (first,) = show.entries()
    assert first.stage == RUNNING and first.job.sources == (NAME,)
    show.pause(1)
    assert show.entries()[0].paused
    show.resume(1)
    until(lambda: show.entries()[0].stage == ENDED, "the end")
    last = show.entries()
    assert show.entries() is last and last[0].state.summary == END.summary
    assert last[0].status == "partial" and not last[0].paused


def test_a_held_replay_stands_still() -> None:
    show = replay.Replay(tuple(replay.timed(list(STORY))), speed=4)  # half a second
    show.pause(1)
    time.sleep(0.8)
    assert show.entries()[0].stage == RUNNING
    show.resume(1)
    until(lambda: show.entries()[0].stage == ENDED, "the end")


def test_no_command_harms_a_recording() -> None:
    show = replay.Replay(tuple(replay.timed(list(STORY))), speed=1000)
    for command in (
        show.confirm,
        show.discard,
        show.start_now,
        show.stop,
        show.wait,
        show.skip,
        show.remove,
    ):
        command(1)  # type: ignore[operator]
    show.answer(1, True)
    show.move(1, 1)
    assert show.add(show.entries()[0].job) == show.again(1) == show.retry(1) == 1
    assert show.folders("/").result(1).error and show.extras(1).result(1) == ()
    with pytest.raises(OSError, match="recording"):
        show.save_problems(1).result(1)
    assert len(show.entries()) == 1


def test_a_real_run_is_told_again_in_lines(blit: Blit, ram: Path, tmp_path: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" * n for n in range(100)})
    make(ram / "dst", {"old": b"x"})
    done = blit.json("mirror", "--yes", f"{ram}/src/", ram / "dst")
    (tmp_path / "log").write_bytes(done.out)
    again = blit("replay", tmp_path / "log", "--speed", "100")
    assert again.out == again.err == b""  # nobody looks: as quiet as the run itself
    failing = log(tmp_path / "failing", *STORY)
    again = blit("replay", failing, "--speed", "100", "--no-tui")
    assert "Permission denied" in again.errors[0] and b"\x1b" not in again.err


def test_a_question_that_was_answered_is_not_asked_again(blit: Blit, tmp_path: Path) -> None:
    asked = DeletionPlanned(3, 10, True, True, "3 entries to delete")
    result = blit("replay", log(tmp_path / "log", STARTED, asked, END), "--speed", "1000")
    assert b"[y/N]" not in result.err
