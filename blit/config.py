"""`blit config`: each lasting choice, what it is, where that comes from, and what it may be."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from blit import settings, show

if TYPE_CHECKING:
    import argparse


def add(commands: Any, count: Callable[[str], int]) -> None:
    """Its arguments, beside those of the other commands."""
    config = commands.add_parser(
        "config", help="the lasting choices, and where they come from", allow_abbrev=False,
        description="Show each choice of config.toml: what it is, and where that comes from.",
    )  # fmt: skip
    config.add_argument("--json", action="store_true", help="all of it as one JSON object")


def run(options: argparse.Namespace, out: IO[str], err: IO[str]) -> int:
    """Exit code 0, or 2 when something in the file cannot be used: each in one sentence."""
    path, found, trouble = settings.file()
    chosen, complaint = settings.load()
    problems = [each for each in (complaint, *_unknown(path, found)) if each]
    choices = {name: _choice(name, chosen, found) for name in settings.Settings._fields}
    if options.json:
        value = {"file": path, "read": bool(found), "problems": problems, "choices": choices}
        out.write(json.dumps(value) + "\n")
    else:
        where = "" if found or trouble else " (there is none: every choice is the default)"
        out.write(f"{show.text(path)}{where}\n")
        for name, choice in choices.items():
            said = show.text(_words(choice["value"]))
            out.write(f"  {name:<8} {said:<12} {choice['from']}; takes {choice['takes']}\n")
    for problem in problems:
        err.write(f"blit: {show.text(problem)}\n")
    return 2 if problems else 0


def _choice(name: str, chosen: settings.Settings, found: dict[str, Any]) -> dict[str, Any]:
    value = getattr(chosen, name)
    value = list(value) if isinstance(value, tuple) else value
    source = "config.toml" if name in found and found[name] == value else "default"
    if name == "history" and settings.switched_off():
        value, source = False, settings.OFF_VARIABLE
    return {"value": value, "from": source, "takes": settings.ALLOWED[name]}


def _unknown(path: str, found: dict[str, Any]) -> list[str]:
    known = settings.Settings._fields
    sentences = []
    for name in found:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            sentences.append(f"{path}: {name} is no choice: {meant}")
    return sentences


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return (" ".join(value) if isinstance(value, list) else value) or "-"
