"""The ways a run can end, with the outcome word and the exit code of each.

    BlitError                what a person is told in one sentence
    ├── Failed        1      could not go on: source missing, disk full, read-only, internal error
    ├── Usage         2      bad arguments
    ├── Refused       4      safety: delete guard, --yes needed, empty source, overlap
    ├── Stalled       5      nothing moved for 10 s
    └── Interrupted 130/143  a signal

A file's own trouble is not an error but data (events.Failed); a run that had some ends as
`partial`, 3; a check that found two trees to differ ends as `differs`, 3. `mismatch`, 6, is a
difference found by --verify.
"""

from __future__ import annotations

EXIT_CODES = {
    "ok": 0,
    "failed": 1,
    "usage": 2,
    "partial": 3,
    "refused": 4,
    "stalled": 5,
    "differs": 3,
    "mismatch": 6,
    "interrupted": 130,
}


class BlitError(Exception):
    outcome = "failed"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]


class Failed(BlitError):
    outcome = "failed"


class Usage(BlitError):
    outcome = "usage"


class Refused(BlitError):
    outcome = "refused"


class Stalled(BlitError):
    outcome = "stalled"


class Interrupted(BlitError):
    """`signal` is the number of the signal that ended the run."""

    outcome = "interrupted"

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.signal = signal

    @property
    def exit_code(self) -> int:
        return 130 if self.signal == 2 else 143


def by_outcome(outcome: str) -> type[BlitError]:
    return {"usage": Usage, "refused": Refused, "stalled": Stalled}.get(outcome, Failed)
