"""What is said, where, and to whom: quiet for cron, lines for -v, events for scripts, a bar for people."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Blit, requires_strace, workers_of
from trees import File, Symlink, assert_same, make

SUMMARY = {
    "type", "outcome", "exit_code", "command", "source", "destination", "route", "files", "bytes", "seconds",
    "forecast_s", "workers", "failures",
}  # fmt: skip
EVENTS = {
    "run_started", "route_chosen", "batch_planned", "plan_finished", "batch_started", "batch_finished", "failed",
    "heartbeat", "stalled", "paused", "resumed", "deletion_planned", "mirror_finished", "flushing", "run_finished",
    "summary",
}  # fmt: skip


# a mebibyte takes 100 ms: slow enough to be seen, too quick for blit to take smaller bites
SLOWLY = (
    "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=copy_file_range", "-e",
    "inject=copy_file_range:delay_enter=100000",
)  # fmt: skip


@pytest.mark.parametrize(
    "command", [("copy",), ("mirror", "--yes"), ("copy", "-q"), ("copy", "-c")]
)
@pytest.mark.parametrize("count", [3, 300])
def test_success_says_nothing_where_nobody_looks(
    blit: Blit, ram: Path, command: tuple[str, ...], count: int
) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(count)})
    make(ram / "dst", {"extra": b"x"})
    for _ in range(2):
        result = blit(*command, f"{ram}/src/", ram / "dst")
        assert result.out == result.err == b""


def test_verbose_names_every_change_with_its_reason(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"new": b"n", "sub": {"deep": b"d"}, "size": b"12345", "odd\n\x1b[1m": b"o"})
    make(ram / "dst", {"size": b"1", "extra": b"x"})
    result = blit("mirror", "--yes", "-v", f"{ram}/src/", ram / "dst")
    wanted = {("new", "new"), ("new", "sub/deep"), ("size", "size"), ("delete", "extra"),
              ("new", "odd\\n\\x1b[1m")}  # fmt: skip
    assert wanted <= result.changes
    assert sum(line.startswith("new") and line.endswith(" new") for line in result.lines) == 1
    assert re.search(r"src/ → .*dst$", result.errors[0])
    assert b"\x1b" not in result.out + result.err


def test_verbose_beats_where_it_takes_long(blit: Blit, ram: Path) -> None:
    """Heartbeat lines go to stderr; a source that is read slowly makes the run long enough."""
    make(ram / "src", {"a": File(size=15_000_000), "b": File(size=15_000_000)})
    prefix = SLOWLY
    requires_strace()
    result = blit("copy", "-v", f"{ram}/src/", ram / "dst", prefix=prefix)
    beats = [line for line in result.errors if " of " in line and "files" in line]
    assert len(beats) >= 2
    percents = [int(m[1]) for line in beats if (m := re.match(r"\s*(\d+) %", line))]
    assert percents == sorted(percents) and all(p <= 99 for p in percents)


@pytest.mark.parametrize("command", [("copy",), ("mirror", "--yes")])
def test_json_is_one_event_a_line(blit: Blit, ram: Path, command: tuple[str, ...]) -> None:
    make(ram / "src", {f"f{n}": b"xyz" for n in range(50)})
    make(ram / "dst", {"src": {"extra": b"x"}})
    result = blit.json(*command, ram / "src", ram / "dst")
    assert result.err == b""
    first, *_, last = result.events
    assert first["schema"] == 1 and sum("schema" in e for e in result.events) == 1
    assert {e["type"] for e in result.events} <= EVENTS
    assert {"run_started", "route_chosen", "plan_finished", "run_finished"} <= {
        e["type"] for e in result.events
    }
    assert last["type"] == "summary" and last.keys() >= SUMMARY
    assert last["files"].keys() >= {"copied", "unchanged", "deleted", "failed", "cloned"}
    assert last["bytes"].keys() >= {"copied", "cloned"}
    assert last["seconds"].keys() >= {"total", "planning", "first_byte"}
    assert last["outcome"] == "ok" and last["exit_code"] == 0 and last["command"] == command[0]
    assert last["source"] == f"{ram}/src" and last["destination"] == f"{ram}/dst/src"
    assert last["files"]["copied"] == 50 and last["bytes"]["copied"] == 150
    assert last["files"]["deleted"] == (1 if command[0] == "mirror" else 0)
    assert last["failures"] == []
    assert 0 < last["seconds"]["first_byte"] <= last["seconds"]["total"] < 30


@pytest.mark.parametrize(
    ("arguments", "code", "outcome"),
    [
        (("copy", "missing", "dst"), 1, "failed"),
        (("mirror", "src/", "dst"), 4, "refused"),
        (("copy", "src/", "src/in"), 4, "refused"),
        (("copy", "clash/", "dst"), 3, "partial"),
    ],
)
def test_json_ends_with_a_summary_whatever_happens(
    blit: Blit, ram: Path, arguments: tuple[str, ...], code: int, outcome: str
) -> None:
    make(ram, {"src": {"in": {"a": b"a"}}, "dst": {"extra": {"x": b"x"}}, "clash": {"extra": b"x"}})
    result = blit.json(*arguments, cwd=ram, code=code)
    assert result.summary["outcome"] == outcome and result.summary["exit_code"] == code
    assert result.events[0]["schema"] == 1
    if outcome == "partial":
        (failure,) = result.summary["failures"]
        assert failure.keys() >= {"path", "step", "errno", "message"}
        assert failure["path"].endswith("dst/extra")


def test_names_that_are_not_utf8_go_through_json_and_back(blit: Blit, ram: Path) -> None:
    name = b"\xff\xfe\n\x1b\\ue000\xed\xa0\x80.txt"
    make(ram / "src", {b"folder\xff": {name: b"x", name + b"2": b"y"}})
    source = os.fsencode(ram) + b"/src/folder\xff"
    make(ram / "dst", {b"folder\xff": {name: {"in": b"way"}}})
    result = blit.json("copy", source, ram / "dst", code=3)
    assert result.out.isascii()
    back = result.summary["source"].encode("utf-8", "surrogateescape")
    assert back == source
    (failure,) = result.summary["failures"]
    path = failure["path"].encode("utf-8", "surrogateescape")
    assert path == os.fsencode(ram) + b"/dst/folder\xff/" + name and os.path.exists(path)


@pytest.mark.parametrize("option", ["-v", "--json", "-n"])
def test_a_closed_pipe_ends_quietly_and_the_copy_is_done(
    blit: Blit, ram: Path, option: str
) -> None:
    make(ram / "src", {f"d{n}": {f"f{k}": b"x" for k in range(300)} for n in range(20)})
    words = " ".join(
        f"'{os.fspath(w)}'" for w in blit.command("copy", f"{ram}/src/", ram / "dst", option)
    )  # type: ignore[type-var]
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -1; echo ${{PIPESTATUS[0]}} >&2"],
        stdin=subprocess.DEVNULL, capture_output=True, env=blit.environment, timeout=60, check=False,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 1
    lines = [
        line for line in done.stderr.splitlines() if line.startswith((b"Trace", b"blit: ", b"Exc"))
    ]
    assert not lines, done.stderr
    assert done.stderr.splitlines()[-1] in (b"0", b"141")
    if option != "-n" and done.stderr.splitlines()[-1] == b"0":
        assert_same(ram / "src", ram / "dst")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", ">/dev/full"])
def test_closed_or_full_outputs_do_not_harm_the_copy(blit: Blit, ram: Path, closed: str) -> None:
    make(ram / "src", {f"f{k}": b"x" for k in range(300)})
    words = " ".join(
        f"'{os.fspath(w)}'" for w in blit.command("copy", f"{ram}/src/", ram / "dst", "-v")
    )  # type: ignore[type-var]
    done = subprocess.run(
        ["bash", "-c", f"{words} {closed}"],
        capture_output=True, env=blit.environment, timeout=60, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr, done.stderr
    assert done.returncode in (0, 1)
    assert_same(ram / "src", ram / "dst")


def test_an_output_that_nobody_reads_does_not_hold_the_copy(blit: Blit, ram: Path) -> None:
    """A pipe that is full and never read: the files are there all the same."""
    make(
        ram / "src",
        {f"d{n}": {f"{'long name ' * 20}{k}": b"x" for k in range(300)} for n in range(5)},
    )
    process = blit.start("copy", "-v", f"{ram}/src/", ram / "dst", stdout=subprocess.PIPE)
    end = time.monotonic() + 20
    while sum(len(files) for _, _, files in os.walk(ram / "dst")) < 1_500:
        assert time.monotonic() < end, "the copy stands still because nobody reads what it says"
        time.sleep(0.02)
    out = blit.finish(process).out
    assert (
        sum(line.startswith(b"new") and b"long name" in line for line in out.splitlines()) == 1_500
    )


def test_ludicrous_speed_warns_once_and_does_nothing(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(20)})
    result = blit("copy", "--ludicrous-speed", f"{ram}/src/", ram / "dst")
    assert len(result.errors) == 1 and "--ludicrous-speed" in result.errors[0]
    assert "removed" in result.errors[0] and result.out == b""
    assert_same(ram / "src", ram / "dst")
    assert "ludicrous" not in blit("copy", "--help").out.decode()


def test_the_hidden_workers_option_says_that_it_was_used(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(20)})
    result = blit("copy", "--workers", "3", f"{ram}/src/", ram / "dst")
    assert any("--workers 3" in line for line in result.errors)
    assert "--workers" not in blit("copy", "--help").out.decode()


# -- a terminal -----------------------------------------------------------------------------------


def on_terminal(
    blit: Blit, *arguments: str | bytes | Path, answer: bytes = b"", term: str = "xterm-256color",
    interrupt_after: bytes = b"", prefix: tuple[str, ...] = (),
) -> tuple[int, bytes]:  # fmt: skip
    """Run with a pty for all three; `answer` is typed at the first question mark."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        blit.command(*arguments, prefix=prefix),
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env=blit.environment | {"TERM": term, "COLUMNS": "100", "LINES": "30"},
    )  # fmt: skip
    os.close(slave)
    said, end = b"", time.monotonic() + 20
    try:
        while True:
            assert time.monotonic() < end, f"still running; it said {said!r}"
            if not select.select([master], [], [], 0.2)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                part = os.read(master, 1 << 16)
            except OSError:
                break
            if not part:
                break
            said += part
            if answer and b"[y/N]" in said:
                os.write(master, answer)
                answer = b""
            if interrupt_after and interrupt_after in said:
                process.send_signal(signal.SIGINT)
                interrupt_after = b""
        return process.wait(20), said
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)


HOSTILE = b"\x1b]0;owned\x07\x1b[2J\x9b31m\r[red]x\xe2\x80\xae"


def test_a_terminal_gets_a_summary_and_no_escapes_of_names(blit: Blit, ram: Path) -> None:
    make(ram / "src", {HOSTILE + b"%d" % n: b"x" for n in range(20)})
    make(ram / "dst", {HOSTILE + b"3": {"in": b"the way"}})
    code, said = on_terminal(blit, "copy", "-v", f"{ram}/src/", ram / "dst")
    assert code == 3
    assert b"copied 19 files" in said and "→".encode() in said
    assert b"\x1b]0;" not in said and b"\x1b[2J" not in said and b"\x9b" not in said
    assert b"\x07" not in said and "\u202e".encode() not in said
    assert b"\\x1b[2J" in said and b"[red]" in said


def test_a_terminal_gets_progress(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"a": File(size=15_000_000), HOSTILE: File(size=15_000_000)})
    requires_strace()
    code, said = on_terminal(blit, "copy", f"{ram}/src/", ram / "dst", prefix=SLOWLY)
    assert code == 0
    assert re.search(rb"\d+ %  .* of .*MB", said) and b"/s" in said
    assert b"copied 2 files, 30.0 MB" in said
    assert b"\x1b]0;owned" not in said and b"\x1b[2J" not in said
    assert said.rfind(b"\x1b[?25h") > said.rfind(b"\x1b[?25l"), "the cursor stays hidden"
    code, said = on_terminal(blit, "copy", f"{ram}/src/", ram / "dst2", term="dumb", prefix=SLOWLY)
    assert code == 0 and b"\x1b" not in said


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 4), (b"\n", 4)])
def test_a_mirror_asks_before_it_deletes(blit: Blit, ram: Path, answer: bytes, code: int) -> None:
    make(ram, {"src": {"a": b"a", "n": {"x": b"1"}}, "dst": {"extra": b"x", "n": Symlink("y")}})
    got, said = on_terminal(blit, "mirror", f"{ram}/src/", ram / "dst", answer=answer)
    assert got == code, said
    assert (ram / "dst/extra").exists() == (code != 0)
    assert (ram / "dst/a").exists()


def test_ctrl_c_at_the_question_deletes_nothing(blit: Blit, ram: Path) -> None:
    make(ram, {"src": {"a": b"a"}, "dst": {"extra": b"x"}})
    code, said = on_terminal(blit, "mirror", f"{ram}/src/", ram / "dst", interrupt_after=b"[y/N]")
    assert code == 130, said
    assert b"not answered: nothing was deleted" in said
    assert (ram / "dst/extra").exists() and (ram / "dst/a").exists()


def test_no_worker_outlives_its_run(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(200)})
    code = f"""
import subprocess, sys
done = subprocess.Popen([sys.executable, "-m", "blit", "copy", {str(ram / "src")!r}, {str(ram / "dst")!r}, "--no-tui"])
done.wait()
print(done.pid)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True,
                         stdin=subprocess.DEVNULL, env=blit.environment)  # fmt: skip
    end = time.monotonic() + 5
    while left := [p for p in _all_workers() if _parent_token(p) == out.stdout.strip()]:
        assert time.monotonic() < end, f"workers {left} are still there"
        time.sleep(0.01)


def _all_workers() -> list[int]:
    return [pid for parent in (1, os.getpid()) for pid in workers_of(parent)]


def _parent_token(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2]
    except (OSError, IndexError):
        return b""


def test_json_is_json_for_any_reader(blit: Blit, ram: Path) -> None:
    make(ram / "src", {f"f{n}": b"x" for n in range(20)})
    result = blit.json("copy", f"{ram}/src/", ram / "dst")
    for line in result.out.decode("ascii").splitlines():
        assert isinstance(json.loads(line, parse_constant=pytest.fail), dict)
