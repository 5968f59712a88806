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


@pytest.mark.parametrize(
    ("bus", "unplugs"),
    [("pci0/usb2/2-1/host6/block/sdb/sdb1", True), ("pci0/ata1/host0/block/sda/sda1", False)],
)
def test_a_usb_disk_can_be_pulled_out_though_it_does_not_say_so(
    sysfs: Path, bus: str, unplugs: bool
) -> None:
    """Without the look at the bus this fails: such disks have removable = 0."""
    disk = sysfs.parent / "devices" / bus
    disk.mkdir(parents=True)
    (disk.parent / "removable").write_text("0\n")
    (sysfs.parent / "8:7").symlink_to(disk)
    assert ground.removable(7) is unplugs
    crypt = sysfs.parent / "8:9"  # an encrypted disk on it
    (crypt / "slaves").mkdir(parents=True)
    (crypt / "slaves" / "sdb1").symlink_to(disk)
    assert ground.removable(9) is unplugs


def test_a_memory_card_can_be_pulled_out_and_a_soldered_one_cannot(sysfs: Path) -> None:
    (sysfs.parent / "device").mkdir()
    for kind, unplugs in (("SD\n", True), ("MMC\n", False)):
        (sysfs.parent / "device" / "type").write_text(kind)
        assert ground.removable(1) is unplugs
