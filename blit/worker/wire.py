"""What crosses the pipe between the program and its workers: plain data in length-prefixed frames.

A frame is a 4-byte little-endian length and a `marshal` dump. `marshal` is safe here because both
ends are the same interpreter on the same machine and nobody else holds the pipe; it is several
times cheaper to import and to run than `pickle`.

Tasks and results are dicts with the keys documented at the function that does the work. The values
that exist once per *file* are tuples, because there are many; they are made and read by workers
alone, and pass the parent as opaque bytes:

entry   `(name, kind, size, mtime_ns, ino, reason)`   something to copy, compare or mend
group   `(src_root, dst_root, src_rel, dst_rel, names, entries)`   entries of one folder
folder  `(src_root, dst_root, src_rel, dst_rel, names, flags)`     a folder still to be listed

Roots are absolute paths; `rel` is relative to its root, "" for the root itself. Names are `str` in
the `surrogateescape` form (workers run with `-X utf8`, so every byte string survives).
`names` is None, or `{source name: destination name}` where a single file was given as a source. In
a group of mere names (to compare by content) it is the ctime of the destination folder when it was
listed, before this run changed anything in it.
"""

from __future__ import annotations

import errno
import marshal
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# kinds of entries
FILE, SYMLINK, FIFO, DEVICE, DIRECTORY, SOCKET = range(6)

# reasons for a change, in the words that `-v` and `-n` print
REASONS = ("new", "size", "mtime", "content", "type", "mode", "delete", "trash", "compare")
NEW, SIZE, MTIME, CONTENT, TYPE, MODE, DELETE, TO_TRASH, COMPARE = range(9)

# job options, carried by every task as one number
DRY, CHECKSUM, MIRROR, ITEMIZE, DURABLE, OWNERLESS, MODELESS, PREALLOCATE, VERIFY = (
    1 << i for i in range(9)
)
# the destination's kernel copies between files through its page cache: see ladder.shared
CACHED = 1 << 9
# the destination does not tell upper from lower case; and shows names as they were given
CASELESS, RESPELLS = 1 << 12, 1 << 13
# what is deleted or replaced goes to the trash
TRASH = 1 << 11
# the source answers over a wire, or a program does: small steps at first, see ladder.py
GENTLE = 1 << 10
# the plan lay waiting until somebody confirmed it: what was new may be there by now
WAITED = 1 << 14
# the plan is made for somebody who has not confirmed it: nothing may be written
HELD = 1 << 15

# flags of a folder token
DST_EXISTS = 1  # the destination has a real folder of that name
EXTRA = 2  # exists in the destination alone; listed for the mirror's deletions
FINISH_ANYWAY = 4  # only some names are looked at, but the folder is ours: its times are set again
SHARE = 8  # a part of a huge folder: the names are {"names": joined by "/", "settled": ctime}
BEGUN = 16  # somebody died over it who had told already how many entries the destination has
TOLD = 32  # or that there is such a folder; of what else, "begun" in its names says: see begun.py
JOINED = 64  # of the names to look at some are one file, or one with those of another such folder

# as the source's folder of extras: they lie in a folder that goes to the trash whole
WITHIN = "/"

# methods of copying, in the words that faces show
METHODS = (
    "clone",
    "kernel",
    "sendfile",
    "read/write",
    "link",
    "symlink",
    "metadata",
    "special",
    "rename",
)
CLONE, KERNEL, SENDFILE, READ_WRITE, LINK, LINKED_SYM, METADATA, SPECIAL, RENAMED = range(9)

OF_BYTES = frozenset((CLONE, KERNEL, SENDFILE, READ_WRITE))  # of these, those of regular files

LINK_BUCKETS = 64
# what may be over a moment later: such a failure is tried once more at the end of the run
TRANSIENT = frozenset(
    getattr(errno, name)
    for name in (
        "EIO", "EAGAIN", "EBUSY", "ETIMEDOUT", "ESTALE", "ETXTBSY", "ENOMEM", "EINTR", "ENOBUFS",
        "EREMOTEIO", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ECONNRESET",
        "ECONNABORTED", "EDEADLK", "ENOLCK",
    )
    if hasattr(errno, name)
)  # fmt: skip
WORTH = 64 << 20  # bytes from which a file that is not finished is worth going on with
# a job up to this is done in one task, without a planner
DIRECT_FILES = 8
DIRECT_BYTES = 100_000_000
# the first look goes on to so many while it is quick: what was measured may let them go that way
FEW_FILES = 64
# seconds to look at an entry: no local disk takes them for one after another, a server does
SLOW = 0.0005

HEADER = struct.Struct("<I")


def dump(value: Any) -> bytes:
    """Plain data as bytes. Version 2 has no reference table: 3 x faster to read back here."""
    return marshal.dumps(value, 2)


def load(data: bytes) -> Any:
    return marshal.loads(data)


def frame(value: Any) -> bytes:
    body = marshal.dumps(value, 2)
    return HEADER.pack(len(body)) + body


def read_frame(fd: int) -> Any:
    """The next frame from a blocking pipe; None when the other side has gone."""
    body = read_body(fd)
    return None if body is None else marshal.loads(body)


def read_body(fd: int) -> bytes | None:
    """The same as it came, for who only passes it on."""
    head = _exactly(fd, HEADER.size)
    return None if head is None else _exactly(fd, HEADER.unpack(head)[0])


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def ready(fd: int, seconds: float, to_write: bool = False) -> bool:
    """Whether a pipe can be read, or its other side has gone, within so many seconds.

    By `poll`: `select` knows no descriptor above 1023, and a program may have more files open.
    """
    from select import POLLIN, POLLOUT, poll

    looking = poll()
    looking.register(fd, POLLOUT if to_write else POLLIN)
    return bool(looking.poll(seconds * 1000))


def _exactly(fd: int, count: int) -> bytes | None:
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
