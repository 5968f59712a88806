"""What the docs tell people to type is typed here, in a scratch tree with stand-ins for its paths."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import BLIT, Blit
from trees import make

from blit import arguments

ROOT = Path(__file__).parent.parent.parent
PAGES = ("README.md", "docs/usage.md", "docs/recipes.md")
PHOTOS = {"a.jpg": b"a" * 1000, "2024": {"b.jpg": b"b" * 2000}, "old.tmp": b"t"}

SKIPPED = {  # what is not run here, and why
    "python3 -m venv": "installs from the network: scripts/package does that",
    "man blit": "reads an installed manual: test_words.py looks at the page",
    "blit VERB --help": "VERB stands for each: test_words.py asks them all for help",
    "blit check": "a verb in a sentence, without its arguments",
    "blit copy": "a verb in a sentence, without its arguments",
    "blit mirror": "a verb in a sentence, without its arguments",
    "blit move": "a verb in a sentence, without its arguments",
    "blit": "opens the screen: test_screen.py does that",
}
ENDS = {"blit check": 3}  # commands that end with another code than 0 here, by how they begin

LOG: list[bytes] = []  # of some run, for what shows one


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


def inline(*pages: str) -> Iterator[Block]:
    """`blit …` in the running text and in tables."""
    for page in pages:
        text = (ROOT / page).read_text()
        bare = re.sub(r"^```(\w+)\n.*?^```$", lambda m: "\n" * m[0].count("\n"), text, flags=re.M | re.S)  # fmt: skip
        for found in re.finditer(r"`(blit(?: [^`]+)?)`", bare):
            line = bare[: found.start()].count("\n") + 1
            yield Block(page, line, "sh", found[1].replace("\\|", "|") + "\n")


def skipped(command: str) -> str:
    whole = command.split("#")[0].strip()
    exact = SKIPPED.get(whole, "")
    return exact or next(
        (why for c, why in SKIPPED.items() if " -" in c and whole.startswith(c)), ""
    )


@pytest.fixture
def scratch(tmp_path: Path, blit: Blit) -> Path:
    """Everything that the pages name, and `blit` on the PATH."""
    photos = {**PHOTOS, "gone.jpg": b"x"}
    make(
        tmp_path,
        {
            "photos": PHOTOS, "work": {"w.txt": b"w"}, "project": {"p.o": b"p", "build": {"x": b"x"}},
            "SRC": {"s": b"s"}, "DST": {}, "a": {"one": b"1"}, "b": {"two": b"2"}, "c": {}, "a.jpg": b"a", "b.jpg": b"b",
            "talk.pdf": b"talk", "film.mkv": b"film", "cache": {"k": b"k"}, "src": {"s.o": b"s"},
            "shoot": {"raw": b"r"}, "list.txt": b"w.txt\n",
            "home": {
                "photos": PHOTOS, "work": {"w": b"w"}, ".zfunc": {},
                ".config": {"blit": {"excludes": b"*.iso\n"}, "fish": {"completions": {}}},
                ".local": {"share": {"bash-completion": {"completions": {}}}},
            },
            "mnt": {"stick": {}, "big": {}}, "media": {"stick": {}},
            "backup": {"photos": photos, "project": {"keep.o": b"k"}, "work": {}},
            "build": {"k": b"other"}, "release": {}, "bin": {},
        },
    )  # fmt: skip
    shim = tmp_path / "bin/blit"
    shim.write_text(f'#!/bin/sh\nexec {shlex.join(BLIT)} "$@"\n')
    shim.chmod(0o755)
    if not LOG:
        LOG.append(blit.json("copy", tmp_path / "a", tmp_path / "d").out)
    for name in ("run.ndjson", "home/last-night.ndjson", "home/photos-last.ndjson"):
        (tmp_path / name).write_bytes(LOG[0])
    blit.environment |= {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": f"{tmp_path}/home"}
    return tmp_path


def here(text: str, scratch: Path) -> str:
    """The same with the scratch tree's places."""
    return re.sub(r"(?<![\w~.$\"])/(mnt|backup|media|data)\b", rf"{scratch}/\1", text)


@pytest.mark.parametrize("block", [b for b in blocks(*PAGES) if b.language == "sh"], ids=str)
def test_each_block_of_commands_runs(blit: Blit, scratch: Path, block: Block) -> None:
    lines = [line for line in block.text.splitlines() if line.strip() and not skipped(line)]
    if not lines:
        pytest.skip(skipped(block.text.splitlines()[0]))
    if "jq" in block.text and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    typed(blit, scratch, "\n".join(lines))


INLINE = {block.text: block for block in inline(*PAGES)}


@pytest.mark.parametrize("block", INLINE.values(), ids=str)
def test_each_command_in_a_sentence_runs(blit: Blit, scratch: Path, block: Block) -> None:
    if why := skipped(block.text):
        pytest.skip(why)
    if "…" in block.text:
        pytest.skip("cut short on the page")
    typed(blit, scratch, block.text)


def typed(blit: Blit, scratch: Path, text: str) -> None:
    (scratch / "typed").write_text("set -euo pipefail\n" + here(text, scratch))
    done = subprocess.run(
        ["bash", "typed"], cwd=scratch, env=blit.environment, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    wanted = next((code for begin, code in ENDS.items() if text.startswith(begin)), 0)
    assert done.returncode == wanted, (text, done.stdout[-500:], done.stderr)
    assert not done.stderr or wanted


@pytest.mark.parametrize(
    "block", [b for b in blocks(*PAGES) if b.language not in ("sh", "toml", "python")], ids=str
)
def test_each_command_in_a_file_can_be_said(block: Block) -> None:
    """Units, crontabs, containers, pipelines: not run, but blit must understand its words."""
    said = re.findall(r"(?:^|[\s/])blit ((?:copy|mirror|move|check) .*)", block.text)
    if not said:
        assert "blit" in block.text or "photos" in block.text
    for line in said:
        arguments.parser().parse_args(shlex.split(line))


@pytest.mark.parametrize("block", [b for b in blocks(*PAGES) if b.language == "toml"], ids=str)
def test_each_configuration_is_taken(blit: Blit, block: Block) -> None:
    (Path(blit.environment["BLIT_CONFIG_DIR"]) / "config.toml").write_text(block.text)
    told = json.loads(blit("config", "--json").out)
    assert told["problems"] == [] and told["choices"]["exclude"]["from"] == "config.toml"


def test_the_units_are_sound(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    names = []
    for block in blocks("docs/recipes.md"):
        if block.language == "ini":
            name = block.text.split()[1]
            text = block.text.replace("%h/.local/bin/blit", "/bin/true")
            (tmp_path / name).write_text(text)
            names.append(name)
    assert names == ["photos.service", "photos.timer"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    wrong = [line for line in done.stderr.splitlines() if "photos." in line]
    assert not wrong


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
    words = (b"ok", b"3001 bytes", b"failed 1")
    assert any(word in done.stdout for word in words) == ("print(" in block.text)
    for name in ("a.jpg", "2024/b.jpg"):
        copied = tmp_path / "backup/photos" / name
        assert copied.read_bytes() == (tmp_path / "photos" / name).read_bytes()
    kept = (tmp_path / "backup/photos/gone.jpg").exists()
    assert kept == ("mirror" not in block.text)
