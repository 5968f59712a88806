"""What crosses the pipe comes out as it went in, in one piece or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.worker import wire


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    ends = list(os.pipe())
    yield ends
    for fd in ends:
        if fd >= 0:
            os.close(fd)


def hang_up(pipe: list[int]) -> None:
    os.close(pipe[1])
    pipe[1] = -1


names = st.text(alphabet=st.characters(codec=None)) | st.binary().map(os.fsdecode)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.binary() | names,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


@given(plain)
def test_plain_data_survives(value: Any) -> None:
    assert wire.load(wire.dump(value)) == value


def test_two_frames_are_two_values(pipe: list[int]) -> None:
    task = {"op": "copy", "groups": [b"\xff"], "name": "caf\udce9"}
    wire.write_all(pipe[1], wire.frame(task) + wire.frame({"op": "sync"}))
    assert wire.read_frame(pipe[0]) == task
    assert wire.read_frame(pipe[0]) == {"op": "sync"}


def test_the_header_is_the_length(pipe: list[int]) -> None:
    frame = wire.frame({"op": "probe"})
    assert wire.HEADER.unpack(frame[: wire.HEADER.size])[0] == len(frame) - wire.HEADER.size
    assert wire.load(frame[wire.HEADER.size :]) == {"op": "probe"}


def test_a_frame_larger_than_the_pipe(pipe: list[int]) -> None:
    value = [b"x" * 1000] * 3000  # 3 MB through 64 KiB
    writer = threading.Thread(target=wire.write_all, args=(pipe[1], wire.frame(value)))
    writer.start()
    assert wire.read_frame(pipe[0]) == value
    writer.join()


@pytest.mark.parametrize("cut", [0, 2, 4, 7])
def test_a_writer_that_dies_in_the_middle_is_a_closed_pipe(pipe: list[int], cut: int) -> None:
    os.write(pipe[1], wire.frame({"op": "probe"})[:cut])
    hang_up(pipe)
    assert wire.read_frame(pipe[0]) is None


def test_words_and_numbers_agree() -> None:
    assert wire.REASONS[wire.NEW] == "new" and wire.REASONS[wire.DELETE] == "delete"
    assert wire.METHODS[wire.CLONE] == "clone" and wire.METHODS[wire.READ_WRITE] == "read/write"
    assert len(wire.REASONS) == wire.COMPARE + 1
    assert len(wire.METHODS) == wire.RENAMED + 1


def test_options_do_not_overlap() -> None:
    options = [
        wire.DRY, wire.CHECKSUM, wire.MIRROR, wire.ITEMIZE, wire.DURABLE, wire.OWNERLESS,
        wire.MODELESS, wire.PREALLOCATE, wire.VERIFY, wire.CACHED, wire.GENTLE, wire.TRASH,
        wire.CASELESS, wire.RESPELLS, wire.WAITED, wire.HELD,
    ]  # fmt: skip
    assert sum(options) == 2 ** len(options) - 1
