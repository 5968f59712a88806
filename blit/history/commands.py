"""`blit history` and `blit diagnostics perf`: what can be said, and who carries it out."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add(commands: Any, count: Callable[[str], int]) -> None:
    """Their arguments, beside those of the other commands."""
    history = commands.add_parser(
        "history", help="past runs: a browser on a terminal, else a table", allow_abbrev=False,
        description="Past runs, newest first; recorded on this machine only.",
    )  # fmt: skip
    history.add_argument("--limit", type=count, metavar="N", help="the newest N runs")
    history.add_argument("--json", action="store_true", help="one run a line, all of them")
    history.add_argument("--no-tui", action="store_true", help="the table, also on a terminal")
    diagnostics = commands.add_parser(
        "diagnostics", help="perf: what was recorded, and how to switch it off",
        allow_abbrev=False, description="perf: the recorded runs, and what they say.",
    )  # fmt: skip
    diagnostics.add_argument("what", choices=["perf"], help="the performance history")
    add = diagnostics.add_argument
    add("--limit", type=count, metavar="N", help="the newest N runs")
    add("--json", action="store_true", help="all of it as one JSON object")
    group = diagnostics.add_mutually_exclusive_group()
    group.add_argument("--clear", action="store_true", help="forget all runs")
    switch = group.add_argument
    switch("--enable", action="store_true", help="record runs from now on")
    switch("--disable", action="store_true", help="record no runs from now on; kept for good")


def run(options: argparse.Namespace, out: IO[str], err: IO[str]) -> int:
    """Exit code 0, or 1 when the history cannot be read or changed."""
    from blit.history import report

    limit, width = options.limit, _width(out)
    if options.command == "history":
        return report.history(limit, options.json, out, err, width)
    if options.clear:
        return report.clear(out, err)
    if options.enable or options.disable:
        return report.switch(options.enable, out, err)
    return report.perf(limit, options.json, out, err, width)


def _width(out: IO[str]) -> int:
    """The terminal's, within reason; 80 where there is none."""
    if not out.isatty():
        return 80
    import shutil

    return max(60, min(shutil.get_terminal_size().columns, 160))
