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
    """Without `reap` in bench_run.py the processor time of blit's workers is missing."""
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
