"""What the screen may ask of the transfers: a small handle, implemented by blit.manager.

Everything that is shown comes from `entries()`, polled; nothing is pushed. Commands return at once,
from any thread; what became of them shows in the entries.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from blit.job import Job
from blit.queue import Entry, Extra, Folders


class Manager(Protocol):
    def entries(self) -> tuple[Entry, ...]:
        """The picture of this moment, previews included; the same tuple when nothing changed."""
        ...

    # -- one transfer ------------------------------------------------------------------------------

    def add(self, job: Job) -> int:
        """Put a transfer at the end of the queue; it starts when its disks are free."""
        ...

    def preview(self, job: Job) -> int:
        """Make the plan of a transfer and hold it: an entry in the stage PREVIEW.

        Its state tells what would happen: `phase` counting, then ready; files_total, bytes_total,
        replaced, unchanged, extras, free, landings; `summary` where it is refused.
        """
        ...

    def confirm(self, id: int) -> None:
        """Carry out a preview's plan; nothing is listed again. It waits if its disks are busy."""
        ...

    def discard(self, id: int) -> None:
        """Forget a preview; nothing was changed by it."""
        ...

    def start_now(self, id: int) -> None:
        """Start a waiting or parked transfer, whether or not its disks are busy."""
        ...

    def pause(self, id: int) -> None:
        """Stop the bytes until `resume`; a waiting one is parked."""
        ...

    def resume(self, id: int) -> None: ...

    def stop(self, id: int, now: bool = False) -> None:
        """End it after the files in hand, or now. A waiting one is removed."""
        ...

    def answer(self, id: int, allow: bool) -> None:
        """Whether the mirror may delete what it asked for. Before the end of the copy or after."""
        ...

    def wait(self, id: int) -> None:
        """Be patient with a silence: do not give up for another while."""
        ...

    def skip(self, id: int) -> None:
        """Give up the file that stands still, report it as failed, and go on with the rest."""
        ...

    def retry(self, id: int, paths: tuple[bytes, ...] = ()) -> int:
        """A new entry for the failed paths of an old one; () for all of them."""
        ...

    def again(self, id: int) -> int:
        """A new entry with the job of an old one."""
        ...

    def move(self, id: int, by: int) -> None:
        """Up (-1) or down (+1) among those that wait."""
        ...

    def remove(self, id: int) -> None:
        """Take an ended or waiting entry off the list."""
        ...

    # -- questions, answered by worker processes: a dead mount freezes no keystroke ----------------

    def folders(self, path: str) -> Future[Folders]:
        """The sub-folders of an absolute path."""
        ...

    def extras(self, id: int, folder: bytes = b"", limit: int = 1_000) -> Future[tuple[Extra, ...]]:
        """What a mirror would delete directly in `folder`, largest first; b"" for the topmost."""
        ...

    def save_problems(self, id: int) -> Future[str]:
        """Write the failures into a text file in the current folder; its path. OSError."""
        ...


class Choice:
    """How the screen was left."""

    DONE = "done"  # nothing was running any more
    GO_ON = "go on"  # leave the screen, the transfers go on in the terminal
    FINISH = "finish"  # stop after the files in hand
    NOW = "now"  # stop at once
