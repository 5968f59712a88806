"""Past runs: the table, the curve of one of them, the trend between two kinds of disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.content import Content

from blit import chart, show
from blit.curve import SILENT
from blit.history import views
from blit.history.records import RunRecord
from blit.queue import ENDED, Entry
from blit.state import TransferState
from blit.tui.widgets.facts import MUTED, Fact, Facts
from blit.tui.widgets.panel import Line
from blit.tui.widgets.rows import Rows, fit
from blit.tui.widgets.speed import Speed, shaded

_STYLES = {"✓": "$success", "✗": "$error", "▲": "$warning", "■": "$warning"}


class Order(NamedTuple):
    words: str
    key: Callable[[RunRecord], Any]


ORDERS = (
    Order("newest first", lambda record: -record.at),
    Order("largest first", lambda record: (-record.bytes.copied, -record.at)),
    Order("fastest first", lambda record: (-(record.speed or 0.0), -record.at)),
    Order("longest first", lambda record: (-record.seconds.total, -record.at)),
    Order("troubles first", lambda record: (record.outcome == "ok", -record.at)),
)


class PastRows(Rows):
    """Those runs that match the filter, in the chosen order."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Open")]

    def __init__(self) -> None:
        super().__init__()
        self.all: tuple[RunRecord, ...] = ()
        self.shown: list[RunRecord] = []
        self.order = ORDERS[0]
        self.words: tuple[str, ...] = ()
        self._texts: dict[str, str] = {}  # id → what the filter looks at

    def put(self, records: tuple[RunRecord, ...]) -> None:
        self.all = records
        self.refill()

    def refill(self) -> None:
        chosen = self.chosen.id if self.chosen is not None else ""
        found = [record for record in self.all if self._matches(record)]
        self.shown = sorted(found, key=self.order.key)
        # what was selected stays so, wherever it went
        self.changed(next((n for n, r in enumerate(self.shown) if r.id == chosen), 0))

    def _matches(self, record: RunRecord) -> bool:
        if not self.words:
            return True
        text = self._texts.get(record.id)
        if text is None:
            parts = (views.when(record), record.command, views.roots(record), record.pair,
                     record.outcome, views.outcome(record), record.route)  # fmt: skip
            text = self._texts[record.id] = " ".join(parts).casefold()
        return all(word in text for word in self.words)

    @property
    def chosen(self) -> RunRecord | None:
        return self.shown[self.cursor] if self.cursor < len(self.shown) else None

    def count(self) -> int:
        return len(self.shown)

    def cells(self, width: int, values: Sequence[str]) -> tuple[str, str, str]:
        """The columns of a line; the verb and the time give way where it is narrow."""
        when, verb, what, size, speed, took, result = values
        left = f" {when:<16}  " if width >= 66 else f" {when[5:] or when:<11}  "
        left += f"{verb:<6}  " if width >= 96 else ""
        right = f"  {size:>8}  {speed:>9}" + (f"  {took:>12}" if width >= 96 else "") + "  "
        room = max(8, width - len(left) - len(right) - 10)
        return left + fit(what, room), right, fit(result, 10)

    def line(self, index: int, width: int) -> Content:
        record = self.shown[index]
        sign = views.result(record)
        values = (
            views.when(record), record.command, views.where(record), views.moved(record),
            views.speed(record), show.seconds(record.seconds.total), sign,
        )  # fmt: skip
        left, right, result = self.cells(width, values)
        return Content.assemble(left, right, (result, _STYLES.get(sign[:1], "")))

    def header(self, width: int) -> Content:
        names = ("When", "", "What", "Size", "Speed", "Took", "Result")
        return Content.styled("".join(self.cells(width, names)), f"bold {MUTED}")


class Header(Facts):
    """The names of the columns, as wide as the rows below."""

    def render(self) -> Content:
        rows = self.screen.query_one(PastRows)
        return rows.header(rows.scrollable_content_region.width)

    def get_content_height(self, *_: object) -> int:
        return 1


class RunCurve(Speed):
    """The throughput of one run from its beginning to its end."""

    def choose(self, record: RunRecord | None) -> None:
        if record is None:
            self.heads("", "")
            self.entry = None
            self.put([])
            return
        curve = record.curve.curve()
        state = TransferState(curve=curve, mean=record.speed or 0.0, peak=record.peak)
        job = record.job() if not record.unrepeatable else None
        if record.speed is None or not curve.values:
            state = TransferState()
        parts = [f"peak {show.rate(record.peak)}"] if record.peak else []
        if SILENT in curve.marks:
            parts.append(f"{chart.SILENCE} no progress")
        self.heads(f"{views.where(record)}   {views.when(record)}", " · ".join(parts))
        self.entry = Entry(0, job, state, ENDED)  # type: ignore[arg-type]
        self.draw()

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        if not entry.state.curve.values:
            return [*[()] * (height // 2), (("no bytes had to move".center(width), "muted"),)]
        return super().lines(entry, width, height)


class Trend(Speed):
    """The mean speed of the runs between two kinds of disk, one step a run, the newest right."""

    def __init__(self, id: str) -> None:
        super().__init__("", id=id)
        self.runs: tuple[RunRecord, ...] | None = None

    def choose(self, runs: tuple[RunRecord, ...], pair: str) -> None:
        """`runs`: those with a speed, oldest first."""
        if runs is self.runs:  # those of the row before: drawn already
            return
        self.runs = runs
        count = show.count(len(runs), "run") if len(runs) != 1 else "one run"
        self.heads(f"Average speed, {show.text(pair)}, {count}")
        self.draw()

    def draw(self) -> None:
        width, height = self.content_size
        if width and height and self.display:
            self.put(self.picture(width, height))

    def picture(self, width: int, height: int) -> list[Line]:
        room = chart.columns(width)
        runs = self.runs[-room:] if room and self.runs else ()
        if not runs:
            return [*[()] * (height // 2), (("no bytes moved yet".center(width), "muted"),)]
        points = [(runs[column * len(runs) // room].speed or 0.0, 0) for column in range(room)]
        mean = sum(run.speed or 0.0 for run in runs) / len(runs)
        drawn = chart.draw(points, width, height, 0, mean, ended=True)
        first, last = _day(runs[0]), _day(runs[-1])
        if first == last:
            first = ""
        axis = " " * chart.GUTTER + first + last.rjust(room - len(first))
        return [*shaded(drawn), ((axis, "muted"),)]


def _day(record: RunRecord) -> str:
    return time.strftime("%b %d", time.localtime(record.at)).replace(" 0", "  ")


def usual(between: views.Between) -> tuple[Fact, ...]:
    """What runs between two kinds of disk are like; what a forecast will be held against."""
    facts = [Fact("Runs", f"{between.runs:,}, {show.size(between.copied)} in all")]
    if between.speed is not None:
        facts.append(Fact("Speed", f"{show.rate(between.speed)}, the median"))
    if between.file_rate is not None:
        digits = 0 if between.file_rate >= 10 else 2
        facts.append(Fact("Files", f"{between.file_rate:,.{digits}f} a second"))
    if between.first_byte is not None:
        facts.append(Fact("Start", f"first byte after {show.seconds(between.first_byte)}"))
    if between.off is not None:
        facts.append(Fact("Forecast", f"off by {100 * between.off:.0f} % on average"))
    if between.troubles:
        facts.append(Fact("Troubles", show.count(between.troubles, "run")))
    return tuple(facts)
