"""Where things land: rsync's rule, as a table."""

from __future__ import annotations

import pytest

from blit.worker.landing import Landing, base, landing, means_contents, plain

FOLDER, FILE = True, False
THERE, NOT_THERE = True, False


@pytest.mark.parametrize(
    ("source", "kind", "target", "exists", "path"),
    [
        # a folder without a slash: itself, whether or not DST exists
        ("/a/src", FOLDER, "/dst", THERE, "/dst/src"),
        ("/a/src", FOLDER, "/dst", NOT_THERE, "/dst/src"),
        ("/a/src", FOLDER, "/dst/", NOT_THERE, "/dst/src"),
        ("/a/src", FOLDER, "/", THERE, "/src"),
        ("/a/.hidden", FOLDER, "/dst", THERE, "/dst/.hidden"),
        ("/a/...", FOLDER, "/dst", THERE, "/dst/..."),
        # its contents
        ("/a/src/", FOLDER, "/dst", THERE, "/dst"),
        ("/a/src/", FOLDER, "/dst/", NOT_THERE, "/dst"),
        ("/a/src//", FOLDER, "/dst//", NOT_THERE, "/dst"),
        ("/a/src/.", FOLDER, "/dst", NOT_THERE, "/dst"),
        ("/a/src/..", FOLDER, "/dst", NOT_THERE, "/dst"),
        ("/", FOLDER, "/dst", THERE, "/dst"),
        ("/a/src/", FOLDER, "/", THERE, "/"),
        # a file
        ("/a/f.txt", FILE, "/dst", THERE, "/dst/f.txt"),
        ("/a/f.txt", FILE, "/dst", NOT_THERE, "/dst"),
        ("/a/f.txt", FILE, "/dst/", NOT_THERE, "/dst/f.txt"),
        ("/a/f.txt", FILE, "/x/dst/.", NOT_THERE, "/x/dst/./f.txt"),
        ("/a/f.txt", FILE, "/x/y/new.txt", NOT_THERE, "/x/y/new.txt"),
        ("/a/f.txt", FILE, "/", THERE, "/f.txt"),
        ("/a/f.txt", FILE, "/f2.txt", NOT_THERE, "/f2.txt"),
    ],
)
def test_one_source(source: str, kind: bool, target: str, exists: bool, path: str) -> None:
    assert landing(source, kind, target, exists, several=False).path == path


@pytest.mark.parametrize("exists", [THERE, NOT_THERE])
def test_several_sources_go_into_a_folder(exists: bool) -> None:
    assert landing("/a/f", FILE, "/dst", exists, several=True).path == "/dst/f"
    assert landing("/a/src", FOLDER, "/dst", exists, several=True).path == "/dst/src"
    assert landing("/a/src/", FOLDER, "/dst", exists, several=True).path == "/dst"


def test_the_folder_that_is_opened_and_the_name_in_it() -> None:
    assert landing("/a/src", FOLDER, "/dst/", THERE, False) == Landing("/dst", "src", None)
    assert landing("/a/f", FILE, "/x/dst", NOT_THERE, False) == Landing("/x", "", "dst")
    assert landing("/a/f", FILE, "/dst", THERE, False) == Landing("/dst", "", "f")


@pytest.mark.parametrize(
    ("path", "contents"),
    [
        ("/a/", True), ("/a/.", True), ("/a/..", True), (".", True), ("..", True), ("/", True),
        ("/a", False), ("/a/.b", False), ("/a/b.", False), ("/a/...", False),
    ],
)  # fmt: skip
def test_means_contents(path: str, contents: bool) -> None:
    assert means_contents(path) is contents


def test_pieces_of_a_path() -> None:
    assert [base(p) for p in ("/a/b", "/a/b/", "/a/b//", "/")] == ["b", "b", "b", ""]
    assert [plain(p) for p in ("/a", "/a/", "//", "/")] == ["/a", "/a", "/", "/"]


def test_names_of_any_bytes() -> None:
    assert landing("/a/n\udcff\n", FOLDER, "/d", THERE, False).path == "/d/n\udcff\n"


def test_landings_can_be_told_apart() -> None:
    assert Landing("/d", "", "x") != Landing("/d", "x", None)
    assert Landing("/d", "", "x") != "/d/x"
    assert repr(Landing("/d", "", "x")) == "Landing('/d', '', 'x')"
