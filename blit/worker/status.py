"""The page a worker and the program share: what the worker is at, whether to pause or stop.

One 4 KiB page a worker in one shared memory file. Progress therefore costs a store, not a message,
and the place of a stall can be read although the worker itself hangs in the kernel. The two sides
do not lock: every field has one writer, and a torn read shows for one heartbeat at most.

offset  size  field       writer
0       8     ticks       worker  anything that moved: an entry listed, a file done, bytes
8       8     files       worker  files done, for ever
16      8     bytes       worker  bytes moved, for ever
24      8     first_ns    worker  CLOCK_MONOTONIC of the first byte moved, 0 before
32      1     operation   worker  index into OPERATIONS
33      1     flag        parent  RUN, PAUSE, STOP or ABORT
34      2     length of the source folder's path
36      2     length of the destination folder's path
38      2     length of the name
40      8     size of the file in hand, 0 when small
48      8     bytes of it done
56      1     which of several names is in hand, from 0; a NUL lies between two
64      1600  source folder     1664  1600  destination folder     3264  768  name
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap

PAGE = 4096
RUN, PAUSE, STOP, ABORT = range(4)

OPERATIONS = (
    "idle", "probe", "list", "open source", "create", "copy", "compare", "metadata", "rename",
    "link", "sync", "delete", "mkdir", "paused", "list",
)  # fmt: skip
(
    IDLE, PROBE, LIST, OPEN_SOURCE, CREATE, COPY, COMPARE_BYTES, SET_METADATA, RENAME,
    MAKE_LINK, SYNC, REMOVE, MKDIR, PAUSED, LIST_TARGET,
) = range(15)  # fmt: skip
# operations whose path is on the source side; all others are at the destination
ON_SOURCE = frozenset((PROBE, LIST, OPEN_SOURCE, COPY, COMPARE_BYTES))

_COUNTERS = struct.Struct("<QQQQ")
_LENGTHS = struct.Struct("<HHH")
_PAIR = struct.Struct("<QQ")
_SRC, _DST, _NAME = 64, 1664, 3264
_PATH_MAX, _NAME_MAX = 1600, 768


class Page:
    """A worker's own view of its page. The attributes are the truth; `tick` and friends publish."""

    def __init__(self, shared: mmap.mmap, slot: int) -> None:
        from time import monotonic_ns

        self.map = shared
        self.base = slot * PAGE
        self.name_at, self.length_at, self.which_at = (self.base + n for n in (_NAME, 38, 56))
        self.ticks = self.files = self.bytes = self.first_ns = self.sized = 0
        self.clock = monotonic_ns

    def operation(self, code: int) -> None:
        self.map[self.base + 32] = code

    def folder(self, source: str, destination: str) -> None:
        """The two folders that the next names are in; the tail of a path too long for the page."""
        src = source.encode("utf-8", "surrogateescape")[-_PATH_MAX:]
        dst = destination.encode("utf-8", "surrogateescape")[-_PATH_MAX:]
        m, b = self.map, self.base
        m[b + _SRC : b + _SRC + len(src)] = src
        m[b + _DST : b + _DST + len(dst)] = dst
        m[b + 34 : b + 40] = _LENGTHS.pack(len(src), len(dst), 0)

    def name(self, name: str, size: int = 0) -> None:
        """The entry in hand; `size` when it is large enough to show its progress."""
        raw = name.encode("utf-8", "surrogateescape")[-_NAME_MAX:]
        m, b, n = self.map, self.base, len(raw)
        m[b + _NAME : b + _NAME + n] = raw
        m[b + 38] = n & 255
        m[b + 39] = n >> 8
        if size or self.sized:
            self.sized = size
            _PAIR.pack_into(m, b + 40, size, 0)

    def name_small(self, name: str) -> None:
        """The same for the hot paths: an entry whose progress does not show."""
        raw = name.encode("utf-8", "surrogateescape")
        n, at, length = len(raw), self.name_at, self.length_at
        m = self.map
        m[at : at + n] = raw
        m[length] = n & 255
        m[length + 1] = n >> 8

    def names(self, raw: bytes) -> bool:
        """Entries that are taken one after another, a NUL between two: which, the caller says by a
        byte at `which_at`. False when they are too long, and must be told one by one."""
        if (n := len(raw)) > _NAME_MAX:
            return False
        m, at = self.map, self.name_at
        m[self.which_at] = 0
        m[at : at + n] = raw
        m[self.length_at : self.length_at + 2] = n.to_bytes(2, "little")
        return True

    def tick(self) -> None:
        self.ticks += 1
        _COUNTERS.pack_into(self.map, self.base, self.ticks, self.files, self.bytes, self.first_ns)

    def file_done(self, count: int) -> None:
        """A whole small file of `count` bytes: one publication instead of two."""
        if count and not self.first_ns:
            self.first_ns = self.clock()
        self.files += 1
        self.bytes += count
        self.ticks += 1
        _COUNTERS.pack_into(self.map, self.base, self.ticks, self.files, self.bytes, self.first_ns)

    def moved(self, count: int, done: int = 0) -> None:
        """`count` more bytes; `done` of the file in hand so far."""
        if not self.first_ns:
            self.first_ns = self.clock()
        self.bytes += count
        self.ticks += 1
        _COUNTERS.pack_into(self.map, self.base, self.ticks, self.files, self.bytes, self.first_ns)
        if done:
            self.map[self.base + 48 : self.base + 56] = done.to_bytes(8, "little")

    def passed(self, done: int) -> None:
        """Bytes of the file in hand that need not be moved: `done` of it so far."""
        self.tick()
        self.map[self.base + 48 : self.base + 56] = done.to_bytes(8, "little")

    def flag(self) -> int:
        return self.map[self.base + 33]


class View:
    """The parent's view of one worker's page."""

    __slots__ = ("base", "map")

    def __init__(self, shared: mmap.mmap, slot: int) -> None:
        self.map, self.base = shared, slot * PAGE

    def clear(self) -> None:
        self.map[self.base : self.base + PAGE] = bytes(PAGE)

    def counters(self) -> tuple[int, int, int, int]:
        """ticks, files, bytes, nanosecond of the first byte"""
        ticks, files, moved, first = _COUNTERS.unpack_from(self.map, self.base)
        return ticks, files, moved, first

    def step(self) -> int:
        """The number of the operation."""
        return self.map[self.base + 32]

    def set_flag(self, flag: int) -> None:
        self.map[self.base + 33] = flag

    def activity(self) -> tuple[str, bytes, int, int]:
        """operation, path (the side that the operation is on), size and progress of a large file"""
        operation = min(self.map[self.base + 32], len(OPERATIONS) - 1)
        size, done = _PAIR.unpack_from(self.map, self.base + 40)
        return OPERATIONS[operation], self._path(operation in ON_SOURCE), size, done

    def other_side(self) -> bytes:
        """The path at the destination, of an operation that is on both sides."""
        return self._path(False)

    def _path(self, at_source: bool) -> bytes:
        nsrc, ndst, nname = _LENGTHS.unpack_from(self.map, self.base + 34)
        start, length = (_SRC, nsrc) if at_source else (_DST, ndst)
        folder = self.map[self.base + start : self.base + start + min(length, _PATH_MAX)]
        name = self.map[self.base + _NAME : self.base + _NAME + min(nname, _NAME_MAX)]
        if b"\0" in name:
            several = name.split(b"\0")
            name = several[min(self.map[self.base + 56], len(several) - 1)]
        if not name or not folder:
            return folder or name
        return folder + name if folder.endswith(b"/") else folder + b"/" + name
