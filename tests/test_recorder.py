"""What one run leaves in the history, what leaves nothing, and that no copy ever suffers from it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from blit.curve import Curve
from blit.events import (
    BatchFinished,
    ByteCounts,
    Change,
    Counts,
    Failed,
    Heartbeat,
    PlanFinished,
    RouteChosen,
    RunFinished,
    RunStarted,
    Seconds,
    Summary,
)
from blit.history import jsonl, recorder, records
from blit.job import Job
from blit.state import TransferState
from tests.conftest import Blit, ordinary

HERE = b"/home/you/caf\xe9 100%/"
JOB = Job("mirror", (HERE,), b"/mnt/\xff", verify=True, max_delete=7, yes=True)
SECRET = b"wages.xls"


def summary(**given: Any) -> Summary:
    base = Summary(
        "partial", 3, "mirror", HERE, b"/mnt/\xff", "streaming", Counts(120, 7, 3, 1, 0),
        ByteCounts(4_000_000, 0), Seconds(12.3456, 0.5, 0.07), None, 4,
        (Failed(HERE + SECRET, "open", 13, "Permission denied"),),
        f"finished with 1 problem: {SECRET.decode()}", methods={"kernel": 119, "read/write": 1},
        notes=(f"1 socket not copied: {SECRET.decode()}",),
    )  # fmt: skip
    return base._replace(**given)


def story(end: Summary | None = None, job: Job = JOB) -> TransferState:
    state = TransferState()
    events: list[Any] = [
        RunStarted(job.command, job.sources, job.target, ((HERE, job.target),), job.dry_run, 1.7e9),
        RouteChosen("streaming", "a mirror always takes the full planner", None, 4, ("xfs", "nfs")),
        PlanFinished(121, 4_100_000, 7, 3, 3, 0.5),
        BatchFinished(1, 0, "copy", 100, 3_000_000, 4.0, (Change("new", SECRET, "kernel", 9),)),
        BatchFinished(2, 1, "copy", 20, 1_000_000, 2.0),
        Failed(HERE + SECRET, "open", 13, "Permission denied"),
        *(Heartbeat(n / 2, "copying", n * 5, n * 200_000, 121, 4_100_000, True, 0, 0, 0,
                    4.0 if n == 10 else 0.0, ()) for n in range(1, 21)),
        RunFinished(end or summary()),
    ]  # fmt: skip
    for event in events:
        state = state.after(event)
    return state


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    """A config folder that does not exist yet."""
    folder = tmp_path / "config"
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(folder))
    monkeypatch.delenv("BLIT_DISABLE_LOCAL_TELEMETRY", raising=False)
    monkeypatch.delenv("BLIT_DEBUG", raising=False)
    return folder


def only(config: Path) -> records.RunRecord:
    found = records.read(str(config / "perf_local.jsonl"))
    assert (len(found.records), found.damaged) == (1, 0)
    return found.records[0]


# -- what stands in a record ----------------------------------------------------------------------


def test_a_record_tells_the_run(config: Path) -> None:
    assert recorder.record(JOB, story())
    found = only(config)
    assert (found.version, found.command, found.outcome) == (1, "mirror", "partial")
    assert (found.at, found.route, found.workers) == (1.7e9, "streaming", 4)
    assert found.pair == "xfs → nfs"
    assert found.files.model_dump() == {
        "planned": 121, "copied": 120, "unchanged": 7, "deleted": 3, "failed": 1, "cloned": 0,
    }  # fmt: skip
    assert (found.bytes.copied, found.bytes.planned) == (4_000_000, 4_100_000)
    assert (found.seconds.total, found.seconds.planning, found.seconds.first_byte) == (
        12.346, 0.5, 0.07,
    )  # fmt: skip
    assert found.methods == {"kernel": 119, "read/write": 1}
    copy = found.spent["copy"]
    assert (copy.files, copy.bytes, copy.seconds) == (120, 4_000_000, 6.0)
    assert found.silences == ((1.0, 4.0),)
    assert found.options.model_dump(exclude_defaults=True) == {"verify": True, "max_delete": 7}


def test_no_file_is_named_in_it() -> None:
    line = recorder.line_of(JOB._replace(only=(HERE + SECRET,), patterns=("*.xls",)), story())
    assert b"wages" not in line and b"xls" not in line


def test_the_curve_is_of_sixty_points_at_most(config: Path) -> None:
    curve = Curve()
    for second in range(1, 10_000):
        curve = curve.after(float(second), second * 5_000_000)
    assert len(curve.values) > 60
    recorder.record(JOB, story()._replace(curve=curve))
    found = only(config).curve
    assert len(found.kB_s) == 60 and found.marks == ""
    assert all(abs(rate - 5000) < 50 for rate in found.kB_s)
    assert (config / "perf_local.jsonl").stat().st_size < 2000


def test_the_same_again_asks_before_it_deletes(config: Path) -> None:
    recorder.record(JOB, story())
    again = only(config).job()
    assert (again.command, again.sources, again.target) == ("mirror", (HERE,), b"/mnt/\xff")
    assert again.verify and again.max_delete == 7
    assert not again.yes and again.review and again.can_ask


@pytest.mark.parametrize(
    "job", [JOB._replace(patterns=("*.xls",)), JOB._replace(sources=(b"/a",) * 17)], ids=ascii
)
def test_what_cannot_be_run_again_says_why(job: Job, config: Path) -> None:
    recorder.record(job, story())
    assert only(config).unrepeatable


def test_no_number_of_long_sources_outgrows_a_line(config: Path) -> None:
    job = JOB._replace(sources=tuple(b"/" + b"\xff" * 4000 + b"%d" % n for n in range(16)))
    recorder.record(job, story())
    assert (config / "perf_local.jsonl").stat().st_size < 33_000
    assert only(config).source_count == 16 and only(config).unrepeatable


def test_each_run_has_a_name_of_its_own() -> None:
    assert recorder.facts_of(JOB, story())["id"] != recorder.facts_of(JOB, story())["id"]


# -- what leaves nothing --------------------------------------------------------------------------


def nothing(config: Path) -> bool:
    return not (config / "perf_local.jsonl").exists()


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_the_variable_switches_it_off(value: str, config: Path, monkeypatch) -> None:
    monkeypatch.setenv("BLIT_DISABLE_LOCAL_TELEMETRY", value)
    assert not recorder.record(JOB, story()) and not config.exists()
    monkeypatch.setenv("BLIT_DISABLE_LOCAL_TELEMETRY", "0")
    assert recorder.record(JOB, story())


def test_the_option_switches_it_off(config: Path) -> None:
    assert not recorder.record(JOB, story(), enabled=False) and not config.exists()


@pytest.mark.parametrize(
    "text", ["history = false\n", "history = 0", "history = fal", "theme = [", "\xff"], ids=ascii
)
def test_the_setting_switches_it_off_and_one_in_doubt_too(text: str, config: Path) -> None:
    config.mkdir()
    (config / "config.toml").write_bytes(text.encode("latin-1"))
    assert not recorder.record(JOB, story()) and nothing(config)


def test_a_dry_run_a_wrong_command_and_what_never_began_are_no_runs(config: Path) -> None:
    assert not recorder.record(JOB._replace(dry_run=True), story())
    assert not recorder.record(JOB, story(summary(dry_run=True)))
    assert not recorder.record(JOB, story(summary(outcome="usage")))
    assert not recorder.record(JOB, TransferState().after(RunFinished(summary())))
    assert not recorder.record(JOB, story()._replace(summary=None))
    assert nothing(config)


# -- no copy suffers ------------------------------------------------------------------------------


def test_whatever_goes_wrong_is_kept_quiet(config: Path, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("anything")

    monkeypatch.setattr(jsonl, "append", broken)
    assert not recorder.record(JOB, story())


def test_after_a_stall_another_process_writes(config: Path, monkeypatch) -> None:
    """The history may lie on what stands still: this process must be able to leave."""
    monkeypatch.setattr(jsonl, "append", None)
    assert recorder.record(JOB, story(summary(outcome="stalled")))
    assert only(config).outcome == "stalled"


def test_after_a_stall_nobody_waits_long_for_it(config: Path, monkeypatch) -> None:
    started, real = [], subprocess.Popen

    def hangs(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(["sleep", "60"], **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", hangs)
    monkeypatch.setattr(recorder, "_PATIENCE", 0.1)
    assert not recorder.record(JOB, story(summary(outcome="stalled")))
    assert started[0].poll() is None
    started[0].kill()
    started[0].communicate()


def test_recording_imports_nothing_heavy() -> None:
    code = (
        "import sys; from blit.history import recorder, jsonl; from blit import settings\n"
        "settings.no_history(); recorder.history_file()\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "blit.history.jsonl" in loaded
    assert not {"pydantic", "platformdirs", "tomllib", "textual", "rich", "subprocess"} & loaded


# -- real runs ------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "src" / name).write_text(name)
    return tmp_path


def test_a_copy_leaves_one_line(blit: Blit, tree: Path) -> None:
    blit("copy", tree / "src", tree / "dst")
    config = Path(blit.environment["BLIT_CONFIG_DIR"])
    found = only(config)
    assert (found.outcome, found.files.copied, found.bytes.copied) == ("ok", 3, 11)
    assert abs(found.at - time.time()) < 600 and found.seconds.first_byte is not None
    assert found.job().sources == (os.fsencode(tree / "src"),)
    assert stat.S_IMODE((config / "perf_local.jsonl").stat().st_mode) == 0o600
    blit("copy", tree / "src", tree / "dst", "--json")
    blit("copy", tree / "src", tree / "dst", "-q")
    assert len(past_of(blit)) == 3


def past_of(blit: Blit) -> list[dict[str, Any]]:
    return [json.loads(line) for line in blit("history", "--json").lines]


def test_what_leaves_no_line(blit: Blit, tree: Path) -> None:
    blit("copy", "-n", tree / "src", tree / "dst")
    blit("copy", "--no-history", tree / "src", tree / "dst")
    blit("copy", tree / "nothing", tree / "dst", code=1)
    off = {"BLIT_DISABLE_LOCAL_TELEMETRY": "1"}
    blit("copy", tree / "src", tree / "dst2", env=off)
    assert os.listdir(blit.environment["BLIT_CONFIG_DIR"]) == []


@pytest.mark.parametrize("trouble", ["missing", "a file", "read-only", "a folder", "a pipe"])
def test_a_copy_is_well_without_a_history(trouble: str, blit: Blit, ram: Path) -> None:
    config, source, target = ram / "cfg", ram / "src", ram / "dst"
    source.write_text("two")
    target.mkdir()
    target.chmod(0o777)
    prefix: tuple[str, ...] = ()
    if trouble == "missing":
        config = Path("/proc/nowhere/cfg")
    elif trouble == "a file":
        config.write_text("x")
    elif trouble == "read-only":
        prefix = ordinary()
        config.mkdir(mode=0o555)
    else:
        config.mkdir()
        path = config / "perf_local.jsonl"
        path.mkdir() if trouble == "a folder" else os.mkfifo(path)
    env = {"BLIT_CONFIG_DIR": str(config)}
    done = blit("copy", source, target, env=env, prefix=prefix)
    assert (done.out, done.err) == (b"", b"")
    assert (target / "src").read_text() == "two"
    if trouble == "read-only":
        assert list(config.iterdir()) == []
