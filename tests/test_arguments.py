"""The command line: what it takes, what it refuses with exit code 2, and the Job it makes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from blit import arguments, request
from blit.job import Job
from blit.worker import wire


def job(*argv: str) -> Job:
    return request.job(arguments.parser().parse_args(argv))


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as end:
        job(*argv)
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("blit: ")
    return said.err


def test_a_plain_copy() -> None:
    assert job("copy", "/a", "/b") == Job("copy", (b"/a",), b"/b")


def test_several_sources() -> None:
    assert job("copy", "/a", "/b/", "/c", "/dst").sources == (b"/a", b"/b/", b"/c")


def test_options_may_stand_before_and_after_the_paths() -> None:
    for argv in (["-n", "/a", "/b"], ["/a", "-n", "/b"], ["/a", "/b", "-n"]):
        made = job("copy", *argv)
        assert (made.sources, made.target, made.dry_run) == ((b"/a",), b"/b", True)


def test_options_may_stand_among_several_sources() -> None:
    """As with cp and rsync."""
    made = job("copy", "/a", "/b", "--durable", "/dst")
    assert (made.sources, made.target) == ((b"/a", b"/b"), b"/dst")


def test_after_two_dashes_everything_is_a_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert job("copy", "--", "-n", "/dst").sources == (os.fsencode(tmp_path / "-n"),)


def test_every_option_of_a_mirror() -> None:
    made = job(
        "mirror", "-n", "-c", "--durable", "-v", "-y", "--max-delete", "7", "--allow-empty-source",
        "--workers", "3", "--no-tui", "/a/", "/b",
    )  # fmt: skip
    assert made == Job(
        "mirror", (b"/a/",), b"/b", dry_run=True, checksum=True, durable=True, itemize=True,
        yes=True, max_delete=7, allow_empty_source=True, workers=3,
    )  # fmt: skip
    assert made.mirror
    assert made.options() == wire.DRY | wire.CHECKSUM | wire.DURABLE | wire.ITEMIZE | wire.MIRROR


def test_a_plain_job_has_no_options() -> None:
    made = job("copy", "/a", "/b")
    assert made.options() == 0
    assert made.max_delete is None and not made.mirror


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("photos", b"/photos"),
        ("photos/", b"/photos/"),
        ("photos/.", b"/photos/."),
        (".", b"/."),
        ("..", b"/.."),
        ("a//b//", b"/a//b//"),
        ("caf\udce9\n", b"/caf\xe9\n"),
    ],
)
def test_relative_paths_are_made_absolute_and_keep_their_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, kept: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    assert job("copy", given, "/dst").sources == (os.fsencode(tmp_path) + kept,)
    assert job("copy", "/src", given).target == os.fsencode(tmp_path) + kept


def test_in_the_root_no_slash_is_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert job("copy", "a", "b").sources == (b"/a",)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["copy"],
        ["copy", "/only-one"],
        ["mirror", "/a", "/b", "/c"],
        ["shift", "/a", "/b"],
        ["copy", "--faster", "/a", "/b"],
        ["copy", "--dry", "/a", "/b"],  # no abbreviations: a script must not break later
        ["copy", "--yes", "/a", "/b"],
        ["copy", "--max-delete", "1", "/a", "/b"],
        ["mirror", "--max-delete", "-1", "/a", "/b"],
        ["mirror", "--max-delete", "many", "/a", "/b"],
        ["mirror", "--max-delete", "²", "/a", "/b"],
        ["mirror", "--max-delete"],
        ["copy", "", "/b"],
        ["copy", "/a", ""],
        ["copy", "/a\0b", "/b"],
    ],
)
def test_bad_arguments_are_refused(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    refused(capsys, *argv)


def test_an_empty_path_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert "variables" in refused(capsys, "copy", "", "/b")


def test_ludicrous_speed_is_accepted_and_does_nothing() -> None:
    assert job("copy", "--ludicrous-speed", "/a", "/b") == job("copy", "/a", "/b")
    assert job("mirror", "--ludicrous-speed", "/a", "/b") == job("mirror", "/a", "/b")
    assert arguments.parser().parse_args(["copy", "--ludicrous-speed", "a", "b"]).ludicrous_speed


@pytest.mark.parametrize("command", ["copy", "mirror"])
def test_help_names_the_options_except_those_that_are_none(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with pytest.raises(SystemExit) as end:
        arguments.parser().parse_args([command, "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert "--dry-run" in said and "--checksum" in said
    assert "--workers" not in said and "ludicrous" not in said


@pytest.mark.parametrize(
    ("stdin", "stderr", "option", "ci", "asks"),
    [
        (True, True, "-v", "", True),
        (False, True, "-v", "", False),
        (True, False, "-v", "", False),
        (True, True, "--json", "", False),
        (True, True, "-q", "", False),
        (True, True, "-v", "1", False),
    ],
)
def test_a_question_only_where_somebody_can_answer(
    monkeypatch: pytest.MonkeyPatch, stdin: bool, stderr: bool, option: str, ci: str, asks: bool
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: stdin, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: stderr, raising=False)
    monkeypatch.setenv("CI", ci)
    assert job("mirror", option, "/a", "/b").can_ask is asks


def test_without_a_stdin_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert not job("mirror", "/a", "/b").can_ask


def test_the_screen_may_be_asked_for_or_forbidden_but_not_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = arguments.parser().parse_args(["copy", "--tui", "a", "b"])
    assert options.tui and not options.no_tui
    with pytest.raises(SystemExit):
        arguments.parser().parse_args(["copy", "--tui", "--no-tui", "a", "b"])
    assert "not allowed" in capsys.readouterr().err


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf", "1e9"])
def test_a_replay_needs_a_speed_that_moves(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments.parser().parse_args(["replay", "f"]).speed == 1.0
    with pytest.raises(SystemExit):
        arguments.parser().parse_args(["replay", f"--speed={speed}", "f"])
    assert "0.01" in capsys.readouterr().err
