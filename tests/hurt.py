"""A FUSE filesystem that obeys rules: the handle on integration/faultfs.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import requires_fuse, until


class Faults:
    """A hurt filesystem: `point` is where it is mounted, `below` the folder that it shows."""

    def __init__(
        self, point: Path, below: Path, rules: Path, server: subprocess.Popen[bytes]
    ) -> None:
        self.point, self.below, self._rules, self._server = point, below, rules, server

    def kill(self) -> None:
        """The server dies; the mount stays and answers nothing any more."""
        self._server.kill()
        self._server.wait(10)

    def hurt(self, *rules: dict[str, Any]) -> None:
        fresh = self._rules.with_suffix(".new")
        fresh.write_text(json.dumps(rules))
        fresh.replace(self._rules)

    def hits(self, rule: dict[str, Any]) -> int:
        """How often a rule with `to` was met."""
        name = f"{self._rules}.{zlib.crc32(json.dumps(rule).encode()):x}"
        return os.path.getsize(name) if os.path.exists(name) else 0


@contextmanager
def fuse(ram: Path, script_name: str = "faultfs.py") -> Iterator[Faults]:
    requires_fuse()
    point, below, rules = ram / "mount", ram / "below", ram / "rules.json"
    point.mkdir()
    below.mkdir()
    rules.write_text("[]")
    script = Path(__file__).parent / "integration" / script_name
    server = subprocess.Popen(
        [sys.executable, str(script), str(below), str(point), str(rules)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: os.path.ismount(point) or server.poll() is not None, "the FUSE mount")
        if server.poll() is not None:
            pytest.skip("FUSE filesystems cannot be mounted here")
        yield Faults(point, below, rules, server)
    finally:
        rules.write_text("[]")
        server.kill()  # ends every request that hangs
        server.wait(10)
        subprocess.run(["umount", "-l", str(point)], check=False, stderr=subprocess.DEVNULL)
