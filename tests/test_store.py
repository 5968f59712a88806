"""The queue file: what comes back, what is set aside, and that nothing about it fails a transfer."""

from __future__ import annotations

import json
import os
import typing
from pathlib import Path

import pytest

from blit.events import ByteCounts, Counts, Seconds, Summary
from blit.job import Job
from blit.queue import ENDED, PARKED, RUNNING, WAITING, Entry
from blit.state import TransferState
from blit.store import MOST_ENDED, Store

ODD = b"/odd \xff\n\x1b[2J%41\xc3\xa4/"
JOB = Job("copy", (ODD, b"/b"), b"/to/" + ODD)


def ended(id: int, outcome: str = "ok", message: str = "") -> Entry:
    summary = Summary(
        outcome, 0 if outcome == "ok" else 3, "copy", ODD, b"/to", "streaming",
        Counts(copied=5, unchanged=2, deleted=1, failed=3, cloned=4), ByteCounts(1000, 10),
        Seconds(2.5), 3.0, 2, message=message,
    )  # fmt: skip
    state = TransferState(
        command="copy", landings=((ODD, b"/to"),), started_at=12.0, files_total=8, bytes_total=1100,
        summary=summary,
    )  # fmt: skip
    return Entry(id, JOB, state, ENDED, ended_at=99.0)


def kept(folder: Path, *entries: Entry) -> None:
    store = Store(folder)
    store.load()
    store.save(entries)
    store.close()


def test_what_waited_or_ran_comes_back_with_every_part_of_its_job(tmp_path: Path) -> None:
    """A field of Job that the file forgot would make another transfer of it: with filters, a worse."""
    other: dict[str, object] = {
        "sources": (ODD,), "target": ODD, "only": (ODD, b"/x"), "patterns": ("*.tmp", "!\udcff", ODD),
        "max_delete": 7, "workers": 3, "command": "mirror", "min_size": 1, "max_size": 9, "newer": 1.5, "older": 2.5,
        "files_from": ODD, "lasting": 2, "cluster": "tcp://a:1",
        "retry_of": "1a2b", "listed": b"a\0\xff",
    }  # fmt: skip
    for name, kind in typing.get_type_hints(Job).items():
        if name not in other:
            assert kind is bool, f"{name}: the store has to learn it"
            other[name] = name != "held"  # a plan that is held dies with its process
    everything = Job(**other)  # type: ignore[arg-type]
    kept(
        tmp_path,
        Entry(1, JOB, stage=WAITING),
        Entry(2, everything, stage=RUNNING),
        Entry(3, JOB, stage=PARKED),
    )
    assert [(job, state) for job, state, _ in Store(tmp_path).load()] == [
        (JOB, None), (everything, None), (JOB, None),
    ]  # fmt: skip


def test_what_has_ended_comes_back_with_what_it_came_to(tmp_path: Path) -> None:
    kept(tmp_path, ended(1), ended(2, "partial", "3 problems in \udcff"))
    (job, state, at), (_, other, _) = Store(tmp_path).load()
    assert job == JOB and at == 99.0 and state is not None and other is not None
    assert state.landings == ((ODD, b"/to"),) and state.started_at == 12.0
    assert state.summary == ended(1).state.summary
    assert (state.files, state.bytes, state.percent, state.failures) == (5, 1000, 100.0, 3)
    assert other.summary is not None and other.summary.outcome == "partial"
    assert Entry(1, job, state, ENDED).status == "ok"


def test_only_the_newest_ended_ones_are_kept_but_all_that_wait(tmp_path: Path) -> None:
    many = [ended(n) for n in range(MOST_ENDED + 50)]
    kept(tmp_path, Entry(900, JOB), *many, Entry(901, JOB))
    found = Store(tmp_path).load()
    assert len(found) == MOST_ENDED + 2
    assert found[0][1] is None and found[-1][1] is None


def test_retries_of_very_many_files_do_not_outgrow_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blit.store.MOST_BYTES", 20_000)
    store = Store(tmp_path)
    store.load()
    few, many = ((b"/src/%d" % n for n in range(count)) for count in (10, 5_000))
    jobs = [JOB._replace(only=tuple(few)), JOB._replace(only=tuple(many))]
    store.save([Entry(n, job, stage=PARKED) for n, job in enumerate(jobs)])
    store.close()
    left = [job for job, _, _ in Store(tmp_path).load()]
    assert [len(job.only) for job in left] == [10, 0]


def test_a_check_leaves_nothing_behind_and_keeps_nothing_else_out(tmp_path: Path) -> None:
    """Without the command's check in store.py the whole file is damaged for who reads it."""
    kept(tmp_path, Entry(1, JOB._replace(command="check")), Entry(2, JOB))
    store = Store(tmp_path)
    assert [job for job, _, _ in store.load()] == [JOB] and not store.notice


def test_what_pydantic_wrote_is_read(tmp_path: Path) -> None:
    """The file of an earlier version."""
    (tmp_path / "queue.json").write_text(
        '{"entries":[{"job":{"command":"copy","sources":["/odd%20%FF"],"target":"/b","patterns":[["line","a"]]}},'
        '{"job":{"command":"move","sources":["/a"],"target":"/b","verify":true},"ended":{"outcome":"ok","exit_code":0,'
        '"message":"","route":null,"landings":[["/a","/b"]],"destination":"/b","started_at":1.0,"ended_at":2.0,'
        '"files":1,"bytes":2,"files_total":1,"bytes_total":2,"unchanged":0,"deleted":0,"failed":0,"cloned":0,'
        '"cloned_bytes":0,"seconds":1.5,"forecast_s":null,"workers":2}}]}'
    )
    (job, state, _), (moved, done, at) = Store(tmp_path).load()
    assert job == Job("copy", (b"/odd \xff",), b"/b", patterns=("a",)) and state is None
    assert moved.verify and done is not None and done.summary is not None and at == 2.0
    assert done.landings == ((b"/a", b"/b"),) and done.summary.seconds.total == 1.5


def test_nothing_left_is_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert store.load() == [] and store.kept and not store.notice


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"entries": [{"job": {"command": "rm", "sources": ["/a"], "target": "/b"}}]}',
     '{"version": 2, "entries": []}', '{"entries": [{"job": {"command": "copy", "sources": [], "target": "/b"}}]}',
     "\x00" * 100, "[" * 100_000, "\xff", '{"entries": [{"job": {"command": "copy", "sources": ["/\\ud800"], "target": "/b"}}]}',
     '{"entries": [{"job": {"command": "copy", "sources": ["/a"], "target": "/b", "newer": NaN}}]}'],
)  # fmt: skip
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "queue.json").write_text(text)
    store = Store(tmp_path)
    assert store.load() == []
    assert "damaged" in store.notice and "\n" not in store.notice
    assert (tmp_path / "queue.json.damaged").read_text() == text
    store.save([Entry(1, JOB)])
    store.close()
    assert len(Store(tmp_path).load()) == 1


def test_a_second_process_neither_reads_nor_writes_it(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.load()
    first.save([Entry(1, JOB)])
    second = Store(tmp_path)
    assert second.load() == [] and not second.kept
    second.save([])
    assert json.loads((tmp_path / "queue.json").read_text())["entries"]
    first.close()
    third = Store(tmp_path)
    assert len(third.load()) == 1 and third.kept


def test_a_folder_that_cannot_be_used_costs_the_memory_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "below")
    assert store.load() == [] and not store.notice
    store.save([Entry(1, JOB)])
    store.close()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.load()
    store.save([Entry(1, JOB)])
    (tmp_path / "queue.json.new").mkdir()
    store.save([])
    assert len(json.loads((tmp_path / "queue.json").read_text())["entries"]) == 1
    os.rmdir(tmp_path / "queue.json.new")
    store.save([])
    assert json.loads((tmp_path / "queue.json").read_text())["entries"] == []
    assert (tmp_path / "queue.json").stat().st_mode & 0o077 == 0
