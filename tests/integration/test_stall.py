"""When the kernel itself blocks: exit code 5 within 12 s, the path named, the terminal given back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import (
    Blit,
    Result,
    loop_ext4,
    ram_folder,
    requires_fuse,
    requires_tool,
    until,
)
from hurt import fuse
from trees import assert_same, differences, make, temporaries

LIMIT = 12.0  # seconds from the hang to the end of the program
CROWDED = 17.0  # the same where nine of them and their filesystems share two cores
THAW_AFTER = 25  # seconds after which a frozen filesystem thaws whatever happens


def check_stalled(result: Result, path: Path, limit: float = LIMIT) -> None:
    """Both outputs were captured through pipes; it ended as stalled, in time, naming `path`."""
    assert result.code == 5, str(result)
    assert result.seconds < limit, f"the terminal came back only after {result.seconds:.1f} s"
    assert result.seconds > 9, "a stall is called after 10 s, not sooner"
    assert len(result.errors) == 1, result
    assert str(path) in result.errors[0], result


# what hangs → the rule, the path that must be named, the command
TREE: dict[str, Any] = {
    "big": b"b" * 3_000_000,
    "sub": {"x": b"x"},
    **{f"s{n}": b"s" for n in range(12)},
}
SOURCE_HANGS = {
    "reading a file": ({"op": "read", "path": "/src/big"}, "src/big", ("copy",)),
    "opening a file": ({"op": "open", "path": "/src/big"}, "src/big", ("copy",)),
    "listing a folder": ({"op": "readdir", "path": "/src/sub"}, "src/sub", ("mirror", "-y")),
    "the first look": ({"op": "getattr", "path": "/src*"}, "src", ("copy",)),
}
TARGET_HANGS = ("create", "write", "rename", "mkdir", "utimens")


class Hung(NamedTuple):
    first: Result  # while it hangs
    again: Result  # when it works again
    mount: Path
    wrong: list[str]  # what differs then


def _source_hangs(blit: Blit, ram: Path, hang: str) -> Hung:
    rule, _, command = SOURCE_HANGS[hang]
    with fuse(ram) as faults:
        make(faults.below / "src", TREE)
        faults.hurt({**rule, "hang": True})
        arguments = (*command, f"{faults.point}/src/", ram / "dst")
        first = blit(*arguments, code=None, timeout=CROWDED + 8)
        faults.hurt()
        again = blit(*arguments, code=None)
        return Hung(first, again, faults.point, differences(faults.below / "src", ram / "dst"))


def _target_hangs(blit: Blit, ram: Path, op: str) -> Hung:
    make(ram / "src", {"a": b"a" * 2_000_000, "sub": {"b": b"b"}})
    with fuse(ram) as faults:
        faults.hurt({"op": op, "hang": True})
        arguments = ("copy", ram / "src", faults.point)
        first = blit(*arguments, code=None, timeout=CROWDED + 8)
        faults.hurt()
        again = blit(*arguments, code=None)
        there = faults.below / "src"
        return Hung(first, again, faults.point, differences(ram / "src", there))


@pytest.fixture(scope="module")
def hung(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Hung]]]:
    """All hangs at once, because each takes 10 s of waiting."""
    requires_fuse()
    blit = Blit(tmp_path_factory.mktemp("config"))
    with ram_folder() as ram, ThreadPoolExecutor(12) as threads:
        runs: dict[str, Future[Hung]] = {}
        for hurt, names in ((_source_hangs, SOURCE_HANGS), (_target_hangs, TARGET_HANGS)):
            for name in names:
                place = ram / name.replace(" ", "_")
                place.mkdir()
                runs[name] = threads.submit(hurt, blit, place, name)
        yield runs


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("hang", SOURCE_HANGS)
def test_a_source_that_hangs(hung: dict[str, Future[Hung]], hang: str) -> None:
    run = hung[hang].result(60)
    check_stalled(run.first, run.mount / SOURCE_HANGS[hang][1], CROWDED)
    assert run.again.code == 0, str(run.again)
    assert not run.wrong


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("op", TARGET_HANGS)
def test_a_destination_that_hangs(hung: dict[str, Future[Hung]], op: str) -> None:
    run = hung[op].result(60)
    check_stalled(run.first, run.mount, CROWDED)
    assert run.again.code == 0, str(run.again)
    assert not run.wrong


@pytest.mark.root
@pytest.mark.slow
def test_a_hang_is_left_in_time(blit: Blit, ram: Path) -> None:
    """Alone on the machine, so that the limit of 12 s is the program's own."""
    run = _source_hangs(blit, ram, "reading a file")
    check_stalled(run.first, run.mount / SOURCE_HANGS["reading a file"][1])


@pytest.mark.root
def test_a_slow_filesystem_is_no_stall(blit: Blit, ram: Path) -> None:
    with fuse(ram) as faults:
        make(faults.below / "src", {f"f{n}": b"x" for n in range(9)})
        faults.hurt({"op": "open", "delay": 0.4})
        result = blit("copy", f"{faults.point}/src/", ram / "dst", timeout=40)
        assert result.err == b""
        assert len(list((ram / "dst").iterdir())) == 9


@pytest.mark.root
def test_ctrl_c_ends_a_run_that_hangs(blit: Blit, ram: Path) -> None:
    with fuse(ram) as faults:
        make(faults.below / "src", {"big": b"b" * 3_000_000})
        faults.hurt({"op": "read", "hang": True})
        process = blit.start("copy", f"{faults.point}/src/", ram / "dst", stderr=subprocess.PIPE)
        until(lambda: temporaries(ram / "dst") if (ram / "dst").exists() else [], "the copy begins")
        process.send_signal(signal.SIGINT)
        result = blit.finish(process, 8)
        assert result.code == 130, str(result)
        faults.hurt()
        blit("copy", f"{faults.point}/src/", ram / "dst")
        assert not temporaries(ram / "dst")


@contextmanager
def frozen(point: Path) -> Iterator[None]:
    """Freeze a filesystem; it thaws at the end of the block, and by itself whatever becomes of us."""
    thaw = subprocess.Popen(
        ["sh", "-c", f'sleep {THAW_AFTER}; fsfreeze -u "$1"', "sh", str(point)],
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(["fsfreeze", "-f", str(point)], check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", str(point)], check=False, timeout=10)
        os.killpg(thaw.pid, signal.SIGKILL)
        thaw.wait()


@pytest.mark.root
@pytest.mark.slow
def test_a_destination_that_is_frozen(blit: Blit, ram: Path) -> None:
    requires_tool("fsfreeze")
    make(ram / "src", {f"f{n}": b"x" * 1000 for n in range(300)})
    with loop_ext4(ram) as point:
        with frozen(point):
            check_stalled(blit("copy", ram / "src", point, code=None), point)
        until(lambda: blit("copy", ram / "src", point, code=None).code == 0, "the rerun works")
        assert not temporaries(point)
        assert_same(ram / "src", point / "src")


@pytest.mark.root
@pytest.mark.slow
def test_a_destination_that_freezes_in_the_middle(blit: Blit, ram: Path) -> None:
    requires_tool("fsfreeze")
    src = ram / "src"
    for folder in range(5):
        make(src / f"d{folder}", {f"f{n}": b"x" * 500 for n in range(1_000)})
    with loop_ext4(ram) as point:
        process = blit.start("copy", src, point, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: next(point.glob("src/d*/f*"), None), "the first file")
        with frozen(point):
            began = time.monotonic()
            result = blit.finish(process, LIMIT + 8)
            assert result.code == 5, str(result)
            assert time.monotonic() - began < LIMIT
            assert str(point) in result.errors[-1] and len(result.errors) == 1
        until(lambda: blit("copy", src, point, code=None).code == 0, "the rerun works")
        assert not temporaries(point)
        assert_same(src, point / "src")


def test_a_stop_while_it_is_quiet_gives_time_all_the_same(blit: Blit, ram: Path) -> None:
    """On a slow device it may be quiet for seconds before the stop. Without `stopped` in
    engine/watch.py the workers are killed at once, and their temporaries stay."""
    old = {f"f{n}": b"old" for n in range(8)}
    with fuse(ram) as faults:
        make(faults.below, {"src": dict.fromkeys(old, b"x" * 20000)})
        make(ram / "dst", old)
        mark = ram / "mark"
        faults.hurt({"op": "read", "hang": True, "mark": str(mark)})
        process = blit.start("copy", f"{faults.point}/src/", ram / "dst")
        until(mark.exists, "a read that takes long")
        time.sleep(3)  # longer than a stop is patient
        process.send_signal(signal.SIGTERM)
        time.sleep(0.7)
        faults.hurt()
        assert blit.finish(process).code == 143
        left = [name for name in os.listdir(ram / "dst") if name.startswith(".blit-")]
        assert not left
