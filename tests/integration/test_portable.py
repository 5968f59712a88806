"""Linux as a system of which nothing special is known: tests of copies and mirrors once more.

A selection; all of them: `scripts/check_portable`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Blit, requires_strace
from trees import Fifo, File, Hard, Symlink, assert_same, make

from integration.test_copy import (  # noqa: F401
    test_a_mixed_tree_is_the_same_in_all,
    test_hard_links_are_mended,
    test_metadata_alone_is_mended_without_the_bytes,
    test_what_differs_is_copied_again_and_only_that,
)
from integration.test_mirror import (  # noqa: F401
    pair,
    test_a_copy_never_writes_through_a_link,
    test_a_hard_linked_destination_is_replaced_not_written_through,
    test_a_mirror_swaps_files_and_folders,
    test_checksum_finds_what_size_and_time_do_not_show,
    test_content_is_never_more_readable_than_its_source,
    test_links_to_elsewhere_are_deleted_as_links,
    test_yes_deletes_exactly_what_only_the_destination_has,
)


@pytest.fixture
def blit(blit: Blit) -> Blit:
    blit.environment["BLIT_BACKEND"] = "portable"
    return blit


def test_it_uses_what_every_system_has(blit: Blit, ram: Path) -> None:
    """With one `os` of its own in copy.py there are names below an open folder, and this fails."""
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": File(size=50_000, xattrs={"user.n": b"1"}) for n in range(9)})
    make(src, {"a": b"a", "b": Hard("a"), "pipe": Fifo(), "link": Symlink("a"), "sub": {"c": b"c"}})
    make(dst, {"a": b"old", "f1": b"old", "link": b"old", "extra": b"x", "gone": {"d": b"d"}})
    log = ram / "log"
    prefix = [
        "strace",
        "-f",
        "-qq",
        "-y",
        "--seccomp-bpf",
        "-o",
        str(log),
        "-e",
        "trace=%file,%desc",
    ]
    blit("mirror", "--yes", f"{src}/", dst, prefix=prefix)
    assert_same(src, dst)
    ours = [
        line
        for line in log.read_text().splitlines()
        if f"{ram}/src" in line or f"{ram}/dst" in line
    ]
    assert ours
    calls = {line: re.match(r"\d+ +(\w+)\((.*)", line) for line in ours}
    below = [
        line for line, call in calls.items()
        if call and call[1].endswith("at") and not call[2].startswith("AT_FDCWD")
        and "AT_EMPTY_PATH" not in line and not (call[1] == "utimensat" and ", NULL, " in line)
        and not call[1].endswith("fstatat")  # of what a listing found: `os.scandir` does that
    ]  # fmt: skip
    assert not below
    special = ("copy_file_range", "sendfile", "ioctl", "syncfs", "fadvise64", "fallocate")
    assert not {call[1] for call in calls.values() if call} & set(special)
    assert "/proc/self/" not in "".join(ours)
