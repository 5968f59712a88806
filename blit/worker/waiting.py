"""A finished temporary that must be on disk, or read back, before it gets its name."""

from __future__ import annotations


class Waiting:  # a named tuple would cost each worker 3 ms at its start
    __slots__ = (
        "dst_rel", "dst_root", "method", "name", "reason", "size", "src_rel", "src_root", "target",
        "temporary",
    )  # fmt: skip

    def __init__(
        self, src_root: str, src_rel: str, dst_root: str, dst_rel: str, name: str, temporary: str,
        target: str, size: int, method: int, reason: int,
    ) -> None:  # fmt: skip
        self.src_root, self.src_rel, self.dst_root, self.dst_rel = (
            src_root, src_rel, dst_root, dst_rel,
        )  # fmt: skip
        self.name, self.temporary, self.target = name, temporary, target
        self.size, self.method, self.reason = size, method, reason
