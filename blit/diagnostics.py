"""`blit diagnostics perf` and `blit diagnostics dump`: what can be said, and who carries it out."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add(commands: Any, count: Callable[[str], int]) -> None:
    """Its arguments, beside those of the other commands."""
    diagnostics = commands.add_parser(
        "diagnostics", help="perf: what was recorded, and how to switch it off; dump: one pair",
        allow_abbrev=False,
        description="What blit knows: of all runs (perf), or of two places (dump).",
    )  # fmt: skip
    kinds = diagnostics.add_subparsers(dest="what", metavar="WHAT", required=True)
    perf = kinds.add_parser(
        "perf", help="the recorded runs, and what they say", allow_abbrev=False,
        description="The recorded runs, and what they say.",
    )  # fmt: skip
    perf.add_argument("--limit", type=count, metavar="N", help="the newest N runs")
    perf.add_argument("--json", action="store_true", help="all of it as one JSON object")
    group = perf.add_mutually_exclusive_group()
    group.add_argument("--clear", action="store_true", help="forget all runs")
    switch = group.add_argument
    switch("--enable", action="store_true", help="record runs from now on")
    switch("--disable", action="store_true", help="record no runs from now on; kept for good")
    dump = kinds.add_parser(
        "dump", help="what blit sees of two places, and would do", allow_abbrev=False,
        description="Where things would land, what the filesystems can, the forecast, the route "
        "and why. Nothing is moved and nothing written.",
    )  # fmt: skip
    dump.add_argument("source", metavar="SRC", help="as for blit copy")
    dump.add_argument("target", metavar="DST", help="as for blit copy")
    dump.add_argument("--json", action="store_true", help="as one JSON object")


def run(options: argparse.Namespace, out: IO[str], err: IO[str]) -> int:
    """An exit code of the table in errors.py."""
    from blit.history import commands

    if options.what == "perf":
        return commands.perf(options, out, err)
    from blit import arguments, dump, request

    words = ["copy", "--no-tui", "--", options.source, options.target]
    job = request.job(arguments.parser(everything=False).parse_args(words))
    return dump.run(job, options.json, out, err, commands.width(out))
