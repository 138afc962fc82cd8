"""Review: what would be done, whether the hosts are fit for it, and the button that does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Static
from textual.worker import get_current_worker

from yk8s_tui import paths
from yk8s_tui.backends.base import HarbourEvent
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.plan import Plan, Scope
from yk8s_tui.screens import review_work as w
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.check_list import CheckList, key_of
from yk8s_tui.widgets.plan_tree import PlanTree
from yk8s_tui.widgets.symbols import State, symbol

_BEGUN = {"create": "being made", "start": "being started", "change": "being changed", "delete": "being removed"}
"""What a harbour does with a resource, in words."""
_EVENTS: dict[str, State] = {"started": "running", "done": "ok", "failed": "failed", "note": "warning"}


class ReviewScreen(Screen[None]):
    """The plan at the left, the checks at the right; nothing is done before Run."""

    CSS_PATH = paths.assets() / "styles" / "review.tcss"
    AUTO_FOCUS = "PlanTree"
    HELP = """
Review shows what would be done, computed from the configuration and from what the hosts say now. Hosts are only read.

At the left the plan: layers, their steps, on which nodes; Enter opens a step and shows what it changes and why.
What would be destroyed stands first, in words, and needs the cluster's name typed. The list shown is what will run.

At the right the checks of every host that would be touched. A failing check keeps Run off until it is mended (F5
looks again) or waived with a reason, which is recorded.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "Run", tooltip="Do what the plan says"),
        Binding("w", "waive", "Waive", tooltip="Accept the failing check under the cursor, with a reason"),
        Binding("d", "diff", "Diff", tooltip="How the configuration differs from that of the last run"),
        Binding("k", "host_keys", "Host keys", tooltip="Compare and pin the host keys"),
        Binding("e", "edit", "Edit setup", tooltip="Change the configuration"),
        Binding("f5", "again", "Look again", tooltip="Plan and check once more"),
        Binding("f", "full", "Full", tooltip="Run unchanged steps, too, or not", show=False),
        Binding("escape", "back", "Back", tooltip="Leave; nothing is done"),
    ]

    class News(Message):
        """The thread has something to say."""

        def __init__(self, news: w.News) -> None:
            super().__init__()
            self.news = news

    class Started(Message):
        """The run has begun."""

        def __init__(self, run: str) -> None:
            super().__init__()
            self.run = run

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.full = False
        self.plan: Plan | None = None
        self.plan_hash = ""
        self.machines: w.Machines | None = None
        self.granted: tuple[tuple[str, str], ...] = ()
        self.diff: tuple[str, ...] = ()
        self.phase = "reading"
        self.error: Exception | None = None
        self.checked = False
        self._events: dict[str, Content] = {}

    def compose(self) -> ComposeResult:
        """Losses, plan and checks, the sentence, the buttons."""
        yield TitleBar("review", "reading …")
        yield Static("", id="losses", markup=False)
        with Horizontal(id="review"):
            with Vertical(id="plan-pane", classes="pane") as plan:
                plan.border_title = "What will happen"
                yield PlanTree(id="plan")
                with VerticalScroll(id="story-pane", can_focus=False):
                    yield Static("", id="story", markup=False)
            with Vertical(id="checks-pane", classes="pane") as checks:
                checks.border_title = "Checks"
                yield CheckList(id="checks")
        with Horizontal(id="verdict-line"):
            yield Static("", id="verdict", markup=False)
            yield Button("Run", id="run", compact=True, variant="primary", disabled=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin at once."""
        self.query_one("#losses").display = False
        self.look()
        self._remember()

    @work(thread=True, exit_on_error=False, group="recent")
    def _remember(self) -> None:
        from yk8s_tui.repository.recent import remember

        remember(self.root)

    @work(thread=True, exclusive=True, exit_on_error=False, group="review")
    def look(self) -> None:
        """Look, plan and check in the background."""
        worker = get_current_worker()

        def tell(news: w.News) -> None:
            if not worker.is_cancelled:
                self.post_message(self.News(news))

        waivers = dict(self.query_one(CheckList).waived)
        w.Job(self.root, tell, lambda: worker.is_cancelled, Scope(full=self.full), waivers).run()

    # News of the thread

    @on(News)
    def _take(self, message: News) -> None:
        news = message.news
        handlers: dict[type, Callable[[Any], None]] = {
            w.Phase: self._phase,
            w.Machines: self._machines,
            w.Planned: self._planned,
            w.Found: self._found,
            w.ChecksDone: self._checks_done,
            w.Broken: self._broken,
            w.Moved: self._moved,
            HarbourEvent: self._harbour_event,
            w.HarbourDone: self._harbour_done,
        }
        handlers[type(news)](news)
        self.paint()

    def _phase(self, news: w.Phase) -> None:
        self.phase = news.text

    def _machines(self, news: w.Machines) -> None:
        self.machines = news
        if news.changes:
            self.phase = ""
            lines = [
                f"{'!' if c.destroys else '+'} {c.action} {c.kind} {c.name}: {c.destroys or c.reason}"
                for c in news.changes
            ]
            self.query_one(PlanTree).show_lines("Harbour: machines first", lines)
        elif news.unpinned:
            self.phase = ""
            self.query_one(PlanTree).show_lines(
                "Host keys to be confirmed", [f"{n.name}  {n.host}" for n in news.unpinned]
            )

    def _planned(self, news: w.Planned) -> None:
        self.plan, self.plan_hash, self.diff = news.plan, news.hash, news.diff
        self.phase = "checking"
        self.query_one(PlanTree).show_plan(news.plan)
        losses = [f"! destroys {step.destroys} ({step.title})" for step in news.plan.consents]
        box = self.query_one("#losses", Static)
        box.display = bool(losses)
        box.update("\n".join(losses))

    def _found(self, news: w.Found) -> None:
        self.query_one(CheckList).add(news.findings)

    def _checks_done(self, _news: w.ChecksDone) -> None:
        self.checked, self.phase = True, ""

    def _broken(self, news: w.Broken) -> None:
        self.error, self.phase = news.error, ""
        self.app.busy_with = ""  # type: ignore[attr-defined]
        self.app.show_error(news.error)  # type: ignore[attr-defined]

    def _moved(self, news: w.Moved) -> None:
        self.app.show_error(news.error)  # type: ignore[attr-defined]
        self.action_again()

    def _harbour_event(self, event: HarbourEvent) -> None:
        state = _EVENTS[event.state]
        actions = {c.name: c.action for c in self.machines.changes} if self.machines else {}
        begun = _BEGUN.get(actions.get(event.resource, "")) if event.state == "started" else None
        self._events[event.resource] = Content(f"{symbol(state)} {event.resource}  {begun or event.text}")
        self.phase = f"starting machines, {len(self._events)} of {self._count}"

    @property
    def _count(self) -> int:
        return len(self.machines.changes) if self.machines else 0

    def _harbour_done(self, _news: w.HarbourDone) -> None:
        self.app.busy_with = ""  # type: ignore[attr-defined]
        self.action_again()

    # Painting

    def paint(self) -> None:
        """Title, counts, the sentence, and whether Run is on."""
        plan, checks = self.plan, self.query_one(CheckList)
        title = self.query_one(TitleBar)
        name = plan.cluster if plan else self.machines.cluster if self.machines else self.root.name
        title.left = f"{name} {symbol('dot')} review"
        title.right = self._summary()
        found = checks.counts()
        parts = [
            f"{found['pass']} {symbol('ok')}",
            f"{found['warn']} {symbol('warning')}",
            f"{found['fail']} {symbol('failed')}",
        ]
        self.query_one("#checks-pane").border_title = "Checks  " + "  ".join(parts) if checks.findings else "Checks"
        self.query_one("#story", Static).update(Content("\n").join(self._events.values()))
        self.query_one("#story-pane").display = bool(self._events) and plan is None
        sentence, reason = self.sentence()
        self.query_one("#verdict", Static).update(sentence)
        button = self.query_one("#run", Button)
        button.label = self._run_label()
        button.disabled = bool(reason)
        self.refresh_bindings()

    def _summary(self) -> str:
        if self.plan is None:
            return f"{self.phase} {symbol('more')}" if self.phase else ""
        takes = w.takes(self.plan)
        about = f" {symbol('dot')} {takes}" if takes else ""
        doing = f" {symbol('dot')} {self.phase} {symbol('more')}" if self.phase else ""
        steps = f"{len(self.plan.changing)} of {len(self.plan.steps)} steps"
        return f"plan {self.plan_hash} {symbol('dot')} {steps}{about}{doing}"

    def _run_label(self) -> str:
        if self.machines and self.machines.changes and self.plan is None:
            return "Start machines"
        if self.machines and self.machines.unpinned and self.plan is None:
            return "Host keys"
        return "Run"

    def sentence(self) -> tuple[Content, str]:
        """What the operator should know, and why Run is off (empty when it is on)."""
        off = self.why_off()
        if self.plan is None:
            return Content(off or self._before_plan()), off
        losses = "" if self.plan.consents else "Nothing is destroyed. "
        if off:
            return Content.assemble(losses, (f"Run is off: {off}", "$text-error")), off
        if not self.plan.changing:
            return Content(f"{symbol('ok')} Nothing to change: everything is as configured."), ""
        missing = " Some artifacts are missing: what needs them is left out." if self.plan.missing else ""
        return Content(f"{losses}{len(self.plan.changing)} steps will run.{missing}"), ""

    def _before_plan(self) -> str:
        assert self.machines is not None
        if self.machines.changes:
            return "These are made or started first; then the plan is computed. Nothing else is touched."
        return f"{len(self.machines.unpinned)} host keys are to be compared and pinned first."

    def why_off(self) -> str:
        """Why Run does nothing now; empty when it may."""
        if self.error is not None:
            what = self.error.what if isinstance(self.error, Yk8sError) else str(self.error)
            return f"{what}. E changes the configuration, F5 looks again."
        if self.phase:
            return f"{self.phase} {symbol('more')}"
        if self.plan is None:
            return "" if self.machines else "reading"
        failing = self.query_one(CheckList).counts()["fail"]
        if failing:
            return f"{failing} check{'s fail' if failing > 1 else ' fails'}"
        return ""

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that make no sense now are not offered."""
        if action == "run":
            return True if not self.why_off() else None
        if action == "waive":
            return any(f.verdict == "fail" for f in self.query_one(CheckList).findings.values())
        if action == "diff":
            return bool(self.diff)
        if action == "host_keys":
            return bool(self.machines and self.machines.unpinned)
        return True

    @on(Button.Pressed, "#run")
    def action_run(self) -> None:
        """Whatever comes next: machines, host keys, or the run."""
        if reason := self.why_off():
            self.notify(reason, title="Not now", markup=False)
        elif self.plan is not None:
            self._consent_and_run(self.plan)
        elif self.machines and self.machines.changes:
            self._start_machines()
        else:
            self.action_host_keys()

    def _start_machines(self) -> None:
        from yk8s_tui.screens.dialogs import ConsentDialog, ask

        assert self.machines is not None
        if losses := [c.destroys for c in self.machines.changes if c.destroys]:
            ask(self, ConsentDialog(self.machines.cluster, losses), self._bring_up)
        else:
            self._bring_up(None)

    def _bring_up(self, confirmed: str | None) -> None:
        if confirmed and self.machines is not None:
            self.granted = tuple((f"harbour.{c.name}", c.destroys) for c in self.machines.changes if c.destroys)
        self.app.busy_with = "Starting the machines"  # type: ignore[attr-defined]
        self.phase = "starting machines"
        self.paint()
        self._work_on_machines(confirmed)

    @work(thread=True, exclusive=True, exit_on_error=False, group="machines")
    def _work_on_machines(self, confirmed: str | None) -> None:
        def tell(news: w.News) -> None:
            self.post_message(self.News(news))

        w.start_machines(self.root, tell, confirmed)

    def _consent_and_run(self, plan: Plan) -> None:
        if not plan.consents:
            self._start(plan, None)
            return
        from yk8s_tui.screens.dialogs import ConsentDialog, ask

        losses = [step.destroys for step in plan.consents]
        ask(self, ConsentDialog(plan.cluster, losses), lambda typed: self._start(plan, typed))

    def _start(self, plan: Plan, confirmed: str | None) -> None:
        self.phase = "looking once more, then starting the run"
        self.paint()
        self._start_run(plan, confirmed, dict(self.query_one(CheckList).waived))

    @work(thread=True, exclusive=True, exit_on_error=False, group="start")
    def _start_run(self, plan: Plan, confirmed: str | None, waivers: dict[str, str]) -> None:
        try:
            w.refuse_moved(self.root, plan)
            run = w.start_run(self.root, plan, confirmed=confirmed, waivers=waivers, granted=self.granted)
            self.post_message(self.Started(run))
        except w.MovedError as error:
            self.post_message(self.News(w.Moved(error)))
        except Exception as error:
            self.post_message(self.News(w.Broken(error)))

    @on(Started)
    def _started(self, event: Started) -> None:
        from yk8s_tui.screens.run import RunScreen

        self.app.switch_screen(RunScreen(self.root, event.run))

    def action_waive(self) -> None:
        """Ask for the reason and count the check as waived."""
        from yk8s_tui.screens.dialogs import ReasonDialog

        checks = self.query_one(CheckList)
        finding = checks.chosen
        if finding is None or finding.verdict != "fail":
            failing = next(
                (i for i, f in enumerate(checks.rows) if f is not None and checks.verdict(f) == "fail"), None
            )
            checks.focus()
            checks.highlighted = failing
            finding = checks.chosen
        if finding is None:
            return
        if not w.waivable(finding.id):
            self.notify(f"{finding.title}: without it nothing can be done, so it cannot be waived.", markup=False)
            return
        key = key_of(finding)

        def take(reason: str | None) -> None:
            if reason:
                checks.waived[key] = reason
                checks.paint()
                self.paint()

        about = f"{finding.node} {finding.text or finding.title}".strip()
        self.app.push_screen(ReasonDialog("Accept this failing check?", about), take)

    def action_diff(self) -> None:
        """The configuration, last run against now."""
        from yk8s_tui.screens.text_screen import TextScreen

        self.app.push_screen(TextScreen("configuration", self.diff))

    def action_host_keys(self) -> None:
        """Compare and pin; then look again."""
        from yk8s_tui.screens.host_keys import HostKeysScreen

        if self.machines is not None:
            screen = HostKeysScreen(
                list(self.machines.unpinned), self.root / "state" / "known_hosts", self.root / "secrets"
            )
            self.app.push_screen(screen, lambda _pinned: self.action_again())

    def action_edit(self) -> None:
        """Change the configuration; the wizard comes back here."""
        from yk8s_tui.screens.setup.saving import Source
        from yk8s_tui.screens.setup.screen import SetupScreen

        self.app.switch_screen(SetupScreen(Source(self.root, self.root)))

    def action_full(self) -> None:
        """Run unchanged steps, too, or not."""
        self.full = not self.full
        self.notify("Unchanged steps run, too." if self.full else "Unchanged steps are left out.", markup=False)
        self.action_again()

    def action_again(self) -> None:
        """Plan and check once more."""
        self.plan = self.machines = self.error = None
        self.checked, self.phase = False, "reading"
        self.query_one(CheckList).start()
        self.paint()
        self.look()

    def action_back(self) -> None:
        """Leave; ask while machines are being started."""
        if self.app.busy_with:  # type: ignore[attr-defined]
            self.notify("Machines are being started; wait for it, or quit with ^Q.", markup=False)
            return
        self.dismiss(None)
