"""The shared page, from both sides."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import pytest

from blit.worker import status
from blit.worker.status import PAGE, Page, View


@pytest.fixture
def shared() -> Iterator[mmap.mmap]:
    with mmap.mmap(-1, 3 * PAGE) as memory:
        yield memory


def sides(shared: mmap.mmap, slot: int = 1) -> tuple[Page, View]:
    return Page(shared, slot), View(shared, slot)


def test_a_fresh_page(shared: mmap.mmap) -> None:
    _, view = sides(shared)
    assert view.counters() == (0, 0, 0, 0)
    assert view.activity() == ("idle", b"", 0, 0)


def test_counters_add_up_and_the_first_byte_keeps_its_time(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.clock = iter([111, 222]).__next__
    page.tick()
    assert view.counters() == (1, 0, 0, 0)
    page.file_done(0)  # an empty file moves no byte
    assert view.counters() == (2, 1, 0, 0)
    page.moved(100)
    page.file_done(23)
    assert view.counters() == (4, 2, 123, 111)


def test_where_a_worker_is_depends_on_the_side_of_the_operation(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.folder("/src/a", "/dst/b")
    page.name("f.txt")
    page.operation(status.COPY)
    assert view.activity()[:2] == ("copy", b"/src/a/f.txt")
    page.operation(status.RENAME)
    assert view.activity()[:2] == ("rename", b"/dst/b/f.txt")


def test_a_new_folder_forgets_the_name(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.folder("/src", "/dst")
    page.name("old")
    page.folder("/src/new", "/dst/new")
    page.operation(status.LIST)
    assert view.activity()[1] == b"/src/new"


def test_a_name_without_a_folder(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.folder("", "")
    page.name("/whole/path")
    assert view.activity()[1] == b"/whole/path"


def test_an_entry_of_the_root(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.folder("/", "/dst")
    page.name("swapfile")
    page.operation(status.COPY)
    assert view.activity()[1] == b"/swapfile"


def test_progress_inside_a_large_file(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.name("big", 10**12)
    page.moved(5 << 20, 5 << 20)
    page.moved(3 << 20, 8 << 20)
    assert view.activity()[2:] == (10**12, 8 << 20)
    page.name("small")
    assert view.activity()[2:] == (0, 0)


def test_names_are_bytes(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.folder("/s\udcff", "/d")
    page.name("caf\udce9\n目")
    page.operation(status.COPY)
    assert view.activity()[1] == b"/s\xff/caf\xe9\n" + "目".encode()


def test_the_longest_name(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.name("n" * 255)
    assert view.activity()[1] == b"n" * 255


def test_of_a_deep_folder_the_tail_is_kept(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    deep = "/x" * 1500 + "/end"
    page.folder(deep, deep)
    for operation in (status.LIST, status.MKDIR):
        page.operation(operation)
        path = view.activity()[1]
        assert deep.encode().endswith(path) and len(path) == 1600


def test_a_name_too_long_stays_within_its_page(shared: mmap.mmap) -> None:
    """The probe gives the last 700 characters of a path as a name: up to 2,800 bytes."""
    page, _ = sides(shared, 1)
    page.name("目" * 700)
    assert shared[2 * PAGE :] == bytes(PAGE)


def test_flags_go_the_other_way(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    assert page.flag() == status.RUN
    view.set_flag(status.PAUSE)
    assert page.flag() == status.PAUSE
    page.operation(status.LIST)
    page.tick()
    assert page.flag() == status.PAUSE


def test_pages_do_not_touch(shared: mmap.mmap) -> None:
    first, second = Page(shared, 0), View(shared, 1)
    first.folder("/s" * 1000, "/d" * 1000)
    first.name("n" * 255, 99)
    first.file_done(7)
    View(shared, 0).set_flag(status.STOP)
    assert shared[PAGE:] == bytes(2 * PAGE)
    assert second.counters() == (0, 0, 0, 0)


def test_clear(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.name("x", 5)
    page.file_done(7)
    view.clear()
    assert shared[:] == bytes(3 * PAGE)


def test_every_operation_has_a_word(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    assert len(status.OPERATIONS) == status.LIST_TARGET + 1
    page.operation(200)  # a torn read
    assert view.activity()[0] in status.OPERATIONS


def test_several_names_at_once_and_which_of_them_is_in_hand(shared: mmap.mmap) -> None:
    page, view = sides(shared)
    page.folder("/src", "/dst")
    page.operation(status.COMPARE_BYTES)
    assert page.names(b"one\0two\0three")
    assert view.activity()[1] == b"/src/one"
    shared[page.which_at] = 2
    assert (view.activity()[1], view.other_side()) == (b"/src/three", b"/dst/three")
    shared[page.which_at] = 9  # torn: of the names before
    assert view.activity()[1] == b"/src/three"
    page.name_small("four")
    assert view.activity()[1] == b"/src/four"
    assert not page.names(b"x\0" * 400)
    assert view.activity()[1] == b"/src/four"
