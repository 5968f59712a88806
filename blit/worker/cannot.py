"""The errnos by which a system says "not here, not like this": an answer, not a failure."""

from __future__ import annotations

import errno

CANNOT = frozenset(
    getattr(errno, name)
    for name in (
        "EOPNOTSUPP",
        "ENOTSUP",
        "ENOSYS",
        "EXDEV",
        "EINVAL",
        "ENOTTY",
        "EPERM",
        "EBADF",
        "ETXTBSY",
    )
    if hasattr(errno, name)
)
