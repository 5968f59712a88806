"""`config.toml`: what is left out of every run, what a bad choice does, and `blit config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import BLIT, Blit
from terminal import Terminal
from trees import make

TREE = {"a": b"a", "b.tmp": b"b", "keep.tmp": b"k", "cache dir": {"c": b"c"}}


def config(blit: Blit, text: str) -> Path:
    path = Path(blit.environment["BLIT_CONFIG_DIR"]) / "config.toml"
    path.write_text(text)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_left_out_of_every_run_comes_first(blit: Blit, tmp_path: Path) -> None:
    """So an --include of the command line takes it back."""
    config(blit, 'exclude = ["*.tmp", "cache dir/"]\n')
    make(tmp_path / "src", TREE)
    source = f"{tmp_path}/src/"
    done = blit("copy", source, tmp_path / "one")
    assert names(tmp_path / "one") == {"a"} and not done.err
    blit("copy", "--include", "keep.tmp", source, tmp_path / "two")
    assert names(tmp_path / "two") == {"a", "keep.tmp"}
    blit("copy", "--no-config", source, tmp_path / "three")
    assert names(tmp_path / "three") == set(TREE)
    # spared in a mirror's destination, as with --exclude
    blit("mirror", "--yes", source, tmp_path / "three")
    assert names(tmp_path / "three") == set(TREE)


def test_who_reads_is_told_what_is_left_out(blit: Blit, tmp_path: Path) -> None:
    config(blit, 'exclude = ["*.tmp", "nothing-here"]\n')
    make(tmp_path / "src", TREE)
    done = blit("copy", "-v", f"{tmp_path}/src/", tmp_path / "dst")
    assert (
        done.errors[0] == "blit: config.toml leaves out *.tmp, nothing-here (--no-config: nothing)"
    )
    assert "matched nothing" not in str(done)
    done = blit("copy", "-v", "--exclude", "nor-this", f"{tmp_path}/src/", tmp_path / "dst")
    assert "blit: 1 pattern matched nothing: nor-this" in done.errors
    done = blit("copy", "-v", "--no-config", f"{tmp_path}/src/", tmp_path / "dst")
    assert "leaves out" not in str(done)


@pytest.mark.parametrize(
    "text", ['exclude = "*.tmp"', "exclude = [1]", 'exclude = [""]', 'exclude = ["', 'exclude = ["a\\nb"]']
)  # fmt: skip
def test_patterns_that_cannot_be_known_stop_the_run(blit: Blit, tmp_path: Path, text: str) -> None:
    """Passed over, a mirror would delete what they were to spare."""
    path = config(blit, text)
    make(tmp_path, {"src": {"a": b"a"}, "dst": {"b.tmp": b"b"}})
    done = blit("mirror", "--yes", f"{tmp_path}/src/", tmp_path / "dst", code=2)
    assert len(done.errors) == 1
    assert str(path) in done.errors[0] and "exclude" in text and "--no-config" in done.errors[0]
    assert names(tmp_path / "dst") == {"b.tmp"}
    blit("copy", "--no-config", f"{tmp_path}/src/", tmp_path / "dst")


@pytest.mark.parametrize("text", ["theme = 3", "theme = [", "mouse = 'x'\nnotify = 'loud'"])
def test_no_other_choice_stops_a_copy(blit: Blit, tmp_path: Path, text: str) -> None:
    config(blit, text)
    make(tmp_path / "src", TREE)
    done = blit("copy", f"{tmp_path}/src/", tmp_path / "dst")
    assert not done.err and names(tmp_path / "dst") == set(TREE)


def test_the_screen_says_what_it_could_not_use(blit: Blit) -> None:
    path = config(blit, "theme = 3\n")
    with Terminal(BLIT, blit.environment, 120, 36) as terminal:
        terminal.sees("Transfers")
        terminal.type("q")
        assert terminal.ends() == 0
        said = terminal.text.replace("\n", "")
        assert f"blit: {path}: theme takes the name of a theme in quotes" in said


def test_a_new_transfer_on_the_screen_begins_with_it(blit: Blit) -> None:
    config(blit, 'exclude = ["*.tmp", "cache dir/"]\n')
    with Terminal(BLIT, blit.environment, 120, 36) as terminal:
        terminal.sees("Transfers")
        terminal.type("n")
        terminal.sees(r"*.tmp cache\ dir/")
        terminal.type("\x1b")
        terminal.sees(lambda text: "Leave out" not in text)
        terminal.type("q")
        assert terminal.ends() == 0


def test_config_shows_each_choice_and_where_it_comes_from(blit: Blit) -> None:
    none = blit("config")
    assert "every choice is the default" in none.lines[0] and len(none.lines) == 6
    path = config(blit, 'notify = "never"\nexclude = ["*.o"]\n')
    told = json.loads(blit("config", "--json").out)
    assert (told["file"], told["problems"]) == (str(path), [])
    assert told["choices"]["notify"] == {
        "value": "never", "from": "config.toml", "takes": '"auto", "always" or "never"',
    }  # fmt: skip
    assert told["choices"]["exclude"]["value"] == ["*.o"]
    assert told["choices"]["mouse"]["from"] == "default"
    off = blit("config", "--json", env={"BLIT_DISABLE_LOCAL_TELEMETRY": "1"})
    assert json.loads(off.out)["choices"]["history"] == {
        "value": False, "from": "BLIT_DISABLE_LOCAL_TELEMETRY", "takes": "true or false",
    }  # fmt: skip


def test_config_names_what_is_wrong(blit: Blit) -> None:
    path = config(blit, 'thme = "x"\nmouse = 1\nspeed = 9\n')
    done = blit("config", code=2)
    assert done.errors == [
        f"blit: {path}: mouse takes true or false; the default is taken",
        f"blit: {path}: thme is no choice: did you mean theme?",
        f"blit: {path}: speed is no choice: there are history, theme, mouse, notify, exclude",
    ]
