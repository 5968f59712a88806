"""What runs teach, what they do not, and the file that it is kept in."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.history import jsonl, memory, predict, predictor, profile, recorder, records, stored
from blit.history.memory import Known, Memory
from blit.history.predict import Cost, Load, Past
from blit.job import Job
from tests import past

PLACE = {"source": "ext4", "destination": "fuse", "source_kind": "ssd",
         "destination_kind": "unknown", "same_device": False, "case_rule": "kept", "grain": 1}  # fmt: skip
KEY = "ext4 (ssd) → fuse"
PAIR = "/home/you/Photos\n/mnt/backup"
FACTS: dict[str, Any] = {
    "filesystems": ("ext4", "fuse"), "kinds": ("ssd", "unknown"), "devices": (1, 2),
    "caseless": False, "options": 1 << 16, "fresh": True, "small": None, "largest": None,
}  # fmt: skip
JOB = Job("copy", (b"/home/you/Photos",), b"/mnt/backup")


def facts(number: int = 0, **given: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "profile": PLACE, "seconds__total": 20.0, "workers": 16, "fresh": True,
        "spent": {"copy": {"files": 1200, "bytes": 21_300 * past.MB, "seconds": 300.0}},
    }  # fmt: skip
    return past.facts(number, **(usual | given))


# -- what teaches ---------------------------------------------------------------------------------


def test_a_good_run_teaches_everything() -> None:
    found = memory.rebuilt([facts()])
    known = found.profiles[KEY]
    load = Load(1200, 21_300 * past.MB / (1 << 20), 14)
    assert known.ways["streaming"].seconds(load) == pytest.approx(20.0, rel=0.01)
    assert known.workers == (16,)
    assert known.batch.seconds(load._replace(unchanged=0)) == pytest.approx(300.0, rel=0.01)
    assert known.planning.runs == 1
    assert found.pairs == {PAIR: (Past(load, 20.0, 0, False, True),)}


@pytest.mark.parametrize(
    "given",
    [{"outcome": "partial"}, {"outcome": "interrupted"}, {"outcome": "stalled"}, {"retry": True},
     {"profile": {"source": "", "destination": ""}}, {"route": ""}, {"seconds__total": 0.0},
     {"seconds__held": 20.0}],
)  # fmt: skip
def test_what_teaches_nothing(given: dict[str, Any]) -> None:
    assert memory.rebuilt([facts(**given)]) == Memory()


def test_a_run_with_nothing_to_copy_trains_no_coefficient() -> None:
    found = memory.rebuilt([facts(files__copied=0, bytes__copied=0)])
    assert found.profiles == {}
    assert len(found.pairs[PAIR]) == 1  # but the next one between these roots will take as long


def test_what_does_more_to_each_file_is_learned_apart() -> None:
    found = memory.rebuilt([facts(options={"verify": True})])
    assert list(found.profiles[KEY].ways) == ["streaming+verify"]
    assert list(found.pairs) == [PAIR + "+verify"]


def test_runs_that_cannot_be_compared_have_no_pair() -> None:
    assert memory.rebuilt([facts(filtered=True)]).pairs == {}
    assert memory.rebuilt([facts(source_count=20)]).pairs == {}
    assert memory.rebuilt([facts(target="/" + "x" * 3000)]).pairs == {}


def test_time_that_it_was_held_is_no_part_of_it() -> None:
    found = memory.rebuilt([facts(seconds__total=50.0, seconds__held=30.0)])
    assert found.pairs[PAIR][0].seconds == 20.0


def test_a_short_run_says_nothing_about_workers() -> None:
    assert memory.rebuilt([facts(seconds__total=1.0)]).profiles[KEY].workers == ()


def test_three_mispredictions_in_a_row_leave_one_entry() -> None:
    took = [10.0, 10.0, 10.0, 30.0, 90.0, 270.0, 800.0]
    found = memory.rebuilt([facts(10 - n, seconds__total=each) for n, each in enumerate(took)])
    (entry,) = found.entries
    assert (entry.profile, entry.way, entry.took) == (KEY, "streaming", 270.0)
    assert entry.expected < 200.0
    assert memory.rebuilt([facts(seconds__total=10.0)] * 7).entries == ()


def test_there_is_an_end_to_what_is_kept() -> None:
    found = memory.rebuilt([facts(target=f"/mnt/{n}") for n in range(memory.MOST_PAIRS + 5)])
    assert len(found.pairs) == memory.MOST_PAIRS
    assert "/home/you/Photos\n/mnt/4" not in found.pairs
    many = [facts(profile=PLACE | {"source": f"fs{n}"}) for n in range(memory.MOST_PROFILES + 5)]
    assert len(memory.rebuilt(many).profiles) == memory.MOST_PROFILES
    assert len(memory.rebuilt([facts()] * 30).pairs[PAIR]) == memory.MOST_PAST


def test_no_number_of_copies_makes_its_mirrors_forgotten() -> None:
    """Without memory._latest ten copies took away what the delete guard knows."""
    mirrors = [facts(100 - n, command="mirror", files__deleted=n) for n in range(5)]
    found = memory.rebuilt([*mirrors, *(facts(n) for n in range(40, 0, -1))])
    past = found.pairs[PAIR]
    assert len(past) == memory.MOST_PAST
    assert [each.deleted for each in past if each.mirror] == [2, 3, 4]
    assert not past[-1].mirror
    assert len(memory.rebuilt(mirrors * 3).pairs[PAIR]) == memory.MOST_PAST


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(facts())), anything)
def test_no_line_can_break_it(name: str, value: Any) -> None:
    memory.rebuilt([facts() | {name: value}])


@given(anything)
def test_no_file_can_break_it(found: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        stored.from_plain(found)


def test_there_and_back() -> None:
    found = memory.rebuilt([facts(n, seconds__total=10.0 + n) for n in range(5)])
    again = stored.from_plain(json.loads(json.dumps(stored.plain(found))))
    assert again.pairs == found.pairs
    assert again.profiles[KEY].ways["streaming"] == pytest.approx(
        found.profiles[KEY].ways["streaming"], rel=1e-5
    )


# -- profiles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, KEY),
        ({"same_device": True}, KEY + ", same disk"),
        ({"case_rule": "ignored", "grain": 20_000_000}, KEY + ", ignores case, times to 2 s"),
        ({"destination_kind": "network"}, "ext4 (ssd) → fuse (network)"),
        ({"source": ""}, ""),
    ],
)
def test_the_name_of_a_profile(given: dict[str, Any], key: str) -> None:
    assert profile.key(PLACE | given) == key


def test_a_profile_from_the_first_look() -> None:
    assert profile.of_facts(FACTS) == PLACE


# -- the file -------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BLIT_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("BLIT_DISABLE_LOCAL_TELEMETRY", raising=False)
    monkeypatch.setenv("BLIT_DEBUG", "1")
    return tmp_path


def ended(**given: Any) -> None:
    """A run has ended: its line in the history first, then what it teaches."""
    line = facts(**given)
    jsonl.append(recorder.history_file(), json.dumps(line).encode())
    predictor.learn(line)


def test_it_is_written_for_its_owner_and_read_again(config: Path) -> None:
    ended()
    file = config / "perf_model.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert predictor.read().profiles[KEY].workers == (16,)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff", b"[]", b'{"version": 9}', b"[" * 100_000, b" " * (2 << 20)]
)
def test_damaged_it_comes_back_from_the_history(config: Path, damage: bytes) -> None:
    past.write(config, facts(0), facts(1), more=b"not a record\n")
    whole = predictor.read()
    assert whole.profiles[KEY].workers == (16, 16)
    (config / "perf_model.json").write_bytes(damage)
    assert predictor.read() == whole
    predictor.learn(facts(0))  # the history has it already: nothing counts twice
    assert predictor.read().profiles[KEY].workers == (16, 16)
    predictor.learn(facts(0))
    assert predictor.read().profiles[KEY].workers == (16, 16, 16)


def test_what_is_forgotten_is_forgotten_here_too(config: Path) -> None:
    past.write(config, facts(0), facts(1, target="/mnt/secret"))
    predictor.learn(facts(0))
    assert "secret" in (config / "perf_model.json").read_text()
    records.forget(frozenset(["run-1"]))
    assert list(predictor.read().pairs) == [PAIR]
    records.clear()
    assert predictor.read() == Memory()


def _learn(number: int) -> None:
    for step in range(10):
        ended(target=f"/mnt/{number}-{step}")


def test_several_runs_end_at_once(config: Path) -> None:
    context = multiprocessing.get_context("spawn")
    all_of_them = [context.Process(target=_learn, args=(number,)) for number in range(4)]
    for each in all_of_them:
        each.start()
    for each in all_of_them:
        each.join(60)
        assert each.exitcode == 0
    assert len(predictor.read().pairs) == 40


# -- what the engine is told ----------------------------------------------------------------------


def known(config: Path, runs: int = 3, **given: Any) -> None:
    for number in range(runs):
        ended(number=number, **given)


def test_the_engine_is_told(config: Path) -> None:
    known(config)
    found = predictor.Learned(JOB).look(FACTS, "streaming")
    assert found.seconds == pytest.approx(20.0)
    assert found.band is not None
    assert found.band[0] < 20.0 < found.band[1]
    assert (found.workers, found.settled, found.runs, found.pair) == (16, 3, 3, True)
    assert found.per_file > 0 and found.per_byte > 0
    assert found.profile == PLACE


def test_elsewhere_only_when_the_totals_are_known(config: Path) -> None:
    known(config)
    learned = predictor.Learned(Job("copy", (b"/x",), b"/y"))
    assert learned.look(FACTS, "streaming").seconds is None
    assert learned.plan(1200, 21_300 * past.MB, 14).seconds == pytest.approx(20.0, rel=0.05)


def test_a_short_run_starts_no_workers(config: Path) -> None:
    known(config)
    known(config, 9, seconds__total=0.4, target="/y", sources=["/x"])
    assert predictor.Learned(Job("copy", (b"/x",), b"/y")).look(FACTS, "streaming").workers == 0


@pytest.mark.parametrize("off", ["argument", "environment", "setting"])
def test_switched_off_it_knows_nothing(
    config: Path, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    known(config)
    if off == "environment":
        monkeypatch.setenv("BLIT_DISABLE_LOCAL_TELEMETRY", "1")
    elif off == "setting":
        (config / "config.toml").write_text("history = false\n")
    learned = predictor.Learned(JOB, enabled=off != "argument")
    found = learned.look(FACTS, "streaming")
    assert (found.seconds, found.workers, found.deletes) == (None, 0, None)
    assert learned.plan(1200, 10, 0).seconds is None


def test_nothing_that_is_wrong_reaches_a_copy(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BLIT_DEBUG")

    def broken() -> Memory:
        raise MemoryError

    monkeypatch.setattr(predictor, "read", broken)
    assert predictor.Learned(JOB).look(FACTS, "streaming") == predict.Forecast()


def test_a_dry_run_is_told_no_time(config: Path) -> None:
    known(config)
    found = predictor.Learned(Job("copy", JOB.sources, JOB.target, dry_run=True))
    assert found.look(FACTS, "streaming").seconds is None


def test_mirrors_know_what_they_delete(config: Path) -> None:
    known(config, command="mirror", files__deleted=7)
    job = Job("mirror", JOB.sources, JOB.target)
    assert predictor.Learned(job).look(FACTS, "streaming").deletes == 7


def test_memory_is_a_value() -> None:
    before = Memory({"x": Known({"direct": Cost(1, 1, 1, 1)})}, {})
    run = memory.run_of(facts())
    assert run is not None
    after = before.after(run)
    assert list(before.profiles) == ["x"]
    assert list(after.profiles) == ["x", KEY]
