"""`--files-from`: only what a list names, below the one source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import Blit
from trees import Symlink, make, snapshot

TREE = {
    "a": b"a", "b": b"b", "sub": {"deep": {"c": b"c", "d": b"d"}, "e": b"e"}, "odd\nname": b"o", "link": Symlink("a"),
    b"raw\xff": b"r",
}  # fmt: skip


def found(folder: Path) -> set[str]:
    return {
        str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()
    }


@pytest.mark.parametrize("slash", ["/", ""])
def test_only_what_is_listed_is_copied(blit: Blit, ram: Path, slash: str) -> None:
    make(ram / "src", TREE)
    (ram / "list").write_bytes(b"a\n./sub/deep/\nlink\n\nraw\xff\n")
    blit("copy", "--files-from", ram / "list", f"{ram}/src{slash}", ram / "dst")
    landed = ram / "dst" if slash else ram / "dst" / "src"
    assert found(landed) == {"a", "sub/deep/c", "sub/deep/d", "link", "raw\udcff"}
    result = blit("copy", "-v", "--files-from", ram / "list", f"{ram}/src{slash}", ram / "dst")
    assert "copied 0 files" in result.lines[-1]


def test_names_end_with_nul_where_there_is_one_and_come_from_stdin_too(
    blit: Blit, ram: Path
) -> None:
    make(ram / "src", TREE)
    command = blit.command("copy", "--files-from=-", f"{ram}/src/", ram / "dst")
    subprocess.run(command, input=b"odd\nname\0b\0", env=blit.environment, check=True)
    assert found(ram / "dst") == {"odd\nname", "b"}


def test_what_is_listed_and_missing_or_elsewhere_is_told_and_the_rest_is_copied(
    blit: Blit, ram: Path
) -> None:
    """Without the look at `..` in listed.py the secret is copied."""
    make(ram, {"src": TREE, "secret": b"s"})
    (ram / "list").write_bytes(f"gone\n../secret\n{ram}/secret\na/none\nb\n".encode())
    result = blit("copy", "--files-from", ram / "list", f"{ram}/src/", ram / "dst", code=3)
    assert found(ram / "dst") == {"b"}
    assert result.err.count(b"leaves ") == result.err.count(b"is absolute: ") == 1
    assert result.err.count(b"on the list, and not there") == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--files-from", "{}/none", "{}/src/", "{}/dst"), "none cannot be read for its names"),
        (("--files-from", "{}/list", "{}/src/", "{}/two", "{}/dst"), "give one source"),
        (("--files-from", "{}/list", "{}/src/a", "{}/dst"), "is not a folder: a list names"),
    ],
)
def test_lists_that_make_no_sense(blit: Blit, ram: Path, words: tuple[str, ...], says: str) -> None:
    make(ram, {"src": TREE, "two": {}, "list": b"a\n"})
    before = snapshot(ram)
    result = blit("copy", *(word.format(ram) for word in words), code=2)
    assert len(result.errors) == 1 or "try:" in result.errors[-1]
    assert says in result.errors[0]
    assert snapshot(ram) == before


def test_an_empty_list_copies_nothing(blit: Blit, ram: Path) -> None:
    """An empty `only` would mean everything."""
    make(ram, {"src": TREE, "list": b""})
    blit("copy", "--files-from", ram / "list", f"{ram}/src/", ram / "dst")
    assert found(ram / "dst") == set()
