"""Opaque records needed at the end of a run: in memory while few, in a temporary file when many."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import IO

IN_MEMORY = 16 << 20  # bytes


class Spool:
    """Append-only; read forwards or backwards. `count` is the sum of what the records stand for."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._limit = in_memory
        self._blobs: list[bytes] = []
        self._held = 0
        self._file: IO[bytes] | None = None
        self._offsets = array("Q", [0])
        self.count = 0

    def append(self, blob: bytes, count: int = 1) -> None:
        self.count += count
        if self._file is None:
            self._blobs.append(blob)
            self._held += len(blob)
            if self._held > self._limit:
                self._to_file()
            return
        self._file.seek(self._offsets[-1])  # reading may have left it anywhere
        self._file.write(blob)
        self._offsets.append(self._offsets[-1] + len(blob))

    def _to_file(self) -> None:
        import tempfile

        self._file = tempfile.TemporaryFile(prefix="blit-")
        for blob in self._blobs:
            self._file.write(blob)
            self._offsets.append(self._offsets[-1] + len(blob))
        self._blobs.clear()

    def __len__(self) -> int:
        return len(self._blobs) if self._file is None else len(self._offsets) - 1

    def __getitem__(self, index: int) -> bytes:
        if self._file is None:
            return self._blobs[index]
        start, end = self._offsets[index], self._offsets[index + 1]
        self._file.seek(start)
        return self._file.read(end - start)

    def __iter__(self) -> Iterator[bytes]:
        return (self[i] for i in range(len(self)))

    def __reversed__(self) -> Iterator[bytes]:
        return (self[i] for i in reversed(range(len(self))))
