"""What the command line said → the Job; what cannot be meant is refused here, before any work."""

from __future__ import annotations

import os
import sys

from blit import show
from blit.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from blit import failed


def job(options: argparse.Namespace) -> Job:
    found = None
    if getattr(options, "retry_failed", None) is not None:
        found = _failed(options)
        options.sources = [os.fsdecode(source) for source in found.sources]
        options.target = os.fsdecode(found.target)
    made = _job(options)
    if found is None:
        return made
    chosen: Any = found.options
    return made._replace(
        command="copy", only=found.paths, retry_of=found.id,
        patterns=(*found.patterns, *made.patterns), delete_excluded=False,
        files_from=None, listed=None, **chosen,
    )  # fmt: skip


def _failed(options: argparse.Namespace) -> failed.Run:
    """What is to be tried again; says in one sentence why there is nothing."""
    from blit import failed

    pair = None
    if options.sources:
        places = _job(options)
        pair = (places.sources, places.target)
    try:
        return failed.find(options.command, options.retry_failed, pair)
    except failed.Nothing as nothing:
        sys.stderr.write(f"blit: {show.text(str(nothing))}\n")
        raise SystemExit(nothing.code) from None


def _job(options: argparse.Namespace) -> Job:
    for path in (*options.sources, options.target):
        if not path:
            raise SystemExit(_usage("a path is empty: check the variables in your command"))
        if "\0" in path:
            raise SystemExit(_usage("a path contains a NUL byte"))
    for path in (*options.sources, options.target):
        before, colon, _ = path.partition(":")
        if colon and before and "/" not in before:
            text = f"{path} looks like another machine, and blit copies on this one"
            raise SystemExit(_usage(f"{text}: write ./{path} if it is a file here"))
    try:
        here = os.getcwd()
    except OSError:
        if not all(path.startswith("/") for path in (*options.sources, options.target)):
            text = "the current folder does not exist any more: give absolute paths"
            raise SystemExit(_usage(text)) from None
        here = "/"
    listed = getattr(options, "files_from", None)
    given = data = None
    if listed is not None:
        from blit import arguments

        given = arguments.descriptor(listed)
    if listed is not None and len(options.sources) > 1:
        raise SystemExit(_usage("--files-from names what is in one folder: give one source"))
    _check_limits(options)
    if getattr(options, "cluster", None) is not None:
        if not options.cluster:
            raise SystemExit(_usage("--cluster needs the address of a Dask scheduler"))
        if options.trash:
            raise SystemExit(_usage("--trash and --cluster do not go together"))
    moves = options.command == "move"
    if given is not None:
        data = arguments.handed_over(given, "--files-from")
    lasting = _lasting(options)
    return Job(
        command=options.command,
        sources=tuple(_absolute(here, s) for s in options.sources),
        target=_absolute(here, options.target),
        dry_run=options.dry_run,
        checksum=options.checksum or moves,
        verify=options.verify or moves,
        durable=options.durable or moves,
        trash=options.trash,
        itemize=options.dry_run or (options.verbose and not options.quiet),
        yes=getattr(options, "yes", False),
        max_delete=getattr(options, "max_delete", None),
        allow_empty_source=getattr(options, "allow_empty_source", options.command == "check"),
        can_ask=_somebody_there(options),
        workers=options.workers,
        lasting=len(lasting),
        patterns=(
            *lasting,
            *(
                p if isinstance(p, str) else _absolute(here, os.fsdecode(p))
                for p in options.patterns
            ),
        ),
        files_from=None if listed is None or given is not None else _absolute(here, listed),
        listed=data,
        gitignore=options.gitignore,
        min_size=options.min_size,
        max_size=options.max_size,
        newer=options.newer,
        older=options.older,
        delete_excluded=getattr(options, "delete_excluded", False),
        cluster=getattr(options, "cluster", None) or "",
    )


def _lasting(options: argparse.Namespace) -> tuple[str, ...]:
    """What `config.toml` leaves out of every run, and a word about it where somebody reads it."""
    from blit import settings

    if options.no_config:
        return ()
    try:
        lines = settings.excludes()
        if not lines:
            return ()
        from blit import arguments

        found = tuple(arguments.pattern_line(x.removeprefix("!"), x[0] == "!") for x in lines)
    except (settings.Unusable, ValueError) as error:
        raise SystemExit(_usage(str(error))) from None
    if found and not options.quiet and not options.json and (options.verbose or _terminal()):
        shown = show.text(", ".join(lines))
        sys.stderr.write(f"blit: config.toml leaves out {shown} (--no-config: nothing)\n")
    return found


def _terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def _check_limits(options: Any) -> None:
    """Limits that no file can meet are a slip of the hand, not a wish to copy nothing."""
    for low, high, least, most in (
        ("--min-size", "--max-size", options.min_size, options.max_size),
        ("--newer", "--older", options.newer, options.older),
    ):
        if least is not None and most is not None and least > most:
            raise SystemExit(_usage(f"no file is within {low} and {high}: change one of them"))


def _usage(text: str) -> int:
    sys.stderr.write(f"blit: {text}\n")
    return 2


def _absolute(here: str, path: str) -> bytes:
    """Absolute, otherwise as given: the trailing slash decides where things land."""
    joined = path if path.startswith("/") else f"{here.rstrip('/')}/{path}"
    return os.fsencode(joined)


def _somebody_there(options: argparse.Namespace) -> bool:
    try:
        there = sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False
    return there and not options.json and not options.quiet and not os.environ.get("CI")
