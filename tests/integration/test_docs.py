"""What the docs tell people to type is typed here, in a scratch tree."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import Blit
from trees import make

ROOT = Path(__file__).parent.parent.parent
PHOTOS = {"a.jpg": b"a" * 1000, "2024": {"b.jpg": b"b" * 2000}, "old.tmp": b"t"}


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*pages: str) -> Iterator[Block]:
    for page in pages:
        text = (ROOT / page).read_text()
        for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
            line = text[: found.start()].count("\n") + 1
            yield Block(page, line, found[1], found[2])


@pytest.mark.parametrize(
    "block", [b for b in blocks("docs/api.md") if b.language == "python"], ids=str
)
def test_each_example_of_the_api_runs(blit: Blit, tmp_path: Path, block: Block) -> None:
    make(tmp_path, {"photos": PHOTOS, "backup": {"photos": {"gone.jpg": b"x"}}})
    done = subprocess.run(
        [sys.executable, "-c", block.text], cwd=tmp_path, env=blit.environment,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"ok" in done.stdout or b"3001 bytes" in done.stdout or b"failed 1" in done.stdout) == (
        "print(" in block.text
    )
    for name in ("a.jpg", "2024/b.jpg"):
        assert (tmp_path / "backup/photos" / name).read_bytes() == (
            tmp_path / "photos" / name
        ).read_bytes()
    kept = (tmp_path / "backup/photos/gone.jpg").exists()
    assert kept == ("mirror" not in block.text)
