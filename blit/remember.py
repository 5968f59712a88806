"""What is remembered of a run at its end: its line in the history, the names of what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blit.history import recorder

if TYPE_CHECKING:
    from blit.job import Job
    from blit.state import TransferState


class Memory:
    """Called with each run that has ended; `again` says how to try again what failed in them."""

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.again: list[str] = []

    def __call__(self, job: Job, state: TransferState) -> bool:
        """True when the history has a line of it now."""
        summary = state.summary
        if summary is not None and (summary.failures or job.retry_of):
            from blit import failed

            if again := failed.keep(job, summary, self.enabled):
                self.again.append(again)
        return recorder.record(job, state, self.enabled)
