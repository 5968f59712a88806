"""Speed: the throughput of the whole run as an area chart."""

from __future__ import annotations

from rich.style import Style
from textual.color import Color

from blit import chart, show
from blit.curve import SILENT
from blit.queue import ENDED, Entry
from blit.tui.widgets.panel import Line, Panel

_MARKS = chart.SILENCE + chart.PAUSE + chart.MORE


class Speed(Panel):
    def show(self, entry: Entry | None) -> None:
        if entry is not None:
            state = entry.state
            parts = [f"average {show.rate(state.mean)}"] if state.mean else []
            parts += [f"peak {show.rate(state.peak)}"] if state.peak else []
            if SILENT in state.curve.marks:
                parts.append(f"{chart.SILENCE} no progress")
            self.heads(
                "Speed over the whole run" if entry.stage == ENDED else "Speed", " · ".join(parts)
            )
        super().show(entry)

    def lines(self, entry: Entry, width: int, height: int) -> list[Line]:
        state = entry.state
        points = state.curve.resampled(chart.columns(width))
        if not any(value for value, _ in points):
            empty: list[Line] = [()] * ((height - 1) // 2)
            nothing = "the curve begins with the first bytes"
            if entry.stage == ENDED:
                # the queue keeps no curve of what ended in an earlier session
                nothing = "no curve was kept" if state.mean else "no bytes were copied"
            return [*empty, ((nothing.center(width), "muted"),)]
        picture = chart.draw(
            points, width, height, state.curve.at, state.mean, entry.stage == ENDED
        )
        return [*shaded(picture), ((picture.axis, "muted"),)]

    def style(self, role: str, back: Color) -> Style:
        """16 colours show other hues for the shades: there the area has one colour."""
        if not role.startswith("area"):
            return super().style(role, back)
        full = Color.parse(self.app.theme_variables["primary"])
        if full.ansi is not None or self.app.console.color_system in (None, "standard"):
            return Style(color=full.rich_color)
        return Style(color=back.blend(full, 0.55 + 0.0045 * int(role[4:])).rich_color)


def shaded(picture: chart.Chart) -> list[Line]:
    """The rows above the axis: the lower, the darker; each shade is a role of its own."""
    rows: list[Line] = []
    for n, (label, area) in enumerate(zip(picture.labels, picture.area, strict=True)):
        shade = round(100 * (1 - n / max(1, len(picture.area) - 1)))
        rows.append(((label, "muted"), *_parts(area, f"area{shade}")))
    return rows


def _parts(area: str, role: str) -> Line:
    """Runs of the area and of the marks in it."""
    found: list[tuple[str, str]] = []
    for cell in area:
        kind = "warn" if cell in _MARKS else role
        if found and found[-1][1] == kind:
            found[-1] = (found[-1][0] + cell, kind)
        else:
            found.append((cell, kind))
    return tuple(found)
