"""Help, the manual, completions, the version, and what a mistyped command line is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from conftest import Blit

from blit import arguments, completions, console, examples, suggest

ROOT = Path(__file__).parent.parent.parent
VERBS = suggest.verbs(arguments.parser())


# -- what is said of a mistake ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("cpoy a b", "unknown command cpoy: did you mean copy?"),
        ("copy --checksums a b", "unknown option --checksums: did you mean --checksum?"),
        ("copy --verfy", "unknown option --verfy: did you mean --verify?"),
        ("mirror --delete-exclude=x a b", "unknown option --delete-exclude: did you mean --delete-excluded?"),
        ("--verison", "unknown option --verison: did you mean --version?"),
        ("history --limt 3", "unknown option --limt: did you mean --limit?"),
        ("copy -Z a b", "unknown option -Z"),
        ("mirror a b c", "c is too much: blit mirror takes SRC DST"),
        ("completions bsh", "shell is bash or zsh or fish, not bsh: did you mean bash?"),
        ("copy a", "the following arguments are required: DST"),
        ("copy --ludicrous-spee a b", "unknown option --ludicrous-spee"),  # a hidden one is not proposed
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_what_was_meant(
    line: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        arguments.parser().parse_args(line.split())
    said = capsys.readouterr()
    assert end.value.code == 2 and not said.out
    first, second = said.err.splitlines()
    assert first == f"blit: {says}"
    verb = line.split()[0]
    assert second == (f"try: blit {verb} --help" if verb in VERBS else "try: blit --help")


def test_what_comes_after_two_dashes_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments.parser().parse_args(["mirror", "--", "a", "b", "--verfy"])
    assert "--verfy is too much" in capsys.readouterr().err


def test_a_word_with_control_bytes_is_inert(blit: Blit) -> None:
    done = blit("copy", "--\x1b]0;x\x07", "a", "b", code=2)
    assert b"\x1b" not in done.err


# -- help and manual -------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits_and_has_examples(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parser = VERBS[verb] if verb else arguments.parser()
    text = parser.format_help()
    assert max(map(len, text.splitlines())) <= 80
    assert "examples:\n  blit " in text, "blit/examples.py has none for this verb"
    assert ("exit codes: 0 done" in text) == (verb in ("", "copy", "mirror"))


def test_each_example_can_be_said() -> None:
    """An option that is gone, or was never there, is a mistake here too."""
    for text in examples.EXAMPLES.values():
        for line in text.splitlines():
            command = line.strip().split("  ")[0]
            for mark in (" | ", " > ", " && "):
                command = command.split(mark)[0]
            words = command.replace("'", "").split()[1:]
            if words and "--help" not in words:
                arguments.parser().parse_args(words)


def manual() -> Any:
    pytest.importorskip("argparse_manpage", reason="argparse-manpage is not installed")
    loader = SourceFileLoader("manpage", str(ROOT / "scripts" / "manpage"))
    spec = spec_from_loader("manpage", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words it differently")
def test_the_manual_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    made = manual()
    assert made.PLACE.read_text() == made.page(), "run scripts/manpage"


def test_the_manual_knows_every_verb_and_option() -> None:
    text = (ROOT / "docs" / "blit.1").read_text().replace("\\-", "-").replace("\\", "")
    for verb, parser in VERBS.items():
        assert f"blit {verb}" in text
        for action in parser._actions:
            if action.help != "==SUPPRESS==":
                assert all(word in text for word in action.option_strings)


def test_the_manual_is_sound_troff() -> None:
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    command = ["groff", "-man", "-Tutf8", "-K", "utf8", "-ww", str(ROOT / "docs" / "blit.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "BLIT(1)" in done.stdout and not done.stderr


# -- completions -----------------------------------------------------------------------------------


def shell(name: str, script: str, cwd: Path) -> list[str]:
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [name, "-c", script], capture_output=True, text=True, timeout=60, cwd=cwd, env=clean
    )
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.splitlines()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    pytest.importorskip("shtab", reason="shtab is not installed: pip install -e . again")
    for name in completions.SHELLS:
        (tmp_path / name).write_text(completions.script(name))
    return tmp_path


LINES = {
    "blit co": {"copy", "completions"},
    "blit copy --ver": {"--verify", "--verbose"},
    "blit mirror --delete-e": {"--delete-excluded"},
    "blit completions ": {"bash", "zsh", "fish"},
    "blit copy fi": {"fish"},
    "blit copy --log-file zs": {"zsh"},
}


@pytest.mark.parametrize(("line", "finds"), LINES.items())
def test_bash_completes(scripts: Path, line: str, finds: set[str]) -> None:
    *before, last = line.split(" ")
    words = " ".join([*before, f"'{last}'"])
    found = shell(
        "bash",
        f"compopt() {{ :; }}; source ./bash; COMP_WORDS=({words}); COMP_CWORD={len(before)}\n"
        f"COMP_LINE='{line}'; $(complete -p blit | sed 's/.*-F //; s/ .*//') blit '{last}' x\n"
        'printf "%s\\n" "${COMPREPLY[@]}"',
        scripts,
    )
    assert finds <= {word.strip() for word in found}


@pytest.mark.parametrize(("line", "finds"), LINES.items())
def test_fish_completes(scripts: Path, line: str, finds: set[str]) -> None:
    found = shell("fish", f"source fish; complete -C '{line}'", scripts)
    assert {word.partition("\t")[0] for word in found} >= finds


def test_zsh_takes_the_script(scripts: Path) -> None:
    """Its completion needs a terminal; here it is only read and defined."""
    said = shell("zsh", 'autoload -U compinit; compinit -u -D; eval "$(<zsh)"; echo ${_comps[blit]}', scripts)  # fmt: skip
    assert said and said[-1].startswith("_shtab_blit")


def test_completions_on_the_command_line(blit: Blit, scripts: Path) -> None:
    assert blit("completions", "bash").out.decode() == (scripts / "bash").read_text()
    assert "did you mean bash?" in blit("completions", "bassh", code=2).errors[0]


# -- version ---------------------------------------------------------------------------------------


def test_the_version_names_python_and_the_platform(blit: Blit) -> None:
    done = blit("--version")
    assert done.lines == [console.version()]
    assert done.lines[0].startswith("blit ") and "(Python 3." in done.lines[0]
    assert os.uname().sysname in done.lines[0]


def test_the_version_loads_next_to_nothing(blit: Blit) -> None:
    """0.04 s, 2026-11-22; what makes it slow is an import, and a loaded machine measures nothing."""
    code = (
        "import sys\nfrom blit import cli\ntry: cli.run(['--version'])\n"
        "finally: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"argparse", "blit.arguments", "anyio", "pydantic"} & set(done.stdout.split())
