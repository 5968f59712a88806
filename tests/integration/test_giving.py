"""A batch that takes far longer than planned goes back in part, and nothing of it is lost."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blit.engine.plan import Cost, Group, Plan
from blit.engine.workers import Pool
from blit.worker import wire


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(1)
    yield made
    made.kill()
    made.close()
    while not made.reap():
        pass


def ask(pool: Pool, **task: Any) -> dict[str, Any]:
    worker = pool.workers[0]
    pool.post_all(worker, task)
    while True:
        assert select.select([worker.answers], [], [], 30)[0], "no answer"
        answer = pool.answer_now(worker)
        if answer is not None:
            return answer


def listed(pool: Pool, source: Path, target: Path, **more: Any) -> dict[str, Any]:
    flag = wire.DST_EXISTS if target.exists() else 0
    token = (str(source), str(target), "", "", None, flag)
    return ask(
        pool, op="scan", folders=[wire.dump(token)], options=0, same=((), ()), budget=30.0,
        want=1 << 60, large=1 << 60, **more,
    )  # fmt: skip


def tree(ram: Path, folders: int, files: int) -> Path:
    for number in range(folders * files):
        folder = ram / "source" / f"d{number // files}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(b"x" * (number % 7))
    return ram / "source"


def names(folder: Path) -> set[str]:
    return {name for _, _, found in os.walk(folder) for name in found}


def test_folders_that_were_not_begun_go_back_and_are_copied_by_whoever_takes_them(
    pool: Pool, ram: Path
) -> None:
    """Without `giving.back` in Copier.run this fails: the first worker copies all of them."""
    source, target = tree(ram, 6, 20), ram / "target"
    target.mkdir()
    groups = listed(pool, source, target)["groups"]
    assert len(groups) == 6
    todo, rounds, copied = list(groups), 0, 0
    while todo:
        before = sum(files for files, _, _ in todo)
        answer = ask(pool, op="copy", options=0, groups=[blob for _, _, blob in todo], budget=0.0)
        todo = list(answer.get("again", ()))
        rounds, copied = rounds + 1, copied + answer["files"]
        given = sum(files for files, _, _ in todo)
        assert answer.get("back", (0, 0)) == (given, sum(size for _, size, _ in todo))
        assert answer["files"] == before - given > 0  # each batch makes progress
    assert rounds == 6
    assert copied == 120 and names(target) == names(source)


def test_what_replaces_files_stays_in_one_batch(pool: Pool, ram: Path) -> None:
    """One sync serves all of it. Without `copier.waiting` in giving.may this fails."""
    source, target = tree(ram, 4, 5), ram / "target"
    (target / "d0").mkdir(parents=True)
    for path in (source / "d0").iterdir():
        (target / "d0" / path.name).write_bytes(b"something else")
    blobs = [blob for _, _, blob in listed(pool, source, target)["groups"]]
    blobs.sort(key=lambda blob: str(wire.load(blob)[3]))  # what replaces comes first
    answer = ask(pool, op="copy", options=0, groups=blobs, budget=0.0)
    assert "again" not in answer and answer["files"] == 20


def test_a_listing_makes_groups_as_small_as_it_is_asked_for(pool: Pool, ram: Path) -> None:
    found = listed(pool, tree(ram, 1, 20), ram / "target", group=3)
    assert [files for files, _, _ in found["groups"]] == [3] * 6 + [2]


def test_the_first_batch_is_believed_as_it_is() -> None:
    plan = Plan()
    plan.cost.learn(10, 0, 0.5)  # 50 ms a file, where 40 µs were expected
    assert plan.cost.per_file == pytest.approx(0.05, rel=0.01)
    for _ in range(3):
        plan.cost.learn(10, 0, 0.5)
    before = plan.cost.per_file
    plan.cost.learn(10, 0, 500.0)
    assert plan.cost.per_file <= 2.01 * before


def test_a_batch_that_is_expected_to_take_long_may() -> None:
    plan = Plan()
    plan.cost = Cost(0.05, 0.0)
    plan.add(Group(50, 0, b""))
    batch = plan.take(2, False)
    assert batch is not None and plan.patience(batch) == pytest.approx(7.5)
    plan.cost = Cost(1e-6, 0.0)
    assert plan.patience(batch) == 0.25
