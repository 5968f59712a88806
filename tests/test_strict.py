"""What is accepted of a file, and what is not: each kind of value, and the wrong ones beside it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import pytest

from blit.strict import checked


class Inner(NamedTuple):
    text: str
    many: tuple[int, ...] = ()


class Outer(NamedTuple):
    inner: Inner
    word: Literal["a", "b"] = "a"
    maybe: float | None = None
    pairs: list[tuple[str, bool]] = []  # noqa: RUF012


def test_a_table_becomes_a_named_tuple_and_what_it_has_beside_is_passed_over() -> None:
    value = {"inner": {"text": "x", "many": [1, 2.0], "new": 1}, "pairs": [["y", True]], "maybe": 3}
    assert checked(Outer, value) == Outer(Inner("x", (1, 2)), "a", 3.0, [("y", True)])
    assert checked(Outer, {"inner": {"text": ""}, "maybe": None}) == Outer(Inner(""))


@pytest.mark.parametrize(
    ("kind", "value"),
    [(str, 1), (str, None), (str, "\ud800"), (int, "1"), (int, True), (int, 1.5), (int, float("inf")),
     (bool, 1), (float, "1"), (float, True), (float, float("nan")), (float, float("inf")), (float, 10**400),
     (Literal["a", 1], "b"), (Literal["a", 1], True), (Literal["a"], ["a"]), (float | None, "x"),
     (list[int], "12"), (list[int], {"1": 1}), (list[int], ["x"]), (tuple[str, bool], ["x"]),
     (tuple[str, bool], ["x", True, 1]), (Inner, []), (Inner, {}), (Inner, {"text": None}),
     (Outer, {"inner": []}), (Outer, {"inner": {"text": 1}}), (Outer, None)],
)  # fmt: skip
def test_what_does_not_fit_is_a_value_error(kind: Any, value: Any) -> None:
    """Any other kind of error would end the program; without one of the checks one of these passes."""
    with pytest.raises(ValueError):  # noqa: PT011
        checked(kind, value)
