"""Keeps the machine from falling asleep while a transfer runs, where systemd's logind is there.

systemd's own program holds the lock, and holds it as long as a pipe to this process is open: even
when this process is killed nothing stays behind. Nothing here delays or fails a copy.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

SYSTEMD = "/run/systemd/system"  # is there where systemd is in charge
_PROGRAM = "systemd-inhibit"


class Awake:
    """As long as the `with` block lasts. Entering and leaving wait for nothing."""

    def __init__(self, why: str) -> None:
        self._why = why
        self._lock = threading.Lock()
        self._over = False
        self._holder: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Awake:
        try:
            threading.Thread(target=self._hold, name="awake", daemon=True).start()
        except RuntimeError:  # no thread to be had
            pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if not self._lock.acquire(timeout=1.0):
            return  # it is being started: it ends with this process
        self._over = True
        holder, self._holder = self._holder, None
        self._lock.release()
        if holder is not None and holder.stdin is not None:
            holder.stdin.close()
            threading.Thread(target=holder.wait, name="awake", daemon=True).start()

    def _hold(self) -> None:
        import shutil
        import subprocess

        program = shutil.which(_PROGRAM) if os.path.isdir(SYSTEMD) else None
        if program is None:
            return
        wish = ["--what=sleep", "--who=blit", f"--why={self._why}", "--mode=block"]
        with self._lock:
            if self._over:
                return
            try:
                self._holder = subprocess.Popen(
                    [program, *wish, "cat"], bufsize=0, stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            except OSError:
                pass
