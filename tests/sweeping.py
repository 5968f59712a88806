"""One fault at each system call of a worker in turn: how such a run is made, and what is asked of it.

Only the one worker is under strace (`-D`, so that it stays blit's child): a recording tells which
calls on the tree's files it makes, in which order; then each is made to fail, a run each. The fault
is in the first worker alone, so that the one which takes its place after a SIGKILL lives.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trees import (
    Entry,
    Fifo,
    File,
    Folder,
    Hard,
    Sparse,
    Symlink,
    Tree,
    differences,
    filler,
    make,
    snapshot,
    temporaries,
)

T = 1_700_000_000_123_456_789
PATIENCE = 90.0  # seconds that a run may take; the stall rule ends one after 10 s of silence
_LAUNCH = """
import sys
sys.executable = {interpreter!r}
from blit.engine import route
route.LARGE_BYTES, route.SPLIT_BYTES, route.SMALLEST_PIECE = {sizes!r}
from blit.cli import main
sys.exit(main())
"""
_SIZES = (1 << 30, 128 << 20, 64 << 20)


@dataclass(frozen=True)
class Case:
    """A command over a small tree. `sizes`: LARGE_BYTES, SPLIT_BYTES and SMALLEST_PIECE."""

    command: tuple[str, ...]
    source: Tree | Folder
    target: Tree | Folder
    sizes: tuple[int, int, int] = _SIZES


def _same(mtime: int = T) -> dict[str, File]:
    return {"same": File(b"same", mtime=mtime)}


_MIRROR_SOURCE: Tree = {
    "new": File(filler(5_000, b"new"), mode=0o640), "empty": b"", "big": File(filler(1_300_000, b"big")),
    "old1": filler(3_000, b"1"), "old2": File(filler(70_000, b"2"), mode=0o600), "old3": filler(10, b"3"),
    "mode": File(b"mode", mode=0o600, mtime=T), "time": File(b"time", mtime=T), **_same(),
    "noted": File(b"noted", xattrs={"user.one": b"1", "user.two": b"2"}), "holes": Sparse(200_000, {100_000: b"data"}),
    "link": Symlink("new"), "relink": Symlink("there"), "hard1": b"shared", "hard2": Hard("hard1"),
    "pipe": Fifo(0o600), "becomes_file": b"file now", "becomes_folder": {"in": b"in"}, "bare": {},
    "sub": Folder({"x": b"x", "deep": Folder({"y": b"y"}, mtime=T + 3)}, mtime=T + 2, mode=0o750, xattrs={"user.f": b"f"}),
}  # fmt: skip
_MIRROR_TARGET: Tree = {
    "old1": filler(2_000, b"o1"), "old2": filler(60_000, b"o2"), "old3": filler(11, b"o3"),
    "mode": File(b"mode", mode=0o640, mtime=T), "time": File(b"time", mtime=T - 9), **_same(),
    "relink": Symlink("elsewhere"), "hard1": b"not shared", "hard2": b"nor this", "becomes_file": {"a": b"a"},
    "becomes_folder": b"file yet", "extra": b"x", "gone": {"deep": {"z": b"z"}, "out": Symlink("../../outside")},
    "sub": {"x": b"old x", "extra": b"y"},
}  # fmt: skip

CASES = {
    "mirror": Case(("mirror", "--yes"), _MIRROR_SOURCE, _MIRROR_TARGET),
    # few files: the direct route
    "verify": Case(
        ("copy", "--verify"),
        {"new": File(filler(5_000), mode=0o600), "old": filler(90_000, b"n"), "link": Symlink("new"),
         "noted": File(b"n", xattrs={"user.one": b"1"}), "sub": {"x": b"x"}},
        {"old": b"old content", "link": Symlink("elsewhere"), "other": b"theirs"},
    ),
    "checksum": Case(
        ("mirror", "--yes", "--checksum"),
        {"same": File(b"equal", mtime=T), "flip": File(b"12345", mtime=T), "mode": File(b"m", mode=0o600, mtime=T),
         "time": File(b"time", mtime=T), "new": b"new", "hard1": File(b"abcde", mtime=T), "hard2": Hard("hard1"),
         "sub": {"wide": File(filler(1_200_000, b"w"), mtime=T)}},
        {"same": File(b"equal", mtime=T), "flip": File(b"54321", mtime=T), "mode": File(b"m", mode=0o644, mtime=T),
         "time": File(b"time", mtime=T - 1), "hard1": File(b"edcba", mtime=T), "hard2": File(b"abcde", mtime=T),
         "extra": b"x", "sub": {"wide": File(filler(1_200_000, b"v"), mtime=T), "more": b"m"}},
    ),
    "large": Case(
        ("copy",),
        {"large": File(filler(9 << 20, b"l"), mode=0o600, xattrs={"user.one": b"1"}), "small": b"s",
         "holey": Sparse(8 << 20, {3 << 20: filler(9_000)})},
        {"large": b"old content", "holey": b"old"},
        (4 << 20, 2 << 20, 2 << 20),
    ),
}  # fmt: skip


@dataclass
class Outcome:
    """One run with one fault. `code` None: it did not end."""

    code: int | None = None
    hit: str = ""  # the call, as strace shows it
    elsewhere: bool = False  # it was a call of the interpreter's, on a module of its own
    wrong: list[str] = field(default_factory=list)
    output: str = ""


class Sweep:
    """The runs of one case, each on a fresh tree below `place`."""

    def __init__(self, place: Path, case: Case, environment: Mapping[str, str]) -> None:
        self.place, self.case = place, case
        self.environment = {**environment, "BLIT_DISABLE_LOCAL_TELEMETRY": "1"}
        self.environment["BLIT_CONFIG_DIR"] = str(place / "config")
        self.tree = place / "tree"
        self.log = place / "log"
        self.wrapper = place / "python"

    def calls(self) -> dict[str, list[int]]:
        """The calls on the tree's files that a run without a fault makes: name, and which of them."""
        for _ in range(2):  # the first may still compile modules
            outcome = self.run("")
            assert outcome.code == 0 and not outcome.wrong, outcome
        counts: dict[str, int] = {}
        found: dict[str, list[int]] = {}
        for name, line in self._logged():
            counts[name] = counts.get(name, 0) + 1
            if self._ours(line):
                found.setdefault(name, []).append(counts[name])
        return found

    def run(self, call: str, fault: str = "") -> Outcome:
        """`fault`: what strace's `-e inject=CALL:` takes; without a call all is recorded."""
        shutil.rmtree(self.tree, ignore_errors=True)
        shutil.rmtree(self.place / "used", ignore_errors=True)
        make(self.tree / "src", self.case.source)
        make(self.tree / "dst", self.case.target)
        make(self.tree / "outside", {"precious": b"p", "sub": {"more": b"m"}})
        shared = next(
            p for p in sorted((self.tree / "dst").iterdir()) if p.is_file() and p.name != "same"
        )
        os.link(shared, self.tree / "outside/shared")
        before = {side: snapshot(self.tree / side) for side in ("src", "dst", "outside")}
        what = (
            ["-e", "trace=all"]
            if not call
            else ["-e", f"trace={call}", "-e", f"inject={call}:{fault}"]
        )
        # a signal sent at a stop of seccomp's is lost
        fast = [] if "signal" in fault else ["--seccomp-bpf"]
        words = ["strace", "-D", "-f", "-q", "-y", *fast, "-o", str(self.log), *what]
        words.append(sys.executable)
        self.wrapper.write_text(
            f"#!/bin/sh\nmkdir '{self.place}/used' 2>/dev/null && exec {' '.join(words)} \"$@\"\n"
            f"exec {sys.executable} \"$@\"\n"
        )  # fmt: skip
        self.wrapper.chmod(0o755)
        self.log.write_text("")
        done = self._blit(str(self.wrapper), "--workers", "1", "--json")
        outcome = Outcome(output=done[1])
        if done[0] is None:
            outcome.wrong.append("it did not end")
            return outcome
        outcome.code = done[0]
        lines = [line for _, line in self._logged()]
        for before_it, line in zip(["", *lines], lines, strict=False):
            if "INJECTED" in line or "+++ killed" in line:
                outcome.hit = line if "INJECTED" in line else before_it
                break
        after = {side: snapshot(self.tree / side) for side in before}
        if outcome.hit and not self._ours(outcome.hit):
            outcome.elsewhere = True  # the calls are not always the same ones
        elif "nternal error" in outcome.output:
            outcome.wrong.append("an internal error")
        outcome.wrong += self._judge(done, before, after)
        if self._unequal(before["src"], after["dst"]) or temporaries(self.tree / "dst"):
            code, output = self._blit(sys.executable)
            rest = self._unequal(before["src"], snapshot(self.tree / "dst"), outcome.output)
            left = temporaries(self.tree / "dst")
            if code or rest or left:
                outcome.wrong.append(f"the next run: {code}, {rest}, {left}, {output}")
        return outcome

    def _unequal(
        self, source: dict[bytes, Entry], now: dict[bytes, Entry], told: str = ""
    ) -> list[str]:
        """How the destination differs from the source; a copy may leave more there.

        `told`: what the run said. Attributes that a destination does not take are a warning.
        """
        mirror = self.case.command[0] == "mirror"
        there = {
            path: entry._replace(names=frozenset(n for n in entry.names if b".blit-" not in n))
            for path, entry in now.items()
            if mirror or path in source
        }
        ignore = ("xattrs",) if "extended attribute" in told else ()
        return differences(source, there, ignore)

    def _blit(self, interpreter: str, *more: str) -> tuple[int | None, str]:
        launch = _LAUNCH.format(interpreter=interpreter, sizes=self.case.sizes)
        places = (f"{self.tree}/src/", f"{self.tree}/dst")
        command = [sys.executable, "-c", launch, *self.case.command, *places, "--no-tui", *more]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=self.environment,
        )  # fmt: skip
        try:
            out, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            return None, out.decode(errors="replace")
        return process.returncode, out.decode(errors="replace")

    def _logged(self) -> Iterator[tuple[str, str]]:
        for line in self.log.read_text(errors="replace").splitlines():
            if found := re.match(r"\d+ +(\w+)\(", line):
                yield found[1], line
            elif "+++ killed" in line:
                yield "", line

    def _ours(self, line: str) -> bool:
        return str(self.tree) in line or "/proc/self/fd/" in line

    def _judge(
        self, done: tuple[int | None, str], before: dict[str, dict[bytes, Entry]],
        after: dict[str, dict[bytes, Entry]],
    ) -> list[str]:  # fmt: skip
        code, output = done
        wrong = []
        for side in ("src", "outside"):
            wrong += [f"{side}: {each}" for each in differences(before[side], after[side])]
        source, old, now = before["src"], before["dst"], after["dst"]
        for path, entry in now.items():
            if any(part.startswith(b".blit-") for part in path.split(b"/")):
                continue
            may = [side[path] for side in (old, source) if path in side]
            if not any((entry.kind, entry.content) == (m.kind, m.content) for m in may):
                wrong.append(f"{path!r} holds neither the old nor the new: {entry}")
            if path not in old or entry.content != old[path].content:
                allowed = source[path].mode if path in source else 0
                if entry.kind == "file" and entry.mode & ~(allowed | 0o600):
                    wrong.append(f"{path!r} is more open than its source: {entry.mode:o}")
        # a folder that gives way to a file has been deleted when the file gets its name
        emptied = {b"becomes_file"} if code else set()
        for path in (old.keys() & source.keys()) - now.keys() - emptied:
            wrong.append(f"{path!r} is gone")
        mirror = self.case.command[0] == "mirror"
        # what takes the place of another type is brought there after the deletions have made room
        behind = [
            p for p, e in source.items()
            if e.kind != "folder" and not p.startswith(b"becomes_") and (p not in now or (now[p].kind, now[p].content) != (e.kind, e.content))
        ]  # fmt: skip
        lost = [p for p in old.keys() - source.keys() - now.keys() if not p.startswith(b"becomes_")]
        if lost and (behind or not mirror):
            wrong.append(f"{lost} deleted although {behind} were not copied")
        if code == 0:
            here = {p: e for p, e in now.items() if not p.startswith(b".blit-")}
            wrong += [f"exit code 0, and {each}" for each in self._unequal(source, here, output)]
        if "Traceback" in output:
            wrong.append("a traceback in the output")
        if code == 5:
            wrong.append("called a stall")
        # the id of the run, to try it again, may stand behind it on stderr
        last = ([line for line in output.splitlines() if line.startswith("{")] or [""])[-1]
        try:
            summary = json.loads(last)
        except ValueError:
            wrong.append("no summary")
        else:
            if summary.get("exit_code") != code:
                wrong.append(f"the summary says {summary.get('exit_code')}")
            failed = {f["step"] for f in summary.get("failures", ())}
            if "list" in failed and lost:
                wrong.append(f"{lost} deleted although a listing failed")
        return wrong


def spread(numbers: list[int], most: int) -> list[int]:
    """At most so many, evenly; the middle one if it is one; all for 0."""
    if not most or len(numbers) <= most:
        return numbers
    if most == 1:
        return [numbers[len(numbers) // 2]]
    step = (len(numbers) - 1) / (most - 1)
    return sorted({numbers[round(n * step)] for n in range(most)})


def faults_for(call: str, whole: bool) -> list[str]:
    """What a call is made to say: strace's words, without `when`."""
    found = ["error=EIO"]
    if not whole:
        return found
    creates = ("write", "pwrite64", "copy_file_range", "ftruncate", "fallocate", "mkdirat", "symlinkat",
               "linkat", "mknodat", "fsetxattr", "setxattr", "renameat", "renameat2", "fsync", "syncfs", "close")  # fmt: skip
    if call in creates:
        found += ["error=ENOSPC", "error=EDQUOT"]
    if call in ("read", "pread64", "copy_file_range", "sendfile"):
        found += ["retval=0", "error=EINTR"]
    if call in ("openat", "write", "pwrite64", "fsync", "close", "ftruncate"):
        found += ["error=EINTR"]
    if call in ("openat", "getdents64", "mkdirat", "newfstatat", "statx", "renameat", "read"):
        found += ["error=ENOMEM"]
    if call == "openat":
        found += ["error=EMFILE", "error=ESTALE"]
    if call in ("fchmod", "fchown", "fchownat", "utimensat", "unlinkat", "renameat", "fsetxattr", "flistxattr",
                "copy_file_range", "ioctl", "ftruncate", "fallocate", "linkat"):  # fmt: skip
        found += ["error=EPERM", "error=EINVAL"]
    return [*found, "signal=SIGKILL"]
