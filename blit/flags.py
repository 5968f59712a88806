"""A command line of flags and paths alone, read without argparse, whose import takes 15 ms.

Whatever is not plain, a mistake above all, is left to `arguments`, which says what is wrong with it
and is the one place that defines the options: a test holds this against it.
"""

from __future__ import annotations

from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_FLAGS = {
    "-n": "dry_run", "--dry-run": "dry_run", "--verify": "verify", "--durable": "durable",
    "--trash": "trash", "--tui": "tui", "--no-tui": "no_tui", "-c": "checksum",
    "--checksum": "checksum", "--gitignore": "gitignore", "--no-config": "no_config",
    "-v": "verbose", "--verbose": "verbose", "-q": "quiet", "--quiet": "quiet", "--json": "json",
    "--no-history": "no_history", "--ludicrous-speed": "ludicrous_speed",
}  # fmt: skip
_NOTHING = (
    "cluster", "retry_failed", "min_size", "max_size", "newer", "older", "log_file", "workers",
)  # fmt: skip
# of each verb: its own flags, and what else it has that is not said
_VERBS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "copy": ({}, ("files_from",)),
    "mirror": (
        {
            "-y": "yes", "--yes": "yes", "--allow-empty-source": "allow_empty_source",
            "--delete-excluded": "delete_excluded",
        },
        ("max_delete",),
    ),
}  # fmt: skip


def options(argv: Sequence[str]) -> Any:
    """The options of a transfer. SystemExit: they are wrong, which has been said."""
    if (found := read(argv)) is not None:
        return found
    from blit import arguments

    return arguments.parser(everything=False).parse_args(argv)


def read(argv: Sequence[str]) -> Any:
    """What `arguments.parser().parse_args(argv)` says, or None: ask that."""
    if not argv or argv[0] not in _VERBS:
        return None
    own, unsaid = _VERBS[argv[0]]
    flags = _FLAGS | own
    found: dict[str, Any] = dict.fromkeys(flags.values(), False)
    paths = []
    for word in argv[1:]:
        if not word.startswith("-"):
            paths.append(word)
        elif word in flags:
            found[flags[word]] = True
        else:
            return None
    most = 2 if argv[0] == "mirror" else len(paths)
    if not 2 <= len(paths) <= most or (found["tui"] and found["no_tui"]):
        return None
    found |= dict.fromkeys((*_NOTHING, *unsaid), None)
    *sources, target = paths
    return SimpleNamespace(command=argv[0], sources=sources, target=target, patterns=(), **found)
