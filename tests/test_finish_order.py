"""Folders are made before any folder's times are set: an empty one made late would move its parent's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from blit.engine.crew import Source
from blit.engine.schedule import Schedule
from blit.engine.transfer import Run
from blit.worker import wire


class OneAfterTheOther:
    """A crew that only notes what it is given, a phase at a time."""

    active = 2  # workers

    def __init__(self) -> None:
        self.phases: list[list[dict[str, Any]]] = []

    async def work(self, source: Source) -> None:
        tasks = []
        while (task := source.next(0)) is not None:
            tasks.append(task)
            source.done(0, task, {})
        self.phases.append(tasks)


async def finished_by(schedule: Schedule) -> OneAfterTheOther:
    crew = OneAfterTheOther()
    run: Any = SimpleNamespace(
        schedule=schedule, job=SimpleNamespace(dry_run=False), options=0, swapped=False, crew=crew,
        check=lambda: None, phase="",
    )  # fmt: skip
    await Run.finish(run)
    return crew


async def test_all_folders_are_made_in_a_phase_of_their_own() -> None:
    schedule = Schedule([], 0, ((), ()), 2)
    empty = wire.dump([("/s", "/d", "sub/empty", "sub/empty", 0o755)])
    schedule.finish.append(wire.dump([("/s", "/d", "sub", "sub", 0o755)]))
    schedule.finish.append(empty)
    schedule.bare.append(empty)
    crew = await finished_by(schedule)
    made, finished = [phase for phase in crew.phases if phase]
    assert [task["folders"] for task in made] == [[empty]]
    assert all(task["make"] for task in made)
    assert not any(task.get("make") for task in finished)
    told = [blob for task in reversed(finished) for blob in task["folders"]]
    assert told == list(schedule.finish)


async def test_the_folders_are_shared_by_all_workers() -> None:
    """One alone had the last word of every run, while the others had nothing to do."""
    schedule = Schedule([], 0, ((), ()), 2)
    records = [("/s", "/d", f"sub{n:03}", f"sub{n:03}", 0o755) for n in range(60)]
    for record in records:
        schedule.finish.append(wire.dump([record]))
    crew = await finished_by(schedule)
    (tasks,) = [phase for phase in crew.phases if phase]
    assert 6 <= len(tasks) <= 10
    shares = [[r for blob in task["folders"] for r in wire.load(blob)] for task in tasks]
    assert [r for share in reversed(shares) for r in share] == records
    assert max(map(len, shares)) <= 10
