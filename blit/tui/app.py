"""BlitApp: polls what the manager has and shows it; every key of the program is bound here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from blit.tui import themes
from blit.tui.messages import Choice, Manager
from blit.tui.screens.transfers import Transfers

if TYPE_CHECKING:
    from blit.tui.screens.base import Entries

HERE = Path(__file__).parent
_FILES = [HERE / f"{name}.tcss" for name in ("blit", "problems", "review", "new", "history")]
STYLES = [file for file in _FILES if file.exists()]
TICK = 0.25  # seconds between two looks at the manager; every fourth one draws the chart


class BlitApp(App[str]):
    """Left with a `Choice`."""

    TITLE = "blit"
    CSS_PATH = STYLES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("h", "history", "History"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("q,ctrl+q", "quit", "Quit", key_display="q"),
        Binding("ctrl+c", "quit", "Quit", show=False, system=True),
    ]

    def __init__(self, manager: Manager, *, focus: int | None = None, mouse: bool = True) -> None:
        super().__init__()
        self.manager = manager
        self.animation_level = "none"
        self._first = focus
        self._mouse = mouse
        self._shown: Entries | None = None
        self._ticks = 0

    def on_mount(self) -> None:
        self.register_theme(themes.DARK)
        self.register_theme(themes.LIGHT)
        self.theme = themes.DARK.name
        self.push_screen(Transfers(self._first))
        self.set_interval(TICK, self.tick)

    def tick(self) -> None:
        from blit.tui.screens.base import Shown

        self._ticks += 1
        chart = self._ticks % 4 == 0
        entries = self.manager.entries()
        if entries is self._shown and not chart:
            return
        self._shown = entries
        with self.batch_update():
            for screen in self.screen_stack:
                if isinstance(screen, Shown) and screen.is_mounted:
                    screen.show(entries, chart)

    # -- actions ---------------------------------------------------------------------------------

    def action_new(self, start: str = "") -> None:
        from blit.tui.screens.new import NewTransfer

        self.push_screen(NewTransfer(start))

    def action_history(self) -> None:
        from blit.tui.screens.history import History

        self.push_screen(History())

    def action_problems(self, id: int) -> None:
        from blit.tui.screens.problems import Problems

        self.push_screen(Problems(id))

    def action_review(self, id: int) -> None:
        from blit.tui.screens.review import Review

        self.push_screen(Review(id))

    async def action_quit(self) -> None:
        self.exit(Choice.DONE)
