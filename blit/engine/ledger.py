"""What the run has done so far: takes in the workers' answers, tells the bus of every failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from blit.events import Change, Event, Failed
from blit.worker import wire

MOST_FAILURES = 10_000  # named in the summary; all are counted
MOST_LATER = 1_000  # tried again at the end: where so much fails, more of the same would


class Ledger:
    def __init__(self, publish: Callable[[Event], None]) -> None:
        self.publish = publish
        self.files = self.bytes = self.unchanged = self.deleted = 0
        self.cloned = self.cloned_bytes = self.vanished = self.left = self.mismatched = 0
        self.trashed = 0
        self.failed = 0
        self.changes = 0  # named: all of them where the job itemizes
        self.failures: list[Failed] = []
        self.methods = [0] * len(wire.METHODS)
        self.skipped: list[tuple[bytes, str]] = []
        self.xattrs_lost = self.owners_lost = 0
        self.fatal: Failed | None = None
        self.defect = ""
        self.kept: dict[bytes, int] = {}  # unfinished files that the next run goes on in: bytes
        self.deferring = True  # while failures may have their second try: see second.py
        self.later: dict[bytes, Failed] = {}  # what is tried again at the end of the copying
        self.incomplete = False  # a listing or a copy failed: nothing may be deleted

    def take(self, answer: dict[str, Any]) -> None:
        for key in (
            "files", "bytes", "unchanged", "deleted", "cloned", "cloned_bytes", "vanished", "left",
            "xattrs_lost", "owners_lost", "mismatched", "trashed",
        ):  # fmt: skip
            if value := answer.get(key):
                setattr(self, key, getattr(self, key) + value)
        if methods := answer.get("methods"):
            self.methods = [a + b for a, b in zip(self.methods, methods, strict=True)]
        self.skipped.extend(answer.get("skipped", ()))
        self.changes += len(answer.get("changes", ()))
        self.kept.update(answer.get("kept", ()))
        for failure in answer.get("failures", ()):
            self._heard(Failed(*failure), answer.get("final", ()))
        if fatal := answer.get("fatal"):
            self.end(Failed(*fatal))
        if defect := answer.get("defect"):
            self.defect = self.defect or defect

    def take_scan(self, answer: dict[str, Any]) -> None:
        """A scan's answer names what is planned like what is done: only some of it counts here."""
        keys = (
            "unchanged", "failures", "skipped", "vanished", "xattrs_lost", "owners_lost", "defect",
            "fatal", "changes", "final",
        )  # fmt: skip
        self.take({k: answer[k] for k in keys if k in answer})

    def end(self, fatal: Failed) -> None:
        """The run cannot go on. Told once, as its reason to end, however many workers met it."""
        if self.fatal is None:
            self.fatal = fatal
            self.failed += 1
            self.failures.append(fatal)
        self.incomplete = True

    def _heard(self, failure: Failed, final: Sequence[bytes]) -> None:
        """`final`: paths that must not be looked at twice."""
        if (
            self.deferring and len(self.later) < MOST_LATER and failure.path not in final
            and (failure.errno in wire.TRANSIENT or failure.step == "changed")
        ):  # fmt: skip
            self.later.setdefault(failure.path, failure)
        else:
            self.fail(failure)

    def settle(self) -> None:
        """No second try any more: what waits for one has failed."""
        self.deferring = False
        while self.later:
            self.fail(self.later.pop(next(iter(self.later))))

    def fail(self, failure: Failed) -> None:
        self.failed += 1
        self.incomplete = True
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(failure)
        self.publish(failure)


def changes(answer: dict[str, Any]) -> tuple[Change, ...]:
    return tuple(
        Change(wire.REASONS[reason], path, wire.METHODS[method], size)
        for reason, path, method, size in answer.get("changes", ())
    )
