"""What --retry-failed does to a command line: its value is its own, paths may be missing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

HELP = "copy only what failed in the last run (between SRC and DST), or in =RUN"


def words(args: Iterable[str], places: Sequence[argparse.Action]) -> tuple[list[str], bool]:
    """The value becomes part of the word, so that a path is never taken for it; is it there at all?

    Then the `places` may be left out: the run knows them.
    """
    found, asked = list(args), False
    for index, word in enumerate(found):
        if word == "--":
            break
        if word == "--retry-failed":
            found[index] = "--retry-failed="
        asked |= found[index].startswith("--retry-failed=")
    for action in places if asked else ():
        action.nargs, action.required = "*" if action.dest == "sources" else "?", False
    return found, asked


def sort(parsed: tuple[argparse.Namespace, Any], error: Callable[[str], Any]) -> Any:
    """Which of the paths, if there are any, is DST."""
    found = parsed[0]
    paths = [*(found.sources or ()), *([found.target] if found.target else ())]
    found.sources, found.target = paths[:-1], paths[-1] if paths else ""
    if len(paths) == 1:
        error("--retry-failed takes SRC and DST, or neither")
    return parsed
