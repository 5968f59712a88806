"""A mirror that has copied, holds what it locked, and waits for somebody's answer."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import Blit


@contextmanager
def asking(blit: Blit, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A mirror that has copied and waits for the answer to its question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        blit.command("mirror", *arguments), stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs,
        env=blit.environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
        os.close(ours)
