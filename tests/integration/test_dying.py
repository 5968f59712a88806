"""Disks that die or fill up in every step: one message, nothing partial, and a rerun goes on."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Thread

import pytest
from conftest import (
    Blit,
    Result,
    loop_ext4,
    mounted,
    requires_fuse,
    requires_loop,
    requires_strace,
    requires_tool,
    until,
)
from hurt import Faults, fuse
from trees import File, Symlink, assert_same, contents, filler, make, temporaries


def old_or_new(found: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes]) -> None:
    for name, data in found.items():
        if not os.path.basename(name).startswith(".blit-"):
            assert data in (old.get(name), new.get(name)), f"{name} holds neither old nor new"
    assert found.keys() >= old.keys(), f"something old is gone: only {sorted(found)} is there"


# -- full, in every step --------------------------------------------------------------------------

STEPS = ("mkdirat,mkdir", "renameat,renameat2,rename", "symlinkat", "fallocate", "syncfs,fsync",
         "openat", "linkat", "utimensat")  # fmt: skip


@pytest.mark.parametrize(
    ("calls", "error"), [*((step, "ENOSPC") for step in STEPS), (STEPS[1], "EDQUOT")]
)
def test_full_in_any_step_is_one_message(blit: Blit, ram: Path, calls: str, error: str) -> None:
    """Without blame.fatal, used by every step, some of these are a message a file."""
    requires_strace()
    with loop_ext4(ram) if calls == "fallocate" else nullcontext(ram) as place:  # not on tmpfs
        check_full(blit, ram / "src", place / "dst", calls, error)


def check_full(blit: Blit, src: Path, dst: Path, calls: str, error: str) -> None:
    make(src, {f"f{n}": filler(1_500_000 if n < 3 else 100 + n, b"new") for n in range(40)})
    make(src, {f"d{n}": {"x": b"x", "l": Symlink("x"), "empty": {}} for n in range(20)})
    os.link(src / "f0", src / "other")
    make(dst, {f"f{n}": filler(90 + n, b"old") for n in range(30)})
    old, new = contents(dst), contents(src)
    path = ["-P", "d7"] if calls == "openat" else []
    prefix = ["strace", "-f", "-qq", "-o", "/dev/null", *path, "-e", f"trace={calls}", "-e",
              f"inject={calls}:error={error}"]  # fmt: skip
    if calls == "utimensat":
        prefix[-1] += ":when=30+"
    result = blit("copy", f"{src}/", dst, code=None, prefix=prefix)
    old_or_new(contents(dst), old, new)
    if calls == "openat":  # no file system says so of a folder: it is this one's trouble
        return
    assert result.code == 1, str(result)
    assert len(result.errors) == 1, str(result)
    word = "quota" if error == "EDQUOT" else "no space"
    assert word in result.errors[0] and "run the same command again" in result.errors[0]
    blit("copy", f"{src}/", dst)
    assert_same(src, dst)
    assert not temporaries(dst)


@pytest.mark.root
def test_a_quota_that_is_used_up(blit: Blit, ram: Path) -> None:
    requires_loop()
    requires_tool("mkfs.btrfs", "btrfs")
    image = ram / "image"
    with open(image, "wb") as out:
        out.truncate(128 << 20)
    subprocess.run(["mkfs.btrfs", "-q", "-f", str(image)], check=True, timeout=60)
    make(ram / "src", {f"f{n}": filler(500_000, b"%d" % n) for n in range(20)})
    with mounted(ram / "b", "-o", "loop", str(image)) as point:
        for words in (
            ("quota", "enable", str(point)),
            ("subvolume", "create", str(point / "sv")),
            ("qgroup", "limit", "3M", str(point / "sv")),
        ):
            done = subprocess.run(["btrfs", *words], check=False, capture_output=True, timeout=60)
            if done.returncode:
                pytest.skip(f"no quotas here: {done.stderr.decode(errors='replace').strip()}")
        result = blit("copy", f"{ram}/src/", point / "sv", code=1)
        assert len(result.errors) == 1 and "quota" in result.errors[0], str(result)
        found, want = contents(point / "sv"), contents(ram / "src")
        assert all(found[name] == want[name] for name in found) and len(found) < 20
        subprocess.run(
            ["btrfs", "qgroup", "limit", "none", str(point / "sv")], check=True, timeout=60
        )
        blit("copy", f"{ram}/src/", point / "sv")
        assert_same(ram / "src", point / "sv")


@pytest.mark.parametrize("replaces", [False, True])
def test_a_file_too_large_for_the_destination_is_its_own_trouble(
    blit: Blit, ram: Path, replaces: bool
) -> None:
    """EFBIG: named with the destination's path, the rest is copied."""
    src, dst = ram / "src", ram / "dst"
    make(src, {"big": File(size=9_000_000), **{f"f{n}": b"x" for n in range(20)}})
    if replaces:
        make(dst, {"big": b"old content"})

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, 8_000_000))

    result = blit.json("copy", f"{src}/", dst, code=3, preexec=limit)
    failures = result.summary["failures"]
    assert [(f["path"], f["errno"]) for f in failures] == [(f"{dst}/big", errno.EFBIG)]
    assert (not replaces and not (dst / "big").exists()) or (dst / "big").read_bytes() == (
        b"old content"
    )
    assert len(contents(dst)) == 20 + replaces
    assert not temporaries(dst)


# -- errors of the device, in every step -----------------------------------------------------------


@pytest.mark.root
def test_no_two_calls_at_once_are_the_second(ram: Path) -> None:
    """Of these tests alone: "from 2, to 2" hurts one call. By the size of the file it hurt two."""
    requires_fuse()
    from integration.faultfs import Faulty

    faulty, met = Faulty(str(ram), str(ram / "rules")), list[int]()

    def call() -> None:
        for _ in range(300):
            met.append(faulty.count({"op": "create"}))

    threads = [Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(met) == list(range(1, 2401))


BAD_PLACE = {  # the rule, and which side is named
    "read": "src", "open": "src", "write": "dst", "flush": "dst", "fsync": "dst", "rename": "dst",
    "create": "dst", "utimens": "dst", "chmod": "dst",
}  # fmt: skip


@pytest.mark.root
@pytest.mark.parametrize("op", BAD_PLACE)
def test_one_bad_place_on_a_disk_is_one_files_trouble(blit: Blit, ram: Path, op: str) -> None:
    """EIO for one of many files. Without blame.takes this ends the run."""
    with fuse(ram) as faults:
        make(faults.below, {"src": {f"f{n}": filler(5_000 + n, b"new") for n in range(12)}})
        make(ram / "src", {f"f{n}": filler(5_000 + n, b"new") for n in range(12)})
        make(faults.below, {"dst": {f"f{n}": filler(4_000 + n, b"old") for n in range(2)}})
        old = contents(faults.below / "dst")
        if BAD_PLACE[op] == "src":
            faults.hurt({"op": op, "path": "/src/f0", "errno": errno.EIO})
            src, dst = faults.point / "src", ram / "dst"
            make(dst, {f"f{n}": filler(4_000 + n, b"old") for n in range(2)})
        else:
            faults.hurt({"op": op, "path": "/dst/*", "errno": errno.EIO, "from": 2, "to": 2})
            src, dst = ram / "src", faults.point / "dst"
        result = blit.json("copy", f"{src}/", dst, code=None)
        at_source = BAD_PLACE[op] == "src"
        there = dst if at_source else faults.below / "dst"
        print(result)  # told where the next line fails
        old_or_new(contents(there), old, contents(ram / "src"))
        if result.code == 3:
            errnos = [f["errno"] for f in result.summary["failures"]]
            assert errnos == [errno.EIO] * (2 if op == "fsync" else 1)
            path = result.summary["failures"][0]["path"]
            assert path.startswith(str(faults.point / BAD_PLACE[op])), path
        else:  # met on the hot path, and done again with care: the second time it worked
            assert result.code == 0 and BAD_PLACE[op] == "dst"
            assert_same(ram / "src", faults.below / "dst")
        faults.hurt()
        blit("copy", f"{src}/", dst)
        assert_same((faults.below if at_source else ram) / "src", there)
        assert not temporaries(there)


@pytest.mark.root
@pytest.mark.parametrize("op", ["write", "create", "rename", "flush", "fsync", "unlink"])
def test_a_destination_that_takes_nothing_any_more_is_one_message(
    blit: Blit, ram: Path, op: str
) -> None:
    """Without blame.fatal this is a message a file."""
    files = 60
    make(ram / "src", {f"f{n}": filler(3_000 + n, b"new") for n in range(files)})
    with fuse(ram) as faults:
        names = range(files) if op != "fsync" else range(2)
        make(faults.below, {"dst": {f"f{n}": filler(2_000 + n, b"old") for n in names}})
        make(faults.below, {"dst": {f"extra{n}": b"x" for n in range(30 if op == "unlink" else 0)}})
        old, new = contents(faults.below / "dst"), contents(ram / "src")
        faults.hurt({"op": op, "errno": errno.EIO, "from": 1 if op in ("unlink", "fsync") else 20})
        command = ("mirror", "--yes", f"{ram}/src/", faults.point / "dst")
        result = blit(*command, code=None)
        assert result.code == (3 if op in ("rename", "unlink") and result.code == 3 else 1), result
        found = contents(faults.below / "dst")
        old_or_new(found, old, new)
        if result.code == 1:
            assert len(result.errors) == 1, str(result)
            assert "takes nothing any more" in result.errors[0] and "dst" in result.errors[0]
        faults.hurt()
        blit(*command)
        assert_same(ram / "src", faults.below / "dst")
        assert not temporaries(faults.below)


@contextmanager
def failing_disk(ram: Path, kind: str) -> Iterator[tuple[Path, Faults]]:
    """A filesystem on a loop device on a file whose device can be made to fail."""
    requires_loop()
    requires_tool(f"mkfs.{kind}")
    with fuse(ram) as faults:
        image = faults.below / "image"
        with open(image, "wb") as out:
            out.truncate((64 if kind == "ext4" else 300) << 20)
        force = "-F" if kind == "ext4" else "-f"
        subprocess.run([f"mkfs.{kind}", "-q", force, str(image)], check=True, timeout=60)
        # no forgetting of unused blocks: this file's filesystem cannot
        with mounted(ram / "disk", "-o", "loop,nodiscard", str(faults.point / "image")) as point:
            try:
                yield point, faults
            finally:
                subprocess.run(["umount", "-l", str(point)], check=False, timeout=60)
                faults.hurt()


def _dies(blit: Blit, ram: Path, kind: str) -> tuple[Result, Result]:
    make(ram / "src", {f"d{m}": {f"f{n}": filler(6_000 + n) for n in range(60)} for m in range(20)})
    with failing_disk(ram, kind) as (point, faults):
        make(point / "dst", {"d3": {f"f{n}": b"old content" for n in range(60)}, "extra": b"e"})
        old, new = contents(point / "dst"), contents(ram / "src")
        subprocess.run(["sync", "-f", str(point)], check=True, timeout=30)
        faults.hurt({"op": "write", "errno": errno.EIO})
        result = blit("mirror", "--yes", f"{ram}/src/", point / "dst", code=None)
        again = blit("mirror", "--yes", f"{ram}/src/", point / "dst", code=None)
        subprocess.run(["umount", str(point)], check=False, timeout=60)
        faults.hurt()
        # when the device is sound again, a run by content makes everything whole
        with mounted(ram / "disk", "-o", "loop,nodiscard", str(faults.point / "image")):
            found = contents(point / "dst")
            assert found.keys() >= old.keys(), "something old is gone"
            assert all(found[name] in (old[name], new.get(name)) for name in old)
            blit("mirror", "--yes", "--checksum", f"{ram}/src/", point / "dst")
            assert_same(ram / "src", point / "dst")
    return result, again


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_disk_that_dies_in_the_middle(blit: Blit, ram: Path, kind: str) -> None:
    """Without the sync before the deletions, or its check, this is exit code 0."""
    for result in _dies(blit, ram, kind):
        assert result.code == 1, str(result)
        assert len(result.errors) == 1, str(result)
        assert str(ram) in result.errors[0]


@pytest.mark.root
def test_a_source_that_is_gone_is_one_message(blit: Blit, ram: Path) -> None:
    """The server of a mount has died. Without blame.source_gone this is a message a file."""
    with fuse(ram) as faults:
        make(faults.below, {f"d{m}": {f"f{n}": b"x" * n for n in range(50)} for m in range(30)})
        faults.hurt({"op": "open", "delay": 0.01})
        process = blit.start(
            "copy", f"{faults.point}/", ram / "dst", stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        until(lambda: next(ram.glob("dst/d*/f*"), None), "the first file")
        faults.kill()
        result = blit.finish(process)
        assert result.code == 1, str(result)
        assert len(result.errors) == 1 and "does not answer any more" in result.errors[0], result
        assert str(faults.point) in result.errors[0]
    assert not temporaries(ram / "dst")
