"""What a filesystem lies on, and whether it tells upper from lower case."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blit.worker import ground


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    node = tmp_path / "8:1"
    (node / "queue").mkdir(parents=True)
    monkeypatch.setattr(ground, "_node", lambda device: f"{tmp_path}/8:{device}")
    return node


@pytest.mark.parametrize(
    ("filesystem", "flags", "kind"),
    [
        ("ext4", {}, "ssd"),
        ("ext4", {"queue/rotational": "1\n"}, "rotational"),
        ("ext4", {"queue/rotational": "0\n"}, "ssd"),
        ("exfat", {"removable": "1\n", "queue/rotational": "1\n"}, "removable"),
        ("tmpfs", {"queue/rotational": "1\n"}, "memory"),
        ("nfs4", {}, "network"),
    ],
)
def test_kinds(sysfs: Path, filesystem: str, flags: dict[str, str], kind: str) -> None:
    for name, text in flags.items():
        (sysfs / name).write_text(text)
    assert ground.kind(1, filesystem) == kind


def test_a_partition_is_what_its_disk_is(sysfs: Path) -> None:
    (sysfs.parent / "removable").write_text("1\n")
    assert ground.removable(1)


def test_a_loop_device_is_a_file_and_no_disk(sysfs: Path) -> None:
    (sysfs / "queue" / "rotational").write_text("1\n")
    (sysfs / "loop").mkdir()
    (sysfs / "loop" / "backing_file").write_text("/var/image\n")
    assert ground.kind(1, "ext4") == "ssd"


def test_no_block_device_is_of_no_known_kind(sysfs: Path) -> None:
    assert ground.kind(2, "fuse.x") == "unknown"


def test_upper_and_lower_case(tmp_path: Path) -> None:
    folder = tmp_path / "Backup"
    folder.mkdir()
    assert not ground.caseless(str(folder), "unheard of")
    os.symlink(folder, tmp_path / "bACKUP")  # as a filesystem that ignores case would answer
    assert ground.caseless(str(folder), "unheard of")
    assert not ground.caseless(str(folder), "ext4")  # known, not asked
    assert ground.caseless(str(folder), "exfat")
    assert not ground.caseless(str(tmp_path / "123"), "unheard of")
