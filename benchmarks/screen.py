"""What the screen costs: the same copy with and without it, side by side in one run, in RAM.

Prints how long the copy took (the engine's own seconds), the processor time of the program beside
its workers, when the first byte was written and when the first frame stood, as medians and ratios.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import bench_report


def tree(folder: Path, files: int) -> None:
    """Small files of about 2 kB, 250 a folder."""
    for number in range(0, files, 250):
        below = folder / f"d{number // 250}"
        below.mkdir(parents=True)
        for each in range(min(250, files - number)):
            (below / f"f{each}").write_bytes(b"x" * (500 + each * 12))


def run(arguments: list[str], config: Path, columns: int, rows: int) -> dict[str, float]:
    """One run on a terminal of its own; the screen is left when the run is recorded."""
    history = config / "perf_local.jsonl"
    history.unlink(missing_ok=True)
    environment = {**os.environ, "BLIT_CONFIG_DIR": str(config), "TERM": "xterm-256color"}
    for name in ("CI", "NO_COLOR", "BLIT_DISABLE_LOCAL_TELEMETRY"):
        environment.pop(name, None)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "blit", *arguments], stdin=slave, stdout=slave, stderr=slave,
        env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    seen, opened, written, asked, cpu = b"", 0.0, 0, 0.0, 0.0
    while True:
        ready = select.select([master], [], [], 0.05)[0]
        if ready:
            try:
                data = os.read(master, 1 << 16)
            except OSError:
                break
            if not data:
                break
            written += len(data)
            seen = (seen + data)[-200_000:]
            if not opened and b"Transfers" in seen:
                opened = time.monotonic() - began
        now = time.monotonic()
        cpu = own_cpu(process.pid) or cpu
        if now - began > 120:
            process.kill()
        if now - asked > 0.5 and history.exists() and history.stat().st_size:
            asked = now
            os.write(master, b"q")
    process.wait()
    os.close(master)
    record: dict[str, Any] = json.loads(history.read_text().splitlines()[-1])
    return {
        "seconds": float(find(record, "seconds", "total")),
        "first_byte": float(find(record, "first_byte") or 0),
        "cpu": cpu,
        "frame": opened,
        "kB": written / 1000,
        "exit": process.returncode,
    }


def own_cpu(pid: int) -> float:
    """Seconds of the program itself, without its workers; 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def find(record: dict[str, Any], *names: str) -> Any:
    """The first of these fields, wherever it stands in the record."""
    for name in names:
        for key, value in record.items():
            if key == name and not isinstance(value, dict):
                return value
            if isinstance(value, dict) and (found := find(value, name)) is not None:
                return found
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", default="120x36")
    parser.add_argument("--history", type=Path, help="append the result to this file")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    base = Path(tempfile.mkdtemp(prefix="blit-screen-", dir="/dev/shm"))
    found: dict[str, list[dict[str, float]]] = {"headless": [], "screen": []}
    try:
        tree(base / "src", options.files)
        (base / "config").mkdir()
        for number in range(options.rounds + 1):
            for face in ("headless", "screen") if number % 2 else ("screen", "headless"):
                shutil.rmtree(base / "dst", ignore_errors=True)
                extra = ["--no-tui"] if face == "headless" else []
                result = run(
                    ["copy", *extra, f"{base}/src/", f"{base}/dst"], base / "config", columns, rows
                )
                if number:  # the first round warms up
                    found[face].append(result)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    middle = {
        face: {key: statistics.median(r[key] for r in results) for key in results[0]}
        for face, results in found.items()
    }
    ratios = [
        s["seconds"] / h["seconds"] for s, h in zip(found["screen"], found["headless"], strict=True)
    ]
    beside = middle["screen"]["cpu"] - middle["headless"]["cpu"]
    line = {
        "files": options.files, "rounds": options.rounds, "size": options.size,
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(min(ratios), 3), "highest": round(max(ratios), 3),
        **{
            f"{face}_{key}": round(value, 3)
            for face, values in middle.items() for key, value in values.items()
        },
    }  # fmt: skip
    print(f"{options.files:,} small files, {options.rounds} pairs, {options.size}")
    for face in ("headless", "screen"):
        m = middle[face]
        print(
            f"{face:9} {m['seconds']:.2f} s  first byte {m['first_byte']:.2f} s  first frame "
            f"{m['frame']:.2f} s  program's CPU {m['cpu']:.2f} s  terminal {m['kB']:.0f} kB"
        )
    print(f"screen / headless  {line['ratio']} ({line['lowest']}–{line['highest']}), wanted 1.05")
    print(f"CPU of the screen  {beside:.2f} s more, its start included")
    if options.history:
        bench_report.append(options.history, line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
