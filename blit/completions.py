"""`blit completions SHELL`: a script for tab completion, from the command line's own parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import IO, Any

SHELLS = ("bash", "zsh", "fish")
_PLACES = ("SRC", "DST", "A", "B", "FILE", "DIR")  # metavars of what is a path


def add(commands: Any, count: Callable[[str], int]) -> None:
    """Its arguments, beside those of the other commands."""
    completions = commands.add_parser(
        "completions", help="a script for tab completion, on stdout", allow_abbrev=False,
        description="Print a script that teaches a shell to complete what stands after blit.",
    )  # fmt: skip
    completions.add_argument("shell", choices=SHELLS, help="the shell it is for")


def run(options: argparse.Namespace, out: IO[str], err: IO[str]) -> int:
    """Exit code 0; 1 without shtab, the library that writes these scripts."""
    try:
        out.write(script(options.shell))
    except ImportError:
        err.write("blit: shtab is missing from this installation: pip install shtab\n")
        return 1
    return 0


def script(shell: str) -> str:
    """Raises ImportError without shtab."""
    import shtab

    from blit import arguments

    parser = arguments.parser()
    _mark(parser, shtab.FILE)
    text: str = shtab.complete(parser, shell=shell)
    return text if text.endswith("\n") else text + "\n"


def _mark(parser: argparse.ArgumentParser, file: object) -> None:
    """Say of each action that takes a path that it does; of options too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                _mark(each, file)
        elif action.metavar in _PLACES:
            action.complete = file  # type: ignore[attr-defined]
