"""Opaque records needed at the end of a run: in memory while few, in a temporary file when many.

Where there is no room for such a file they stay in memory: a full /tmp is no reason to end a copy.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from typing import IO

IN_MEMORY = 16 << 20  # bytes


class Spool:
    """Append-only, but for the last record; read forwards or backwards.

    `count` is the sum of what the records stand for.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._limit = in_memory
        self._blobs: list[bytes] = []  # those that are not in the file: the last
        self._held = 0
        self._file: IO[bytes] | None = None
        self._full = False
        self._offsets = array("Q", [0])
        self.count = 0

    def append(self, blob: bytes, count: int = 1) -> None:
        self.count += count
        if self._file is None or self._full:
            self._blobs.append(blob)
            self._held += len(blob)
            if self._held > self._limit and not self._full:
                self._to_file()
            return
        if not self._write(blob):
            self._full = True
            self._blobs.append(blob)

    def _to_file(self) -> None:
        import tempfile

        try:
            self._file = tempfile.TemporaryFile(prefix="blit-", buffering=0)
        except OSError:
            self._full = True
            return
        filed = 0
        while filed < len(self._blobs) and self._write(self._blobs[filed]):
            filed += 1
        self._full = filed < len(self._blobs)
        del self._blobs[:filed]

    def _write(self, blob: bytes) -> bool:
        """Whether all of it is in the file; half a record is not counted."""
        assert self._file is not None
        try:
            if os.pwrite(self._file.fileno(), blob, self._offsets[-1]) != len(blob):
                return False
        except OSError:
            return False
        self._offsets.append(self._offsets[-1] + len(blob))
        return True

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return self._offsets[-1] + sum(map(len, self._blobs))

    def __len__(self) -> int:
        return len(self._offsets) - 1 + len(self._blobs)

    def __getitem__(self, index: int) -> bytes:
        filed = len(self._offsets) - 1
        if index >= filed:
            return self._blobs[index - filed]
        assert self._file is not None
        start, end = self._offsets[index], self._offsets[index + 1]
        return os.pread(self._file.fileno(), end - start, start)

    def pop(self) -> bytes:
        """Take the last record away; one that stood for itself alone."""
        blob = self[len(self) - 1]
        if self._blobs:
            self._blobs.pop()
            self._held -= len(blob)
        else:
            self._offsets.pop()
        self.count -= 1
        return blob

    def __iter__(self) -> Iterator[bytes]:
        return (self[i] for i in range(len(self)))

    def __reversed__(self) -> Iterator[bytes]:
        return (self[i] for i in reversed(range(len(self))))
