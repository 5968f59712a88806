"""The benchmark runs, cleans up after itself and says what it measured."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENTRY = ROOT / "scripts" / "bench_local_mirror.sh"
SHM = Path("/dev/shm")
ENVIRONMENT = {**os.environ, "PYTHON": sys.executable}


@pytest.fixture
def ram() -> Iterator[Path]:
    if not SHM.is_dir():
        pytest.skip("there is no /dev/shm")
    with tempfile.TemporaryDirectory(prefix="blit-test-", dir=SHM) as folder:
        yield Path(folder)


@pytest.mark.timeout(120)
def test_a_tiny_run_prints_the_tables_and_leaves_nothing_behind(ram: Path) -> None:
    """Without the `clear(work)` at the end of local_mirror.py its folder stays."""
    options = ["--only", "one,eight", "--rounds", "1", "--no-snapshot", "--where", str(ram)]
    result = subprocess.run(
        [str(ENTRY), "--places", "tmpfs", *options],
        env=ENVIRONMENT, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines[1:])) <= 100
    heads = next(line for line in lines if line.startswith("scenario"))
    for word in ("blit s", "× cp", "× rsync", "× rclone", "× tar", "× C", "byte s"):
        assert word in heads
    for scenario in ("one", "eight"):
        ratios, costs = (line.split() for line in lines if line.split()[:1] == [scenario])
        assert float(ratios[1]) > 0  # blit's seconds
        assert float(costs[2]) > 0.05  # and its processor seconds
    judged = [line for line in lines if "one small file, whole process" in line]
    assert len(judged) == 1 and judged[0].split()[-1] in ("ok", "MISSED")
    assert not list(ram.iterdir())


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists(),
    reason="needs root, mkfs.ext4 and loop devices",
)
@pytest.mark.timeout(120)
def test_interrupted_on_a_loop_device_it_leaves_nothing_behind(ram: Path) -> None:
    """Without `_unmount` in bench_places.py the mount point stays."""
    options = ["--only", "one,eight", "--rounds", "1000", "--no-snapshot", "--where", str(ram)]
    with subprocess.Popen(
        [str(ENTRY), "--places", "ext4", *options],
        env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    ) as run:  # fmt: skip
        try:
            while not list(ram.glob("blit-bench-*/stdout")):  # runs have begun
                assert run.poll() is None
            os.killpg(run.pid, signal.SIGINT)
            said = run.communicate(timeout=60)[1].decode()
        finally:
            run.kill()
    assert run.returncode == 130, said
    assert not list(ram.iterdir())
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True).stdout
    assert str(ram) not in loops


def test_the_tables_of_the_document_say_what_was_measured_last() -> None:
    """Whoever edits a number by hand, or forgets to render, fails here."""
    script = ROOT / "benchmarks" / "render.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_verdicts_know_missed_reached_and_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the look for None what was not measured would be a GO."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import bench_report as report

    def places(**peers: float) -> report.Places:
        ratio = {peer: report.spread([value]) for peer, value in peers.items()}
        return {"tmpfs": {"mixed": {"ratio": ratio}}}

    mixed = report.gate({})["mixed"]
    assert [target.metric for target in mixed] == ["cp", "rsync"]
    assert report.go(mixed, places(cp=0.9, rsync=0.6)) == "GO"
    assert report.go(mixed, places(cp=0.91, rsync=0.6)) == "NO-GO"
    assert report.go(mixed, places(cp=0.91)) == "NO-GO"
    assert report.go(mixed, places(cp=0.9)) == report.go(mixed, {}) == "open"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux adopts what is left behind")
def test_processor_time_of_what_is_left_behind_counts(ram: Path) -> None:
    """Without `adopt` or `reap` in bench_run.py it is lost: nobody waits for a grandchild."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from bench_run import Runner\n"
        "busy = 'import time\\nwhile time.process_time() < 0.5: pass'\n"
        "start = f'import subprocess, sys; subprocess.Popen([sys.executable, \"-c\", {busy!r}])'\n"
        "print(Runner(Path(sys.argv[2])).run([sys.executable, '-c', start]).cpu)"
    )
    command = [sys.executable, "-c", code, str(ROOT / "benchmarks"), str(ram)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert float(done.stdout) >= 0.5, done.stderr
