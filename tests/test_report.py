"""`blit history` and `blit diagnostics perf`: tables, JSON, exit codes, and the switch."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from blit import settings
from blit.history import commands, export, records, report, views
from tests import past
from tests.conftest import Blit

HOSTILE = "/home/you/%1B]0;x%07 [/b] %E2%80%AEgnp %FF/" + "%E5%86%99" * 80


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("BLIT_DISABLE_LOCAL_TELEMETRY", raising=False)
    return tmp_path


def perf(**given: Any) -> tuple[int, str, str]:
    return told(report.perf, **{"limit": None, "as_json": False, "width": 80} | given)


def history(**given: Any) -> tuple[int, str, str]:
    return told(report.history, **{"limit": None, "as_json": False, "width": 80} | given)


def told(command: Any, **given: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = command(out=out, err=err, **given)
    return code, out.getvalue(), err.getvalue()


# -- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("command", [perf, history])
def test_no_line_is_wider_than_the_terminal(command, width, config) -> None:
    runs = [*past.story(), past.facts(20, sources=[HOSTILE], destination=HOSTILE)]
    past.write(config, *runs)
    code, out, err = command(width=width, limit=100)
    assert (code, err) == (0, "")
    lines = [line for line in out.splitlines() if str(config) not in line]
    assert max(map(cell_len, lines)) <= width
    assert not {"\x1b", "\x07", "\u202e"} & set(out)


def test_the_newest_run_is_the_first(config) -> None:
    past.write(config, *past.story())
    lines = history()[1].splitlines()
    assert lines[0].split() == ["When", "What", "Size", "Speed", "Result"]
    assert "Photos → /mnt/backup/Photos" in lines[1] and lines[1].endswith("✗ 3")
    assert "vm → /mnt/nas/vm" in lines[5] and "98.0 MB/s" in lines[5]
    assert len(lines) == 15


def test_limit(config) -> None:
    past.write(config, *past.story())
    assert len(history(limit=3, as_json=True)[1].splitlines()) == 3
    out = history(limit=3)[1]
    assert "newest 3 of 14" in out and len(out.splitlines()) == 6
    assert "Recent runs (2 of 14)" in perf(limit=2)[1]
    assert len(json.loads(perf(limit=2, as_json=True)[1])["runs"]) == 2
    assert perf(limit=0)[0] == history(limit=0)[0] == 0


def test_what_is_between_two_kinds_of_disk() -> None:
    runs = [
        past.record(0, forecast_s=50.0),
        past.record(1, bytes__copied=100, seconds__total=1.0, methods={"clone": 10}),
        past.record(2, outcome="stalled", silences=[[1, 9], [20, 4]]),
        past.record(3, profile__source="xfs"),
    ]
    first, second = views.between(runs)
    assert (first.pair, first.runs, first.stalls, first.troubles) == ("ext4 → btrfs", 3, 1, 1)
    assert first.silences == 2
    assert first.speed == runs[0].speed  # of three: the middle one
    assert first.clone == (1190 + 1190 + 10) / (1200 + 1200 + 10)
    assert first.off == pytest.approx(5 / 55) and first.bias == pytest.approx(-5 / 55)
    assert (second.pair, second.runs, second.off) == ("xfs → btrfs", 1, None)


def test_several_sources_went_to_one_place() -> None:
    """Not to that of the first of them."""
    sources = ["/home/you/Photos", "/home/you/Music"]
    run = past.record(0, sources=sources, source_count=2)
    assert views.where(run) == "Photos +1 → /mnt/backup"
    assert views.where(past.record(0)) == "Photos → /mnt/backup/Photos"


def test_an_empty_history_says_what_fills_it(config) -> None:
    for command in (perf, history):
        code, out, err = command()
        assert (code, err) == (0, "") and "No runs yet" in out
    assert history(as_json=True)[1] == ""
    assert json.loads(perf(as_json=True)[1])["records"] == 0
    assert os.listdir(config) == []


def test_damaged_lines_are_told(config) -> None:
    past.write(config, past.facts(), more=b"{\n{\n" + b'{"version": 9}\n')
    assert history()[2] == "blit: 2 damaged lines skipped\n"
    out = perf()[1]
    assert "Damaged    2 lines skipped" in out and "Newer      1 line of a newer blit" in out
    found = json.loads(perf(as_json=True)[1])
    assert (found["records"], found["damaged"], found["newer"]) == (1, 2, 1)


@pytest.mark.parametrize("command", [perf, history])
def test_a_history_that_cannot_be_read_is_exit_1(command, config) -> None:
    (config / "perf_local.jsonl").mkdir()
    code, out, err = command()
    assert (code, out) == (1, "") and err.startswith("blit: the history cannot be read: ")
    assert err.count("\n") == 1


# -- JSON and CSV ---------------------------------------------------------------------------------


def test_names_come_back_from_json(config) -> None:
    past.write(config, past.facts(sources=["/a%FF%0A"], target="/b%25"))
    found = json.loads(history(as_json=True)[1])
    assert os.fsencode(found["sources"][0]) == b"/a\xff\n" and found["target"] == "/b%"


def test_csv_has_a_row_a_run(tmp_path: Path) -> None:
    runs = past.history(*past.story()).records
    path = export.save(runs, "csv", str(tmp_path))
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 14 and rows[-1]["files_failed"] == "3"
    assert rows[-1]["started"] == "2026-11-22T12:04:00Z"


def test_saving_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "blit-history.json").write_text("mine")
    runs = past.history(*past.story()).records
    assert export.save(runs, "json", str(tmp_path)).endswith("/blit-history-2.json")
    assert (tmp_path / "blit-history.json").read_text() == "mine"
    again = [
        json.loads(line) for line in (tmp_path / "blit-history-2.json").read_text().splitlines()
    ]
    assert len(again) == 14 and len(again[4]["curve"]["kB_s"]) == 60


# -- the switch -----------------------------------------------------------------------------------


def test_disable_is_remembered_and_enable_takes_it_back(config) -> None:
    assert told(report.switch, on=False)[0] == 0
    assert settings.no_history() and not settings.load()[0].history
    assert "Recording  switched off" in perf()[1]
    assert json.loads(perf(as_json=True)[1])["recording"] is False
    assert told(report.switch, on=True) == (0, "history is on\n", "")
    assert not settings.no_history()


def test_enable_says_when_it_does_not_help(config, monkeypatch) -> None:
    monkeypatch.setenv("BLIT_DISABLE_LOCAL_TELEMETRY", "1")
    assert "BLIT_DISABLE_LOCAL_TELEMETRY" in told(report.switch, on=True)[1]


@pytest.mark.parametrize("on", [True, False])
def test_a_choice_that_cannot_be_kept_is_exit_1(on, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(tmp_path / "file" / "cfg"))
    code, out, err = told(report.switch, on=on)
    assert (code, out) == (1, "") and "Not a directory" in err
    assert told(report.clear)[0] == 0  # there is nothing to forget
    assert "nothing can be written" in perf()[1]


def test_clear(config) -> None:
    past.write(config, *past.story(), more=b"{\n")
    assert told(report.clear) == (0, "15 runs forgotten\n", "")
    assert records.read() == records.History()
    assert told(report.clear) == (0, "there was nothing to forget\n", "")


# -- the command line -----------------------------------------------------------------------------


def test_the_commands(blit: Blit) -> None:
    assert "No runs yet" in blit("history").lines[0]
    assert blit("diagnostics", "perf").lines[0].startswith("History    ")
    assert blit("diagnostics", "perf", "--disable").lines == [
        "history is off from now on; what is there stays until --clear"
    ]
    assert json.loads(blit("diagnostics", "perf", "--json").out)["recording"] is False
    assert "diagnostics" in blit("--help").out.decode() and blit("history", "--help").out


@pytest.mark.parametrize(
    "words",
    [("diagnostics",), ("diagnostics", "perf", "--clear", "--enable"), ("history", "extra"),
     ("history", "--limit", "-1"), ("diagnostics", "nothing")],
    ids=" ".join,
)  # fmt: skip
def test_bad_arguments_are_exit_2(words: tuple[str, ...], blit: Blit) -> None:
    done = blit(*words, code=2)
    assert done.out == b"" and done.errors[0].startswith("blit: ")


def test_a_reader_that_leaves_is_no_trouble(blit: Blit) -> None:
    past.write(Path(blit.environment["BLIT_CONFIG_DIR"]), *(past.facts(n) for n in range(600)))
    read, write = os.pipe()
    os.close(read)
    process = blit.start("history", "--json", stdout=write, stderr=-1)
    os.close(write)
    assert blit.finish(process).code == 0


def test_eighty_columns_where_there_is_no_terminal() -> None:
    assert commands.width(io.StringIO()) == 80


# -- settings -------------------------------------------------------------------------------------


def test_settings_are_kept_beside_what_somebody_wrote(config) -> None:
    file = config / "config.toml"
    file.write_text("# mine\nother = 1\ntheme = 'old' # why\n[table]\nhistory = true\n")
    settings.save(history=False, theme='a"\\\x7fé')
    assert file.read_text().startswith("# mine\nother = 1\n")
    assert file.read_text().endswith("[table]\nhistory = true\n")
    found, trouble = settings.load()
    assert (found.history, found.theme, trouble) == (False, 'a"\\\x7fé', "")
    assert os.stat(file).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", [b"a = [", b"\xff\xfe", b"=", b"a = 1\na = 2\n"], ids=ascii)
def test_a_damaged_file_means_defaults_and_one_sentence(text: bytes, config) -> None:
    (config / "config.toml").write_bytes(text)
    found, trouble = settings.load()
    assert found == settings.Settings() and "damaged" in trouble and "\n" not in trouble
    settings.save(mouse=False)
    assert settings.load() == (settings.Settings(mouse=False), "")
    assert (config / "config.toml.damaged").read_bytes() == text


def test_one_bad_value_costs_no_other(config) -> None:
    (config / "config.toml").write_text("mouse = false\nnotify = 'loudly'\ntheme = 3\n")
    found, trouble = settings.load()
    assert found == settings.Settings(mouse=False)
    assert 'notify takes "auto", "always" or "never" and theme takes the name' in trouble


def test_no_file_means_defaults_without_a_word(config) -> None:
    assert settings.load() == (settings.Settings(), "")
    with pytest.raises(ValueError, match="no such setting"):
        settings.save(colour="red")


@pytest.mark.parametrize(
    "environment", [{}, {"XDG_CONFIG_HOME": "/x/y"}, {"XDG_CONFIG_HOME": " "}, {"HOME": "/h"}]
)
def test_the_short_way_to_the_folder_is_the_right_one(environment, monkeypatch) -> None:
    """As platformdirs has it, without its import."""
    import platformdirs

    monkeypatch.delenv("BLIT_CONFIG_DIR", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert settings.config_folder() == platformdirs.user_config_dir("blit", appauthor=False)
