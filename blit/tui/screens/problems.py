"""Problems: every failure of a transfer, what it means, what to do, and trying again."""

from __future__ import annotations

import asyncio
import os
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content

from blit import advice, show
from blit.events import Failed
from blit.queue import ENDED, Entry
from blit.tui.screens.base import Entries, Shown, styles
from blit.tui.widgets.facts import MUTED, Fact, Facts
from blit.tui.widgets.heading import Heading
from blit.tui.widgets.keys import Keys
from blit.tui.widgets.rows import Rows, fit

_GOING, _WAITS, _DONE, _AGAIN = "▶", "◦", "✓", "✗"  # a failure's second try
_STYLES = {_GOING: "$primary", _WAITS: "$warning", _DONE: "$success", _AGAIN: "$error"}


class ProblemRows(Rows):
    """The failures, those with one cause together, the newest of each last."""

    def __init__(self) -> None:
        super().__init__()
        self.known: tuple[Failed, ...] | None = None
        self.sorted: list[Failed] = []
        self.counts: dict[str, int] = {}
        self.heads: dict[str, int] = {}  # cause → its first row
        self.longest = 0, 0  # cells of a path and of a cause
        self.roots: tuple[bytes, ...] = ()
        self.tries: dict[bytes, str] = {}  # path → how its second try is going

    def follow(self, problems: tuple[Failed, ...], roots: tuple[bytes, ...]) -> None:
        self.roots = roots
        if problems is self.known:
            return
        self.known = problems
        chosen = self.chosen
        groups: dict[str, list[Failed]] = {}
        for failed in problems:
            groups.setdefault(advice.cause(failed), []).append(failed)
        self.sorted, self.heads = [], {}
        for cause, group in groups.items():
            self.heads[cause] = len(self.sorted)
            self.sorted += group
        self.counts = {cause: len(group) for cause, group in groups.items()}
        paths = (cell_len(show.path(below(failed.path, roots))) for failed in problems)
        causes = (cell_len(self.words(cause)) for cause in groups)
        self.longest = max(paths, default=0), max(causes, default=0)
        # what was selected stays so, wherever it went
        self.changed(self.sorted.index(chosen) if chosen in self.sorted else None)

    @property
    def chosen(self) -> Failed | None:
        return self.sorted[self.cursor] if self.sorted else None

    def count(self) -> int:
        return len(self.sorted)

    def words(self, cause: str) -> str:
        count = self.counts[cause]
        return show.text(cause) + (f" · {count:,}" if count > 1 else "")

    def columns(self, width: int) -> tuple[int, int, int]:
        """Cells of path, step and cause. Where it is narrow the step stands below only."""
        step = 12 if width >= 70 else 0
        room = width - step - 3
        path = min(self.longest[0], room * 3 // 5)
        cause = max(16, min(self.longest[1], room - path))
        return room - cause, step, cause

    def line(self, index: int, width: int) -> Content:
        failed = self.sorted[index]
        path, step, words = self.columns(width)
        cause = advice.cause(failed)
        sign = self.tries.get(failed.path, " ")
        first = self.heads[cause] == index
        text = self.words(cause) if first else show.text(cause)
        name = show.path(below(failed.path, self.roots))
        return Content.assemble(
            (f"{sign} ", _STYLES.get(sign, "")), fit(name, path),
            " ", fit(show.text(failed.step), step), (fit(text, words), "" if first else MUTED),
        )  # fmt: skip

    def header(self, width: int) -> Content:
        path, step, words = self.columns(width)
        names = f"  {'File':{path}} {'Step':{step}.{step}}{'What went wrong':{words}}"
        return Content.styled(names, f"bold {MUTED}")


class Header(Facts):
    """The names of the columns, as wide as the rows below."""

    def render(self) -> Content:
        rows = self.screen.query_one(ProblemRows)
        return rows.header(rows.scrollable_content_region.width)

    def get_content_height(self, *_: object) -> int:
        return 1


class Problems(Shown):
    CSS_PATH = styles("problems")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry selected"),
        Binding("a", "retry_all", "Retry all"),
        Binding("c", "copy", "Copy path"),
        Binding("s", "save", "Save list"),
        Binding("escape,p", "dismiss", "Back", key_display="esc"),
    ]

    def __init__(self, entry_id: int) -> None:
        super().__init__()
        self.id_ = entry_id

    def compose(self) -> ComposeResult:
        yield Heading("Problems")
        with Vertical(id="problems"):
            yield Header(id="columns")
            yield ProblemRows()
        yield Facts(id="said")
        yield Facts(id="selected")
        yield Keys()

    def on_mount(self) -> None:
        self.query_one("#selected").border_title = "Selected"
        self.show(self.manager.entries(), True)
        self.query_one(ProblemRows).focus()

    # -- what is shown -----------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        if self.is_mounted:  # else this is the first time, and it will be shown anyway
            self.show(self.manager.entries(), True)

    def show(self, entries: Entries, chart: bool) -> None:
        entry = next((e for e in entries if e.id == self.id_), None)
        if entry is None:  # taken off the list meanwhile: what was known stays readable
            return
        state, rows = entry.state, self.query_one(ProblemRows)
        retries = [e for e in entries if e.retry_of == self.id_]
        tries = _tries(retries)
        if tries != rows.tries:
            rows.tries = tries
            rows.refresh()
        before = rows.count()
        rows.follow(state.problems, roots(entry))
        if (before == 0) != (rows.count() == 0):
            self.refresh_bindings()
        box = self.query_one("#problems")
        box.border_title = f"Problems  {state.failures:,}"
        box.border_subtitle = _subtitle(state.failures, rows.count(), len(rows.counts))
        count = show.count(state.failures, "problem") if state.failures else "no problems"
        self.query_one(Heading).fact = f"{count} · {_going(entry)}"
        said = self.query_one("#said", Facts)
        said.facts = tuple(_said(entry, retries))
        said.display = bool(said.facts)
        self.explain()

    def explain(self) -> None:
        facts, failed = self.query_one("#selected", Facts), self.query_one(ProblemRows).chosen
        if failed is None:
            facts.facts = (Fact("", "Nothing went wrong so far. Failures appear here at once."),)
            return
        told = advice.advise(failed)
        number = ""
        if failed.errno:
            name = advice.name(failed.errno)
            number = f", errno {failed.errno}" + (f" ({name})" if name else "")
        width = facts.content_size.width - 7
        path, message = show.path(failed.path), show.text(failed.message)
        facts.facts = (
            Fact("File", fit(path, width).rstrip() if width > 20 else path),
            Fact("Step", f"{show.text(failed.step)}{number}: {fit(message, 150).rstrip()}"),
            Fact("Means", show.text(told.means)),
            Fact("Do", show.text(told.do), "bold"),
            Fact("State", show.text(told.state)),
        )

    def on_rows_moved(self) -> None:
        self.explain()

    def on_resize(self) -> None:
        self.query_one(Header).refresh()
        self.call_after_refresh(self.explain)

    # -- keys --------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("retry", "retry_all", "copy", "save") and self.is_mounted:
            return True if self.query_one(ProblemRows).count() else None
        return True

    def say(self, text: str, severity: str = "information") -> None:
        self.notify(show.text(text), markup=False, severity=severity)  # type: ignore[arg-type]

    def action_retry(self) -> None:
        rows = self.query_one(ProblemRows)
        failed = rows.chosen
        if failed is None:
            return
        if rows.tries.get(failed.path) in (_GOING, _WAITS):
            self.say("This one is being tried again already.")
            return
        id = self.manager.retry(self.id_, (failed.path,))
        self.say(f"{show.path(os.path.basename(failed.path))} is tried again: transfer {id}")
        self.show(self.manager.entries(), False)

    def action_retry_all(self) -> None:
        entry = self.entry(self.id_)
        if entry is None:
            return
        id = self.manager.retry(self.id_)
        what = show.count(entry.state.failures, "failure")
        self.say(f"{what} tried again: transfer {id}")
        self.show(self.manager.entries(), False)

    def action_copy(self) -> None:
        failed = self.query_one(ProblemRows).chosen
        if failed is not None:
            path = show.path(failed.path)
            self.app.copy_to_clipboard(path)
            self.say(f"Copied: {path}")

    def action_save(self) -> None:
        self.run_worker(self._save(), exclusive=True)

    async def _save(self) -> None:
        try:
            path = await asyncio.wrap_future(self.manager.save_problems(self.id_))
        except Exception as error:  # a full disk, say: told, and the screen stays
            self.say(f"The list could not be saved: {error}", "error")
        else:
            self.say(f"Saved: {path}")


def _going(entry: Entry) -> str:
    if entry.stage == ENDED:
        return "the transfer has ended"
    held = {"paused": "the transfer is paused", "asking": "the transfer waits for an answer"}
    return held.get(entry.status, "the transfer goes on")


def roots(entry: Entry) -> tuple[bytes, ...]:
    """Both ends of the transfer, the longest first: names are shown below them."""
    ends = {end.rstrip(b"/") for pair in entry.state.landings for end in pair}
    return tuple(sorted(ends, key=len, reverse=True))


def below(path: bytes, roots: tuple[bytes, ...]) -> bytes:
    for root in roots:
        if root and path.startswith(root + b"/"):
            return path[len(root) + 1 :]
    return path


def _tries(retries: list[Entry]) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for entry in retries:
        sign = _GOING if entry.active else _DONE if entry.stage == ENDED else _WAITS
        again = {failed.path for failed in entry.state.problems}
        for path in entry.job.only:
            found[path] = _AGAIN if sign == _DONE and path in again else sign
    return found


def _subtitle(failures: int, rows: int, causes: int) -> str:
    if failures > rows > 0:
        return f"newest {rows:,} of {failures:,} · s saves all"
    return "grouped by cause · newest last" if causes > 1 else "newest last" if rows > 1 else ""


def _said(entry: Entry, retries: list[Entry]) -> list[Fact]:
    """What is true of all of them."""
    found = []
    for retry in retries[-3:]:
        what = show.count(len(retry.job.only), "file") if retry.job.only else "all"
        if retry.stage == ENDED:
            failed = retry.state.failures
            how = f"{_AGAIN} done, {failed:,} failed again" if failed else f"{_DONE} done"
        else:
            how = f"{_GOING} under way" if retry.active else f"{_WAITS} waiting"
        found.append(Fact("Tried again", f"{what} by transfer {retry.id}: {how}"))
    if entry.job.mirror and entry.state.failures and not entry.state.deleted:
        found.append(Fact("Mirror", "deletes nothing as long as something has failed."))
    return found
