"""The delete guard: whether a mirror may delete what it found to delete, and why not; pure."""

from __future__ import annotations

from typing import NamedTuple

GUARD_FROM = 100  # entries; fewer are never "too many" by default
USUAL_TIMES = 5  # what earlier mirrors deleted, and no more
SANE_FROM = 20  # entries that a source must have held before half of them can be missed


class Verdict(NamedTuple):
    allowed: bool
    asks: bool  # a person must say yes first
    reason: str
    many: bool = False  # more than the guard lets pass without a look at the number


def guard(
    extras: int,
    entries: int,
    complete: bool,
    max_delete: int | None,
    yes: bool,
    can_ask: bool,
    dry: bool,
    review: bool = False,
    usual: int | None = None,
    trash: bool = False,
    source: tuple[int, int] = (0, 0),
    bare: bool = False,
) -> Verdict:
    """`review`: a person sees the list and must type the count, which is as good as --max-delete.

    `extras` of the destination's `entries` would go; `complete`: all was listed and copied.
    `usual`: the most that earlier mirrors between the same roots deleted, None where that is not
    known. `trash`: what is deleted goes there. `source`: the entries that the source holds, and
    those that it held in the middle of earlier runs, 0 where that is not known. `bare`: filters
    leave nothing of it, and nobody said that this is meant."""
    if not extras:
        return Verdict(True, False, "nothing to delete")
    what = "1 entry" if extras == 1 else f"{extras:,} entries"
    if not complete:
        return Verdict(
            False,
            False,
            f"nothing was deleted ({what} would have gone): some listings or copies failed",
        )
    if bare:
        return Verdict(
            False, False,
            f"nothing was deleted: the filters leave no file of the source, and {what} would go; "
            "if that is meant, say --allow-empty-source",
        )  # fmt: skip
    if max_delete is not None:
        if extras > max_delete:
            return Verdict(
                False,
                False,
                f"nothing was deleted: {what} would go, --max-delete allows {max_delete:,}",
            )
    elif much := _too_many(extras, entries, usual) or _too_little(*source):
        if review and can_ask and not dry:
            return Verdict(True, True, f"{what} of {entries:,} to delete: {much}", True)
        return Verdict(
            False, False,
            f"nothing was deleted: {what} of {entries:,} in the destination would go, "
            f"{much}; if that is meant, say --max-delete {extras}",
        )  # fmt: skip
    where = " to the trash" if trash else ""
    if yes or dry:
        return Verdict(True, False, f"{what} to delete{where and ',' + where}")
    if can_ask:
        return Verdict(True, True, f"{what} to delete{where and ',' + where}")
    return Verdict(
        False,
        False,
        f"nothing was deleted: {what} would go{where}; "
        "say --yes to allow it where nobody can be asked",
    )


def _too_many(extras: int, entries: int, usual: int | None) -> str:
    """Why so many look like a mistake, in words; empty when they do not."""
    if extras <= GUARD_FROM:
        return ""
    if extras * 2 > entries:
        return "more than half"
    if usual and extras > USUAL_TIMES * usual:
        return f"{extras / usual:,.0f} times as many as any of the last mirrors here deleted"
    return ""


def _too_little(holds: int, held: int) -> str:
    """Why the source looks as if it were not all there, in words; empty when it does not."""
    if held < SANE_FROM or holds * 2 >= held:
        return ""
    return f"and the source holds {holds:,} entries where it held {held:,} in earlier runs"
