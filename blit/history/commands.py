"""`blit history` and `blit diagnostics perf`: what can be said, and who carries it out."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add(commands: Any, count: Callable[[str], int]) -> None:
    """Its arguments, beside those of the other commands."""
    history = commands.add_parser(
        "history", help="past runs: a browser on a terminal, else a table", allow_abbrev=False,
        description="Past runs, newest first; recorded on this machine only.",
    )  # fmt: skip
    history.add_argument("--limit", type=count, metavar="N", help="the newest N runs")
    history.add_argument("--json", action="store_true", help="one run a line, all of them")
    history.add_argument("--no-tui", action="store_true", help="the table, also on a terminal")


def run(options: argparse.Namespace, out: IO[str], err: IO[str]) -> int:
    """Exit code 0, or 1 when the history cannot be read."""
    from blit.history import report

    return report.history(options.limit, options.json, out, err, width(out))


def perf(options: argparse.Namespace, out: IO[str], err: IO[str]) -> int:
    """`blit diagnostics perf`: exit code 0, or 1 when the history cannot be read or changed."""
    from blit.history import report

    if options.clear:
        return report.clear(out, err)
    if options.enable or options.disable:
        return report.switch(options.enable, out, err)
    return report.perf(options.limit, options.json, out, err, width(out))


def width(out: IO[str]) -> int:
    """The terminal's, within reason; 80 where there is none."""
    if not out.isatty():
        return 80
    import shutil

    return max(60, min(shutil.get_terminal_size().columns, 160))
