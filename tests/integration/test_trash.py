"""--trash: what is deleted or replaced is kept, comes back, and is never lost on the way."""

from __future__ import annotations

import errno
import io
import mmap
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from asking import asking
from conftest import (
    OTHER_USER,
    Blit,
    inject,
    mounted,
    ordinary,
    requires_loop,
    requires_mounts,
    requires_root,
    requires_strace,
    requires_tool,
    until,
)
from hurt import fuse
from trees import Fifo, File, Folder, Hard, Symlink, assert_same, contents, filler, make, snapshot

from blit import arguments
from blit import trash as verb
from blit.engine.workers import Pool, Worker
from blit.worker import renames, status, trash, wire
from blit.worker.context import Context

T = 1_600_000_000_987_654_321
TRASH = ".blit-trash"
SOURCE = {
    "same": File(b"same", mtime=T),
    "changed": b"the new content",
    "sub": {"changed": b"new in sub"},
    "link": Symlink("new"),
    "type": b"a file now",
    "other": {"way": b"a folder now"},
}
TARGET = {
    "same": File(b"same", mode=0o600, mtime=T),  # mended, which keeps nothing
    "changed": File(b"old", mode=0o640, mtime=T),
    "sub": {"changed": File(b"old in sub", mtime=T), "extra": File(b"x", mtime=T)},
    "link": Symlink("old", mtime=T),
    "type": Folder({"in": File(b"it", mtime=T)}, mtime=T),
    "other": File(b"way", mtime=T),
    "gone": Folder(
        {"deep": Folder({"er": File(b"z", mtime=T), "fifo": Fifo()}, mtime=T), "empty": {}},
        mode=0o711, mtime=T,
    ),
    "one": File(b"1", mtime=T),
    "two": Hard("one"),
}  # fmt: skip
# in the trash afterwards, files and links alone
KEPT = {
    "changed", "sub/changed", "sub/extra", "link", "type/in", "other", "gone/deep/er",
    "gone/deep/fifo", "one", "two",
}  # fmt: skip
DELETED = {
    "sub/extra", "type", "type/in", "other", "gone", "gone/deep", "gone/deep/er", "gone/deep/fifo",
    "gone/empty", "one", "two",
}  # fmt: skip


@pytest.fixture
def pair(ram: Path) -> tuple[Path, Path]:
    src, dst = ram / "src", ram / "dst"
    make(src, SOURCE)
    make(dst, TARGET)
    return src, dst


def runs(dst: Path) -> list[Path]:
    return sorted(path for path in (dst / TRASH).iterdir() if path.is_dir())


def the_run(dst: Path) -> Path:
    (run,) = runs(dst)
    return run


def within(folder: Path) -> set[str]:
    """The paths of all that is no folder."""
    return {
        os.path.relpath(os.path.join(here, name), folder)
        for here, folders, files in os.walk(folder)
        for name in [*files, *(f for f in folders if os.path.islink(os.path.join(here, f)))]
    }


def without_trash(root: Path) -> dict[bytes, object]:
    return {
        path: entry
        for path, entry in snapshot(root).items()
        if path != b"." and path.partition(b"/")[0] != TRASH.encode()
    }


# -- what goes there ------------------------------------------------------------------------------


def test_a_mirror_keeps_what_it_deletes_and_replaces(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    before = snapshot(dst)
    result = blit.json("mirror", "--trash", "--yes", f"{src}/", dst)
    assert without_trash(dst).keys() == without_trash(src).keys()
    assert_same(src / "sub", dst / "sub")
    run = the_run(dst)
    assert within(run) == KEPT
    # as they were: bytes, modes, times, links, whole folders too
    for path in (*KEPT, "gone", "gone/deep", "gone/empty", "type"):
        kept = snapshot(run)[os.fsencode(path)]
        assert kept == before[os.fsencode(path)], path
    assert stat_mode(dst / TRASH) == 0o700
    files = result.summary["files"]
    assert files["deleted"] == len(DELETED)
    # changed, sub/changed and link were replaced; what gave way to another type counts once
    assert files["trashed"] == len(DELETED) + 3
    assert result.summary["trash"] == str(run)


def stat_mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_copy_keeps_what_it_replaces(blit: Blit, ram: Path) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"new", "large": File(size=3_000_000), "b": b"b"})
    make(dst, {"src": {"a": b"old", "large": b"was small", "c": b"c"}})
    result = blit("copy", "-v", "--trash", src, dst)
    assert contents(the_run(dst)) == {"src/a": b"old", "src/large": b"was small"}
    assert "2 to the trash" in result.lines[-1]
    assert (dst / "src" / "a").read_bytes() == b"new"
    blit("copy", "--trash", src, dst)
    the_run(dst)  # nothing was replaced: no second run


def test_a_large_file_and_hard_links_go_there_too(blit: Blit, ram: Path) -> None:
    """Without `settle` in large.py and links.py this fails."""
    src, dst = ram / "src", ram / "dst"
    make(src, {"big": File(size=1 << 20), "a": b"linked", "b": Hard("a")})
    os.truncate(src / "big", 1200 << 20)  # holes: a large file to the planner, and none to the disk
    make(dst, {"big": b"small", "a": b"old a", "b": b"old b"})
    blit("copy", "--trash", f"{src}/", dst)
    assert contents(the_run(dst)) == {"big": b"small", "a": b"old a", "b": b"old b"}
    assert (dst / "a").stat().st_ino == (dst / "b").stat().st_ino


def test_dry_run_and_verbose_say_the_same_and_a_dry_run_writes_nothing(
    blit: Blit, pair: tuple[Path, Path]
) -> None:
    src, dst = pair
    before = snapshot(dst)
    dry = blit("mirror", "-n", "--trash", f"{src}/", dst)
    assert_same(dst, before)
    real = blit("mirror", "-v", "--yes", "--trash", f"{src}/", dst)
    lines = [sorted(r.lines[:-1]) for r in (dry, real)]
    assert lines[0] == lines[1]
    assert "trash   gone/deep/er" in lines[0] and not any("delete" in line for line in lines[0])
    assert "to the trash" in dry.lines[-1] and "to the trash" in real.lines[-1]
    assert any(str(the_run(dst)) in line for line in real.lines + real.errors)


def test_the_guard_and_the_question_hold(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    asked = blit("mirror", "--trash", f"{src}/", dst, code=4)
    assert "--yes" in asked.errors[-1] and "to the trash" in asked.errors[-1]
    blit("mirror", "--trash", "--yes", "--max-delete", "3", f"{src}/", dst, code=4)
    assert (dst / "gone" / "deep" / "er").exists()


def test_the_filters_spare_what_they_name(blit: Blit, ram: Path) -> None:
    """Without `whole` in remove.py this fails: the folder would go with what is spared in it."""
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a"})
    make(
        dst, {"a": b"a", "mixed": {"keep.log": b"l", "x": b"x"}, "all": {"y": {"z": b"z"}, "e": {}}}
    )
    blit("mirror", "--trash", "-y", "--exclude", "*.log", f"{src}/", dst)
    assert without_trash(dst).keys() == {b"a", b"mixed", b"mixed/keep.log"}
    assert contents(the_run(dst)) == {"mixed/x": b"x", "all/y/z": b"z"} | (
        {"a": b"a"} if (the_run(dst) / "a").exists() else {}
    )
    assert (the_run(dst) / "all" / "e").is_dir()


def test_what_appears_while_a_copy_runs_is_kept(ram: Path) -> None:
    """Without `rename_new` in swift.py this fails: what was new in the listing is no more."""
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"new", "b": b"b"})
    dst.mkdir()
    from blit.worker import wire
    from blit.worker.copy import Copier

    context = _context()
    infos = [(name, (src / name).stat()) for name in ("b", "a")]
    entries = [(n, wire.FILE, i.st_size, i.st_mtime_ns, i.st_ino, wire.NEW) for n, i in infos]
    (dst / "a").write_bytes(b"somebody's")
    group = wire.dump((str(src), str(dst), "", "", None, entries))
    result = Copier(context, wire.TRASH).run([group])
    assert not result.failures and result.trashed == 1
    assert contents(the_run(dst)) == {"a": b"somebody's"}
    assert (dst / "a").read_bytes() == b"new"


# -- what the trash is, and is not ----------------------------------------------------------------


def test_a_trash_is_no_extra_and_no_part_of_a_source(blit: Blit, pair: tuple[Path, Path]) -> None:
    """Without the `pop` in scan.py a mirror deletes the trash."""
    src, dst = pair
    blit("mirror", "--trash", "--yes", f"{src}/", dst)
    kept = snapshot(dst / TRASH)
    result = blit.json("mirror", "--yes", f"{src}/", dst)
    assert result.summary["files"]["deleted"] == 0
    assert_same(dst / TRASH, kept)
    # as a source: it stays behind, which only -v tells
    third = dst.parent / "third"
    told = blit("mirror", "-v", "--yes", f"{dst}/", third)
    assert not (third / TRASH).exists()
    assert [line for line in told.errors if "not copied, a trash" in line] != []
    assert blit("copy", f"{dst}/", third).errors == []
    # and where the source has one of its own
    make(src, {TRASH: {"mine": b"m"}})
    blit("mirror", "--yes", f"{src}/", dst)
    assert_same(dst / TRASH, kept)
    # one of another kind is no trash, and does not take the place of one
    shutil.rmtree(src / TRASH)
    (src / TRASH).write_bytes(b"a file")
    blit("mirror", "--yes", f"{src}/", dst, code=3)
    assert_same(dst / TRASH, kept)


def test_an_empty_destination_with_a_trash_is_empty(blit: Blit, ram: Path) -> None:
    make(ram / "src", {})
    make(ram / "dst", {TRASH: {"run": {"a": b"a"}}})
    blit("mirror", "--yes", f"{ram / 'src'}/", ram / "dst")
    assert (ram / "dst" / TRASH / "run" / "a").exists()


def test_nothing_lands_in_a_trash_by_its_name(blit: Blit, ram: Path) -> None:
    make(ram / TRASH, {"a": b"a"})
    (ram / "dst").mkdir()
    blit("copy", ram / TRASH, ram / "dst", code=2)
    assert not (ram / "dst" / TRASH).exists()


@pytest.mark.parametrize("what", ["file", "symlink", "dangling", "fifo"])
@pytest.mark.parametrize("command", ["copy", "mirror"])
def test_what_is_planted_at_its_place_is_refused(
    blit: Blit, ram: Path, pair: tuple[Path, Path], what: str, command: str
) -> None:
    """Without O_NOFOLLOW in trash_root.py this fails."""
    src, dst = pair
    outside = ram / "outside"
    outside.mkdir()
    place = dst / TRASH
    {
        "file": lambda: place.write_bytes(b"planted"),
        "symlink": lambda: place.symlink_to(outside),
        "dangling": lambda: place.symlink_to(ram / "nowhere"),
        "fifo": lambda: os.mkfifo(place),
    }[what]()
    before = snapshot(dst)
    options = ("--yes",) if command == "mirror" else ()
    told = blit(command, "--trash", *options, f"{src}/", dst, code=4)
    assert TRASH in told.errors[-1] and "move it out of the way" in told.errors[-1]
    assert_same(dst, before)
    assert not list(outside.iterdir())
    for words in (("list",), ("restore", "last"), ("purge", "--all", "-y")):
        blit("trash", words[0], dst, *words[1:], code=4)


def test_another_users_folder_is_not_trusted(blit: Blit, pair: tuple[Path, Path]) -> None:
    requires_root()
    src, dst = pair
    (dst / TRASH).mkdir()
    os.chown(dst / TRASH, 65534, 65534)
    assert "another user's" in blit("copy", "--trash", f"{src}/", dst, code=4).errors[-1]


def test_planted_inside_it_nothing_is_followed(blit: Blit, ram: Path) -> None:
    """A run's folders are made and opened name by name: a link among them is not gone through."""
    outside, dst = ram / "outside", ram / "dst"
    outside.mkdir()
    make(dst, {"sub": {"a": b"old"}})
    context = _context()
    kept = trash.Trash(context)
    make(dst, {TRASH: {context.trash[0]: {"sub": Symlink(str(outside))}}})
    dfd = context.folders.open(str(dst), "sub")
    kept.take(str(dst), "sub", "a", dfd)
    assert not list(outside.iterdir())
    assert contents(dst / TRASH) == {f"{context.trash[0]}.2/sub/a": b"old"}


# -- never lost -----------------------------------------------------------------------------------


def _context() -> Context:
    page = status.Page(mmap.mmap(-1, status.PAGE), 0)
    context = Context(page, "t" * 15, 0, os.getppid())
    context.trash = ("2026-11-22T000000Z-abcd", "blit copy")
    return context


class Killed(BaseException):
    """What no `except OSError` undoes, as a kill -9."""


def _no(code: int) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


WAYS = {
    "link": {},
    "exchange": {"link": errno.EPERM},
    "rename": {"link": errno.EPERM, "exchange": errno.EINVAL},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("failing", [False, True])
def test_killed_or_failing_at_each_step_of_a_replacement_the_old_is_in_place_or_in_the_trash(
    ram: Path, monkeypatch: pytest.MonkeyPatch, way: str, failing: bool
) -> None:
    """Without the link, or the way over the trash before the exchange, this fails."""
    real_link, real_rename, real_new, real_swap = (
        os.link,
        os.rename,
        renames.rename_new,
        renames.exchange,
    )
    if "link" in WAYS[way]:
        real_link = _no(WAYS[way]["link"])  # type: ignore[assignment]
    if "exchange" in WAYS[way]:
        real_swap = _no(WAYS[way]["exchange"])  # type: ignore[assignment]
    left, count = 0, 0

    def cut(real: Callable[..., None]) -> Callable[..., None]:
        def call(*given: object, **named: object) -> None:
            nonlocal count
            count += 1
            if count == left:
                raise OSError(errno.EIO, "injected") if failing else Killed
            real(*given, **named)

        return call

    monkeypatch.setattr(os, "link", cut(real_link))
    monkeypatch.setattr(os, "rename", cut(real_rename))
    monkeypatch.setattr(trash, "rename_new", cut(real_new))
    monkeypatch.setattr(trash, "exchange", cut(real_swap))
    for left in range(1, 20):
        dst = ram / f"dst{left}"
        make(dst, {"a": b"old", ".blit-temporary": b"new"})
        context, count = _context(), 0
        dfd = context.folders.open(str(dst), "")
        ended = False
        try:
            assert trash.Trash(context).replace(".blit-temporary", "a", dfd, str(dst), "")
            ended = True
        except (Killed, OSError):
            pass
        finally:
            context.folders.close()
        found = {k: v for k, v in contents(dst).items() if not k.endswith(".txt")}
        in_trash = [v for k, v in found.items() if k.startswith(TRASH)]
        assert found.get("a") == b"old" or b"old" in in_trash, (left, found)
        if way != "rename":
            assert "a" in found, "no instant without a file of that name"
        if failing and not ended:  # undone: as it was
            assert found["a"] == b"old", (left, found)
        if ended:
            assert found["a"] == b"new" and in_trash == [b"old"]
            break
    assert ended and left > 2


def test_kill_9_at_many_moments_of_a_mirror_every_old_content_is_somewhere(
    blit: Blit, ram: Path
) -> None:
    """Without the link in trash.py (a plain rename over the old) this fails."""
    src, pristine, dst = ram / "src", ram / "pristine", ram / "dst"
    for root, word in ((src, b"new"), (pristine, b"old")):
        tree = {
            f"d{d}": {f"f{n}": filler(2000 + 13 * n, b"%s %d %d" % (word, d, n)) for n in range(50)}
            for d in range(8)
        }
        make(root, tree)
    make(pristine, {f"x{n}": {f"e{m}": b"%d %d" % (n, m) for m in range(15)} for n in range(8)})
    old = contents(pristine)
    command = ("mirror", "--yes", "--trash", f"{src}/", str(dst))
    chance = random.Random(20261122)
    shutil.copytree(pristine, dst)
    began = time.monotonic()
    blit(*command)
    whole = time.monotonic() - began
    midway = 0
    for number in range(8):
        shutil.rmtree(dst)
        shutil.copytree(pristine, dst)
        process = blit.start(*command)
        moment = whole * (number + chance.random()) / 8
        if number % 2:  # soon after the first thing went to the trash, however busy the machine is
            until(
                lambda process=process: (dst / TRASH).exists() or process.poll() is not None,
                "the trash",
            )
            moment *= chance.random() * 0.2
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        _nothing_lost(dst, old)
        midway += bool((dst / TRASH).exists() and process.returncode)
        if number % 4 == 0:
            blit(*command)
            assert without_trash(dst).keys() == without_trash(src).keys()
            _nothing_lost(dst, old)
    assert midway >= 2, "the moments were badly chosen"


def _nothing_lost(dst: Path, old: dict[str, bytes]) -> None:
    found: dict[str, set[bytes]] = {}
    for name, data in contents(dst).items():
        path = name
        if name.startswith(TRASH):
            path = "/".join(name.split("/")[2:])
        if not os.path.basename(path).startswith(".blit-"):
            found.setdefault(path, set()).add(data)
    lost = [path for path, data in old.items() if data not in found.get(path, ())]
    assert not lost, f"{len(lost)} lost, {lost[:3]}"


@pytest.mark.parametrize("command", ["copy", "mirror"])
def test_no_space_for_a_folder_of_the_trash_fails_and_loses_nothing(
    blit: Blit, ram: Path, command: str
) -> None:
    requires_strace()
    src, dst = ram / "src", ram / "dst"
    make(src, {"sub": {"a": b"new"}})
    make(dst, {"sub": {"a": b"old", "x": b"x"}, TRASH: {}})
    prefix = inject(dst / TRASH, "mkdirat", "error=ENOSPC")
    options = ("--yes", "--trash") if command == "mirror" else ("--trash",)
    result = blit(command, *options, f"{src}/", dst, prefix=prefix, code=None)
    assert result.code in (1, 3), result
    assert contents(dst) == {"sub/a": b"old", "sub/x": b"x"}


def test_what_lies_on_another_filesystem_fails_and_stays(blit: Blit, ram: Path) -> None:
    requires_mounts()
    src, dst = ram / "src", ram / "dst"
    make(src, {"m": {"a": b"new"}, "b": b"new"})
    make(dst, {"m": {}, "b": b"old", "gone": {"below": {}}})
    with mounted(dst / "m", "-t", "tmpfs", "tmpfs"):
        make(dst / "m", {"a": b"old"})
        result = blit("copy", "--trash", f"{src}/", dst, code=3)
        assert (dst / "m" / "a").read_bytes() == b"old"
        assert any("dst/m/a" in line for line in result.errors)
        assert contents(the_run(dst)) == {"b": b"old"}


def test_a_folder_with_a_mount_below_is_not_moved(ram: Path) -> None:
    """Without `mounts_below` in Trash.take this fails: the mount would go along."""
    requires_mounts()
    dst = ram / "dst"
    make(dst, {"gone": {"below": {}}})
    with mounted(dst / "gone" / "below", "-t", "tmpfs", "tmpfs"):
        context = _context()
        dfd = context.folders.open(str(dst), "")
        with pytest.raises(OSError, match="mounted"):
            trash.Trash(context).take(str(dst), "", "gone", dfd, True)
        context.folders.close()
    assert (dst / "gone" / "below").is_dir()


def test_on_a_filesystem_without_links_and_modes(blit: Blit, ram: Path) -> None:
    requires_loop()
    requires_tool("mkfs.vfat")
    image, src, point = ram / "image", ram / "src", ram / "fat"
    image.write_bytes(b"")
    os.truncate(image, 8 << 20)
    subprocess.run(["mkfs.vfat", str(image)], check=True, capture_output=True)
    make(src, {"a": b"new!", "sub": {"b": b"b"}, "type": {"x": b"x"}})
    point.mkdir()
    done = subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True)
    if done.returncode:
        pytest.skip("vfat cannot be mounted here")
    try:
        make(point / "dst", {"a": b"old", "gone": {"deep": {"y": b"y"}}, "type": b"t", "x": b"x"})
        blit("mirror", "-y", "--trash", f"{src}/", point / "dst")
        assert contents(the_run(point / "dst")) == {
            "a": b"old", "gone/deep/y": b"y", "type": b"t", "x": b"x",
        }  # fmt: skip
        assert (point / "dst" / "a").read_bytes() == b"new!"
    finally:
        subprocess.run(["umount", str(point)], check=False)


def test_read_only_folders_of_an_ordinary_user_go_there_and_come_back(
    blit: Blit, ram: Path
) -> None:
    """Without `grant` in Trash.move this fails."""
    prefix = ordinary()
    src, dst = ram / "src", ram / "dst"
    make(src, {"a": b"a"})
    make(dst, {"a": b"a", "locked": Folder({"in": Folder({"x": b"x"}, mode=0o500)}, mode=0o500)})
    if prefix == OTHER_USER:
        for path in (dst, *dst.rglob("*")):
            os.chown(path, 65534, 65534)
    blit("mirror", "-y", "--trash", f"{src}/", dst, prefix=prefix)
    kept = the_run(dst) / "locked"
    assert stat_mode(kept) == stat_mode(kept / "in") == 0o500
    blit("trash", "restore", dst, "last", "locked", prefix=prefix)
    assert stat_mode(dst / "locked") == stat_mode(dst / "locked" / "in") == 0o500
    assert (dst / "locked" / "in" / "x").read_bytes() == b"x"


# -- blit trash -----------------------------------------------------------------------------------


def test_a_restore_of_all_is_the_tree_before(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    before = {path: entry for path, entry in snapshot(dst).items() if path not in (b".", b"sub")}
    blit("mirror", "--trash", "--yes", f"{src}/", dst)
    conflicts = blit("trash", "restore", dst, "last", code=3)
    assert "--replace" in conflicts.errors[0] and (dst / "changed").read_bytes() != b"old"
    blit("trash", "restore", "--replace", dst, runs(dst)[0].name)
    now = without_trash(dst)
    now.pop(b"sub")
    assert {p: e for p, e in now.items() if p != b"same"} == {
        p: e for p, e in before.items() if p != b"same"
    }
    # what stood there went to a run of its own
    assert contents(the_run(dst)) == {
        "changed": b"the new content", "sub/changed": b"new in sub", "type": b"a file now",
        "other/way": b"a folder now",
    }  # fmt: skip


def test_list_names_runs_commands_and_files(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    assert "no trash" in blit("trash", "list", dst).lines[0]
    blit("mirror", "--trash", "--yes", f"{src}/", dst)
    run = the_run(dst).name
    (line,) = blit("trash", "list", dst).lines
    assert line.startswith(run) and "10 files" in line
    assert f"blit mirror --trash --yes {src}/ {dst}" in line
    told = blit("trash", "list", "-v", dst).lines
    assert {word.strip() for word in told[1:]} == KEPT | {"gone/empty/"}
    events = blit("trash", "list", "--json", dst).events
    paths = {e["path"] for e in events if e["type"] == "trash_entry" and e["kind"] == "file"}
    assert paths == KEPT
    (facts,) = (e for e in events if e["type"] == "trash_run")
    assert facts["files"] == 10 and facts["run"] == run
    assert abs(facts["when"] - time.time()) < 3600
    assert events[-1]["outcome"] == "ok"


def test_some_paths_alone_come_back(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    blit("mirror", "--trash", "--yes", f"{src}/", dst)
    told = blit("trash", "restore", dst, "last", "gone/deep", dst / "one")
    # Without the count of a folder that comes back whole this says 2.
    assert told.lines == ["restored 3 entries, 2 B"]
    assert {str(p.relative_to(dst)) for p in (dst / "gone").rglob("*")} == {
        "gone/deep", "gone/deep/er", "gone/deep/fifo",
    }  # fmt: skip
    assert within(the_run(dst)) == KEPT - {"gone/deep/er", "gone/deep/fifo", "one"}
    for path, code in (("../outside", 2), ("/etc/passwd", 2), ("never/was", 3), ("", 2)):
        result = blit("trash", "restore", dst, "last", path, code=code)
        assert len(result.errors) == 1, result
    for word in ("2001", "x"):
        assert "trash list" in blit("trash", "restore", dst, word, code=1).errors[0]


def test_purge_asks_and_deletes_what_was_named(blit: Blit, pair: tuple[Path, Path]) -> None:
    src, dst = pair
    blit("mirror", "--trash", "--yes", f"{src}/", dst)
    old = dst / TRASH / "2020-01-01T000000Z-beef"
    shutil.copytree(the_run(dst), old, symlinks=True, ignore=lambda *_: ["fifo"])
    blit("trash", "purge", dst, code=2)
    told = blit("trash", "purge", dst, "--all", code=4)
    assert "--yes" in told.errors[0] and "2 runs" in told.errors[0]
    blit("trash", "purge", dst, "--older", "30", "-y")
    assert not old.exists()
    living = without_trash(dst)
    blit("trash", "purge", dst, the_run(dst).name[:10], "-y")
    assert not (dst / TRASH).exists(), "an empty trash goes too"
    assert without_trash(dst) == living
    assert blit("trash", "purge", dst, "--all", "-y").code == 0


@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"new\nline", b"-y", b"\x1b[2J[red]", b"n" * 255, b"a b'c\""]
)
def test_hostile_names_go_there_and_come_back(blit: Blit, ram: Path, name: bytes) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, {b"both": b"new", name: {name: b"new"}})
    make(dst, {b"both": b"old", name: {name: b"old", b"x" + name[:200]: {name: b"x"}}})
    before = {p for p, e in snapshot(dst).items() if e.kind == "file"}
    blit("mirror", "-y", "--trash", f"{src}/", dst)
    shown = blit("trash", "list", "-v", dst)
    assert b"\x1b" not in shown.out and b"\xff" not in shown.out
    events = blit("trash", "list", "--json", dst).events
    paths = {
        e["path"].encode("utf-8", "surrogateescape") for e in events if e["type"] == "trash_entry"
    }
    assert paths == before
    blit("trash", "restore", "--replace", dst, "last")
    assert {
        p for p, e in snapshot(dst).items() if e.kind == "file" and not p.startswith(b".blit")
    } == before
    assert (dst / "both").read_bytes() == b"old"


def test_a_disk_that_does_not_answer_does_not_hold_the_terminal(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the clock in blit/trash.py this fails: nothing would end it."""
    monkeypatch.setattr(verb, "_SILENCE", 1.0)
    with fuse(ram) as faults:
        make(faults.below, {TRASH: {"2026-11-22T000000Z-abcd": {"a": b"a"}}})
        faults.hurt({"op": "readdir", "hang": True})
        code, told = _list(faults.point)
    assert code == 5, told
    assert "no answer" in told and str(faults.point) in told


def _list(place: Path) -> tuple[int, str]:
    """The exit code of `blit trash list` in this process, and its complaint."""
    err = io.StringIO()
    options = arguments.parser().parse_args(["trash", "list", str(place)])
    return verb.run(options, io.StringIO(), err), err.getvalue()


def test_a_worker_that_does_not_begin_is_told_with_the_trash(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the path of the trash itself in blit/trash.py this fails: none would be named."""

    class Stopped(Pool):
        def start(self) -> Worker:
            worker = super().start()
            os.kill(worker.pid, signal.SIGSTOP)
            return worker

    monkeypatch.setattr(verb, "_SILENCE", 0.3)
    monkeypatch.setattr(verb, "Pool", Stopped)
    code, told = _list(ram)
    assert code == 5
    assert f"blit: {ram}: no answer" in told


def test_being_stopped_oneself_is_no_silence_of_the_trash(
    ram: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-Z, a suspended machine. With a clock that counts that too this fails."""
    make(ram, {TRASH: {"2026-11-22T000000Z-abcd": {"a": b"a"}}})
    ready, monotonic, slept = wire.ready, time.monotonic, [0.0]

    def stopped(fd: int, seconds: float, to_write: bool = False) -> bool:
        if slept[0]:
            return ready(fd, seconds, to_write)
        slept[0] = 60.0
        return False

    monkeypatch.setattr(wire, "ready", stopped)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + slept[0])
    assert _list(ram) == (0, "")


def test_a_mirror_keeps_the_trash_from_being_purged_under_it(
    blit: Blit, pair: tuple[Path, Path]
) -> None:
    """Without `lock` in trash_work.py this fails."""
    src, dst = pair
    with asking(blit, "--trash", f"{src}/", dst) as process:
        for words in (("restore", "last"), ("purge", "--all", "-y")):
            told = blit("trash", words[0], dst, *words[1:], code=4)
            assert f"process {process.pid}" in told.errors[-1]
        blit("trash", "list", dst)


def test_an_empty_word_is_no_run(blit: Blit, ram: Path) -> None:
    """Without its refusal in trash_work.py it is the beginning of the only run there is."""
    make(ram / "dst", {TRASH: {"2026-01-01T000000Z-aaaa": {"f": b"f"}}})
    told = blit("trash", "purge", "-y", ram / "dst", "", code=2)
    assert b"is empty" in told.err
    assert (ram / "dst" / TRASH / "2026-01-01T000000Z-aaaa" / "f").exists()


def test_a_run_without_a_date_is_not_old(blit: Blit, ram: Path) -> None:
    """Without the zero in trash_work.py it is as old as the epoch."""
    make(ram / "dst", {TRASH: {"mine": {"f": b"f"}, "2020-01-01T000000Z-aaaa": {"g": b"g"}}})
    blit("trash", "purge", "--older", "1", "-y", ram / "dst")
    assert contents(ram / "dst" / TRASH) == {"mine/f": b"f"}
