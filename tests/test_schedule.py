"""Which worker does what next, told by the answers that workers could have given."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from blit.engine import stack
from blit.engine.plan import CAP_BYTES, CAP_FILES, MOST_SHARE, share_of
from blit.engine.schedule import BUDGET, FIRST_BUDGET, LONG, MOST_LARGE, Schedule, Task
from blit.worker import wire

GIB = 1 << 30
BEGUN = {"temporary": ".blit-t", "identity": (1, 2, 3), "size": 2 * GIB, "sparse": False}


def schedule(*folders: bytes, workers: int = 2, split: bool = True) -> Schedule:
    return Schedule(list(folders or (b"root",)), 0, [], workers, split)


def listed(**changes: Any) -> dict[str, Any]:
    """The answer to a listing that found nothing, or what `changes` say."""
    nothing = {"open": 0, "folders": [], "groups": [], "large": [], "extras": b"", "swaps": []}
    return {**nothing, **changes}


def task(made: Schedule, slot: int) -> Task:
    found = made.next(slot)
    assert found is not None
    return found


def scanned(made: Schedule, slot: int, **changes: Any) -> None:
    """Worker `slot` takes a listing and answers."""
    found = task(made, slot)
    assert found["op"] == "scan"
    made.done(slot, found, listed(**changes))


def words(made: Schedule, *slots: int) -> list[str | None]:
    return [found["op"] if (found := made.next(slot)) else None for slot in slots]


# -- listing and copying --------------------------------------------------------------------------


def test_an_empty_source_ends_at_once() -> None:
    made = schedule()
    scanned(made, 0)
    assert made.next(0) is None
    assert made.plan_done and made.exhausted


def test_the_first_worker_lists_and_the_others_wait() -> None:
    made = schedule()
    assert words(made, 0, 1) == ["scan", None]
    assert not made.plan_done and not made.exhausted


def test_the_first_batch_leaves_as_soon_as_there_is_one() -> None:
    made = schedule()
    scanned(made, 0, folders=[b"sub"], groups=[(3, 30, b"g")])
    assert task(made, 0)["op"] == "scan"
    batch = task(made, 1)
    assert (batch["op"], batch["files"], batch["bytes"]) == ("copy", 3, 30)
    assert batch["groups"] == [b"g"]


def test_one_keeps_listing_while_the_others_copy() -> None:
    made = schedule(workers=3)
    groups = [(5000, 0, b"%d" % i) for i in range(6)]
    scanned(made, 0, folders=[b"a", b"b", b"c"], groups=groups)
    assert words(made, 1, 2, 0) == ["scan", "copy", "copy"]


def test_all_list_when_nothing_waits_to_be_copied() -> None:
    made = schedule(workers=3)
    scanned(made, 0, folders=[b"a", b"b", b"c"])
    assert words(made, 0, 1, 2) == ["scan", "scan", "scan"]


def test_nobody_lists_while_the_plan_is_full() -> None:
    made = schedule()
    scanned(made, 0, folders=[b"sub"], groups=[(CAP_FILES, 0, b"many")])
    assert words(made, 0, 1) == ["copy", "scan"]  # that batch has made room


def test_a_plan_that_stays_full_keeps_the_listing_waiting_even_one_held_open() -> None:
    made = schedule()
    many = [(CAP_FILES, 0, b"%d" % i) for i in range(3)]
    scanned(made, 0, open=1, folders=[b"sub"], groups=many)
    assert words(made, 0, 1, 0) == ["copy", "copy", "copy"]
    assert words(made, 0) == ["scan"]


def test_a_listing_held_open_goes_back_to_the_same_worker() -> None:
    made = schedule()
    scanned(made, 0, open=1)
    assert made.holds(0) and not made.holds(1)
    assert made.next(1) is None
    again = task(made, 0)
    assert (again["op"], again["folders"]) == ("scan", [])
    made.done(0, again, listed())
    assert made.exhausted and not made.holds(0)


def test_who_holds_a_listing_open_is_given_no_more_folders() -> None:
    made = schedule()
    scanned(made, 0, open=1, folders=[b"sub"])
    assert task(made, 0)["folders"] == []
    assert task(made, 1)["folders"] == [b"sub"]


def test_the_folders_are_shared_out_once() -> None:
    names = [b"%d" % i for i in range(64)]
    made = schedule(workers=4)
    scanned(made, 0, folders=list(names))
    given_out = [name for slot in range(4) for name in task(made, slot)["folders"]]
    assert len(given_out) > 4
    assert sorted(given_out + made.open.take(64)) == sorted(names)


def test_the_first_answers_come_early() -> None:
    made = schedule(b"a", b"b", b"c", b"d", workers=2)
    found = [task(made, slot) for slot in (0, 1, 0)]
    assert [each["budget"] for each in found] == [FIRST_BUDGET, FIRST_BUDGET, BUDGET]
    assert found[0]["want"] < found[2]["want"]


def test_listings_take_long_only_while_nothing_is_to_do_and_much_is_left() -> None:
    many = [b"%d" % i for i in range(1000)]
    made = schedule(*many, workers=1)
    task(made, 0)
    scanned(made, 0, folders=[])
    assert task(made, 0)["budget"] == LONG
    scanned(made, 0, files=1, folders=[])
    assert task(made, 0)["budget"] == BUDGET  # somebody waits for what is found
    few = schedule(*many[:100], workers=1)
    task(few, 0)
    scanned(few, 0, folders=[])
    assert task(few, 0)["budget"] == BUDGET


def test_shares_of_the_listing_shrink_to_a_few_folders_and_to_single_ones_only_where_slow() -> None:
    def sizes(slow: bool) -> list[int]:
        left, found = 10_000, []
        while left:
            found.append(share_of(left, 2, slow))
            left -= found[-1]
        return found

    assert sizes(False)[0] == sizes(True)[0] == MOST_SHARE
    assert len(sizes(False)) < len(sizes(True)) - 3
    assert sizes(True)[-6:] == [1] * 6
    assert all(share_of(8, 8, slow) == 1 for slow in (False, True))  # one each
    assert share_of(1, 2, False) == 1


def test_what_the_listing_counted_adds_up() -> None:
    made = schedule(b"a", b"b", workers=1)
    for more in ([b"c"], []):
        scanned(
            made, 0, files=3, bytes=30, unchanged=2, listed=1, extra_count=4, dst_entries=9,
            folders=more, extras=b"x", swaps=[b"s"], finish=b"f", links=[(5, 2, b"l")],
        )  # fmt: skip
    assert (made.files, made.bytes, made.unchanged, made.folders) == (6, 60, 4, 2)
    assert (made.extra_count, made.dst_entries, made.swaps) == (8, 18, [b"s", b"s"])
    assert list(made.extras) == [b"x", b"x"] and list(made.finish) == [b"f", b"f"]
    assert made.link_names == made.links[5].count == 4


def test_a_batch_teaches_what_files_cost_and_may_bring_more_work() -> None:
    made = schedule()
    scanned(made, 0, groups=[(100, 0, b"g")])
    before = made.plan.cost.per_file
    batch = task(made, 0)
    made.done(0, batch, {"seconds": 1.0, "again": [(1, 5, b"differs")], "found_bytes": 5})
    assert made.plan.cost.per_file > before
    assert task(made, 1)["groups"] == [b"differs"]
    assert made.bytes == 5


def test_a_defect_in_a_worker_is_taken_in_like_any_answer() -> None:
    """worker.main answers any task with {"defect": …, "at": …} when it has a bug."""
    made = schedule()
    made.done(0, task(made, 0), {"defect": "Traceback …", "at": 2, "seconds": 0.1})
    assert made.running == 0


# -- a worker that dies ---------------------------------------------------------------------------


def test_a_lost_batch_is_done_again_once() -> None:
    made = schedule()
    scanned(made, 0, groups=[(3, 30, b"g")])
    first = task(made, 1)
    assert made.lost(1, first)
    assert not made.exhausted
    second = task(made, 0)
    assert (second["op"], second["groups"], second["dead"]) == ("copy", [b"g"], 2)
    assert not made.lost(0, second)
    assert made.exhausted


def test_a_lost_listing_is_done_again_once() -> None:
    made = schedule(b"a")
    assert made.lost(0, task(made, 0))
    again = task(made, 5)
    assert (again["op"], again["folders"]) == ("scan", [b"a"])
    assert not made.lost(5, again)


def test_only_the_folder_that_was_open_is_listed_again() -> None:
    """Without `at` in schedule.py what was told, or handed on, is listed a second time."""
    made = schedule(*(b"%d" % n for n in range(12)), workers=1)
    first = task(made, 0)
    assert len(first["folders"]) > 2
    made.done(0, first, listed(open=1, at=[first["folders"][-1]], folders=first["folders"][:1]))
    assert made.lost(0, task(made, 0))
    assert task(made, 7)["folders"] == first["folders"][-1:]


def test_the_listing_is_not_over_while_a_lost_part_of_it_waits() -> None:
    made = schedule(b"a")
    made.lost(0, task(made, 0))
    assert not made.exhausted
    assert not made.plan_done


def test_a_listing_lost_in_its_second_turn_is_begun_anew() -> None:
    made = schedule(b"a")
    scanned(made, 0, open=1)
    assert made.lost(0, task(made, 0))
    assert task(made, 2)["folders"] == [b"a"]


def test_a_folder_that_kills_in_its_second_turn_is_not_tried_for_ever() -> None:
    made = schedule(b"deadly")
    for slot in range(3):
        scanned(made, slot, open=1)
        if not made.lost(slot, task(made, slot)):
            break
    assert slot == 1  # once more, and no more


def test_a_listing_held_open_by_a_worker_that_dies_over_a_batch_is_begun_anew() -> None:
    """Else the rest of that folder is silently never copied."""
    made = schedule(b"a", b"b", workers=2)
    held, other = task(made, 0), task(made, 1)
    made.done(0, held, listed(open=1, groups=[(3, 30, b"g")]))  # goes on with its folder later
    batch = task(made, 0)  # the other one lists still, so this one copies
    assert batch["op"] == "copy"
    assert made.lost(0, batch)
    made.done(1, other, listed())
    todo = []
    while (found := made.next(2)) is not None:
        todo.append(found)
        made.done(2, found, listed() if found["op"] == "scan" else {})
    folders = [name for each in todo if each["op"] == "scan" for name in each["folders"]]
    assert [each["op"] for each in todo].count("copy") == 1
    assert folders == held["folders"]


def test_the_same_on_its_second_chance_is_at_least_told() -> None:
    made = schedule(b"a", b"b", workers=2)
    lost, other = task(made, 0), task(made, 1)
    assert made.lost(0, lost)
    again = task(made, 2)
    made.done(2, again, listed(open=1, groups=[(3, 30, b"g")]))
    batch = task(made, 2)
    assert batch["op"] == "copy"
    told = not made.lost(2, batch)
    made.done(1, other, listed())
    following = []
    while (found := made.next(3)) is not None:
        following.append(found)
        made.done(3, found, listed() if found["op"] == "scan" else {})
    listed_anew = [name for each in following for name in each.get("folders", ())]
    assert told or listed_anew == lost["folders"]


# -- large files ----------------------------------------------------------------------------------


def with_large(*sizes: int, workers: int = 2, split: bool = True) -> Schedule:
    made = schedule(workers=workers, split=split)
    scanned(made, 0, large=[(size, b"big%d" % i) for i, size in enumerate(sizes)])
    return made


def begun(made: Schedule, answer: dict[str, Any]) -> None:
    found = task(made, 0)
    assert found["op"] == "large_begin"
    made.done(0, found, answer)


def test_a_large_file_from_its_beginning_to_its_end() -> None:
    made = with_large(2 * GIB)
    begun(made, BEGUN)
    covered = []
    while (piece := task(made, 1))["op"] == "large_range":
        assert (piece["file"], piece["temporary"], piece["identity"]) == (
            b"big0", ".blit-t", (1, 2, 3),
        )  # fmt: skip
        covered.append((piece["start"], piece["end"]))
        made.done(1, piece, {"method": 1})
    assert covered[0][0] == 0 and covered[-1][1] == 2 * GIB
    assert all(a[1] == b[0] for a, b in pairwise(covered))
    assert (piece["op"], piece["temporary"], piece["method"]) == ("large_end", ".blit-t", 1)
    assert not made.exhausted
    made.done(1, piece, {})
    assert made.exhausted


def test_a_large_file_begins_before_anything_else() -> None:
    made = schedule()
    scanned(made, 0, folders=[b"sub"], groups=[(1, 1, b"g")], large=[(GIB, b"big")])
    assert words(made, 0, 1) == ["large_begin", "scan"]


def test_several_workers_share_a_large_file_and_the_end_waits_for_all() -> None:
    made = with_large(2 * GIB)
    begun(made, {**BEGUN, "size": 128 << 20})
    first, second = task(made, 0), task(made, 1)
    assert [first["start"], second["start"]] == [0, 64 << 20]
    made.done(0, first, {"method": 1})
    assert made.next(0) is None
    made.done(1, second, {"method": 2})
    end = task(made, 0)
    assert (end["op"], end["method"]) == ("large_end", 2)
    assert made.next(1) is None  # asked for once


def test_a_piece_is_shared_while_another_is_written() -> None:
    """Without the count of running pieces in LargeFiles.piece this fails."""
    made = with_large(2 * GIB)
    begun(made, BEGUN)
    first, second = task(made, 0), task(made, 1)
    assert [first["shared"], second["shared"]] == [False, True]
    made.done(0, first, {"method": 1})
    made.done(1, second, {"method": 3})
    third = task(made, 0)
    assert not third["shared"]
    assert task(made, 1)["shared"]


def test_a_file_that_is_empty_by_now_ends_at_once() -> None:
    made = with_large(2 * GIB)
    begun(made, {**BEGUN, "size": 0})
    assert task(made, 0)["op"] == "large_end"


def test_on_a_rotating_disk_it_stays_in_one_piece() -> None:
    made = with_large(2 * GIB, split=False)
    begun(made, BEGUN)
    assert task(made, 0)["bytes"] == 2 * GIB
    assert made.next(1) is None


def test_a_cloned_one_needs_nothing_more() -> None:
    made = with_large(2 * GIB, 3 * GIB)
    begun(made, {"files": 1, "bytes": 2 * GIB, "cloned": 1})
    following = task(made, 0)
    assert (following["op"], following["file"]) == ("large_begin", b"big1")


def test_one_large_file_after_the_other() -> None:
    made = with_large(2 * GIB, 3 * GIB)
    assert words(made, 0, 1) == ["large_begin", None]


def test_a_piece_that_failed_abandons_the_file_when_all_hands_have_left_it() -> None:
    made = with_large(2 * GIB)
    begun(made, BEGUN)
    first, second = task(made, 0), task(made, 1)
    made.done(0, first, {"failures": [(b"big", "read", 5, "I/O error")]})
    assert made.next(0) is None
    made.done(1, second, {"method": 1})
    abandon = task(made, 0)
    assert (abandon["op"], abandon["temporary"]) == ("large_abandon", ".blit-t")
    made.done(0, abandon, {})
    assert made.exhausted


def test_a_worker_that_dies_over_a_piece_costs_the_file_and_not_the_run() -> None:
    made = with_large(2 * GIB, 3 * GIB)
    begun(made, BEGUN)
    assert not made.lost(1, task(made, 1))
    abandon = task(made, 0)
    assert abandon["op"] == "large_abandon"
    made.done(0, abandon, {})
    assert task(made, 0)["file"] == b"big1"


def test_a_worker_that_dies_over_the_beginning_or_the_end_leaves_no_file_active() -> None:
    made = with_large(2 * GIB, 3 * GIB)
    assert not made.lost(0, task(made, 0))
    begun(made, {**BEGUN, "size": 0})
    end = task(made, 0)
    assert end["op"] == "large_end"
    assert not made.lost(0, end)
    assert made.next(1) is None and made.exhausted


# -- any tree, any order --------------------------------------------------------------------------


class Workers:
    """Workers that list an invented tree: folder n has the folders `children[n]` and one group."""

    def __init__(self, children: list[list[int]], count: int) -> None:
        self.children = children
        self.made = Schedule([b"0"], 0, [], count)
        self.held: dict[int, list[bytes]] = {slot: [] for slot in range(count)}
        self.tasks: dict[int, Task] = {}
        self.copied: list[bytes] = []

    def feed(self) -> None:
        for slot in self.held:
            if slot not in self.tasks and (found := self.made.next(slot)) is not None:
                self.tasks[slot] = found

    def answer(self, slot: int, turn: int) -> None:
        found = self.tasks.pop(slot)
        if found["op"] == "copy":
            self.copied.extend(found["groups"])
            self.made.done(slot, found, {"files": found["files"], "seconds": 0.1})
            return
        stack = self.held[slot]
        stack.extend(found["folders"])
        now, stack[:] = stack[:turn], stack[turn:]
        folders = [b"%d" % child for name in now for child in self.children[int(name)]]
        groups = [(1, 1, name) for name in now]
        self.made.done(slot, found, listed(open=len(stack), folders=folders, groups=groups))

    def die(self, slot: int) -> None:
        del self.held[slot]
        self.held[max(self.held, default=slot) + 1 + slot] = []
        assert self.made.lost(slot, self.tasks.pop(slot))


def tree(parents: list[int]) -> list[list[int]]:
    """Folder i + 1 lies in one of the folders before it."""
    children: list[list[int]] = [[] for _ in range(len(parents) + 1)]
    for i, parent in enumerate(parents):
        children[parent % (i + 1)].append(i + 1)
    return children


parents = st.lists(st.integers(0, 50), max_size=40)


def run(workers: Workers, data: st.DataObject, death: int = -1) -> None:
    """Until all is done; the worker that would give answer number `death` dies instead."""
    for step in range(2000):
        workers.feed()
        if not workers.tasks:
            break
        slot = data.draw(st.sampled_from(sorted(workers.tasks)))
        if step == death:
            workers.die(slot)
        else:
            workers.answer(slot, data.draw(st.integers(1, 3)))
    assert workers.made.exhausted


@given(parents, st.integers(1, 4), st.data())
def test_every_folder_is_listed_and_copied_exactly_once(
    parents: list[int], count: int, data: st.DataObject
) -> None:
    workers = Workers(tree(parents), count)
    run(workers, data)
    assert sorted(map(int, workers.copied)) == list(range(len(parents) + 1))


@given(parents, st.integers(1, 4), st.integers(0, 40), st.data())
def test_one_death_at_any_moment_loses_nothing(
    parents: list[int], count: int, death: int, data: st.DataObject
) -> None:
    workers = Workers(tree(parents), count)
    run(workers, data, death)
    assert {int(name) for name in workers.copied} == set(range(len(parents) + 1))


def test_ten_million_files_pass_through_a_bounded_plan() -> None:
    """1,000 × 100 folders of 100 files, listed far faster than copied: the scan waits."""
    made = schedule(b"root", workers=3)
    names = b"x" * 5_000  # what a hundred names take
    copied = most_files = most_bytes = most_open = 0
    running: list[tuple[int, dict[str, Any]]] = []
    while not made.exhausted:
        for slot in range(3):
            if any(slot == busy for busy, _ in running):
                continue
            given = made.next(slot)
            if given is None:
                continue
            if given["op"] == "copy":
                running.append((slot, given))
                continue
            folders: list[bytes] = []
            groups = []
            for name in given["folders"]:
                if name == b"root":
                    folders += [b"a%d" % n for n in range(1_000)]
                elif name.startswith(b"a"):
                    folders += [b"b"] * 100
                else:
                    groups.append((100, 500_000, names))
            made.done(slot, given, listed(folders=folders, groups=groups, finish=b"f" * 50))
        if running:  # one batch ends for every round of listing
            slot, batch = running.pop(0)
            copied += batch["files"]
            made.done(slot, batch, {"files": batch["files"], "seconds": 0.1})
        most_files = max(most_files, made.plan.waiting_files)
        most_bytes = max(most_bytes, made.plan.held)
        most_open = max(most_open, len(made.open))
    assert copied == 10_000_000
    assert most_files <= CAP_FILES + 100 * MOST_SHARE
    assert most_bytes <= CAP_BYTES + len(names) * MOST_SHARE
    assert most_open < 10_000


def test_folders_found_by_the_million_wait_in_a_file_and_come_back_once() -> None:
    """Without the file in stack.py their tokens stay in memory: 200 bytes each."""
    made = schedule(b"root", workers=1)
    tokens = [b"/folder/%d" % n + b" " * 100 for n in range(200_000)]
    scanned(made, 0, folders=tokens[:150_000], open=1)
    scanned(made, 0, folders=tokens[150_000:])
    assert len(made.open) == 200_000
    assert len(made.open._top) <= stack.MOST
    found: list[bytes] = []
    while (given := made.next(0)) is not None:
        found += given["folders"]
        assert len(made.open._top) <= stack.MOST
        made.done(0, given, listed())
    assert sorted(found) == sorted(tokens)
    assert made.exhausted
    below = made.open._below
    assert below is not None and below._file is not None
    below._file.close()


def test_nobody_lists_while_very_many_large_files_wait() -> None:
    """Without the limit in schedule.py the second listing is handed out."""
    made = schedule(b"a", b"b", workers=1)
    scanned(made, 0, large=[(GIB * 2, b"large")] * (MOST_LARGE + 1))
    assert words(made, 0, 0, 0) == ["large_begin", None, None]


# -- a plan that is held --------------------------------------------------------------------------


def test_a_held_plan_is_only_listed_and_opens_before_anything_is_copied() -> None:
    made = Schedule([b"root"], wire.HELD, [], 2, True, held=True)
    scanned(made, 0, groups=[(3, 30, b"g")], large=[(GIB * 2, b"l")], later=[b"locked"], files=4)
    assert made.plan_done
    assert not made.exhausted
    assert words(made, 0, 1) == [None, None]
    made.release({"op": "roots"}, 0)
    assert len(made.open) == 1  # what only a confirmed plan may open
    assert words(made, 0, 1, 1) == ["roots", "scan", None]
    made.done(0, {"op": "roots"}, {})
    assert words(made, 0) == ["large_begin"]
    again = task(made, 0)
    assert again["op"] == "copy"
    assert again["options"] == 0


def test_what_hangs_is_left_out_as_often_as_it_must_be() -> None:
    made = schedule()
    scanned(made, 0, groups=[(3, 30, b"g")])
    batch = task(made, 0)
    assert made.lost(0, batch, b"/s/a")
    once = task(made, 1)
    assert (once["groups"], once["skip"], once["dead"]) == ([b"g"], [b"/s/a"], 1)
    assert made.lost(1, once, b"/s/b")
    twice = task(made, 0)
    assert (twice["skip"], twice["dead"]) == ([b"/s/a", b"/s/b"], 2)
    assert not made.lost(0, twice)  # dead again, and nobody wished it so


def test_a_folder_that_hangs_is_left_out_of_every_later_listing() -> None:
    """Parts of it may wait for others. Without `skips` in schedule.py each hangs once more."""
    made = schedule(b"a", b"b")
    first = task(made, 0)
    assert made.lost(0, first, b"/s/a")
    made.open.extend([b"part of a"])
    given = [task(made, slot) for slot in (1, 2)]
    assert [each["skip"] for each in given] == [[b"/s/a"]] * 2


def test_a_folder_that_hangs_is_left_out_of_the_listing() -> None:
    made = schedule(b"a", b"b")
    listing = task(made, 0)
    assert made.lost(0, listing, b"/s/a")
    again = task(made, 1)
    assert (again["op"], again["skip"]) == ("scan", [b"/s/a"])
