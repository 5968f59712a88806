"""The faces without a screen, fed with events: what they print, and when they are silent."""

from __future__ import annotations

import errno
import io
import json
import sys
from typing import Any

import pytest
from conftest import until

from blit import events, show
from blit.bar import progress_line
from blit.bus import Mailbox
from blit.engine import endings
from blit.events import (
    Activity,
    BatchFinished,
    ByteCounts,
    Change,
    Counts,
    DeletionPlanned,
    Event,
    Failed,
    Flushing,
    Heartbeat,
    PlanFinished,
    RouteChosen,
    RunFinished,
    RunStarted,
    Seconds,
    Summary,
)
from blit.headless import (
    SHOWN_FAILURES,
    Json,
    Lines,
    Printer,
)
from blit.sentences import failure_line, forecast_line, summary_line
from blit.state import TransferState

STARTED = RunStarted("copy", (b"/s",), b"/d/s", ((b"/s", b"/d/s"),), False, 0.0)
CHANGES = BatchFinished(
    1, 0, "copy", 2, 3, 0.1,
    (Change("new", b"a", "clone"), Change("mtime", b"b\n\x1b[2J", "kernel")),
)  # fmt: skip
OK = Summary(
    "ok", 0, "copy", b"/s", b"/d/s", "streaming", Counts(copied=2), ByteCounts(3_000_000),
    Seconds(2.0, 0.1, 0.01), workers=2,
)  # fmt: skip
NOT_OK = OK._replace(outcome="partial", exit_code=3, message="finished with 1 problem")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    """A pipe that nobody reads."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def beat(elapsed: float, **changes: Any) -> Heartbeat:
    usual = Heartbeat(elapsed, "copying", 10, 1000, 100, 10_000, True, 0, 0, 0, 0.0, ())
    return usual._replace(**changes)


def lines(
    *story: Event, verbose: bool = False, quiet: bool = False, itemize: bool = False
) -> tuple[str, str]:
    """What goes to stdout and to stderr where neither is a terminal."""
    out, err = io.StringIO(), io.StringIO()
    face = Lines(out, err, verbose, quiet, itemize)
    for event in story:
        face.hear(event)
    face.close()
    return out.getvalue(), err.getvalue()


def json_lines(*story: Event) -> list[dict[str, Any]]:
    out = io.StringIO()
    face = Json(out)
    for event in story:
        face.hear(event)
    face.close()
    return [json.loads(line) for line in out.getvalue().splitlines()]


FEW = DeletionPlanned(3, 10, True, True, "3 entries to delete")


def answers(
    monkeypatch: pytest.MonkeyPatch, typed: str, err: io.StringIO,
    asked: DeletionPlanned = FEW,
) -> list[bool]:  # fmt: skip
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    found: list[bool] = []
    face = Lines(io.StringIO(), err, False, False, False, found.append)
    face.hear(asked)
    until(lambda: found, "the answer")
    return found


def test_many_deletions_are_allowed_by_their_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    many = DeletionPlanned(1204, 1300, True, True, "more than half", many=True)
    for typed, allowed in (("y\n", False), ("1204\n", True), ("1,204\n", True), ("120\n", False)):
        err = io.StringIO()
        assert answers(monkeypatch, typed, err, many) == [allowed]
        assert "1,204 entries, of 1,300, that only" in err.getvalue()


# -- lines ----------------------------------------------------------------------------------------

STORY = (
    STARTED,
    RouteChosen("streaming", "more than 8 files", None, 2, ("ext4", "ext4")),
    beat(1.0),
    PlanFinished(100, 10_000, 5, 3, 0, 0.1),
    CHANGES,
    Flushing((b"/d",), "--durable"),
    DeletionPlanned(1, 9, True, False, "1 entry to delete"),
)


def test_nothing_is_said_on_success_when_nobody_looks() -> None:
    assert lines(*STORY, RunFinished(OK)) == ("", "")


def test_verbose_says_where_to_why_how_far_and_what() -> None:
    out, err = lines(*STORY, RunFinished(OK), verbose=True, itemize=True)
    said = err.splitlines()
    assert said[0] == "/s → /d/s"
    assert said[1] == "route streaming: more than 8 files"
    assert said[2] == "forecast: no history yet of such a run"
    assert said[3].startswith(" 10 %")
    assert said[4:] == ["flushing: --durable", "deletion: 1 entry to delete"]
    assert out.splitlines() == [
        "new     a",
        "mtime   b\\n\\x1b[2J",
        "copied 2 files, 3.0 MB in 2.0 s (1.5 MB/s)",
    ]


def test_a_dry_run_names_every_change_and_sums_up() -> None:
    out, err = lines(CHANGES, RunFinished(OK._replace(dry_run=True)), itemize=True)
    assert out.splitlines()[0] == "new     a"
    assert out.splitlines()[-1] == "would copy 2 files, 3.0 MB in 2.0 s"
    assert err == ""


def test_a_failure_is_named_with_path_step_and_number() -> None:
    _, err = lines(Failed(b"dir/f", "open", 13, "Permission denied"), RunFinished(NOT_OK))
    assert err.splitlines() == [
        "blit: dir/f: open: Permission denied (errno 13)",
        "blit: finished with 1 problem",
    ]
    assert failure_line(Failed(b"f", "copy", 0, "died")) == "f: copy: died"


@pytest.mark.parametrize(
    ("count", "verbose", "named", "last"),
    [
        (SHOWN_FAILURES, False, SHOWN_FAILURES, None),
        (SHOWN_FAILURES + 3, False, SHOWN_FAILURES, "blit: and 3 more (-v names all)"),
        (SHOWN_FAILURES + 3, True, SHOWN_FAILURES + 3, None),
    ],
)
def test_many_failures_are_counted(count: int, verbose: bool, named: int, last: str | None) -> None:
    story = [Failed(b"f%d" % i, "open", 13, "no") for i in range(count)]
    _, err = lines(*story, RunFinished(NOT_OK._replace(message="")), verbose=verbose)
    said = err.splitlines()
    assert len([line for line in said if "(errno 13)" in line]) == named
    assert said[named:] == ([last] if last else [])


def test_quiet_still_names_problems_and_nothing_else() -> None:
    warned = NOT_OK._replace(warnings=("2 sockets not copied",))
    out, err = lines(STARTED, Failed(b"f", "open", 13, "no"), RunFinished(warned), quiet=True)
    assert out == ""
    assert err.splitlines() == ["blit: f: open: no (errno 13)", "blit: finished with 1 problem"]


def test_warnings_are_said() -> None:
    _, err = lines(RunFinished(OK._replace(warnings=("1 socket not copied: a\x1b",))))
    assert err == "blit: 1 socket not copied: a\\x1b\n"


def test_control_bytes_in_a_message_are_inert() -> None:
    _, err = lines(RunFinished(NOT_OK._replace(message="a\x1b[0m\tb")))
    assert err == "blit: a\\x1b[0m\\tb\n"


def test_a_newline_in_a_name_makes_no_line_of_its_own() -> None:
    failure = Failed(b"/d/a\nblit: all is well", "write", errno.ENOSPC, "No space left")
    _, err = lines(RunFinished(NOT_OK._replace(message=endings.fatal(failure))))
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (OK, "copied 2 files, 3.0 MB in 2.0 s (1.5 MB/s)"),
        (
            OK._replace(files=Counts(0, 1234), bytes=ByteCounts()),
            "copied 0 files, 0 B, 1,234 unchanged in 2.0 s",
        ),
        (
            OK._replace(files=Counts(1, 0, 4, 2), bytes=ByteCounts(8)),
            "copied 1 file, 8 B, 4 deleted, 2 failed in 2.0 s (4 B/s)",
        ),
        (
            OK._replace(files=Counts(1, 0, 4), bytes=ByteCounts(8), dry_run=True),
            "would copy 1 file, 8 B, 4 to delete in 2.0 s",
        ),
        (
            OK._replace(command="move", files=Counts(1), bytes=ByteCounts(), methods={"rename": 1}),
            "renamed 1 entry in 2.0 s",
        ),
        (
            OK._replace(command="move", files=Counts(5, 0, 3), methods={"rename": 2}),
            "renamed 2 entries, moved 3 files, 3.0 MB, 3 removed from the source in 2.0 s "
            "(1.5 MB/s)",
        ),
    ],
)
def test_summary_line(summary: Summary, text: str) -> None:
    assert summary_line(summary) == text


def test_progress_line() -> None:
    state = TransferState().after(beat(1.0)).after(beat(4.0, files=40, bytes=4000))
    assert progress_line(state) == (
        " 40 %  4.0 kB of 10.0 kB  1.0 kB/s  6.0 s left  40 of 100 files"
    )


def test_on_a_narrow_terminal_the_time_left_stays() -> None:
    state = TransferState().after(beat(1.0)).after(beat(4.0, files=40, bytes=4000))
    assert progress_line(state, 50) == " 40 %  4.0 kB of 10.0 kB  1.0 kB/s  6.0 s left"
    assert len(progress_line(state, 20)) == 20


def test_totals_carry_a_sign_until_the_listing_ends() -> None:
    line = progress_line(TransferState().after(beat(1.0, plan_done=False)))
    assert line.startswith("1.0 kB of ≥ 10.0 kB")
    assert line.endswith("10 of ≥ 100 files")
    assert "%" not in line
    assert "≥" not in progress_line(TransferState().after(beat(1.0)))


def test_where_nothing_moves_is_said() -> None:
    stuck = beat(5.0, quiet=4.0, workers=(Activity(0, "open source", b"/s/x\x07", 0, 0),))
    line = progress_line(TransferState().after(stuck))
    assert "nothing moved for 4 s: open source /s/x\\x07" in line


# -- on a terminal --------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return Terminal()


def test_a_short_run_shows_where_to_and_no_bar(terminal: Terminal) -> None:
    face = Lines(Terminal(), terminal, False, False, False)
    for event in (STARTED, beat(0.1), RunFinished(OK)):
        face.hear(event)
    assert terminal.getvalue() == "/s → /d/s\n"


def test_the_bar_and_a_failure_with_markup_in_its_name(terminal: Terminal) -> None:
    face = Lines(Terminal(), terminal, False, False, False)
    name = "bad [/oops][red].txt \x1b]0;x\x07 :smile:"
    for event in (
        STARTED,
        beat(1.0, workers=(Activity(0, "copy", name.encode(), 0, 0),), quiet=3.0),
        Failed(name.encode(), "open", 13, "no"),
        RunFinished(NOT_OK),
    ):
        face.hear(event)
    face.close()
    text = terminal.getvalue()
    assert f"blit: {show.path(name)}: open: no (errno 13)" in text
    assert "\x1b]0;" not in text and "\x07" not in text
    assert "10 of 100 files" in text
    assert text.endswith("blit: finished with 1 problem\n")


def test_a_dumb_terminal_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    err = Terminal()
    face = Lines(Terminal(), err, False, False, False)
    for event in (beat(1.0), beat(2.0), RunFinished(OK)):
        face.hear(event)
    assert "\x1b" not in err.getvalue() and "of" not in err.getvalue()


def test_denied_permission_says_once_what_to_do() -> None:
    """Without `denied` in sentences.py the numbers of the system are all that is told."""
    text = "Permission denied"
    unread = [Failed(b"/s/%d" % n, "open source", errno.EACCES, text) for n in range(3)]
    unwritten = Failed(b"/d/a", "create", errno.EACCES, text)
    immutable = Failed(b"/d/b", "delete", errno.EPERM, "Operation not permitted")
    failures = (*unread, unwritten, immutable, Failed(b"/d/c", "write", errno.EIO, "bad"))
    err = lines(RunFinished(NOT_OK._replace(failures=failures)))[1].splitlines()
    assert [line for line in err if "permission was denied" in line] == [
        "blit: permission was denied in /s: see who may (ls -l), change that "
        "(chmod u+r), or run blit as a user who may.",
        "blit: permission was denied in /d: see who may (ls -ld), change that "
        "(chmod u+w), or run blit as a user who may.",
        "blit: permission was denied in /d: it may be immutable (lsattr, chattr -i), "
        "or need its owner or root to run blit.",
    ]
    assert "denied" not in lines(RunFinished(NOT_OK._replace(failures=failures)), quiet=True)[1]


def test_a_usage_error_that_is_found_late_tells_no_figures() -> None:
    """Nothing was begun. Without the look at "usage" in headless.py this fails."""
    story = RunFinished(NOT_OK._replace(outcome="usage", exit_code=2))
    assert lines(story, verbose=True)[0] == ""
    assert lines(RunFinished(NOT_OK), verbose=True)[0]


# -- the question ---------------------------------------------------------------------------------


def test_a_question_that_a_stop_leaves_open_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not left standing as if it waited. Without the word in `_finish` this fails."""
    monkeypatch.setattr(Lines, "_read_reply", lambda self: None)
    err = lines(FEW, RunFinished(NOT_OK._replace(message="interrupted")))[1]
    assert "[y/N] not answered: nothing was deleted\nblit: interrupted" in err


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False), ("yy\n", False)],
)
def test_only_a_yes_deletes(monkeypatch: pytest.MonkeyPatch, typed: str, answer: bool) -> None:
    err = io.StringIO()
    assert answers(monkeypatch, typed, err) == [answer]
    assert "Delete 3 entries" in err.getvalue()


def test_the_question_is_answered_when_the_reader_of_stdout_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`blit mirror -v … | head`: the engine must not wait for ever."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    found: list[bool] = []
    mailbox = Mailbox()
    for event in (CHANGES, DeletionPlanned(3, 10, True, True, "3 entries")):
        mailbox.put(event)
    mailbox.close()
    face = Lines(Broken(), io.StringIO(), True, False, True, found.append)
    Printer(mailbox, face).wait(patient=True)
    assert found, "nobody answers"


# -- JSON -----------------------------------------------------------------------------------------

SUMMARY_KEYS = {
    "type", "outcome", "exit_code", "command", "source", "destination", "route", "files", "bytes",
    "seconds", "forecast_s", "workers", "failures",
}  # fmt: skip


def test_the_first_line_says_the_schema_and_only_the_first() -> None:
    found = json_lines(STARTED, CHANGES)
    assert list(found[0])[:2] == ["type", "schema"]
    assert (found[0]["type"], found[0]["schema"]) == ("run_started", events.SCHEMA)
    assert "schema" not in found[1]


def test_the_last_line_is_the_summary_of_the_contract() -> None:
    partial = NOT_OK._replace(failures=(Failed(b"dir/x\xff", "open", 13, "no"),))
    found = json_lines(STARTED, RunFinished(partial))
    assert [each["type"] for each in found] == ["run_started", "run_finished", "summary"]
    last = found[-1]
    assert set(last) >= SUMMARY_KEYS
    assert set(last["files"]) >= {"copied", "unchanged", "deleted", "failed", "cloned"}
    assert set(last["bytes"]) >= {"copied", "cloned"}
    assert set(last["seconds"]) >= {"total", "planning", "first_byte"}
    assert last["failures"] == [
        {"path": "dir/x\udcff", "step": "open", "errno": 13, "message": "no"}
    ]
    assert (last["outcome"], last["exit_code"]) == ("partial", 3)


def test_the_summary_is_the_last_line_though_a_heartbeat_was_not_read_yet() -> None:
    mailbox, out = Mailbox(), io.StringIO()
    for event in (STARTED, beat(1.0), RunFinished(OK)):
        mailbox.put(event)
    mailbox.close()
    Printer(mailbox, Json(out)).wait(patient=True)
    assert json.loads(out.getvalue().splitlines()[-1])["type"] == "summary"


def test_every_event_is_one_line() -> None:
    out = io.StringIO()
    face = Json(out)
    for event in (*STORY, Failed(b"a\nb", "open", 13, "x\ny")):
        face.hear(event)
    assert len(out.getvalue().splitlines()) == len(STORY) + 1


# -- the thread -----------------------------------------------------------------------------------


class Hearing:
    def __init__(self, error: Exception | None = None) -> None:
        self.heard: list[Event] = []
        self.closed = False
        self.error = error

    def hear(self, event: Event) -> None:
        self.heard.append(event)
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


def printed(face: Hearing) -> None:
    mailbox = Mailbox()
    mailbox.put(STARTED)
    mailbox.put(CHANGES)
    mailbox.close()
    Printer(mailbox, face).wait(patient=True)


def test_the_printer_hands_over_everything_and_closes_the_face() -> None:
    face = Hearing()
    printed(face)
    assert face.heard == [STARTED, CHANGES]
    assert face.closed


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("closed file")])
def test_a_closed_pipe_ends_it_quietly(error: Exception) -> None:
    face = Hearing(error)
    printed(face)
    assert face.heard == [STARTED]
    assert face.closed


def test_a_full_disk_under_stdout_brings_no_traceback() -> None:
    """`blit copy --json … > /dev/full`: pytest fails this test for an exception in the thread."""
    face = Hearing(OSError(errno.ENOSPC, "No space left on device"))
    printed(face)
    assert face.closed


# -- taking over from another face ----------------------------------------------------------------


def told(*story: Event, out: io.StringIO | None = None) -> tuple[str, str, Lines]:
    """What is said about a run that another face has shown so far."""
    state = TransferState()
    for event in story:
        state = state.after(event)
    out, err = out or Terminal(), io.StringIO()
    face = Lines(out, err, False, False, False)
    face.take_over(state)
    return out.getvalue(), err.getvalue(), face


def test_taking_over_says_where_to_and_names_what_failed() -> None:
    failures = [Failed(b"f%d" % n, "open", 13, "no") for n in range(SHOWN_FAILURES + 5)]
    _, err, face = told(STARTED, beat(1.0), *failures)
    assert err.splitlines()[0] == "/s → /d/s"
    assert sum("errno 13" in line for line in err.splitlines()) == SHOWN_FAILURES
    face.hear(RunFinished(NOT_OK))
    assert face.state.summary == NOT_OK


def test_taking_over_at_the_end_says_what_a_run_without_a_screen_says() -> None:
    out, err, _ = told(STARTED, Failed(b"f", "open", 13, "no"), RunFinished(NOT_OK))
    assert out == "copied 2 files, 3.0 MB in 2.0 s (1.5 MB/s)\n"
    assert err.splitlines()[1:] == ["blit: f: open: no (errno 13)", "blit: finished with 1 problem"]


def test_taking_over_asks_what_is_still_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    asked = DeletionPlanned(3, 10, True, True, "3 entries to delete")
    assert "[y/N]" in told(STARTED, asked)[1]
    assert "[y/N]" not in told(STARTED, asked, events.MirrorFinished(3, 0))[1]


def test_a_pause_is_no_part_of_the_rate() -> None:
    summary = Summary(
        "ok",
        0,
        "copy",
        b"/s",
        b"/d",
        "direct",
        Counts(copied=1),
        ByteCounts(1_000_000),
        Seconds(10.0),
    )
    assert summary_line(summary, held=8.0) == "copied 1 file, 1.0 MB in 10 s (500 kB/s)"


@pytest.mark.parametrize(
    ("seconds", "band", "runs", "text"),
    [
        (None, None, 0, "no history yet of such a run"),
        (55.0, (48.0, 62.0), 9, "48 s to 62 s, as in 9 earlier runs"),
        (55.0, (48.0, 62.0), 1, "48 s to 62 s, as in an earlier run"),
    ],
)
def test_what_was_forecast_in_words(
    seconds: float | None, band: tuple[float, float] | None, runs: int, text: str
) -> None:
    event = RouteChosen("direct", "", seconds, 2, ("ext4", "ext4"), band, runs)
    assert forecast_line(event) == text
