"""Groups become batches of about 100 ms, and none of them is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blit.engine.plan import BATCH_SECONDS, CAP_BYTES, CAP_FILES, Batch, Cost, Group, Plan


def plan_of(*groups: Group, per_file: float = 0.001) -> Plan:
    plan = Plan()
    plan.cost = Cost(per_file=per_file, per_byte=0.0)
    for group in groups:
        plan.add(group)
    return plan


def taken(plan: Plan, workers: int, complete: bool) -> Batch:
    batch = plan.take(workers, complete)
    assert batch is not None
    return batch


def ten_files(count: int) -> list[Group]:
    return [Group(10, 0, b"g%d" % i) for i in range(count)]


def test_nothing_waits_nothing_to_take() -> None:
    assert Plan().take(4, complete=True) is None
    assert Plan().waiting_batches() == 0


def test_a_batch_is_about_a_tenth_of_a_second_of_work() -> None:
    plan = plan_of(*ten_files(1000))  # 10 s of work
    assert taken(plan, 2, complete=False).files * 0.001 == pytest.approx(BATCH_SECONDS, rel=0.1)


def test_a_group_larger_than_a_batch_is_a_batch_of_its_own() -> None:
    plan = plan_of(Group(5000, 7, b"huge"), Group(1, 1, b"small"))
    assert taken(plan, 2, complete=False) == (1, 5000, 7, (b"huge",))
    assert taken(plan, 2, complete=False) == (2, 1, 1, (b"small",))


def test_a_second_hungry_worker_finds_something() -> None:
    plan = plan_of(*ten_files(4))  # 40 ms: less than one batch
    assert [taken(plan, 2, complete=False).files for _ in range(2)] == [20, 10]
    assert plan.groups


def test_batches_shrink_towards_the_end_of_a_complete_plan() -> None:
    plan = plan_of(*ten_files(16))
    sizes = []
    while plan.groups:
        sizes.append(taken(plan, 2, complete=True).files)
    assert sum(sizes) == 160
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= 40 and sizes[-1] == 10


def test_the_caps_make_the_plan_full() -> None:
    assert not plan_of(Group(CAP_FILES - 1, 0, b"")).full
    assert plan_of(Group(CAP_FILES, 0, b"")).full
    assert plan_of(Group(1, 0, bytes(CAP_BYTES))).full


def test_a_full_plan_has_room_again_when_batches_have_left() -> None:
    plan = plan_of(*(Group(CAP_FILES // 2, 0, b"x") for _ in range(2)))
    assert plan.full
    plan.take(2, complete=False)
    assert not plan.full


def test_how_many_batches_wait() -> None:
    assert plan_of(Group(1, 0, b"")).waiting_batches() == 1
    assert plan_of(*ten_files(100)).waiting_batches() == 10


def test_cost_converges_to_what_is_measured() -> None:
    cost = Cost(per_file=40e-6, per_byte=0.0)
    for _ in range(30):
        cost.learn(100, 0, 0.1)  # 1 ms a file
    assert cost.seconds(1, 0) == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize(("seconds", "factor"), [(1e6, 2.0), (1e-9, 0.5)])
def test_one_outlier_moves_the_cost_by_a_factor_of_two_at_most(
    seconds: float, factor: float
) -> None:
    cost = Cost(per_file=0.001, per_byte=0.0)
    cost.learn(100, 0, seconds)
    assert cost.per_file == pytest.approx(0.001 * factor)


@pytest.mark.parametrize(("files", "seconds"), [(0, 1.0), (5, 0.0), (5, -1.0)])
def test_an_empty_or_timeless_batch_teaches_nothing(files: int, seconds: float) -> None:
    cost = Cost()
    before = (cost.per_file, cost.per_byte)
    cost.learn(files, 10, seconds)
    assert (cost.per_file, cost.per_byte) == before


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 1 << 34)), max_size=40),
    st.integers(1, 16),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_every_group_leaves_once_and_in_order(
    groups: list[tuple[int, int]], workers: int, complete: list[bool]
) -> None:
    plan = Plan()
    for number, (files, size) in enumerate(groups):
        plan.add(Group(files, size, b"%d" % number))
    batches: list[Batch] = []
    while (batch := plan.take(workers, complete[len(batches)])) is not None:
        assert batch.blobs
        batches.append(batch)
    assert [b.number for b in batches] == list(range(1, len(batches) + 1))
    assert [blob for b in batches for blob in b.blobs] == [b"%d" % i for i in range(len(groups))]
    assert sum(b.files for b in batches) == sum(f for f, _ in groups)
    assert sum(b.size for b in batches) == sum(s for _, s in groups)
    assert (plan.waiting_files, plan.waiting_bytes, plan.held) == (0, 0, 0)
