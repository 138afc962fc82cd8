"""The setup wizard: steps at the left, questions in the middle, what they mean at the right."""

from __future__ import annotations

import asyncio
import copy
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, OptionList, Static

from yk8s_tui import paths
from yk8s_tui.screens.setup import answers as a
from yk8s_tui.screens.setup.checking import Checked, check_all
from yk8s_tui.screens.setup.draft_keeper import DraftKeeper
from yk8s_tui.screens.setup.outcome import Outcome
from yk8s_tui.screens.setup.pages import Page, field_for, page_of, pages
from yk8s_tui.screens.setup.saving import Opened, Source
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.form import FieldRow, Form, Trouble
from yk8s_tui.widgets.step_list import StepList
from yk8s_tui.widgets.symbols import State, symbol


class SetupScreen(Screen[None]):
    """Ask for everything a cluster needs; nothing is lost by going back or away."""

    CSS_PATH = [  # noqa: RUF012
        paths.assets() / "styles" / "form.tcss",
        paths.assets() / "styles" / "setup.tcss",
    ]
    AUTO_FOCUS = ""
    HELP = """
Setup asks for everything a cluster needs, step by step. Any step can be visited at any time: choose it at the left,
or use Next and Back. Every change is saved as a draft at once, so leaving loses nothing.

Below the focused field stands its help; below a field with a wrong value stands what is wrong and what would be right.
Nothing is done to any machine here: Review shows what would happen, and asks.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "next", "Next", tooltip="Go to the next step"),
        Binding("ctrl+b", "previous", "Back", tooltip="Go to the step before"),
        Binding("ctrl+g", "problem", "Problem", tooltip="Go to the next problem"),
        Binding("ctrl+s", "write", "Save", tooltip="Write config.toml (creates the repository of a new cluster)"),
        Binding("escape", "leave", "Leave", tooltip="Leave; the draft is kept"),
        Binding("f6", "steps", "Steps", tooltip="Put the cursor into the list of steps", show=False),
    ]

    class Ready(Message):
        """Configuration and draft have been read."""

        def __init__(self, opened: Opened) -> None:
            super().__init__()
            self.opened = opened

    class Verdict(Message):
        """A set of answers was checked."""

        def __init__(self, checked: Checked, page: Page) -> None:
            super().__init__()
            self.checked = checked
            self.page = page

    class Written(Message):
        """The configuration is on disk."""

        def __init__(self, written: dict[str, Any], opened: Opened, root: Path, go_on: bool) -> None:
            super().__init__()
            self.written = written
            self.opened = opened
            self.root = root
            self.go_on = go_on

    class DraftSaved(Message):
        """The draft is on disk."""

    class Failed(Message):
        """A worker could not do it."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.answers: dict[str, Any] = {}
        self.original: dict[str, Any] = {}
        self.current_text = ""
        self.page: Page = pages()[0]
        self.visited: set[str] = set()
        self.touched: set[str] = set()
        self.checked = Checked((), (), (), "")
        self._arriving = False
        self._turn = asyncio.Lock()
        """Keys are handled by the app, messages by the screen, at once: a page is not spoken to while it is built."""
        self.keeper = DraftKeeper()

    def compose(self) -> ComposeResult:
        """Three panes; the right one only where there is room."""
        yield TitleBar("setup", "reading …")
        with Horizontal(id="setup"):
            with Vertical(id="steps-pane", classes="pane") as steps:
                steps.border_title = "Setup"
                yield StepList([(p.id, p.title) for p in pages()], id="steps")
                yield Static("", id="summary", markup=False)
            with Vertical(id="page-pane", classes="pane"):
                yield VerticalScroll(id="page", can_focus=False)
                with Horizontal(classes="buttons"):
                    yield Button("Back", id="back", compact=True)
                    yield Button("Next", id="next", compact=True, variant="primary")
            with VerticalScroll(id="preview-pane", classes="pane") as preview:
                preview.border_title = "What this means"
                yield Outcome(id="preview")
        yield KeyBar()

    def on_mount(self) -> None:
        """Read configuration and draft in the background."""
        self.open()

    @work(thread=True, exclusive=True, exit_on_error=False, group="open")
    def open(self) -> None:
        """Read what there is."""
        from yk8s_tui.screens.setup.saving import open_answers

        try:
            self.post_message(self.Ready(open_answers(self.source)))
        except Exception as error:
            self.post_message(self.Failed(error))

    @on(Ready)
    async def _ready(self, event: Ready) -> None:
        opened = event.opened
        self.answers, self.original, self.current_text = opened.answers, opened.original, opened.text
        if opened.clashes:
            self._ask_which(opened)
        else:
            await self._begin(opened)

    def _ask_which(self, opened: Opened) -> None:
        """The draft and later edits of the file contradict each other: one of them is to be taken."""
        from yk8s_tui.screens.dialogs import ChoiceDialog
        from yk8s_tui.screens.setup.merging import take

        def decide(draft: bool | None) -> None:
            if draft is None:
                self.dismiss(None)
                return
            if draft:
                take(self.answers, {clash.key: clash.draft for clash in opened.clashes})
            self.call_later(self._begin, opened)

        lines = [
            "config.toml was changed after this draft was begun. What goes together is kept from both; this does not:",
            *(str(clash) for clash in opened.clashes),
            "Esc leaves both as they are.",
        ]
        dialog = ChoiceDialog("Draft or file?", lines, first="Take the draft", second="Take the file")
        self.app.push_screen(dialog, decide)

    async def _begin(self, opened: Opened) -> None:
        own = self.answers.setdefault("wizard", {})
        self.visited = set(own.get("visited", [])) or ({p.id for p in pages()} if self.source.repository else set())
        self._say("draft resumed" if opened.resumed else "")
        if opened.merged and not opened.clashes:
            self.notify("config.toml was changed since; the draft goes on from there.", markup=False)
        wanted = own.get("page", "cluster")
        await self.show_page(next((p for p in pages() if p.id == wanted), pages()[0]))

    # Pages

    async def show_page(self, page: Page, focus_key: str = "") -> None:
        """Leave the page that is shown and build another one; from a key or by the screen itself."""
        async with self._turn:
            await self._build(page)
            self._show_verdict()
            self._arrive(page, focus_key)
        self.check_soon()
        self._draft_soon()

    async def _build(self, page: Page) -> None:
        self.page = page
        self.visited.add(page.id)
        self.answers["wizard"].update(page=page.id, visited=sorted(self.visited))
        area = self.query_one("#page", VerticalScroll)
        self.query_one("#page-pane").border_title = page.title
        self.query_one("#preview-pane").set_class(page.part == "review", "-told")
        await area.remove_children()
        await area.mount(Static(page.intro, markup=False, classes="page--intro"))
        form = Form(page.fields, self._read, self._help)
        await area.mount(form)
        await self._mount_part(page, area)
        form.show_only(self.answers)

    def _arrive(self, page: Page, focus_key: str) -> None:
        self._arriving = not (focus_key and self.query_one(Form).focus_key(focus_key))
        if self._arriving:
            self._focus_first(self.query_one("#page", VerticalScroll))
        self.query_one(StepList).highlighted = [p.id for p in pages()].index(page.id)
        self._show_buttons()

    async def _mount_part(self, page: Page, area: VerticalScroll) -> None:
        if page.part == "nodes":
            from yk8s_tui.screens.setup.nodes import NodesPart

            part = NodesPart(self._read("harbour.baremetal.nodes") or [], self.source)
            part.display = self._read("cluster.harbour") == "baremetal"
            await area.mount(part)
        elif page.part == "review":
            from yk8s_tui.screens.setup.review import ReviewPart

            await area.mount(ReviewPart())

    def _focus_first(self, area: VerticalScroll) -> None:
        for widget in area.query("Input, Select, Checkbox, OptionList, Button"):
            if widget.focusable and widget.display:
                widget.focus(scroll_visible=False)
                area.scroll_home(animate=False)
                return
        self.query_one("#next", Button).focus()

    def _show_buttons(self) -> None:
        order = [p.id for p in pages()]
        position = order.index(self.page.id)
        self.query_one("#back", Button).disabled = position == 0
        following = self.query_one("#next", Button)
        last = position == len(order) - 1
        following.label = "Write and plan" if last else "Next"
        following.disabled = last and bool(self.checked.errors)

    def _read(self, key: str) -> Any:
        return a.read(self.answers, key)

    def _help(self, key: str) -> str:
        if key.startswith("wizard."):
            return "Where the cluster repository is made; empty means a directory of the cluster's name right here."
        return a.help_for(key)

    # Answers

    @on(FieldRow.Changed)
    def _answered(self, event: FieldRow.Changed) -> None:
        event.stop()
        before = self._read(event.field.key)
        if event.value == before:
            return
        self.change(event.field.key, event.value)

    def change(self, key: str, value: Any) -> None:
        """Take over an answer; check and save it soon."""
        self.touched.add(key)
        a.write(self.answers, key, value)
        for form in self.query(Form):
            form.show_only(self.answers)
        for part in self.query("NodesPart"):
            part.display = self._read("cluster.harbour") == "baremetal"
        self.check_soon()
        self._draft_soon()

    def check_soon(self) -> None:
        """Check a moment after the last key, so that typing stays light."""
        self.set_timer(0.12, self._check_now)

    def _check_now(self) -> None:
        self._check(copy.deepcopy(self.answers), self.page)

    @work(thread=True, exclusive=True, exit_on_error=False, group="check")
    def _check(self, answers: dict[str, Any], page: Page) -> None:
        from textual.worker import get_current_worker

        worker = get_current_worker()
        checked = check_all(answers, current=self.current_text, original=self.original)
        if not worker.is_cancelled:
            self.post_message(self.Verdict(checked, page))

    @on(Verdict)
    async def _judged(self, event: Verdict) -> None:
        async with self._turn:
            self.checked = event.checked
            self._show_verdict()
            self._show_buttons()
            if self._arriving and event.page is self.page:
                self._arriving = False
                if self.page.part == "review":
                    # Only now it is known whether there are problems to choose from, and whether Next may be pressed.
                    self._focus_first(self.query_one("#page", VerticalScroll))

    def _show_verdict(self) -> None:
        self._show_troubles()
        self._show_steps()
        for part in self.query("ReviewPart"):
            part.show(self.checked, self.original)  # type: ignore[attr-defined]
        self.query_one("#preview", Outcome).show(self.checked)
        name = str(self._read("cluster.name") or "").strip() or "unnamed"
        kind = "setup" if self.source.repository else "new cluster"
        self.query_one(TitleBar).left = f"{name} {symbol('dot')} {kind}"

    def _show_troubles(self) -> None:
        troubles: dict[str, Trouble] = {}
        for problem in reversed(self.checked.problems):
            key = field_for(problem.key, self.page, self.answers)
            if key and (key in self.touched or self._left(self.page) or self._is_answered(key)):
                troubles[key] = Trouble(problem.message, problem.remedy, problem.severity == "warning")
        for form in self.query(Form):
            form.show_troubles(troubles)

    def _is_answered(self, key: str) -> bool:
        return a.find(self.answers, key) is not a.UNSET

    def _left(self, page: Page) -> bool:
        """Whether the operator has been on this page and gone on."""
        return page.id in self.answers.get("wizard", {}).get("left", [])

    def _note_left(self, page: Page) -> None:
        left = self.answers["wizard"].setdefault("left", [])
        if page.id not in left:
            left.append(page.id)

    def _show_steps(self) -> None:
        wrong: dict[str, State] = {}
        for problem in self.checked.problems:
            page = page_of(problem.key)
            seen = self._left(page) or self._is_answered(problem.key) or problem.key in self.touched
            if page.id in self.visited and seen and wrong.get(page.id) != "failed":
                wrong[page.id] = "failed" if problem.severity == "error" else "warning"
        states: dict[str, State] = {}
        for page in pages():
            done: State = "ok" if page.id in self.visited else "waiting"
            states[page.id] = wrong.get(page.id, done)
        if states[self.page.id] == "ok":
            states[self.page.id] = "running"
        if self.page.id != "review" and states["review"] == "ok":
            states["review"] = "waiting"
        self.query_one(StepList).show(states)
        summary = self.query_one("#summary", Static)
        summary.update(self._counts())
        summary.set_class(not self.checked.errors, "-mild")

    def _counts(self) -> str:
        errors = len(self.checked.errors)
        warnings = len(self.checked.problems) - errors
        parts = [f"{errors} problem{'s' if errors > 1 else ''}"] if errors else []
        parts += [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
        return "\n".join(parts)

    # Drafts

    def _draft_soon(self) -> None:
        if self.keeper.put(copy.deepcopy(self.answers)):
            self._save_draft()

    @work(thread=True, exit_on_error=False, group="draft")
    def _save_draft(self) -> None:
        """Write until what is on disk is what is on screen."""
        from yk8s_tui.screens.setup.saving import keep_draft

        try:
            while (answers := self.keeper.take()) is not None:
                keep_draft(self.source, answers, self.original)
            self.post_message(self.DraftSaved())
        except Exception as error:
            self.keeper.failed()
            self.post_message(self.Failed(error))

    @on(DraftSaved)
    def _draft_saved(self) -> None:
        self._say(f"draft saved {datetime.now():%H:%M:%S}")

    def _say(self, text: str) -> None:
        self.query_one(TitleBar).right = text

    # Going about

    async def _go(self, step: int) -> None:
        order = pages()
        self._note_left(self.page)
        position = [p.id for p in order].index(self.page.id) + step
        if 0 <= position < len(order):
            await self.show_page(order[position])

    @on(Button.Pressed, "#next")
    async def action_next(self) -> None:
        """To the next step; from the last one to the plan."""
        if self.page.id == pages()[-1].id:
            self.action_write(go_on=True)
        else:
            await self._go(+1)

    @on(Button.Pressed, "#back")
    async def action_previous(self) -> None:
        """To the step before."""
        await self._go(-1)

    @on(OptionList.OptionSelected, "#steps")
    async def _chosen(self, event: OptionList.OptionSelected) -> None:
        self._note_left(self.page)
        await self.show_page(next(p for p in pages() if p.id == event.option.id))

    def action_steps(self) -> None:
        """Put the cursor into the list of steps."""
        self.query_one(StepList).focus()

    async def action_problem(self) -> None:
        """To the next problem after the focused field."""
        if not self.checked.problems:
            self.notify("No problem.", markup=False)
            return
        keys = [p.key for p in self.checked.problems]
        position = (keys.index(self._last_problem) + 1) % len(keys) if self._last_problem in keys else 0
        await self.go_to(keys[position])

    _last_problem = ""

    async def go_to(self, key: str) -> None:
        """To the field that a problem belongs to."""
        self._last_problem = key
        page = page_of(key)
        self._note_left(page)
        await self.show_page(page, field_for(key, page, self.answers))

    def action_leave(self) -> None:
        """Leave; the draft is on disk already."""
        self.dismiss(None)

    # Writing

    def action_write(self, go_on: bool = False) -> None:
        """Write the configuration; what is wrong is shown first."""
        problems = a.check(self.answers)
        if errors := [p for p in problems if p.severity == "error"]:
            self.notify(
                f"{errors[0].key}: {errors[0].message}",
                title=f"{len(errors)} to be mended first",
                severity="error",
                markup=False,
            )
            self.call_later(self.go_to, errors[0].key)
            return
        self._write(copy.deepcopy(self.answers), go_on)

    @work(thread=True, exclusive=True, exit_on_error=False, group="write")
    def _write(self, answers: dict[str, Any], go_on: bool) -> None:
        from yk8s_tui.screens.setup.saving import Source, open_answers, write_configuration

        self.keeper.hold()
        try:
            root = write_configuration(self.source, answers, self.original)
            opened = open_answers(Source(root, root))
            self.post_message(self.Written(a.configuration(answers), opened, root, go_on))
        except Exception as error:
            self.keeper.release()
            self.app.call_from_thread(self._draft_soon)
            self.post_message(self.Failed(error))

    @on(Written)
    def _written(self, event: Written) -> None:
        """Go on from what the file says now, with what was answered while it was written."""
        from yk8s_tui.screens.setup.merging import merge, take

        opened = event.opened
        own = self.answers["wizard"] | {"existing": True}
        before = a.configuration(self.answers)
        merged, clashes = merge(event.written, before, opened.original)
        take(merged, {clash.key: clash.draft for clash in clashes})
        self.source = Source(event.root, event.root)
        self.answers, self.original, self.current_text = merged | {"wizard": own}, opened.original, opened.text
        self.keeper.release()
        self._say(f"written {datetime.now():%H:%M:%S}")
        self.notify(f"{event.root}/config/config.toml", title="Written", markup=False)
        if event.go_on:
            from yk8s_tui.screens.review import ReviewScreen

            self.app.switch_screen(ReviewScreen(event.root))
        elif merged != before:
            self.call_later(self.show_page, self.page)
        elif merged != opened.original:
            self._draft_soon()

    @on(Failed)
    def _failed(self, event: Failed) -> None:
        self.app.show_error(event.error)  # type: ignore[attr-defined]
