"""The quick reader of a command line says what the parser says, or nothing."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from blit import arguments, flags

OPTIONS = sorted(
    {
        word
        for verb in ("copy", "mirror")
        for action in arguments.parser(everything=False)
        ._subparsers._group_actions[0]  # type: ignore[union-attr]
        .choices[verb]  # type: ignore[index]
        ._actions
        for word in action.option_strings
    }
)
PATHS = ("a", "b/", "", "a b", "=", "x:y", "é", "\udcff", "copy")
WORDS = st.sampled_from(
    [*OPTIONS, *PATHS, "-", "--", "-nv", "--dry", "--no-tui=1", "-1", "- a", "--tui", "--no-tui"]
)


def parsed(argv: list[str]) -> dict[str, Any] | None:
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            return vars(arguments.parser(everything=False).parse_args(argv))
        except SystemExit:
            return None


@given(
    st.sampled_from(["copy", "mirror", "move", "check", "trash", ""]), st.lists(WORDS, max_size=7)
)
@example("copy", ["--tui", "--no-tui", "a", "b"])
@example("mirror", ["a", "b", "a"])
def test_what_it_reads_the_parser_reads_alike(verb: str, words: list[str]) -> None:
    """With a default, a flag or the number of paths wrong in flags.py this fails."""
    argv = [verb, *words]
    if (quick := flags.read(argv)) is not None:
        assert vars(quick) == parsed(argv)


@given(st.sampled_from(["copy", "mirror"]), st.permutations(["--no-tui", "-v", "-c", "a", "b/"]))
def test_plain_lines_are_read(verb: str, words: list[str]) -> None:
    assert flags.read([verb, *words]) is not None


def test_nothing_at_all_is_left_to_the_parser() -> None:
    assert flags.read([]) is None
