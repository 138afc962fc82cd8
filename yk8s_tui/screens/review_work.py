"""What Review computes, in a thread: configuration, machines, plan, checks; each step is told as it comes."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.backends.base import HarbourEvent, ResourceChange
from yk8s_tui.errors import UsageError
from yk8s_tui.models.plan import WHOLE, Plan, Scope
from yk8s_tui.repository.repository import Repository

if TYPE_CHECKING:
    from yk8s_tui.models.nodes import Node
    from yk8s_tui.preflight import Finding


@dataclass(frozen=True)
class Phase:
    """What is being done now, in words."""

    text: str


@dataclass(frozen=True)
class Machines:
    """What has to be done about machines before a plan can be made."""

    cluster: str
    changes: tuple[ResourceChange, ...] = ()
    """What the harbour would create or start."""
    unpinned: tuple[Node, ...] = ()
    """Machines whose host keys nobody has confirmed yet."""


@dataclass(frozen=True)
class Planned:
    """The plan, and how the configuration differs from that of the last run."""

    plan: Plan
    hash: str
    """The beginning of the plan's hash; computed in the thread."""
    diff: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """Findings of the checks, a few at a time."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ChecksDone:
    """No more findings will come."""


@dataclass(frozen=True)
class Broken:
    """It could not be done."""

    error: Exception


class MovedError(UsageError):
    """The plan that was read is no longer what would run now."""


@dataclass(frozen=True)
class Moved:
    """Nothing was started, as the plan is another one now."""

    error: MovedError


@dataclass(frozen=True)
class HarbourDone:
    """The machines are there."""


News = Phase | Machines | Planned | Found | ChecksDone | Broken | Moved | HarbourEvent | HarbourDone


@dataclass
class Job:
    """One review of one cluster; `tell` is called from the thread, `cancelled` is asked between steps."""

    root: Path
    tell: Callable[[News], None]
    cancelled: Callable[[], bool]
    scope: Scope = WHOLE
    waivers: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Look, plan, check."""
        try:
            asyncio.run(self._run())
        except Exception as error:
            self.tell(Broken(error))

    async def _run(self) -> None:
        self.tell(Phase("reading the configuration"))
        repository = Repository(self.root)
        machines = await look_at_machines(repository)
        self.tell(machines)
        if machines.changes or machines.unpinned or self.cancelled():
            return
        self.tell(Phase("asking every host what it is like"))
        from yk8s_tui.operations.plan import make_plan

        plan = await make_plan(repository, self.scope)
        if self.cancelled():
            return
        self.tell(Planned(plan, plan.hash[:6], tuple(configuration_diff(repository))))
        await self._check(repository, plan)

    async def _check(self, repository: Repository, plan: Plan) -> None:
        from yk8s_tui.operations.preflight import check_hosts

        nodes = {node for planned in plan.changing for node in planned.nodes}
        if nodes:
            self.tell(Phase("checking"))
            waiting: list[Finding] = []
            loop = asyncio.get_running_loop()
            told = loop.time()
            async for finding in check_hosts(repository, plan.inventory, nodes=nodes, waivers=self.waivers):
                waiting.append(finding)
                if loop.time() - told > 0.1:
                    self.tell(Found(tuple(waiting)))
                    waiting, told = [], loop.time()
                if self.cancelled():
                    return
            self.tell(Found(tuple(waiting)))
        self.tell(ChecksDone())


async def look_at_machines(repository: Repository) -> Machines:
    """What is missing before hosts can be asked; changes nothing.

    Raises `InvalidConfig`, and `PreflightError` when the harbour cannot be used from here.
    """
    from yk8s_tui.backends.hostkeys import unpinned
    from yk8s_tui.backends.registry import harbour_for
    from yk8s_tui.errors import PreflightError

    config = repository.load()
    harbour = harbour_for(config, repository.root)
    plan = await harbour.plan(config)
    if plan.effective:
        failed = [f for f in await harbour.preflight(config) if f.verdict == "fail"]
        if failed:
            raise PreflightError(
                f"the {harbour.name} harbour cannot be used from here",
                why="\n".join(f.text for f in failed),
                hint="\n".join(f.remedy for f in failed if f.remedy),
            )
        return Machines(config.cluster.name, changes=plan.effective)
    nodes = (await harbour.inventory(config)).nodes
    names = set(unpinned(nodes, repository.known_hosts))
    return Machines(config.cluster.name, unpinned=tuple(n for n in nodes if n.name in names))


def start_machines(root: Path, tell: Callable[[News], None], confirmed: str | None = None) -> None:
    """Create and start what the harbour has to; tells every event. `confirmed`: the typed name, for what is lost."""

    async def go() -> None:
        from yk8s_tui.operations.apply import ensure_harbour

        async for event in ensure_harbour(Repository(root), confirmed):
            tell(event)

    try:
        asyncio.run(go())
        tell(HarbourDone())
    except Exception as error:
        tell(Broken(error))


def waivable(check: str) -> bool:
    """Whether an operator may accept a failure of this check."""
    from yk8s_tui.preflight.checks import BY_ID

    found = BY_ID.get(check)
    return found is None or found.waivable


def configuration_diff(repository: Repository) -> list[str]:
    """Unified diff from the configuration of the last run to today's; empty when there was no run."""
    from yk8s_tui.runs.start import list_runs, run_directory

    files = [run_directory(repository.root, run.id) / "config.toml" for run in reversed(list_runs(repository.root))]
    before = next((path for path in files if path.is_file()), None)
    if before is None:
        return []
    now = repository.config_text().splitlines()
    return list(difflib.unified_diff(before.read_text().splitlines(), now, "last run", "now", lineterm="", n=1))


def refuse_moved(root: Path, plan: Plan) -> None:
    """Read the configuration and ask the hosts once more; raises `MovedError` when that gives another plan."""
    from yk8s_tui.operations.apply import refuse_when_moved
    from yk8s_tui.operations.plan import make_plan

    try:
        current = asyncio.run(make_plan(Repository(root), plan.scope))
        refuse_when_moved(plan, current)
    except UsageError as error:
        raise MovedError(
            "nothing was started: this plan is not what would run now",
            why=error.why or error.what,
            hint="the new plan is being made; read it, then Run again",
        ) from error


def takes(plan: Plan) -> str:
    """`about 4:10`, along the longest chain of steps; `at least` when some were never seen; empty when none was."""
    from yk8s_tui.runs.graph import Graph
    from yk8s_tui.widgets.symbols import duration

    known = [bool(step.estimate_seconds) for step in plan.to_run]
    if not any(known):
        return ""
    return f"{'about' if all(known) else 'at least'} {duration(max(Graph.of(plan.steps).weights.values()))}"


def start_run(
    root: Path,
    plan: Plan,
    *,
    confirmed: str | None,
    waivers: Mapping[str, str],
    granted: tuple[tuple[str, str], ...] = (),
) -> str:
    """Start the run of a plan; returns its id. `granted` are the consents given for machines before.

    Raises `ConsentError`, `LockedError`, `Yk8sError`."""
    import getpass
    import socket

    from yk8s_tui.operations import apply

    consents = (*granted, *apply.require_consents(plan, confirmed))
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    return apply.start(Repository(root), plan, by=by, consents=consents, waivers=waivers)
