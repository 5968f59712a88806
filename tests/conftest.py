"""Fixtures for all tests: run the real blit, a working folder in RAM, and skips that say why."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import pytest

BLIT = [sys.executable, "-m", "blit"]
TIMEOUT = 60.0  # seconds that a run may take unless a test says otherwise
# somebody whom modes keep out: another user, or root without the rights that override modes
OTHER_USER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
OBEDIENT_ROOT = (
    "setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner,-chown,-fsetid",
    "--inh-caps", "-all",
)  # fmt: skip
_T = TypeVar("_T")


# -- what a run said ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: bytes
    seconds: float

    @property
    def errors(self) -> list[str]:
        """The lines of stderr."""
        return self.err.decode("utf-8", "surrogateescape").splitlines()

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.out.decode("utf-8", "surrogateescape").splitlines()

    @property
    def changes(self) -> set[tuple[str, str]]:
        """(reason, path) of every change named by -v or -n."""
        reasons = ("new", "size", "mtime", "content", "type", "mode", "delete")
        split = (line.split(None, 1) for line in self.lines)
        return {(s[0], s[1]) for s in split if len(s) == 2 and s[0] in reasons}

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What --json printed, a dict an event."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["type"] == "summary", last
        return last

    def __str__(self) -> str:
        return f"exit code {self.code} after {self.seconds:.2f} s\nout: {self.out!r}\nerr: {self.err!r}"


class Blit:
    """Runs blit as a process of its own; whatever is still there when a test ends is killed."""

    def __init__(self, config: Path) -> None:
        self.environment = {
            name: value
            for name, value in os.environ.items()
            # COLUMNS and LINES: readline exports them to whoever pytest starts
            if name not in ("CI", "NO_COLOR", "BLIT_DEBUG", "COLUMNS", "LINES")
        } | {"BLIT_CONFIG_DIR": str(config), "LC_ALL": "C.UTF-8"}
        self._started: list[subprocess.Popen[bytes]] = []

    def __call__(
        self,
        *arguments: str | bytes | os.PathLike[str],
        code: int | None = 0,
        prefix: Sequence[str] = (),
        timeout: float = TIMEOUT,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> Result:
        """Run to the end. `code`: the exit code that it must have, None: any."""
        began = time.monotonic()
        done = subprocess.run(
            self.command(*arguments, prefix=prefix),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            cwd=cwd,
            env=self.environment | (env or {}),
            preexec_fn=preexec,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
        assert b"Traceback" not in result.err, result
        if code is not None:
            assert result.code == code, str(result)
        return result

    def json(self, *arguments: str | bytes | os.PathLike[str], **options: Any) -> Result:
        return self(*arguments, "--json", **options)

    def start(
        self,
        *arguments: str | bytes | os.PathLike[str],
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
        prefix: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """Run beside the test, as the leader of a session of its own."""
        process = subprocess.Popen(
            self.command(*arguments, prefix=prefix),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=self.environment,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes], timeout: float = TIMEOUT) -> Result:
        """Wait for what `start` started."""
        began = time.monotonic()
        out, err = process.communicate(timeout=timeout)
        return Result(process.returncode, out or b"", err or b"", time.monotonic() - began)

    @staticmethod
    def command(
        *arguments: str | bytes | os.PathLike[str], prefix: Sequence[str] = ()
    ) -> list[str | bytes]:
        words = [w if isinstance(w, str | bytes) else os.fspath(w) for w in arguments]
        full = bool(words) and words[0] in ("copy", "mirror")
        return [*prefix, *BLIT, *words, *(["--no-tui"] if full else [])]

    def clean_up(self) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            try:
                process.communicate(timeout=20)
            except (subprocess.TimeoutExpired, ValueError):
                pass


_HOME = tempfile.TemporaryDirectory(prefix="blit-config-")


def pytest_configure() -> None:
    """No test touches the choices and the history of whoever runs it.

    And started with nohup or in the background, this process ignores what the tests send, and so
    would every process that it starts."""
    os.environ["BLIT_CONFIG_DIR"] = _HOME.name
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)


@pytest.fixture
def blit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blit]:
    config = tmp_path_factory.mktemp("config")
    config.chmod(0o777)
    config.parent.chmod(0o755)
    runner = Blit(config)
    yield runner
    runner.clean_up()


# -- places ---------------------------------------------------------------------------------------


@cache
def _in_ram() -> bool:
    return os.access("/dev/shm", os.W_OK | os.X_OK)


@pytest.fixture
def ram() -> Iterator[Path]:
    """A fresh folder, in RAM where /dev/shm can be written; mounts below it go at the end."""
    with ram_folder() as made:
        yield made


@contextmanager
def ram_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="blit-test-", dir="/dev/shm" if _in_ram() else None))
    made.chmod(0o755)
    try:
        yield made
    finally:
        unmount_below(made)
        subprocess.run(["chmod", "-R", "u+rwX", str(made)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(made, ignore_errors=True)


def unmount_below(folder: Path) -> None:
    """Unmount everything below a folder, lazily, the last mount first."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        points = [line.split(" ")[4] for line in table]
    for point in reversed(points):
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)


def room_in_ram(needed: int) -> None:
    free = shutil.disk_usage("/dev/shm").free if _in_ram() else 0
    with open("/proc/meminfo", encoding="ascii") as table:
        memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in table}
    if min(free, memory["MemAvailable"]) < needed * 2:
        skip(f"/dev/shm or memory has no room for {needed >> 20} MiB")


# -- what a test needs ----------------------------------------------------------------------------


def skip(reason: str) -> None:
    pytest.skip(reason)


def requires_tool(*names: str) -> None:
    for name in names:
        if shutil.which(name) is None:
            skip(f"{name} is not installed")


def requires_linux_backend(why: str) -> None:
    if os.environ.get("BLIT_BACKEND") == "portable":
        skip(f"the portable backend: {why}")


def requires_root() -> None:
    if os.geteuid() != 0:
        skip("needs root")


@cache
def _ordinary() -> tuple[str, ...] | None:
    if os.geteuid() != 0:
        return ()
    again = (
        "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', '']).returncode)"
    )
    for prefix in (OTHER_USER, OBEDIENT_ROOT):
        if shutil.which("setpriv") is None:
            break
        for script in ("import blit.cli", again):
            probe = [*prefix, sys.executable, "-c", script]
            if subprocess.run(probe, check=False, capture_output=True, timeout=30).returncode:
                break
        else:
            return prefix
    return None


def ordinary() -> tuple[str, ...]:
    """The prefix that runs blit as somebody whom file modes keep out; skips where there is no way."""
    prefix = _ordinary()
    if prefix is None:
        skip("no setpriv, or no other user can read this interpreter")
    assert prefix is not None
    return prefix


@cache
def _can_mount() -> str:
    if os.geteuid() != 0:
        return "needs root"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder],
            check=False,
            capture_output=True,
        )
        if done.returncode:
            return f"cannot mount: {done.stderr.decode(errors='replace').strip()}"
        subprocess.run(["umount", "-l", folder], check=False)
    return ""


def requires_mounts() -> None:
    if reason := _can_mount():
        skip(reason)


@cache
def _can_loop() -> str:
    if reason := _can_mount():
        return reason
    if shutil.which("mkfs.ext4") is None or shutil.which("losetup") is None:
        return "mkfs.ext4 or losetup is not installed"
    if subprocess.run(["losetup", "-f"], check=False, capture_output=True).returncode:
        return "no loop devices here"
    return ""


def requires_loop() -> None:
    if reason := _can_loop():
        skip(reason)


@cache
def _can_strace() -> str:
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = ["strace", "-qq", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=read", "-e",
             "inject=read:error=EIO:when=60000", sys.executable, "-c", ""]  # fmt: skip
    done = subprocess.run(probe, check=False, capture_output=True, timeout=60)
    return "" if done.returncode == 0 else "strace cannot inject faults here"


def requires_strace() -> None:
    if reason := _can_strace():
        skip(reason)


@cache
def _can_fuse() -> str:
    if reason := _can_mount():
        return reason
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    done = subprocess.run(
        [sys.executable, "-c", "import mfusepy"], check=False, capture_output=True
    )
    return "" if done.returncode == 0 else "mfusepy or libfuse is not installed"


def requires_fuse() -> None:
    if reason := _can_fuse():
        skip(reason)


def inject(path: Path | str, calls: str, fault: str) -> list[str]:
    """The prefix that makes `calls` on `path` fail as strace's `-e inject` describes `fault`."""
    return [
        "strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-P", str(path),
        "-e", f"trace={calls}", "-e", f"inject={calls}:{fault}",
    ]  # fmt: skip


# -- waiting --------------------------------------------------------------------------------------


def until(condition: Callable[[], _T], what: str, deadline: float = 20.0) -> _T:
    """Poll until `condition()` is true and return it; fails with `what` after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {deadline:.0f} s in vain: {what}"
        time.sleep(0.002)
    return found


def workers_of(parent: int) -> list[int]:
    """Process numbers of the living worker processes of a blit."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as line:
                fields = line.read().rpartition(b")")[2].split()
            with open(f"/proc/{name}/cmdline", "rb") as words:
                command = words.read()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != b"Z" and b"blit.worker.main" in command:
            found.append(int(name))
    return sorted(found)


@contextmanager
def mounted(point: Path, *arguments: str) -> Iterator[Path]:
    """`mount ARGUMENTS point` for as long as the block lasts."""
    point.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *arguments, str(point)], check=True, timeout=30)
    try:
        yield point
    finally:
        subprocess.run(
            ["umount", "-l", str(point)], check=False, timeout=30, stderr=subprocess.DEVNULL
        )


@contextmanager
def loop_ext4(ram: Path, megabytes: int = 96) -> Iterator[Path]:
    """A mounted ext4 of its own, on a file in `ram`."""
    requires_loop()
    image = ram / "image"
    with open(image, "wb") as out:
        out.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m0", str(image)], check=True, timeout=60)
    with mounted(ram / "loop", "-o", "loop", str(image)) as point:
        yield point
