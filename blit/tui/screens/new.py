"""New transfer: pick both ends and see what will happen; the plan that is shown is the one run."""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Button, Input, Label, RadioSet

from blit import show
from blit.job import Job
from blit.queue import Entry
from blit.tui.screens.base import Entries, Shown, styles
from blit.tui.widgets.choices import Check, Radio
from blit.tui.widgets.facts import Fact, Facts
from blit.tui.widgets.folder_tree import FolderTree
from blit.tui.widgets.heading import Heading
from blit.tui.widgets.keys import Keys
from blit.tui.widgets.path_field import Listing, PathField, here
from blit.tui.widgets.plan import counting, plan, ready
from blit.tui.widgets.rows import fit

HINT = "a path, or pick one below"
REST = 0.3  # seconds without a change until the plan is made


class NewTransfer(Shown):
    CSS_PATH = styles("review", "new")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next"),
        Binding("ctrl+s,ctrl+enter", "start", "Start", key_display="^s"),
        Binding("ctrl+r", "review", "What it deletes", key_display="^r"),
        Binding("escape", "cancel", "Cancel", key_display="esc"),
        Binding("n,h,q", "app.bell", show=False),  # a stray letter loses nothing
    ]

    def __init__(self, start: str = "") -> None:
        super().__init__()
        self.start = start or here()
        self.preview = 0  # the entry of the plan shown; 0: none
        self._resting: Timer | None = None
        self._planned: Job | None = None
        self._hasty = False  # start was wished before there was a plan

    def compose(self) -> ComposeResult:
        listing = Listing(self.manager.folders)
        with Horizontal(id="panes"):
            for end in "from", "to":
                with Vertical(id=end, classes="pane"):
                    yield PathField(listing, self.start, HINT, f"{end}-path")
                    yield FolderTree(listing, f"◂ {end}", f"{end}-tree")
        with Vertical(id="how"):
            with RadioSet(id="command", compact=True):
                yield Radio("Copy", value=True, id="copy", compact=True)
                yield Radio("Mirror: delete what only To has", id="mirror", compact=True)
                yield Radio("Move", id="move", compact=True)
            with RadioSet(id="place", compact=True):
                yield Radio("", value=True, id="folder", compact=True)
                yield Radio("", id="contents", compact=True)
            with Horizontal(id="checks"):
                yield Check("By content", id="checksum", compact=True)
                yield Check("Verify", id="verify", compact=True)
                yield Check("Keep what goes", id="trash", compact=True)
                yield Label("Leave out", markup=False)
                lasting = getattr(self.app, "choices", None)
                value = lasting.words() if lasting is not None else ""
                yield Input(value, "*.tmp  cache/", id="patterns", compact=True)
        with Vertical(id="will"):
            yield Facts(id="plan")
        with Horizontal(id="buttons"):
            yield Button(Content("[ What it deletes ]"), id="review", compact=True)
            yield Button(Content("[ Cancel ]"), id="cancel", compact=True)
            yield Button(Content("[ Start ]"), id="start", compact=True, variant="primary")
        yield Heading("New transfer")
        yield Keys()

    def on_mount(self) -> None:
        titles = {"from": "From", "to": "To", "how": "How", "will": "What will happen"}
        for id, title in titles.items():
            self.query_one(f"#{id}").border_title = title
        self.query_one("#patterns", Input).cursor_blink = False
        for end in "from", "to":
            tree = self.folders(end)
            tree.run_worker(tree.root_at(self.start), group="up", exit_on_error=False)
        self.field("from").focus()
        self.changed()

    def field(self, end: str) -> PathField:
        return self.query_one(f"#{end}-path", PathField)

    def folders(self, end: str) -> FolderTree:
        return self.query_one(f"#{end}-tree", FolderTree)

    # -- what was chosen ---------------------------------------------------------------------------

    @on(Input.Changed, ".pane PathField")
    def path_typed(self, event: Input.Changed) -> None:
        end = (event.input.id or "").partition("-")[0]
        raw, tree = self.field(end).raw, self.folders(end)
        if raw and raw.rstrip("/") != tree.picked:
            follow = tree.follow(os.path.normpath(raw) if "/." in raw else raw)
            tree.run_worker(follow, exclusive=True, group="up", exit_on_error=False)
        contents = means_contents(self.field("from").raw)
        wanted = self.query_one("#contents" if contents else "#folder", Radio)
        with self.prevent(RadioSet.Changed):
            wanted.value = True
        self.changed()

    def on_folder_tree_picked(self, event: FolderTree.Picked) -> None:
        end = "from" if event.tree.id == "from-tree" else "to"
        contents = end == "from" and self.query_one("#contents", Radio).value
        self.field(end).put(event.path.rstrip("/") + "/" if contents else event.path)

    @on(RadioSet.Changed, "#place")
    def place_chosen(self) -> None:
        """The trailing slash says it, as on the command line."""
        field = self.field("from")
        bare = field.value.rstrip("/")
        if bare:
            field.value = bare + "/" * self.query_one("#contents", Radio).value
            field.cursor_position = len(field.value)
        self.changed()

    @on(RadioSet.Changed, "#command")
    @on(Check.Changed)
    @on(Input.Changed, "#patterns")
    def choice_made(self) -> None:
        self.changed()

    @on(Input.Submitted)
    def line_done(self) -> None:
        if isinstance(self.focused, PathField):
            self.focused.accept()
        self.screen.focus_next(PathField if self.focused is self.field("from") else "#start")

    def job(self) -> Job | None:
        """What is asked for; None as long as an end is missing."""
        source, target = self.field("from").raw, self.field("to").raw
        if not source or not target:
            return None
        mirror = self.query_one("#mirror", Radio).value
        move = self.query_one("#move", Radio).value
        patterns = re.split(r"(?<!\\)\s+", self.query_one("#patterns", Input).value.strip())
        return Job(
            "mirror" if mirror else "move" if move else "copy",
            (os.fsencode(source),),
            os.fsencode(target),
            checksum=move or self.query_one("#checksum", Check).value,
            verify=move or self.query_one("#verify", Check).value,
            durable=move,
            trash=self.query_one("#trash", Check).value,
            patterns=tuple("\\" + p if p.startswith("#") else p for p in patterns if p),
            can_ask=mirror,
            review=True,
        )

    def changed(self) -> None:
        """Something was chosen: the plan that is shown is no longer the one that is meant."""
        if not self.display:
            return  # a last word while the screen is being taken down
        self.label_places()
        job = self.job()
        if job is None or job != self._planned:
            self._hasty = False
            self.forget()
            if self._resting is not None:
                self._resting.stop()
            self._resting = self.set_timer(REST, self.make_plan) if job is not None else None
        self.show(self.manager.entries(), False)

    def forget(self) -> None:
        if self.preview:
            self.manager.discard(self.preview)
        self.preview, self._planned = 0, None

    def make_plan(self) -> None:
        self._resting = None
        job = self.job()
        if job is not None and not self.preview:
            self._planned = job
            self.preview = self.manager.preview(job)
            self.show(self.manager.entries(), False)

    # -- what is shown -----------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        if self.is_mounted:  # else this is the first time, and it will be shown anyway
            self.show(self.manager.entries(), True)

    def label_places(self) -> None:
        """Contents or folder, said in words: where it lands either way."""
        source, target = self.field("from").raw, self.field("to").raw
        room = max(12, (self.size.width - 4) // 2 - 6)
        for id, text in zip(("folder", "contents"), places(source, target), strict=True):
            self.query_one(f"#{id}", Radio).label = Content(fit(text, room).rstrip())

    def show(self, entries: Entries, chart: bool) -> None:
        entry = self.planned(entries)
        will, facts = self.query_one("#will"), self.query_one("#plan", Facts)
        state = entry.state if entry is not None else None
        if entry is not None and state is not None:
            facts.facts, will.border_subtitle = plan(entry), counting(state)
        else:
            facts.facts, will.border_subtitle = (self.missing(),), ""
        refused = state is not None and state.summary is not None
        will.set_class(refused, "-refused")
        self.query_one("#start", Button).disabled = refused or self.job() is None
        review = self.query_one("#review", Button)
        deletes = entry is not None and entry.job.mirror and entry.state.extras > 0
        if review.display != deletes:
            review.display = deletes
            self.refresh_bindings()
        self.query_one(Heading).fact = self.verdict(entry)
        if self._hasty and state is not None:
            if refused:
                self._hasty = False
            elif state.plan_done or state.files_total:
                self.action_start()

    def verdict(self, entry: Entry | None) -> str:
        if self._hasty:
            return "starts as soon as something is found"
        if entry is None or not ready(entry.state):
            return ""
        careful = plan(entry)[0].label.startswith("▲")
        return "▲ look at the plan first" if careful else "ready to start"

    def planned(self, entries: Entries) -> Entry | None:
        return next((e for e in entries if e.id == self.preview), None) if self.preview else None

    def missing(self) -> Fact:
        if not self.field("from").raw:
            return Fact("First", "choose what to copy: type its path, or pick it with enter.")
        if not self.field("to").raw:
            return Fact("Now", "choose where to: type its path, or pick it with enter.")
        return Fact("", "looking…")

    def on_resize(self) -> None:
        self.label_places()

    # -- keys and buttons --------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "review" and self.is_mounted:
            return bool(self.query_one("#review").display)
        return True

    def on_button_pressed(self, event: Button.Pressed) -> None:
        getattr(self, f"action_{event.button.id}")()

    def action_start(self) -> None:
        entry = self.planned(self.manager.entries())
        if entry is None and self.job() is not None:  # its plan is about to be made
            self._hasty = True
            self.show(self.manager.entries(), False)
            return
        if entry is None or entry.state.summary is not None:
            fact = plan(entry)[0] if entry is not None else self.missing()
            self.notify(f"{fact.label} {fact.text}".strip(), markup=False, severity="warning")
            return
        started, self.preview, self._hasty = self.preview, 0, False
        self.manager.confirm(started)
        app: Any = self.app
        app.show_entry(started)

    def action_review(self) -> None:
        from blit.tui.screens.review import Review

        if self.preview:
            self.app.push_screen(Review(self.preview))

    def action_cancel(self) -> None:
        self.forget()
        self.dismiss()

    def on_unmount(self) -> None:
        self.forget()  # left in another way, with the program say


def places(source: str, target: str) -> tuple[str, str]:
    """Where it lands, as the folder itself and as what is in it."""
    name = show.text(source.rstrip("/").rpartition("/")[2])
    if not name or not target:
        return "the folder itself", "only what is in it"
    to = show.text(target.rstrip("/")) or "/"
    return f"{name} → {to.rstrip('/')}/{name}", f"what is in {name} → {to}"


def means_contents(source: str) -> bool:
    """`photos/` stands for what is in it, `photos` for the folder itself."""
    return source.endswith("/") or source.rpartition("/")[2] in (".", "..")
