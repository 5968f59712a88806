"""The command line: what can be said."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from blit import console, retrying, show

# the verbs beside copy, mirror and replay, and the module of each: imported only when it is needed
VERBS = {
    "history": "blit.history.commands",
    "diagnostics": "blit.diagnostics",
    "completions": "blit.completions",
    "config": "blit.config",
    "trash": "blit.trash",
}


class _Parser(argparse.ArgumentParser):
    given: Sequence[str] = ()  # to the parser of the whole line
    top: argparse.ArgumentParser | None = None

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        _Parser.given = list(sys.argv[1:] if args is None else args)
        _Parser.top = self
        return super().parse_args(args, namespace)

    def format_help(self) -> str:
        from blit import examples

        self.epilog = examples.epilog(self.prog)
        self.formatter_class = examples.Help
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        from blit import suggest

        given, top = _Parser.given, _Parser.top or self
        verb = given[0] if given and given[0] in suggest.verbs(top) else ""
        prog = f"blit {verb}" if verb and self.prog == "blit" else self.prog
        message = suggest.sentence(message, top, given)
        sys.stderr.write(f"blit: {show.text(message)}\ntry: {prog} --help\n")
        raise SystemExit(2)


class _Command(_Parser):
    """Options may stand anywhere among the paths, as with every other copier."""

    _mixing = False

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        if self._mixing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        args, again = retrying.words(args or (), self._get_positional_actions())
        self._mixing = True
        try:
            parse = super().parse_known_args if "--" in args else self.parse_known_intermixed_args
            found = parse(args, namespace)
        finally:
            self._mixing = False
        return retrying.sort(found, self.error) if again else found


def parser(everything: bool = True) -> argparse.ArgumentParser:
    """A copy needs its own words alone, and soon: `everything` is for all others."""
    top = _Parser(
        prog="blit",
        description="Copy and mirror files: fast, safe, and told what is going on. "
        "Alone on a terminal it opens the full screen.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=console.version())
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Command
    )
    copy = commands.add_parser(
        "copy",
        help="copy; never deletes",
        allow_abbrev=False,
        description="Copy files and folders; nothing is ever deleted.",
    )
    copy.add_argument(
        "sources", nargs="+", metavar="SRC", help="SRC: the folder itself; SRC/: what is in it"
    )
    copy.add_argument("target", metavar="DST", help="where to; missing folders are made")
    mirror = commands.add_parser(
        "mirror", help="copy, then delete what exists only in DST", allow_abbrev=False,
        description="Make DST like SRC: copy what differs, then delete what only DST has.",
    )  # fmt: skip
    mirror.add_argument(
        "sources", nargs=1, metavar="SRC", help="SRC: the folder itself; SRC/: what is in it"
    )
    mirror.add_argument("target", metavar="DST", help="where to; missing folders are made")
    move = commands.add_parser(
        "move", help="copy, verify, then remove from SRC", allow_abbrev=False,
        description="Bring files and folders to DST: copied, read back and compared, flushed to "
        "the device; then they are removed from SRC. If anything fails, nothing is removed.",
    )  # fmt: skip
    move.add_argument(
        "sources", nargs="+", metavar="SRC", help="SRC: the folder itself; SRC/: what is in it"
    )
    move.add_argument("target", metavar="DST", help="where to; missing folders are made")
    check = commands.add_parser(
        "check", help="compare two folders; changes nothing", allow_abbrev=False,
        description="Say how two folders differ: one line a difference, exit code 3 if there are "
        "any. Nothing is changed.",
    )  # fmt: skip
    check.add_argument("sources", nargs=1, metavar="A", help="a folder")
    check.add_argument("target", metavar="B", help="the folder that should be the same")
    copy.add_argument(
        "--files-from", metavar="FILE",
        help="only what this list names in SRC, a line or NUL each; - reads stdin",
    )  # fmt: skip
    for command in (copy, mirror):
        words = "on the workers of this Dask cluster, which all mount both sides"
        command.add_argument("--cluster", metavar="ADDRESS", help=words)
    for command in (copy, mirror, move):
        _common(command)
    _common(check, writes=False)
    mirror.add_argument("-y", "--yes", action="store_true", help="delete without asking")
    mirror.add_argument(
        "--max-delete", type=_count, metavar="N",
        help="delete nothing at all when it would be more than N",
    )  # fmt: skip
    mirror.add_argument(
        "--allow-empty-source", action="store_true", help="go on when SRC is empty and DST is not"
    )
    mirror.add_argument(
        "--delete-excluded", action="store_true", help="delete in DST what the filters leave out"
    )
    replay = commands.add_parser(
        "replay", help="watch a run again that --json has recorded", allow_abbrev=False,
        description="Show a run again from what --json wrote; nothing is copied.",
    )  # fmt: skip
    replay.add_argument("file", metavar="FILE", help="what blit copy --json wrote")
    replay.add_argument(
        "--speed", type=_speed, default=1.0, metavar="N", help="N times as fast as it was"
    )
    replay.add_argument("--no-tui", action="store_true", help="print it, as a run without a screen")
    if everything:
        for name in dict.fromkeys(VERBS.values()):
            importlib.import_module(name).add(commands, _count)
    return top


def module(verb: str) -> Any:
    """What carries a verb out, if it is none of the transfers: it has `add` and `run`.

    `add(commands, count)` says its arguments to the subparsers `commands` (`count` reads a whole
    number); `run(options, out, err)` does it and returns an exit code of the table in errors.py.
    """
    return importlib.import_module(VERBS[verb])


def _common(command: argparse.ArgumentParser, writes: bool = True) -> None:
    """The options of all transfers; without `writes` those of one that changes nothing."""
    add = command.add_argument
    if writes:
        _writing(command)
    else:
        nothing = dict.fromkeys(("verify", "durable", "trash", "tui"), False)
        command.set_defaults(dry_run=True, no_tui=True, **nothing)
    add(
        "-c", "--checksum", action="store_true",
        help="compare the bytes of both sides, not size and time",
    )  # fmt: skip
    filters: dict[str, Any] = {"action": _Filter, "dest": "patterns", "default": ()}
    add("--exclude", metavar="PAT", help="leave out what matches (as in a .gitignore)", **filters)
    add(
        "--include", metavar="PAT", help="but not what matches this; the last match wins", **filters
    )
    add("--exclude-from", metavar="FILE", help="patterns, one a line; - reads stdin", **filters)
    add("--min-size", type=_amount("size"), metavar="SIZE", help="leave out smaller files (10M)")
    add("--max-size", type=_amount("size"), metavar="SIZE", help="leave out larger files")
    add("--newer", type=_amount("moment"), metavar="TIME", help="only what changed since (2d)")
    add("--older", type=_amount("moment"), metavar="TIME", help="only what changed before")
    add("--gitignore", action="store_true", help="leave out what SRC's .gitignore files name")
    add("--no-config", action="store_true", help="leave out nothing because of config.toml")
    add(
        "-v", "--verbose", action="store_true",
        help="one line a change with its reason, and heartbeats",
    )  # fmt: skip
    add("-q", "--quiet", action="store_true", help="say nothing but problems")
    add("--json", action="store_true", help="events on stdout, one JSON object a line")
    add("--log-file", metavar="FILE", help="the events of --json to a file, beside what is shown")
    add("--no-history", action="store_true", help="leave no line in the history")
    add("--ludicrous-speed", action="store_true", help=argparse.SUPPRESS)
    add("--workers", type=_count, metavar="N", help=argparse.SUPPRESS)


def _writing(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("-n", "--dry-run", action="store_true", help="only say what would be done, line by line")
    add("--verify", action="store_true", help="read back what was written and compare it")
    add("--durable", action="store_true", help="exit 0 only when everything is on the device")
    add("--trash", action="store_true", help="keep what is deleted or replaced (blit trash)")
    add("--retry-failed", nargs="?", metavar="RUN", help=retrying.HELP)
    screen = command.add_mutually_exclusive_group().add_argument
    screen("--tui", action="store_true", help="open the full screen at once")
    screen("--no-tui", action="store_true", help="never open the full screen")


class _Filter(argparse.Action):
    """Gathers all filter options in the order in which they stand: the last match wins."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any,
        option_string: str | None = None,
    ) -> None:  # fmt: skip
        assert isinstance(values, str)
        if not values or "\0" in values:
            parser.error(f"{option_string} {values!r} says nothing")
        found: list[str | bytes]
        if option_string == "--exclude-from":
            given = descriptor(values)
            found = [os.fsencode(values)] if given is None else _lines_from(given)
        else:
            try:
                found = [pattern_line(values, include=option_string == "--include")]
            except ValueError as error:
                parser.error(f"{option_string} {error}")
        namespace.patterns = (*namespace.patterns, *found)


def pattern_line(pattern: str, include: bool = False) -> str:
    """A pattern of the command line as a line of a .gitignore. ValueError: what is wrong with it.

    There is no comment and no blank that ends a line here: both mean themselves.
    """
    if "\n" in pattern:
        raise ValueError(f"{pattern!r} has more than one line: give each its own option")
    line = os.fsencode(pattern).decode("utf-8", "surrogateescape")
    if line.endswith(" ") and not line.endswith("\\ "):
        line = line[:-1] + "\\ "
    if include:
        if line.startswith("!"):
            raise ValueError(f"{pattern} negates twice: say --exclude {pattern[1:]}")
        return "!" + line
    return "\\" + line if line.startswith("#") else line


def descriptor(path: str) -> int | None:
    """The open file of this process that is meant, as a shell's `<(…)`: workers have none."""
    if path in ("-", "/dev/stdin"):
        return 0
    number = path.removeprefix("/dev/fd/").removeprefix("/proc/self/fd/")
    return int(number) if number != path and number.isdigit() else None


def handed_over(descriptor: int, option: str) -> bytes:
    """What stands in an open file of this process. SystemExit: it cannot be read."""
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    except (OSError, ValueError) as error:
        text = f"{option}: what was handed over as a file cannot be read: {error}"
        sys.stderr.write(f"blit: {text}\n")
        raise SystemExit(2) from None


def _lines_from(descriptor: int) -> list[str | bytes]:
    data = handed_over(descriptor, "--exclude-from")
    return [*data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")]


def _amount(kind: str) -> Callable[[str], Any]:
    """A reader of amounts.py, which is imported when there is something to read."""

    def read(text: str) -> Any:
        from blit import amounts

        try:
            return getattr(amounts, kind)(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.01 to 10000")
    return value
