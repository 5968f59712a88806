"""A job as a line for a shell."""

from __future__ import annotations

import os
import subprocess

import pytest

from blit import arguments, request
from blit.job import Job, command_line


def test_the_line_of_a_plain_copy() -> None:
    assert command_line(Job("copy", (b"/a",), b"/b/")) == "blit copy /a /b/"


def test_every_option_comes_back_as_it_was() -> None:
    job = Job(
        "mirror", (b"/a b/",), b"/c'd", dry_run=True, checksum=True, verify=True, durable=True,
        yes=True, max_delete=7, allow_empty_source=True, patterns=("*.o", "!keep me.o", b"/x y"),
        gitignore=True, delete_excluded=True,
    )  # fmt: skip
    line = command_line(job)
    for words in (
        "--dry-run", "--checksum", "--verify", "--durable", "--yes", "--max-delete 7",
        "--allow-empty-source", "--exclude='*.o'", "--include='keep me.o'",
        "--exclude-from '/x y'", "--gitignore", "--delete-excluded",
    ):  # fmt: skip
        assert words in line


@pytest.mark.parametrize(
    "name", [b"plain", b"with space", b"quo'te", b"\xff\xfe", b"new\nline \\ '", b"\x1b]0;pwn\x07"]
)
def test_a_shell_reads_the_names_as_they_are(name: bytes) -> None:
    line = command_line(Job("copy", (b"/" + name,), b"/to/" + name))
    assert line.isprintable()
    script = line.removeprefix("blit copy ").join(("printf '%s\\0' ", ""))
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:2] == [b"/" + name, b"/to/" + name]


def test_the_arguments_understand_the_line() -> None:
    job = Job("mirror", (b"/a/",), b"/b", checksum=True, max_delete=3, patterns=("*.o", "!a.o"))
    import shlex

    parsed = request.job(arguments.parser().parse_args(shlex.split(command_line(job))[1:]))
    same = ("command", "sources", "target", "checksum", "max_delete", "patterns")
    assert [getattr(parsed, name) for name in same] == [getattr(job, name) for name in same]
    assert os.fsdecode(parsed.target) == "/b"
