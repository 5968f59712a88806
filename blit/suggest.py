"""A command line that cannot be understood, in one sentence, with what was probably meant."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence

_ALIKE = 0.6  # of 1; what is less alike was hardly meant


def sentence(message: str, top: argparse.ArgumentParser, argv: Sequence[str]) -> str:
    """argparse's `message` about `argv`, better where it is about a word that does not exist."""
    known_verbs, parser = verbs(top), top
    verb = next((word for word in argv if not word.startswith("-")), "")
    if found := re.match(r"argument COMMAND: invalid choice: '(.*?)'", message, re.S):
        there = f" (there are: {', '.join(known_verbs)})"
        return f"unknown command {found[1]}" + (_meant(found[1], known_verbs) or there)
    if found := re.match(r"argument (.*?): invalid choice: '(.*?)'.*choose from (.*)\)", message):
        choices = [choice.strip(" '") for choice in found[3].split(",")]
        return f"{found[1]} is {' or '.join(choices)}, not {found[2]}" + _meant(found[2], choices)
    parser = known_verbs.get(verb, parser)
    if message.startswith(("unrecognized arguments: ", "the following arguments are required")):
        known = [word for action in parser._actions for word in _shown(action)]
        for word in _options(argv):
            name = word.partition("=")[0]
            if name not in known and (name.startswith("--") or word in message.split()):
                return f"unknown option {name}{_meant(name, known)}"
        if words := message.partition("unrecognized arguments: ")[2]:
            return f"{words} is too much: {parser.prog} takes {_takes(parser)}"
    return message


def verbs(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _shown(action: argparse.Action) -> Sequence[str]:
    return action.option_strings if action.help != argparse.SUPPRESS else ()


def _options(argv: Sequence[str]) -> Iterable[str]:
    for word in argv:
        if word == "--":
            return
        if word.startswith("-") and word != "-":
            yield word


def _takes(parser: argparse.ArgumentParser) -> str:
    takes = [str(a.metavar or a.dest) for a in parser._actions if not a.option_strings]
    return " ".join(takes) or "nothing more"


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1, _ALIKE)
    return f": did you mean {close[0]}?" if close else ""
