"""`os` by paths: a folder's handle is its path, and is looked at before each use."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from blit.worker import bypath

FOLDER = bypath.O_RDONLY | bypath.O_DIRECTORY | bypath.O_NOFOLLOW


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder/sub").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "folder/file").write_bytes(b"content")
    (tmp_path / "outside/file").write_bytes(b"precious")
    (tmp_path / "folder/link").symlink_to(tmp_path / "outside")
    return tmp_path


@pytest.mark.parametrize("by", ["link", "folder", "nothing"])
def test_a_folder_that_was_swapped_is_not_used(place: Path, by: str) -> None:
    """Without the look in `where` the file outside is removed, and this fails."""
    handle = bypath.open(str(place / "folder"), FOLDER)
    assert bypath.listdir(handle)
    os.rename(place / "folder", place / "aside")
    if by == "link":
        (place / "folder").symlink_to(place / "outside")
    elif by == "folder":
        os.rename(place / "outside", place / "folder")
    for use in (
        lambda: bypath.unlink("file", dir_fd=handle),
        lambda: bypath.rename("file", "other", src_dir_fd=handle, dst_dir_fd=handle),
        lambda: bypath.open("new", os.O_CREAT | os.O_EXCL | os.O_WRONLY, dir_fd=handle),
        lambda: bypath.listdir(handle),
        lambda: bypath.fchmod(handle, 0o777),
        lambda: bypath.utime(handle, ns=(1, 1)),
    ):
        with pytest.raises(OSError, match=r"another folder|No such file"):
            use()
    assert any(p.read_bytes() == b"precious" for p in place.glob("*/file"))


def test_a_link_is_neither_opened_nor_entered(place: Path) -> None:
    handle = bypath.open(str(place / "folder"), FOLDER)
    with pytest.raises(NotADirectoryError):
        bypath.open("link", FOLDER, dir_fd=handle)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        bypath.open("link", os.O_RDONLY | bypath.O_NOFOLLOW, dir_fd=handle)
    with pytest.raises(NotADirectoryError):
        bypath.open("file", FOLDER, dir_fd=handle)


def test_handles_of_folders_and_numbers_of_files(place: Path) -> None:
    handle = bypath.open(str(place / "folder"), FOLDER)
    other = bypath.dup(handle)
    bypath.close(handle)
    fd = bypath.open("file", os.O_RDONLY | bypath.O_NOFOLLOW, dir_fd=other)
    assert bypath.fstat(fd).st_size == 7 and bypath.pread(fd, 3, 4) == b"ent"
    bypath.close(fd)
    assert sorted(bypath.listdir(other)) == ["file", "link", "sub"]
    assert bypath.fstat(other).st_ino == (place / "folder").stat().st_ino
    with pytest.raises(KeyError):
        bypath.where(handle)


@pytest.mark.parametrize("name", ["O_PATH", "O_TMPFILE", "copy_file_range", "sendfile"])
def test_what_only_some_systems_have_is_missing(name: str) -> None:
    assert not hasattr(bypath, name)
    assert hasattr(bypath, "getpid")
