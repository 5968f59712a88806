"""Advice: every failure that the workers can report is explained in words that fit its side."""

from __future__ import annotations

import errno
import os

import pytest

from blit.advice import advise, cause, name
from blit.events import Failed
from blit.worker import status

STEPS = sorted({*status.OPERATIONS, "changed", "verify"} - {"idle", "paused"})
ERRNOS = [
    errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.EIO, errno.ENAMETOOLONG,
    errno.EILSEQ, errno.EINVAL, errno.EFBIG, errno.EDQUOT, errno.ESTALE, errno.ENODEV,
    errno.EBUSY, errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EOPNOTSUPP, 0,
]  # fmt: skip


def failed(step: str, number: int, message: str = "") -> Failed:
    return Failed(b"/a/b", step, number, message or (os.strerror(number) if number else "odd"))


@pytest.mark.parametrize("number", ERRNOS, ids=lambda n: name(n) or "none")
@pytest.mark.parametrize("step", STEPS)
def test_every_step_and_errno_says_all_three(step: str, number: int) -> None:
    told = advise(failed(step, number))
    for text in told:
        assert text.strip() and text[0].isupper() and text.rstrip().endswith((".", "?", ")"))
        assert len(text) <= 90  # two lines of a small terminal


def test_the_same_errno_means_another_thing_on_the_other_side() -> None:
    reading, writing = advise(failed("open source", errno.EACCES)), advise(
        failed("create", errno.EACCES)
    )  # fmt: skip
    assert "read" in reading.means and "u+r" in reading.do
    assert "write" in writing.means and "u+w" in writing.do


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (failed("copy", errno.EIO), "smartctl"),
        (failed("create", errno.ENOSPC), "Free some space"),
        (failed("create", errno.ENOSPC, "no inodes are left"), "df -i"),
        (failed("copy", errno.EFBIG), "4 GB"),
        (failed("create", errno.EINVAL), "FAT"),
        (failed("list", errno.ESTALE), "mount"),
        (failed("copy", errno.ENODEV), "Plug it in"),
        (failed("rename", errno.EROFS), "dmesg"),
        (failed("delete", errno.EBUSY, "a filesystem is mounted there: kept"), "mount point"),
        (failed("changed", 0, "it became shorter"), "program that writes it"),
        (failed("verify", 0, "differs"), "Do not trust"),
        (failed("mkdir", errno.ENOTDIR), "Move that file away"),
        (failed("create", errno.EISDIR), "Move that folder away"),
        (failed("copy", 0, "a worker process died over this work (3 files)"), "dmesg"),
        (failed("copy", 12345, "Something new"), "dmesg"),
    ],
)  # fmt: skip
def test_what_to_do(given: Failed, word: str) -> None:
    assert word in advise(given).do


@pytest.mark.parametrize(
    ("step", "word"),
    [("copy", "keeps what it had"), ("delete", "still there"), ("mkdir", "missing"),
     ("list", "not copied"), ("link", "Other names"), ("metadata", "times"), ("sync", "power")],
)  # fmt: skip
def test_the_state_of_the_destination_follows_from_the_step(step: str, word: str) -> None:
    assert word in advise(failed(step, errno.EIO)).state


def test_an_unknown_errno_is_quoted() -> None:
    told = advise(failed("copy", 12345, "Something new"))
    assert "Something new" in told.means and "12345" in told.means


def test_causes_group() -> None:
    assert cause(failed("copy", errno.EIO)) == cause(failed("list", errno.EIO))
    assert cause(failed("copy", 0, "a worker process died over this work (3 files)")) == cause(
        failed("copy", 0, "a worker process died over this work (9 files)")
    )
    assert cause(Failed(b"x", "copy", errno.EIO, "")) == "EIO"
    assert cause(Failed(b"x", "copy", 0, "")) == "Failed"
