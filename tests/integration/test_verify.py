"""--verify: what was written is read back, past the cache, and a difference is never left as good."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Blit, mounted, requires_loop
from hurt import fuse
from trees import File, Sparse, Symlink, assert_same, make, temporaries

TREE = {
    "new": File(size=300_000), "sub": {"small": b"s", "empty": b""}, "link": Symlink("new"),
    "sparse": Sparse(5 << 20, {1 << 20: b"data"}), **{f"f{n}": File(size=5_000) for n in range(20)},
}  # fmt: skip


@pytest.mark.parametrize("count", [2, 30])
def test_a_good_copy_passes(blit: Blit, ram: Path, count: int) -> None:
    src, dst = ram / "src", ram / "dst"
    make(src, dict(list(TREE.items())[:count]))
    make(dst, {"new": b"old"})
    summary = blit.json("copy", "--verify", f"{src}/", dst).summary
    assert summary["outcome"] == "ok"
    assert_same(src, dst)
    assert not temporaries(dst)


def test_a_large_file_passes(blit: Blit, ram: Path) -> None:
    make(ram / "src", {"large": File(size=150 << 20), **TREE})
    blit("mirror", "--yes", "--verify", f"{ram}/src/", ram / "dst")
    assert_same(ram / "src", ram / "dst")


@pytest.mark.root
@pytest.mark.parametrize("old", [None, b"the old content"], ids=["new", "replaced"])
@pytest.mark.parametrize("size", [5_001, 130 << 20], ids=["small", "large"])
def test_a_device_that_gives_back_other_bytes(
    blit: Blit, ram: Path, old: bytes | None, size: int
) -> None:
    src = ram / "src"
    make(src, {"bad": File(size=size), **{f"f{n}": File(size=5_000) for n in range(20)}})
    with fuse(ram) as disk:
        dst = disk.point / "dst"
        make(disk.below / "dst", {"extra": b"x", **({"bad": old} if old else {})})
        disk.hurt({"op": "read", "path": "/dst/.blit-*", "size": size, "flip": True})
        result = blit("mirror", "--yes", "--verify", f"{src}/", dst, code=6)
        assert any(str(src / "bad") in line for line in result.errors), result
        below = disk.below / "dst"
        assert (below / "extra").exists(), "deleted although a copy was bad"
        assert (below / "bad").exists() == (old is not None)
        if old:
            assert (below / "bad").read_bytes() == old
        assert not temporaries(below)
        assert (below / "f7").read_bytes() == (src / "f7").read_bytes()


@pytest.mark.root
@pytest.mark.parametrize("old", [None, b"old"], ids=["new", "replaced"])
@pytest.mark.parametrize("route", ["direct", "streaming", "large"])
def test_what_is_compared_comes_from_the_device(
    blit: Blit, ram: Path, route: str, old: bytes | None
) -> None:
    """The device has read it all again. Without `drop_cache` in copy.verify this fails."""
    requires_loop()
    src, size = (
        ram / "src",
        {"direct": 50_000_000, "streaming": 1_500_000, "large": 130 << 20}[route],
    )
    count = 30 if route == "streaming" else 1
    make(src, {f"f{n}": File(size=size) for n in range(count)})
    with ext4(ram, 256) as (disk, device):
        if old:
            make(disk / "dst", {f"f{n}": old for n in range(count)})
        before = _sectors_read(device)
        blit("copy", "--verify", f"{src}/", disk / "dst")
        assert (_sectors_read(device) - before) * 512 >= size * count
        assert_same(src, disk / "dst")


def _sectors_read(device: str) -> int:
    return int(Path(f"/sys/block/{Path(device).name}/stat").read_text().split()[2])


@contextmanager
def ext4(ram: Path, megabytes: int) -> Iterator[tuple[Path, str]]:
    """A mounted ext4 of its own, and its loop device."""
    image, point = ram / "image", ram / "disk"
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, timeout=60)
    found = subprocess.run(
        ["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True
    )
    device = found.stdout.strip()
    try:
        with mounted(point, device):
            (point / "lost+found").rmdir()
            yield point, device
    finally:
        subprocess.run(["losetup", "-d", device], check=False)
