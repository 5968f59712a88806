"""--verify: what was written is read back, past the cache, and a difference is never left as good."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Blit
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
