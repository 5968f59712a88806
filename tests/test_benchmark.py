"""The benchmark runs, cleans up after itself and says what it measured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENTRY = Path(__file__).resolve().parents[1] / "scripts" / "bench_local_mirror.sh"


@pytest.mark.timeout(60)
def test_a_tiny_run_prints_the_table_and_leaves_nothing_behind(tmp_path: Path) -> None:
    options = ["--only", "one,eight", "--rounds", "1", "--no-snapshot", "--where", str(tmp_path)]
    result = subprocess.run(
        [str(ENTRY), *options],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines[1:])) <= 100
    heads = next(line for line in lines if line.startswith("scenario"))
    for word in ("blit s", "× cp", "× rsync", "× rclone", "byte s", "MB"):
        assert word in heads
    for scenario in ("one", "eight"):
        row = next(line.split() for line in lines if line.split()[:1] == [scenario])
        assert float(row[1]) > 0  # blit's seconds
    judged = [line for line in lines if line.strip().startswith("one") and "s wall" in line]
    assert len(judged) == 1 and judged[0].split()[-1] in ("ok", "MISSED")
    assert sum(line.endswith("not measured") for line in lines) == 7  # the other targets
    assert not list(tmp_path.iterdir())
