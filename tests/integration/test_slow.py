"""A source that answers late: many at once look at it, each asks little, none has much at the end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from blit.engine.workers import Pool, usual_count
from blit.worker import wire
from tests.conftest import Blit, Result
from tests.hurt import fuse
from tests.integration.test_giving import ask, names, tree
from tests.integration.test_giving import pool as pool
from tests.integration.test_learning import SLOW, many, route

_EVER = 1 << 40


def scan(pool: Pool, source: Path, target: Path, **more: object) -> dict[str, object]:
    flag = wire.DST_EXISTS if target.exists() else 0
    token = wire.dump((str(source), str(target), "", "", None, flag))
    task = {"folders": [token], "budget": 30.0, **more}
    return ask(pool, op="scan", options=0, same=((), ()), want=_EVER, large=_EVER, **task)


def test_the_first_listing_answers_in_the_middle_of_a_folder(pool: Pool, ram: Path) -> None:
    """Without `early` in scan.py this fails: a folder of fewer than 256 is listed to its end."""
    source = tree(ram, 1, 20) / "d0"
    found, tasks = [], 0
    answer = scan(pool, source, ram / "target", slow=2, budget=0.0)
    while True:
        found += [files for files, _, _ in answer["groups"]]  # type: ignore[attr-defined]
        tasks += 1
        if not answer["open"]:
            break
        answer = scan(pool, source, ram / "target", slow=2, budget=0.0, folders=[])
    assert sum(found) == 20 and tasks > 2


def test_folders_that_wait_are_given_back_in_the_middle_of_one(pool: Pool, ram: Path) -> None:
    """Others are to list them. Without `self.stack` in that condition this fails."""
    source = tree(ram, 3, 20)
    answer = scan(pool, source, ram / "target", slow=1)
    assert not answer["open"]
    tokens = [
        wire.dump((str(source), str(ram / "target"), f"d{n}", f"d{n}", None, 0)) for n in range(3)
    ]
    answer = scan(pool, source, ram / "target", slow=1, folders=tokens, budget=0.0)
    assert len(answer["folders"]) == 2 and answer["open"]  # type: ignore[arg-type]


def test_one_look_tells_what_two_do(pool: Pool, ram: Path) -> None:
    source = tree(ram, 2, 5)
    (source / "link").symlink_to("nowhere")
    os.link(source / "d0/f1", source / "d1/other")
    os.mkfifo(source / "fifo")
    sparse = source / "sparse"
    with open(sparse, "wb") as file:
        file.truncate(5 << 30)
    sparse.chmod(0o4750)
    os.utime(sparse, ns=(1, 1_600_000_000_123_456_789))
    (source / os.fsdecode(b"\xff\xfe")).write_bytes(b"no text")
    usual = scan(pool, source, ram / "target")
    again = scan(pool, source, ram / "target", slow=1)
    assert again == usual
    from blit.worker.glance import Glanced

    folder = os.open(source, os.O_RDONLY)
    try:
        with os.scandir(source) as listing:
            for item in listing:
                glanced, info = Glanced(item, folder), os.lstat(item.path)
                for name in ("mode", "ino", "dev", "nlink", "uid", "gid", "size", "blocks", "rdev"):
                    assert getattr(glanced.stat(), f"st_{name}") == getattr(info, f"st_{name}")
                assert glanced.stat().st_mtime_ns == info.st_mtime_ns
                assert glanced.stat().st_ctime_ns == info.st_ctime_ns
                assert glanced.is_dir() is stat.S_ISDIR(info.st_mode)
                assert glanced.is_file() is stat.S_ISREG(info.st_mode)
            gone = source / "gone"
            gone.mkdir()
            with os.scandir(source) as later:
                item = next(item for item in later if item.name == "gone")
            gone.rmdir()
            assert Glanced(item, folder).is_dir() is item.is_dir(follow_symlinks=False) is True
    finally:
        os.close(folder)


def copied(blit: Blit, source: Path, target: Path) -> Result:
    result = blit.json("copy", "--no-history", f"{source}/", target)
    assert result.summary["files"]["copied"] == len(names(source)) == len(names(target))
    return result


def test_a_slow_source_has_many_workers_from_the_start(blit: Blit, ram: Path) -> None:
    """Without `at_once` in warmth.py this fails; on a disk of this machine none are added."""
    fast = copied(blit, tree(ram, 40, 20), ram / "fast")
    assert "to start with" not in str(route(fast)["reason"])
    assert fast.summary["workers"] == usual_count()
    with fuse(ram) as slow:
        (ram / "source").rename(slow.below / "source")
        slow.hurt(*SLOW)
        result = blit.json("copy", "--no-history", f"{slow.point}/source/", ram / "target")
        slow.hurt()
        assert names(slow.below / "source") == names(ram / "target")
    assert "workers to start with: an entry takes" in str(route(result)["reason"])
    assert result.summary["workers"] >= 2 * usual_count()
    assert result.summary["files"]["copied"] == 800


def test_a_file_is_looked_at_three_times(blit: Blit, ram: Path) -> None:
    """Listed, opened, and compared once its bytes are read; five times, where each look asks for
    the name and then for what is behind it, and before a copy by sendfile too. Without glances in
    scan.py, without sendfile in swift.py, or with its refusal of attributes (this filesystem has
    none) taken for trouble, this fails."""
    looks = {"op": "getattr", "path": "*/f*", "to": _EVER, "delay": 0.002}
    with fuse(ram) as slow:
        many(ram, 300).rename(slow.below / "source")
        slow.hurt(looks)
        blit.json("copy", "--no-history", f"{slow.point}/source/", ram / "target")
        count = slow.hits(looks)
    assert 300 * 3 <= count < 300 * 4, (
        "a few more: the first look, and the first file of each worker"
    )
