"""A few runs of the sweep: one fault at one system call of a worker; `scripts/sweep` does them all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Blit, inject, requires_strace
from sweeping import CASES, Sweep, spread
from trees import Hard, assert_same, contents, make, temporaries

# by case: the calls, and how many of each are made to fail (the first, the last, those between)
CALLS = {
    "mirror": (("close", "copy_file_range", "fchmod", "getdents64", "newfstatat", "openat", "renameat", "unlinkat",
                "utimensat"), 2),
    "verify": (("close", "copy_file_range", "read", "renameat", "syncfs"), 1),
    "checksum": (("openat", "read", "utimensat"), 1),
    "large": (("copy_file_range", "fsync", "ftruncate", "renameat"), 1),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", ["error=EIO", "signal=SIGKILL"])
def test_one_fault_at_one_call(ram: Path, case: str, fault: str) -> None:
    """Without `system.let_go` a failing close of a source is an internal error, and this fails."""
    requires_strace()
    sweeps = []
    for number in range(2):
        (ram / str(number)).mkdir()
        sweeps.append(Sweep(ram / str(number), CASES[case], os.environ))
    found = sweeps[0].calls()
    calls, most = CALLS[case]
    if fault != "error=EIO":
        most = 1
    wanted = [(call, n) for call in calls for n in spread(found[call], most)]

    def run(one: tuple[str, int]) -> list[str]:
        sweep = sweeps.pop()
        try:
            outcome = sweep.run(one[0], f"{fault}:when={one[1]}")
        finally:
            sweeps.append(sweep)
        hits.append(bool(outcome.hit))
        return [f"{one} {outcome.hit}: {wrong}" for wrong in outcome.wrong]

    hits: list[bool] = []
    with ThreadPoolExecutor(2) as pool:
        wrong = [line for lines in pool.map(run, wanted) for line in lines]
    assert not wrong, "\n".join(wrong)
    assert hits.count(False) <= len(hits) // 4, "the faults were not met"


@pytest.mark.parametrize("side", ["src", "dst"])
def test_a_listing_that_cannot_go_back_to_its_start_is_not_an_empty_folder(
    blit: Blit, ram: Path, side: str
) -> None:
    """With duplicated handles (`os.dup` for `listable`) the source looks empty and this fails."""
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a", "sub": {"b": b"b"}})
    make(dst, {"a": b"old", "extra": b"x", "sub": {"b": b"b"}})
    blit("mirror", "--yes", f"{src}/", dst, prefix=inject(ram / side, "lseek", "error=EIO"))
    assert_same(src, dst)


def test_a_file_that_gives_way_to_a_folder_comes_back_if_that_fails(blit: Blit, ram: Path) -> None:
    """Unlinked before the rename, it is lost when the rename fails, and this fails."""
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {"name": {"in": b"in"}, "other": b"o"})
    make(dst, {"name": b"old"})
    prefix = inject("name", "renameat,renameat2", "error=EIO:when=2")  # aside, here, back
    blit("mirror", "--yes", f"{src}/", dst, code=3, prefix=prefix)
    assert contents(dst) == {"name": b"old", "other": b"o"} and not temporaries(dst)
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(src, dst)


@pytest.mark.parametrize("more", [(), ("--checksum",)])
def test_a_folder_in_which_only_links_are_mended_keeps_its_time(
    blit: Blit, ram: Path, more: tuple[str, ...]
) -> None:
    """Without `Copier.touched` in links.py the folder has the time of the rename, and this fails."""
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"x" for n in range(9)} | {"a": b"shared", "b": Hard("a")})
    blit("copy", f"{src}/", dst)
    make(dst, {"c": b"shared"})
    os.utime(dst / "c", ns=(os.stat(src / "a").st_mtime_ns,) * 2)
    os.rename(dst / "c", dst / "b")
    os.utime(dst, ns=(os.stat(src).st_mtime_ns,) * 2)
    blit("copy", *more, f"{src}/", dst)
    assert_same(src, dst)


def test_a_rename_that_is_not_permitted_is_not_a_filesystem_without_links(
    blit: Blit, ram: Path
) -> None:
    """With the errno of the rename taken for the link's, two copies are made, and this fails."""
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {f"f{n}": b"x" for n in range(9)} | {"a": b"shared", "b": Hard("a")})
    prefix = inject("b", "renameat,renameat2", "error=EPERM:when=1")
    blit("copy", f"{src}/", dst, code=3, prefix=prefix)
    assert not (dst / "b").exists() and not temporaries(dst)
    blit("copy", f"{src}/", dst)
    assert_same(src, dst)
