"""Brings the harbour up, guards a saved plan, and starts runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from yk8s_tui.backends.base import Harbour, HarbourEvent, HarbourPlan
from yk8s_tui.backends.registry import harbour_for
from yk8s_tui.errors import ConsentError, PreflightError, UsageError
from yk8s_tui.models.config import Config
from yk8s_tui.models.plan import Plan, digest_of
from yk8s_tui.repository.ansible_files import write_inventory
from yk8s_tui.repository.lock import cluster_lock
from yk8s_tui.repository.repository import Repository
from yk8s_tui.runs.start import start_run

Consents = tuple[tuple[str, str], ...]
"""(what it was given for: id of a step or `harbour.NAME`; what is lost, in words)."""


@dataclass(frozen=True)
class HarbourWork:
    """What has to be done about machines before there can be a plan."""

    repository: Repository
    config: Config
    harbour: Harbour
    plan: HarbourPlan

    @property
    def lines(self) -> list[str]:
        """What would be done, a line each."""
        return [change.line for change in self.plan.effective]

    def consents(self, confirmed: str | None) -> Consents:
        """What is lost; raises `ConsentError` unless the cluster's name was typed."""
        losses = tuple((f"harbour.{c.name}", c.destroys) for c in self.plan.effective if c.destroys)
        return _confirmed(losses, self.config.cluster.name, confirmed)

    async def do(self) -> AsyncIterator[HarbourEvent]:
        """Make and start machines; also says which are left alone. No run may be at work meanwhile."""
        for change in self.plan.left:
            yield HarbourEvent(resource=change.name, state="note", text=change.reason)
        if self.plan.effective:
            with cluster_lock(self.repository.root, "harbour"):
                async for event in self.harbour.apply(self.plan, self.config):
                    yield event


async def look_at_harbour(repository: Repository) -> HarbourWork:
    """What the harbour has to do so that the machines are there; changes nothing.

    Raises `InvalidConfig`, and `PreflightError` when the harbour cannot be used from here.
    """
    config = repository.load()
    harbour = harbour_for(config, repository.root)
    findings = await harbour.preflight(config)
    if failed := [f for f in findings if f.verdict == "fail"]:
        raise PreflightError(
            f"the {harbour.name} harbour cannot be used: {'; '.join(f.text for f in failed)}",
            hint="; ".join(f.remedy for f in failed if f.remedy),
        )
    return HarbourWork(repository, config, harbour, await harbour.plan(config))


async def ensure_harbour(repository: Repository, confirmed: str | None = None) -> AsyncIterator[HarbourEvent]:
    """Make the machines the configuration asks for; yields what happens.

    Raises what `look_at_harbour` raises, and `ConsentError` when something is lost by it and `confirmed` is
    not the cluster's name.
    """
    work = await look_at_harbour(repository)
    work.consents(confirmed)
    async for event in work.do():
        yield event


def refuse_when_outdated(saved: Plan, config: Config) -> None:
    """Raise `UsageError` for a saved plan of another configuration: the part that needs no hosts to be known."""
    if saved.config_digest != digest_of(config.model_dump(mode="json")):
        raise _moved(f"the saved plan {saved.hash[:8]} is outdated", "the configuration has changed since")


def refuse_when_moved(saved: Plan, current: Plan) -> None:
    """Raise `UsageError` when a saved plan is no longer what would run now."""
    current = current.model_copy(update={"check_only": saved.check_only})
    if saved.hash == current.hash:
        return
    if saved.config_digest != current.config_digest:
        why = "the configuration has changed since"
    elif saved.live_digest != current.live_digest:
        why = "the hosts have changed since"
    elif saved.tool_version != current.tool_version:
        why = f"it was made by version {saved.tool_version}"
    else:
        why = "the steps have changed since"
    raise _moved(f"the saved plan {saved.hash[:8]} is not what would run now ({current.hash[:8]})", why)


def _moved(what: str, why: str) -> UsageError:
    return UsageError(what, why=why, hint="make a new plan, read it, and apply that")


def require_consents(plan: Plan, confirmed: str | None) -> Consents:
    """(step id, what is lost) of every destructive step; raises `ConsentError` unless the cluster's name was typed."""
    return _confirmed(tuple((step.id, step.destroys) for step in plan.consents), plan.cluster, confirmed)


def _confirmed(losses: Consents, cluster: str, typed: str | None) -> Consents:
    if losses and typed != cluster:
        raise ConsentError(
            f"this destroys: {'; '.join(text for _, text in losses)}",
            hint=f"give --confirm {cluster} if that is wanted",
        )
    return losses


def start(
    repository: Repository,
    plan: Plan,
    *,
    by: str,
    consents: Consents = (),
    waivers: Mapping[str, str] | None = None,
) -> str:
    """Start a run of this plan in a process of its own; returns the run's id.

    The inventory of the cluster repository is written first, for the operator's own Ansible commands.
    """
    write_inventory(repository.root, plan.inventory, [planned.step for planned in plan.steps])
    return start_run(repository.root, plan, by=by, consents=consents, waivers=waivers)
