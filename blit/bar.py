"""The progress line, as text and as a live bar on a terminal."""

from __future__ import annotations

from typing import IO

from blit import show
from blit.state import TransferState


def progress_line(state: TransferState, width: int = 1_000) -> str:
    """`42 %  1.2 GB of 2.9 GB  480 MB/s  4 s left  12,034 of 40,000 files`, as much as fits."""
    least = "" if state.plan_done else "≥ "
    parts = []
    if state.files_total or state.bytes_total:
        percent = f"{state.percent:3.0f} %  " if state.plan_done else ""
        total = show.size(max(state.bytes_total, state.bytes))
        parts.append(f"{percent}{show.size(state.bytes)} of {least}{total}")
        parts.append(show.rate(state.rate))
    if state.phase != "copying" or not parts:
        parts.append("comparing" if state.phase == "copying" else state.phase)
    if state.quiet >= 2:
        what = state.suspect
        where = f": {what.operation} {show.path(what.path)}" if what else ""
        parts.append(f"nothing moved for {state.quiet:.0f} s{where}")
    elif state.eta is not None:
        parts.append(f"{show.seconds(max(1.0, state.eta))} left")
    files = f"{state.files:,} of {least}{max(state.files_total, state.files):,} files"
    line = "  ".join(parts)
    if len(line) + len(files) + 2 <= width:
        line += "  " + files
    return line if len(line) <= width else line[: width - 1] + "…"


class Bar:
    """Rich's live progress on stderr, imported when the first one is drawn."""

    def __init__(self, err: IO[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._bar = BarColumn(bar_width=20)
        console = Console(file=err, highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            SpinnerColumn(),
            self._bar,
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            auto_refresh=True,
            refresh_per_second=8,
            expand=False,
        )
        self._task = self._progress.add_task("", total=None)
        self._running = False

    def update(self, state: TransferState) -> None:
        if not self._running:
            self._progress.start()
            self._running = True
        total = 100.0 if state.plan_done else None
        columns = self._progress.console.width
        self._bar.bar_width = 20 if columns >= 100 else 10
        text = progress_line(state, max(20, columns - self._bar.bar_width - 6))
        self._progress.update(self._task, total=total, completed=state.percent, description=text)

    def above(self, line: str) -> None:
        self._progress.console.print(line, soft_wrap=True)

    def pause(self) -> None:
        """Take the bar away until the next update: something else wants the terminal."""
        if self._running:
            self._progress.stop()
            self._running = False

    def close(self) -> None:
        self.pause()
