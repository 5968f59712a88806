"""The history file: what a line holds, what is skipped, how many may write at once, how it ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.curve import MOVING, SILENT
from blit.history import jsonl, recorder, records
from tests import past
from tests.conftest import until

ROOT = Path(__file__).parent.parent


# -- names ----------------------------------------------------------------------------------------


@given(st.binary())
def test_every_name_survives_the_way_back(name: bytes) -> None:
    text = recorder.encode(name)
    assert text.isascii() and text.isprintable()
    assert recorder.decode(text) == name


@pytest.mark.parametrize(
    "path", ["relative", "", "/a%00b", "/a%", "/a%g1", "/é", "/\udce9"], ids=ascii
)
def test_a_path_that_is_none_makes_a_line_damaged(path: str) -> None:
    assert past.history(past.facts(target=path)).damaged == 1
    assert past.history(past.facts(sources=[path])).damaged == 1


# -- reading --------------------------------------------------------------------------------------

DAMAGED = [
    b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"{}", b"\0" * 40, b"[" * 5000,
    json.dumps(past.facts(version=0)).encode(), json.dumps(past.facts(version="1")).encode(),
    json.dumps(past.facts(seconds={"total": -1})).encode(),
    json.dumps(past.facts(bytes={"copied": 1e999})).encode(),
    json.dumps(past.facts(peak=float("nan"))).encode(),
    json.dumps(past.facts(command="burn")).encode(),
    json.dumps(past.facts(curve={"seconds": 1, "kB_s": [1] * 61, "marks": ""})).encode(),
    json.dumps(past.facts(curve={"seconds": 1, "kB_s": [1], "marks": "?"})).encode(),
    json.dumps(past.facts())[:300].encode(),
]  # fmt: skip


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_line_is_counted_and_skipped(line: bytes, tmp_path: Path) -> None:
    file = past.write(tmp_path, past.facts(0), past.facts(1), more=line + b"\n")
    found = records.read(str(file))
    assert [each.id for each in found.records] == ["run-1", "run-0"]
    assert (found.damaged, found.newer) == (1, 0)


def test_lines_of_a_newer_blit_are_counted_apart_and_kept(tmp_path: Path) -> None:
    newer = json.dumps({"version": 2, "id": "later"}).encode()
    file = past.write(tmp_path, past.facts(0), more=newer + b"\n")
    assert records.read(str(file)).newer == 1
    assert records.forget(frozenset({"run-0"}), str(file)) == 1
    assert file.read_bytes() == newer + b"\n"


def test_what_a_newer_blit_adds_to_a_record_does_not_hurt() -> None:
    found = past.history(past.facts(colour="red", files__chunks=7))
    assert found.records[0].files.copied == 1200


def test_no_file_is_an_empty_history(tmp_path: Path) -> None:
    assert records.read(str(tmp_path / "none")) == records.History()


def test_the_curve_comes_back_as_it_was() -> None:
    curve = past.record(4, **{"curve": past.vm(4)["curve"]}).curve.curve()
    assert curve.at == 2163.0
    assert len(curve.values) == 60
    assert curve.marks.count(SILENT) == 5 and curve.marks[:48] == bytes([MOVING]) * 48
    assert [round(rate / 1000) for rate in curve.rates()] == past.vm(4)["curve"]["kB_s"]


def test_what_may_teach() -> None:
    assert past.record().teaches
    assert not past.record(outcome="partial").teaches
    assert not past.record(files__copied=0).teaches
    assert not past.record(retry=True).teaches


# -- writing --------------------------------------------------------------------------------------


def test_a_line_is_appended_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "config" / "deep" / "perf_local.jsonl"
    old = os.umask(0)
    try:
        jsonl.append(str(file), b"one")
        jsonl.append(str(file), b"two")
    finally:
        os.umask(old)
    assert file.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "perf_local.jsonl"
    file.touch(mode=0o644)
    jsonl.append(str(file), b"x")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_half_a_line_swallows_no_other(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"one\ntw")
    jsonl.append(str(file), b"three")
    assert jsonl.lines(str(file)) == [b"one", b"tw", b"three"]


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(70, 300))
def test_the_cap_is_kept_and_the_newest_stay(tmp_path_factory, sizes, cap) -> None:
    file = tmp_path_factory.mktemp("cap") / "f"
    written = []
    for number, size in enumerate(sizes):
        line = b"%d:" % number + b"x" * size
        written.append(line)
        jsonl.append(str(file), line, cap)
        assert file.stat().st_size <= cap
        found = jsonl.lines(str(file))
        assert found and found == written[-len(found) :]


def test_the_oldest_go_in_one_step_with_room_for_more(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for number in range(1000):
        jsonl.append(str(file), b"%09d" % number, cap=1000)
    assert jsonl.lines(str(file))[-1] == b"000000999"
    assert 860 <= file.stat().st_size <= 1000
    assert os.listdir(tmp_path) == ["f"]


def test_a_link_to_a_file_elsewhere_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "f", tmp_path / "link"
    link.symlink_to(file)
    for number in range(20):
        jsonl.append(str(link), b"%09d" % number, cap=100)
    assert link.is_symlink() and jsonl.lines(str(file))[-1] == b"000000019"


@pytest.mark.parametrize("kind", ["folder", "fifo", "blocked"])
def test_what_is_no_file_is_an_error_and_nothing_hangs(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_text("a file where a folder should be")
        path = path / "f"
    with pytest.raises(OSError, match=r"directory|regular|exists"):
        jsonl.append(str(path), b"x")


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "f"
    jsonl.append(str(file), b"one")
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    with pytest.raises(OSError, match="No space"):
        jsonl.append(str(file), b"three")
    assert file.read_bytes() == b"one\n"


def test_when_nothing_can_be_dropped_nothing_is_added(tmp_path: Path, monkeypatch) -> None:
    """The cap holds also where the folder takes no new file."""
    file = tmp_path / "f"
    jsonl.append(str(file), b"x" * 90, cap=100)

    def replace(*_: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PermissionError):
        jsonl.append(str(file), b"y" * 90, cap=100)
    assert jsonl.lines(str(file)) == [b"x" * 90]
    assert os.listdir(tmp_path) == ["f"]


# -- many at once ---------------------------------------------------------------------------------

WRITER = """
import sys; sys.path.insert(0, sys.argv[1])
from blit.history import jsonl
for n in range(int(sys.argv[4])):
    jsonl.append(sys.argv[2], f"{sys.argv[3]} {n} {'x' * (n % 97)}".encode(), int(sys.argv[5]), 60)
"""
# takes the lock, writes half a line, says so, and is killed
HALF = """
import os, sys, time; sys.path.insert(0, sys.argv[1])
from blit.history import jsonl
write = os.write
def half(fd, data):
    write(fd, data[:len(data) // 2]); print("half", flush=True); time.sleep(60)
os.write = half
jsonl.append(sys.argv[2], b"killed " + b"k" * 50, int(sys.argv[3]), 60)
"""


def start(code: str, *words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_eight_at_once_and_one_that_is_killed_while_it_writes(tmp_path: Path) -> None:
    """Every line is whole, none is lost, and the half one is alone."""
    file, each = tmp_path / "f", 100
    victim = start(HALF, file, 1 << 20)
    assert victim.stdout is not None and victim.stdout.readline() == b"half\n"
    writers = [start(WRITER, file, name, each, 1 << 20) for name in "abcdefgh"]
    # they are all there and wait for the lock that the victim holds
    until(lambda: len(waiting(file)) == 9, "eight writers have opened the file")
    victim.send_signal(signal.SIGKILL)
    for process in (victim, *writers):
        process.communicate(timeout=60)
    assert [w.returncode for w in writers] == [0] * 8
    found = [line.split(b" ") for line in jsonl.lines(str(file))]
    halves = [parts for parts in found if parts[0] == b"killed"]
    assert len(halves) == 1 and halves[0][1] == b"k" * 22
    rest = [parts for parts in found if parts[0] != b"killed"]
    assert sorted((p[0], int(p[1])) for p in rest) == sorted(
        (name.encode(), n) for name in "abcdefgh" for n in range(each)
    )
    assert all(parts[2] == b"x" * (int(parts[1]) % 97) for parts in rest)


def waiting(file: Path) -> list[str]:
    """The processes that have a file open."""
    found = []
    for process in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(os.readlink(each) == str(file) for each in process.iterdir()):
                found.append(process.parent.name)
        except OSError:
            pass
    return found


def test_eight_at_once_over_the_cap(tmp_path: Path) -> None:
    """The file is replaced again and again while others wait for it: the newest are there."""
    file, each, cap = tmp_path / "f", 150, 4000
    writers = [start(WRITER, file, name, each, cap) for name in "abcdefgh"]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert file.stat().st_size <= cap
    found = [line.split(b" ") for line in jsonl.lines(str(file))]
    assert all(parts[2] == b"x" * (int(parts[1]) % 97) for parts in found)
    for name in b"abcdefgh":  # what one wrote stands in its order, without a gap, up to its last
        numbers = [int(parts[1]) for parts in found if parts[0] == bytes([name])]
        assert numbers == list(range(each - len(numbers), each))
    assert os.listdir(tmp_path) == ["f"]


def test_whoever_holds_the_lock_for_ever_holds_nobody_up(tmp_path: Path) -> None:
    import fcntl

    file = tmp_path / "f"
    file.write_bytes(b"one\n")
    with file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError):
            jsonl.append(str(file), b"two", patience=0.05)
        assert jsonl.lines(str(file)) == [b"one"]


# -- forgetting -----------------------------------------------------------------------------------


def test_forgetting_some_and_all(tmp_path: Path) -> None:
    file = past.write(tmp_path, *(past.facts(n) for n in range(5)), more=b"damaged\n")
    assert records.forget(frozenset({"run-1", "run-3", "nobody"}), str(file)) == 2
    assert [each.id for each in past.read(tmp_path).records] == ["run-4", "run-2", "run-0"]
    assert past.read(tmp_path).damaged == 1
    assert records.clear(str(file)) == 4
    assert past.read(tmp_path) == records.History()
    assert records.clear(str(tmp_path / "none")) == 0
    assert os.listdir(tmp_path) == ["perf_local.jsonl"]
