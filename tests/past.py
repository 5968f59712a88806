"""Past runs for tests: sample records, as lines of the history."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from blit.history import recorder, records
from blit.history.records import RunRecord

AT = 1_795_349_040.0  # Unix time: 2026-11-22 12:04 UTC
DAY = 86_400.0
MB = 1_000_000


def facts(number: int = 0, **given: Any) -> dict[str, Any]:
    """The plain data of one record; `given` replaces what it says, below the top with `__`."""
    found: dict[str, Any] = {
        "version": 1, "id": f"run-{number}", "at": AT - number * DAY / 2, "blit": "0.1.0",
        "command": "copy", "sources": ["/home/you/Photos"], "source_count": 1,
        "target": "/mnt/backup", "destination": "/mnt/backup/Photos", "options": {},
        "retry": False, "filtered": False, "outcome": "ok", "route": "streaming",
        "route_why": "more than 8 files or 100 MB: batches over the workers",
        "profile": {"source": "ext4", "destination": "btrfs"}, "workers": 4, "forecast_s": None,
        "files": {"planned": 1200, "copied": 1200, "unchanged": 14, "deleted": 0, "failed": 0,
                  "cloned": 0},
        "bytes": {"planned": 21_300 * MB, "copied": 21_300 * MB, "cloned": 0},
        "seconds": {"total": 55.0, "planning": 1.2, "first_byte": 0.08},
        "methods": {"kernel": 1190, "read/write": 10}, "spent": {},
        "peak": 561 * MB, "silences": [],
        "curve": {"seconds": 55.0, "marks": "",
                  "kB_s": [round(387_000 * (1 + 0.3 * math.sin(n / 4))) for n in range(60)]},
    }  # fmt: skip
    for name, value in given.items():
        inner, _, key = name.partition("__")
        if key:
            found[inner] = found[inner] | {key: value}
        else:
            found[name] = value
    return found


def record(number: int = 0, **given: Any) -> RunRecord:
    return RunRecord.model_validate(facts(number, **given))


def write(folder: Path, *runs: dict[str, Any], more: bytes = b"") -> Path:
    """A history file with these runs, the first one being the newest."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "perf_local.jsonl"
    file.write_bytes(b"".join(json.dumps(run).encode() + b"\n" for run in reversed(runs)) + more)
    return file


def vm(number: int) -> dict[str, Any]:
    """A long run that stood still for a while."""
    rates = [
        round(60_000 + 70_000 * math.exp(-n / 12) + 30_000 * math.sin(n) ** 2) for n in range(60)
    ]
    rates[48:53] = [0] * 5
    return facts(
        number, sources=["/srv/vm/"], destination="/mnt/nas/vm", target="/mnt/nas/vm",
        profile__source="xfs", profile__destination="nfs4", outcome="partial", route="large_file",
        files__copied=118, files__failed=2, bytes__copied=212_000 * MB, seconds__total=2163.0,
        methods={"read/write": 118}, peak=131 * MB, silences=[[1730.0, 9.4], [1790.0, 61.0]],
        curve={"seconds": 2163.0, "kB_s": rates, "marks": "." * 48 + "xxxxx" + "." * 7},
        forecast_s=1320.0, options={"verify": True},
    )  # fmt: skip


def story() -> list[dict[str, Any]]:
    """Fourteen days of somebody's machine, the newest first."""
    found = [
        facts(0, outcome="partial", files__failed=3),
        facts(1, command="mirror", sources=["/home/you/Documents/"], target="/mnt/backup/Documents",
              destination="/mnt/backup/Documents", bytes__copied=1_200 * MB, seconds__total=8.0),
        facts(2, command="mirror", sources=["/home/you/Music/"], target="/mnt/backup/Music",
              destination="/mnt/backup/Music", bytes__copied=48_100 * MB, seconds__total=160.0,
              files__deleted=12),
        facts(3, files__copied=0, bytes__copied=0, seconds__total=0.4, peak=0, methods={},
              curve={"seconds": 0.4, "kB_s": [0, 0], "marks": ""}),
        vm(4),
        facts(5, outcome="interrupted", bytes__copied=3_000 * MB, seconds__total=11.0),
        facts(6, outcome="stalled", profile__source="exfat", sources=["/media/Camera"],
              destination="/home/you/Photos/2026", bytes__copied=61_000 * MB, seconds__total=693.0),
    ]  # fmt: skip
    return found + [
        facts(n, bytes__copied=(5 + n) * 100 * MB, seconds__total=2.0 + n % 4) for n in range(7, 14)
    ]


def history(*runs: dict[str, Any]) -> records.History:
    return records.parse([json.dumps(run).encode() for run in runs])


def read(folder: Path) -> records.History:
    return records.read(str(folder / "perf_local.jsonl"))


VERSION = recorder.VERSION
