"""BlitApp: polls what the manager has and shows it; the keys of every screen are bound here."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen

from blit import settings, show, terminal
from blit.settings import Settings
from blit.tui import commands, themes
from blit.tui.messages import Choice, Manager
from blit.tui.screens.ask import Ask
from blit.tui.screens.base import Entries, Shown, styles
from blit.tui.screens.small import Small, too_small
from blit.tui.screens.transfers import Transfers
from blit.tui.status import Status

if TYPE_CHECKING:
    from textual.driver import Driver

TICK = 0.25  # seconds between two looks at the manager; every fourth one draws the chart


class BlitApp(App[str]):
    """Left with a `Choice`."""

    TITLE = "blit"
    CSS_PATH = styles("blit")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("h", "history", "History"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+q,ctrl+c", "quit", "Quit", show=False, system=True),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False),
    ]

    def __init__(
        self, manager: Manager, *, focus: int | None = None, mouse: bool = True,
        history: bool = False, choices: Settings | None = None,
    ) -> None:  # fmt: skip
        """`choices`: the lasting ones; a theme chosen here joins them. None keeps nothing."""
        terminal.measure_itself()
        super().__init__()
        self.choices = choices
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-tiny"), (20, "-short"), (30, "-tall"), (46, "-huge")]
        self.manager = manager
        self.mouse = mouse  # for whoever calls run()
        self.animation_level = "none"
        self._first = focus
        self._history = history  # begin there
        self._shown: Entries | None = None
        self._ticks = 0
        self._gone = self._measured = False  # the terminal
        self.status = Status(self)
        for theme in (themes.DARK, themes.LIGHT):
            self.register_theme(theme)
        wished = choices.theme if choices is not None else ""
        self.theme = wished if wished in self.available_themes else themes.DARK.name
        # the style sheet is read with these colours
        self._read_for: dict[str, str] | None = self.get_css_variables()
        self.stylesheet.set_variables(self._read_for)

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if found.__name__ == "LinuxDriver":
            from blit.tui.driver import TerminalDriver

            return TerminalDriver
        return found

    def get_default_screen(self) -> Screen[Any]:
        """The one below all others, with the classes for its size: it is styled once, not twice."""
        first = Transfers(self._first)
        for cells, names in zip(
            self.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True
        ):
            fitting = [name for least, name in names or [] if least <= cells]
            first.add_class(*fitting[-1:], update=False)
        return first

    def refresh_css(self, animate: bool = True) -> None:
        """Not for the theme that was chosen before the first picture: it has these colours."""
        if self._read_for is None or self._read_for != self.get_css_variables():
            super().refresh_css(animate)
        self._read_for = None

    def on_mount(self) -> None:
        if self._history:
            self.action_history()
        self.status.begin()
        self.app_resume_signal.subscribe(self, lambda _: self._resumed())
        self.app_suspend_signal.subscribe(self, lambda _: self.status.end())
        if self.choices is not None:
            self.theme_changed_signal.subscribe(self, lambda _: self._keep_theme())
        self.set_interval(TICK, self._tick)
        self.call_after_refresh(_collect_garbage)

    def on_unmount(self) -> None:
        self.status.end()

    def _keep_theme(self) -> None:
        """Beside the screen: the folder of the settings may be on a disk that does not answer."""

        def keep(name: str = self.theme) -> None:
            try:
                settings.save(theme=name)
            except (OSError, ValueError) as error:
                said = f"The theme is not kept: {show.text(str(error))}"
                self.call_from_thread(self.notify, said, markup=False, severity="warning")

        self.run_worker(keep, thread=True, exit_on_error=False)

    def _resumed(self) -> None:
        """The terminal has forgotten everything meanwhile."""
        self.status.begin()
        self.refresh(layout=True)

    # -- polling -----------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._ticks += 1
        if not self.is_headless and not self._gone and terminal.hung_up(0):
            self._gone = True
            self._hung_up()
        self._fit()
        self.make_room(self.size)  # also where it lay under a window when there was room again
        self.tick(chart=self._ticks % 4 == 0)

    def _fit(self) -> None:
        """Lay out for the terminal's size where that was lost: on a busy machine Textual's timer
        for it, 8 ms long, can end without having fired, and then none is started any more. And
        for one that no signal has told of, or that was told too late."""
        real = None if self.is_headless else terminal.size()
        if real is not None and real != self.size:
            self.post_message(events.Resize(Size(*real), Size(*real)))
        for screen in self._visible():
            if screen.is_mounted and screen.outer_size not in (Size(0, 0), self.size):
                screen.post_message(events.Resize(self.size, self.size))

    def _hung_up(self) -> None:
        """The terminal is gone, and no signal says so where it was not the controlling one."""
        handler = signal.getsignal(signal.SIGHUP)
        if callable(handler) and handler is not signal.default_int_handler:
            signal.raise_signal(signal.SIGHUP)
        else:  # nohup: the transfers go on without it
            self.exit(Choice.GO_ON)

    def tick(self, chart: bool = False) -> None:
        entries = self.manager.entries()
        if entries is self._shown and not chart:
            return
        if entries is not self._shown:
            self.status.follow(entries)
        self._shown = entries
        with self.batch_update():
            for screen in self._visible():
                whole = screen.is_mounted and screen.display  # it is not being taken down
                if isinstance(screen, Shown | Ask) and whole:
                    screen.show(entries, chart)

    def _visible(self) -> list[Screen[Any]]:
        """The screen in front, and what stands behind a window."""
        found: list[Screen[Any]] = []
        for screen in reversed(self.screen_stack):
            found.append(screen)
            if not screen.is_modal:
                break
        return found

    def on_resize(self, event: events.Resize) -> None:
        again, self._measured = self._measured, True  # the first comes by itself
        if again and any(screen.outer_size == event.size for screen in self._visible()):
            # there and back: the terminal may have cut off what stood there, and only a change of
            # the size is drawn by itself
            self.refresh(layout=True)
        self.make_room(event.size)

    def make_room(self, size: Size) -> None:
        """One line with the facts in front where there is no room for more, and only there."""
        front = self._visible()[:1]  # none while the program begins or ends
        if not too_small(size):
            if front and isinstance(front[0], Small):
                self.pop_screen()
        elif front and not any(isinstance(s, Small) for s in self.screen_stack):
            self.push_screen(Small())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where there is no room, nothing is opened that would lie over the one line."""
        shut = action in ("new", "history", "help", "command_palette")
        return not (shut and any(isinstance(s, Small) for s in self._visible()))

    # -- the places and the windows ----------------------------------------------------------------

    def transfers(self) -> Transfers:
        return next(s for s in self.screen_stack if isinstance(s, Transfers))

    def show_entry(self, id: int) -> None:
        """Go to the transfers, with this one chosen."""
        self.transfers().choose(id)
        self.action_transfers()

    def action_transfers(self) -> None:
        while not isinstance(self.screen, Transfers | Small) and len(self.screen_stack) > 1:
            self.pop_screen()
        self.tick()

    def action_new(self, start: str = "") -> None:
        from blit.tui.screens.new import NewTransfer

        self._go(NewTransfer, lambda: NewTransfer(start))

    def action_history(self) -> None:
        from blit.tui.screens.history import History

        self._go(History, History)

    def problems(self, id: int) -> None:
        from blit.tui.screens.problems import Problems

        self._go(Problems, lambda: Problems(id))

    def review(self, id: int) -> None:
        from blit.tui.screens.review import Review

        self._go(Review, lambda: Review(id))

    def action_help(self) -> None:
        from blit.tui.screens.help import Help

        self._go(Help, Help)

    def _go(self, kind: type[Screen[Any]], make: Callable[[], Screen[Any]]) -> None:
        """Open a screen, unless it is in front already."""
        if not isinstance(self.screen, kind):
            self.push_screen(make())

    def action_command_palette(self) -> None:
        from blit.tui.screens.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def search_themes(self) -> None:
        from textual.theme import ThemeProvider

        from blit.tui.screens.palette import Palette

        palette = Palette([ThemeProvider], placeholder="Search for themes…")
        palette.title = "Themes"
        self.push_screen(palette)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        return commands.commands(self, screen)

    # -- leaving -----------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        from blit.tui.screens.leave import Leave

        entries = self.manager.entries()
        if not any(e.active for e in entries):
            self.exit(Choice.DONE)
        elif not isinstance(self.screen, Leave):
            self.push_screen(Leave(entries), self._left)

    def _left(self, choice: str | None) -> None:
        if choice is not None and choice != "stay":
            self.exit(choice)


def _collect_garbage() -> None:
    """The first frame stands: what was made for it stays, and need not be looked through again."""
    gc.freeze()
    gc.enable()
