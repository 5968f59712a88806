"""The same faults for blit and for others, and one judge for all: what was lost, and was it said?

Each fault is a function that prepares a place, lets a tool work in it while something goes wrong,
and tells what is lost. `scripts/compare_safety` makes a table of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from conftest import (
    mounted,
    ram_folder,
    requires_loop,
    requires_mounts,
    requires_root,
    requires_tool,
    until,
)
from hurt import fuse
from trees import Fifo, File, Folder, Hard, Sparse, Symlink, Tree, contents, filler, make

PATIENCE = 15.0  # seconds after which a terminal should be one's own again
HOUR = 3600 * 10**9  # ns


# -- the tools ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tool:
    name: str  # as the table calls it
    version: str  # of the program, for the table
    copying: tuple[str, ...]
    mirroring: tuple[str, ...]  # none: it cannot mirror
    source: str  # how it is told "what is in this folder"
    more: tuple[str, ...] = ()  # options that a fault tries beside its defaults

    def words(self, src: Path, dst: Path, mirror: bool) -> list[str]:
        verb = (mirror and self.mirroring) or self.copying
        return [*verb, *self.more, f"{src}{self.source}", str(dst)]


def _said(*words: str) -> str:
    """The first line that a program prints, nothing if it is not there."""
    if shutil.which(words[0]) is None:
        return ""
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split("\n")[0]


def tools() -> list[Tool]:
    """blit, and of the others those that are installed."""
    blit = (sys.executable, "-m", "blit")
    known = (
        Tool("blit", _said(*blit, "--version"), (*blit, "copy", "--no-tui"), (*blit, "mirror", "--yes", "--no-tui"), "/"),
        Tool("cp -a", _said("cp", "--version"), ("cp", "-a"), (), "/."),
        Tool("rsync -a", _said("rsync", "--version"), ("rsync", "-a"), ("rsync", "-a", "--delete"), "/"),
        Tool("rclone --links", _said("rclone", "version"), ("rclone", "copy", "--links"), ("rclone", "sync", "--links"), ""),
    )  # fmt: skip
    return [tool for tool in known if tool.version]


class NotApplicable(Exception):
    """This tool has nothing that this fault could hurt; the text says what."""


@dataclass
class Bench:
    """A tool at work in a fresh folder of its own."""

    tool: Tool
    ram: Path
    code: int | None = None  # the exit code of its last run
    heard: Path = Path(os.devnull)  # what its last run said on stderr
    note: str = ""  # what else the table should say
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, src: Path, dst: Path, mirror: bool = False, prefix: tuple[str, ...] = ()
    ) -> subprocess.Popen[bytes]:
        home = self.ram / "home"
        (home / ".config/rclone").mkdir(parents=True, exist_ok=True)
        (home / ".config/rclone/rclone.conf").touch()  # without one it talks of that
        self.heard = home / f"stderr{len(self._started)}"
        with self.heard.open("wb") as heard:
            process = subprocess.Popen(
                [*prefix, *self.tool.words(src, dst, mirror)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=heard,
                env=os.environ | {"HOME": str(home), "BLIT_CONFIG_DIR": str(home), "LC_ALL": "C.UTF-8"},
                start_new_session=True, umask=0o022,
            )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, src: Path, dst: Path, mirror: bool = False, prefix: tuple[str, ...] = ()) -> int:
        self.code = self.start(src, dst, mirror, prefix).wait(60)
        return self.code

    def mirror(self, src: Path, dst: Path) -> int:
        if not self.tool.mirroring:
            raise NotApplicable("it never deletes")
        return self.run(src, dst, mirror=True)

    def kill(self) -> None:
        """kill -9 of everything that was started, and of what that started."""
        for process in self._started:
            family = [process.pid, *_below(process.pid)] if process.poll() is None else []
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def wait(self) -> None:
        for process in self._started:
            process.wait(60)

    def verdict(self, lost: str) -> str:
        """What the table says."""
        told = f"says so ({self.code})" if self.code else ""
        if self.code == 0:
            told = "a warning (0)" if self.heard.read_bytes() else "silent"
        if lost:
            return ", ".join(filter(None, (f"LOST: {lost}", told)))
        return ", ".join(filter(None, ("kept", self.note, told.removeprefix("silent"))))


def _below(parent: int) -> list[int]:
    found: list[int] = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            line = Path("/proc", entry, "stat").read_bytes() if entry.isdigit() else b""
            if line and int(line.rpartition(b")")[2].split()[1]) == parent:
                found += [int(entry), *_below(int(entry))]
    return found


# -- the faults -----------------------------------------------------------------------------------

Judge = Callable[[Bench], str]  # what is lost, in words; nothing: it is kept


@dataclass(frozen=True)
class Fault:
    title: str
    run: Judge
    saves: dict[str, tuple[str, ...]]  # options that are said to help a tool
    slow: bool


FAULTS: dict[str, Fault] = {}


def fault(title: str, slow: bool = False, **saves: str) -> Callable[[Judge], Judge]:
    """`saves`: options by a tool's first word; `slow`: ten seconds and more."""

    def keep(run: Judge) -> Judge:
        options = {name: tuple(words.split()) for name, words in saves.items()}
        FAULTS[run.__name__] = Fault(title, run, options, slow)
        return run

    return keep


def neither(found: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes]) -> str:
    """How many of the old names hold neither their old nor their new content whole."""
    broken = [name for name in old if found.get(name) not in (old[name], new.get(name, old[name]))]
    gone = [name for name in broken if name not in found]
    if not broken:
        return ""
    if gone == ["extra"] == broken:
        return "extras deleted before the copies failed"
    word = "gone" if len(gone) == len(broken) else "neither old nor new"
    return f"{len(broken)} of {len(old)} files {word}"


def old_and_new(size: int, count: int = 4) -> tuple[Tree, Tree]:
    long_ago = time.time_ns() - HOUR
    old = {f"f{n}": File(filler(size - 9, b"old%d" % n), mtime=long_ago) for n in range(count)}
    return old, {f"f{n}": filler(size, b"new%d" % n) for n in range(count)}


@contextlib.contextmanager
def killed_half_way(bench: Bench) -> Iterator[tuple[Path, Path]]:
    """The destination stands still in the middle of a file, then everything is killed."""
    old, new = old_and_new(3_000_000)
    make(bench.ram / "src", new)
    with fuse(bench.ram) as disk:
        make(disk.below / "dst", old)
        mark = bench.ram / "mark"
        disk.hurt({"op": "write", "hang": True, "from": 8, "mark": str(mark)})
        bench.start(bench.ram / "src", disk.point / "dst")
        until(mark.exists, "the write that stands still")
        bench.kill()
        disk.hurt()
        bench.wait()
        yield disk.below / "dst", disk.point / "dst"


@fault("`kill -9` half-way through existing files")
def killed(bench: Bench) -> str:
    make(bench.ram / "was", old_and_new(3_000_000)[0])
    with killed_half_way(bench) as (dst, _):
        return neither(contents(dst), contents(bench.ram / "was"), contents(bench.ram / "src"))


@fault("temporaries of a killed run, after the next run")
def leftovers(bench: Bench) -> str:
    with killed_half_way(bench) as (dst, point):
        first = set(os.listdir(dst)) - set(os.listdir(bench.ram / "src"))
        if not first:
            raise NotApplicable("it writes in place")
        bench.run(bench.ram / "src", point)
        left = set(os.listdir(dst)) - set(os.listdir(bench.ram / "src"))
        return f"{len(left)} stays for good" if left else ""


def power(bench: Bench, kind: str, fresh: bool = False) -> str:
    from integration.test_power import Disk

    disk = Disk(bench.ram, kind)
    disk.options = "loop"  # as people mount it
    old, new = old_and_new(20_000, 40)
    make(bench.ram / "src", new)
    with disk.mount() as point:
        make(point / "dst", {} if fresh else old)
        was = contents(point / "dst")
    with disk.mount() as point:
        bench.run(bench.ram / "src", point / "dst")
        disk.cut(commit=True)
    want = contents(bench.ram / "src")
    with disk.mount() as point:
        found = contents(point / "dst")
    if not fresh:
        return neither(found, was, want)
    empty = sum(found.get(name) != data for name, data in want.items())
    return f"{empty} of {len(want)} files missing or empty" if empty else ""


@fault("a power cut after an overwriting run that ended with 0, on ext4")
def power_ext4(bench: Bench) -> str:
    return power(bench, "ext4")


@fault("the same on xfs", rsync="--fsync")
def power_xfs(bench: Bench) -> str:
    return power(bench, "xfs")


@fault("the same after a run that made new files alone", blit="--durable", rsync="--fsync")
def power_new(bench: Bench) -> str:
    return power(bench, "xfs", fresh=True)


@fault("a full destination, in a mirror", rsync="--delete-after")
def full(bench: Bench) -> str:
    requires_mounts()
    make(bench.ram / "src", {"a": filler(900_000, b"new a"), "b": filler(1_500_000, b"new b")})
    with mounted(bench.ram / "dst", "-t", "tmpfs", "-o", "size=2m", "tmpfs") as dst:
        make(dst, {"a": filler(400_000, b"a"), "b": filler(400_000, b"b"), "extra": b"x"})
        old = contents(dst)
        bench.run(bench.ram / "src", dst, mirror=True)
        return neither(contents(dst), old, contents(bench.ram / "src"))


@fault("a read error (EIO) inside one file, in a mirror", rsync="--delete-after")
def read_error(bench: Bench) -> str:
    dst = bench.ram / "dst"
    with fuse(bench.ram) as disk:
        make(
            disk.below / "src",
            {"bad": filler(3_000_000, b"bad"), **{f"f{n}": b"%d" % n for n in range(9)}},
        )
        make(dst, {"bad": b"old", "extra": b"x"})
        disk.hurt({"op": "read", "path": "/src/bad", "errno": 5, "from": 4})
        bench.run(disk.point / "src", dst, mirror=True)
        found, new = contents(dst), contents(disk.below / "src")
    missing = [name for name in new if name != "bad" and found.get(name) != new[name]]
    lost = {
        "the old file is gone": "bad" not in found,
        "half a file under its name": found.get("bad", b"old") != b"old",
        f"{len(missing)} others not copied": bool(missing),
        "extras deleted": "extra" not in found,
    }
    return " and ".join(word for word, true in lost.items() if true)


@fault(
    "an empty (or unmounted) source, in a mirror", rsync="--max-delete=0", rclone="--max-delete=0"
)
def empty_source(bench: Bench) -> str:
    make(bench.ram / "dst", {f"f{n}": b"precious" for n in range(5)})
    (bench.ram / "src").mkdir()
    bench.mirror(bench.ram / "src", bench.ram / "dst")
    return "" if len(contents(bench.ram / "dst")) == 5 else "everything deleted"


@fault("a folder of the source that cannot be listed, in a mirror", rsync="--delete-after")
def unlistable(bench: Bench) -> str:
    with fuse(bench.ram) as disk:
        make(disk.below / "src", {"a": b"a", "sub": {"b": b"b", "c": b"c"}})
        make(bench.ram / "dst", {"extra": b"x", "sub": {"b": b"b", "c": b"c", "d": b"d"}})
        disk.hurt({"op": "readdir", "path": "/src/sub", "errno": 5})
        bench.mirror(disk.point / "src", bench.ram / "dst")
    gone = {"extra", "sub/b", "sub/c", "sub/d"} - contents(bench.ram / "dst").keys()
    return (
        f"{len(gone)} of 4 files deleted" if gone else "" if bench.code else "what was not listed"
    )


@fault("a file of the source that changes while it is copied")
def changing(bench: Bench) -> str:
    dst, mark = bench.ram / "dst", bench.ram / "mark"
    with fuse(bench.ram) as disk:
        before = filler(4_000_000, b"before")
        make(disk.below / "src", {"busy": File(before, mtime=time.time_ns() - HOUR)})
        disk.hurt(
            {"op": "read", "path": "/src/busy", "from": 6, "to": 6, "hang": True, "mark": str(mark)}
        )
        process = bench.start(disk.point / "src", dst)
        until(mark.exists, "the read that stands still")
        after = filler(4_000_000, b"after")
        (disk.below / "src/busy").write_bytes(after)
        disk.hurt()
        bench.code = process.wait(60)
        found = contents(dst).get("busy")
        if found in (after, None):
            return "" if found or bench.code else "the file"
        said = bench.code, bench.heard
        bench.run(disk.point / "src", dst)
        bench.code, bench.heard = said
        healed = contents(dst)["busy"] == after
    return "a mixture of both versions, " + ("until the next run" if healed else "for good")


@fault("symlinks planted in the destination, a file's and a folder's")
def planted(bench: Bench) -> str:
    make(bench.ram, {
        "src": {"file": b"new", "sub": {"x": b"x"}}, "outside": {"victim": b"precious"},
        "dst": {"file": Symlink("../outside/victim"), "sub": Symlink("../outside")},
    })  # fmt: skip
    bench.run(bench.ram / "src", bench.ram / "dst")
    found = contents(bench.ram / "outside")
    lost = {
        "a file outside": found["victim"] != b"precious",
        "written into a folder outside": "x" in found,
    }
    return " and ".join(word for word, true in lost.items() if true)


@fault("a file of the destination that has a second name elsewhere")
def second_name(bench: Bench) -> str:
    make(
        bench.ram, {"src": {"a": b"new content"}, "dst": {"a": b"old"}, "elsewhere": Hard("dst/a")}
    )
    bench.run(bench.ram / "src", bench.ram / "dst")
    return (
        ""
        if (bench.ram / "elsewhere").read_bytes() == b"old"
        else "what lies elsewhere is overwritten"
    )


@fault("a mount point below the destination, in a mirror", rsync="-x", rclone="-x")
def mount_below(bench: Bench) -> str:
    requires_mounts()
    make(bench.ram, {"src": {"a": b"a"}, "dst": {"b": b"b"}})
    with mounted(bench.ram / "dst/disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as point:
        make(point, {"c": b"precious", "sub": {"d": b"precious"}})
        bench.mirror(bench.ram / "src", bench.ram / "dst")
        return "" if len(contents(point)) == 2 else "the mounted disk is emptied"


@fault("a mirror whose source lies inside its destination")
def source_inside(bench: Bench) -> str:
    make(bench.ram / "dst", {"src": {"a": b"precious", "b": b"precious"}, "other": b"o"})
    bench.mirror(bench.ram / "dst/src", bench.ram / "dst")
    return "" if len(contents(bench.ram / "dst/src")) == 2 else "the source is deleted"


@fault(
    "a filesystem that hangs: the terminal comes back within 15 s", slow=True, rsync="--timeout=9"
)
def hung(bench: Bench) -> str:
    with fuse(bench.ram) as disk:
        make(disk.below / "src", {f"f{n}": filler(300_000, b"%d" % n) for n in range(4)})
        disk.hurt({"op": "read", "path": "/src/f2", "hang": True})
        process = bench.start(disk.point / "src", bench.ram / "dst")
        try:
            bench.code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            bench.kill()
            return "it waits for good"
    return ""


@fault("other content of the same size, changed within the same second", rsync="--modify-window=-1")
def same_second(bench: Bench) -> str:
    now = time.time_ns() // 10**9 * 10**9 - HOUR
    make(bench.ram / "src", {"a": File(b"new!", mtime=now + 700_000_000)})
    make(bench.ram / "dst", {"a": File(b"old!", mtime=now + 100_000_000)})
    bench.run(bench.ram / "src", bench.ram / "dst")
    return "" if contents(bench.ram / "dst")["a"] == b"new!" else "the new content is not copied"


@fault("content of mode 0600, while it is copied and after", rclone="--metadata")
def private(bench: Bench) -> str:
    said: dict[str, list[str]] = {}
    for case in ("new", "replaced"):
        place = bench.ram / case
        make(place / "src", {"secret": File(filler(1_000_000, b"secret"), mode=0o600)})
        with fuse(place) as disk:
            (disk.below / "dst").mkdir()
            if case == "replaced":
                make(disk.below / "dst", {"secret": File(b"public", mtime=time.time_ns() - HOUR)})
            mark = place / "mark"
            disk.hurt({"op": "write", "hang": True, "from": 3, "mark": str(mark)})
            process = bench.start(place / "src", disk.point / "dst")
            until(mark.exists, "the write that stands still")
            secret = filler(16, b"secret")
            open_to_all = [
                path for path in (disk.below / "dst").rglob("*")
                if path.is_file() and path.stat().st_mode & 0o077 and path.read_bytes()[:16] == secret
            ]  # fmt: skip
            disk.hurt()
            bench.code = process.wait(60)
            if open_to_all:
                said.setdefault("readable by others while it is copied", []).append(case)
            if (disk.below / "dst/secret").stat().st_mode & 0o077:
                said.setdefault("readable for good", []).append(case)
    return " and ".join(
        word + (" (replacing one that was not)" if cases == ["replaced"] else "")
        for word, cases in said.items()
    )


@fault("setuid where the owner cannot be kept")
def setuid(bench: Bench) -> str:
    requires_root()
    requires_tool("setpriv")
    make(bench.ram / "src", {"tool": b"t"})
    os.chown(bench.ram / "src/tool", 12345, 12345)
    os.chmod(bench.ram / "src/tool", 0o4755)
    prefix = ("setpriv", "--bounding-set", "-chown", "--inh-caps", "-all")
    bench.run(bench.ram / "src", bench.ram / "dst", prefix=prefix)
    there = (bench.ram / "dst/tool").stat()
    if not there.st_mode & 0o111:
        bench.note = "but no modes at all"
    return "a setuid program of root's" if there.st_mode & 0o6000 and there.st_uid == 0 else ""


@fault("two names that differ by case alone, onto a filesystem that ignores case")
def colliding(bench: Bench) -> str:
    make(bench.ram / "src", {"README": b"upper", "readme": b"lower", "z": b"z"})
    with fuse(bench.ram, "casefs.py") as disk:
        bench.run(bench.ram / "src", disk.point)
        found = contents(disk.below)
    rest = sorted(found.values()) in ([b"lower", b"z"], [b"upper", b"z"])
    return "" if rest and bench.code else "one of the two" if rest else "both, or others"


@fault(
    "a file renamed by case alone, mirrored onto such a filesystem",
    rsync="--delete-after",
    rclone="--delete-before",
)
def case_renamed(bench: Bench) -> str:
    then = time.time_ns() - HOUR
    make(bench.ram / "src", {"file": File(b"x", mtime=then)})
    with fuse(bench.ram, "casefs.py") as disk:
        make(disk.below, {"File": File(b"x", mtime=then)})
        bench.mirror(bench.ram / "src", disk.point)
        return "" if list(contents(disk.below).values()) == [b"x"] else "the file is gone"


@fault("holes of a sparse file", rsync="-S")
def holes(bench: Bench) -> str:
    make(bench.ram / "src", {"image": Sparse(64 << 20, {0: b"start", 40 << 20: b"middle"})})
    bench.run(bench.ram / "src", bench.ram / "dst")
    return "" if (bench.ram / "dst/image").stat().st_blocks < 2048 else "they are filled"


@fault("modes, and times of files and folders to the nanosecond", rclone="--metadata")
def modes_and_times(bench: Bench) -> str:
    then = time.time_ns() // 10**9 * 10**9 - HOUR + 123_456_789
    make(bench.ram / "src", {"sub": Folder({"a": File(b"a", mode=0o750, mtime=then)}, 0o700, then)})
    bench.run(bench.ram / "src", bench.ram / "dst")
    lost = []
    for name, mode in (("sub/a", 0o750), ("sub", 0o700)):
        info = (bench.ram / "dst" / name).stat()
        kind = "folder" if name == "sub" else "file"
        if info.st_mode & 0o7777 != mode:
            lost.append(f"mode of a {kind}")
        if info.st_mtime_ns != then:
            lost.append(f"time of a {kind}")
    return " and ".join(lost)


@fault("a FIFO and a socket in the source")
def special(bench: Bench) -> str:
    make(bench.ram / "src", {"fifo": Fifo(), "a": b"a"})
    os.mknod(bench.ram / "src/socket", 0o600 | stat.S_IFSOCK)
    bench.run(bench.ram / "src", bench.ram / "dst")
    missing = {"fifo", "socket"} - set(os.listdir(bench.ram / "dst"))
    return " and ".join(f"no {name}" for name in sorted(missing))


@fault("a tree deeper than PATH_MAX (5,000 bytes)")
def deep(bench: Bench) -> str:
    level = "d" * 250
    (bench.ram / "src").mkdir()

    def descend(top: Path, make_it: bool) -> int:
        if not top.exists():
            return 1
        at = os.open(top, os.O_RDONLY)
        try:
            for _ in range(20):
                if make_it:
                    os.mkdir(level, dir_fd=at)
                below = os.open(level, os.O_RDONLY, dir_fd=at)
                os.close(at)
                at = below
            flags = os.O_CREAT | os.O_WRONLY if make_it else os.O_RDONLY
            os.close(os.open("file", flags, dir_fd=at))
        except OSError:
            return 1
        finally:
            os.close(at)
        return 0

    descend(bench.ram / "src", True)
    bench.run(bench.ram / "src", bench.ram / "dst")
    return "it is not copied" if descend(bench.ram / "dst", False) else ""


@fault("hard links between files of the source", rsync="-H")
def hard_links(bench: Bench) -> str:
    make(bench.ram / "src", {"a": b"a", "b": Hard("a")})
    bench.run(bench.ram / "src", bench.ram / "dst")
    return "" if (bench.ram / "dst/a").stat().st_nlink == 2 else "two files"


@fault("extended attributes and access lists", rsync="-AX", rclone="--metadata")
def attributes(bench: Bench) -> str:
    requires_loop()
    requires_tool("setfacl")
    image = bench.ram / "image"
    with image.open("wb") as out:
        out.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    with mounted(bench.ram / "point", "-o", "loop", str(image)) as point:
        make(point / "src", {"a": File(b"a", xattrs={"user.note": b"kept"})})
        subprocess.run(["setfacl", "-m", "u:12345:r", str(point / "src/a")], check=True)
        bench.run(point / "src", point / "dst")
        want, found = (set(os.listxattr(point / side / "a")) for side in ("src", "dst"))
    words = {"user.note": "attributes", "system.posix_acl_access": "access lists"}
    return " and ".join(word for name, word in words.items() if name in want - found)


@fault("two mirrors at once into one destination")
def two_at_once(bench: Bench) -> str:
    dst, mark = bench.ram / "dst", bench.ram / "mark"
    make(bench.ram / "other", {f"g{n}": b"other" for n in range(6)})
    with fuse(bench.ram) as disk:
        make(disk.below / "src", {f"f{n}": b"one" for n in range(6)})
        make(dst, {"f5": b"older", "g5": b"older"})
        disk.hurt({"op": "read", "path": "/src/f3", "hang": True, "mark": str(mark)})
        if not bench.tool.mirroring:
            raise NotApplicable("it never deletes")
        first = bench.start(disk.point / "src", dst, mirror=True)
        until(mark.exists, "the first mirror's read that stands still")
        second = bench.run(bench.ram / "other", dst, mirror=True)
        disk.hurt()
        bench.code = first.wait(60) or second
        found = contents(dst)
        whole = found in (contents(disk.below / "src"), contents(bench.ram / "other"))
    return "" if whole else "neither is there whole"


# -- the words of the table -----------------------------------------------------------------------


def once(name: str, tool: Tool) -> str:
    """What one tool does in one fault; what cannot be tried here is pytest's Skipped."""
    with ram_folder() as ram:
        bench = Bench(tool, ram)
        try:
            return bench.verdict(FAULTS[name].run(bench))
        except NotApplicable as why:
            return f"not applicable: {why}"
        finally:
            bench.kill()


def cell(name: str, tool: Tool) -> str:
    """The same, and where something is lost what the option does that is said to help."""
    said = once(name, tool)
    helps = FAULTS[name].saves.get(tool.name.split()[0], ())
    if said.startswith("LOST") and helps:
        said += f"; with `{' '.join(helps)}`: {once(name, replace(tool, more=helps))}"
    return said
