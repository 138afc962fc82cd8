"""Brings the harbour up, guards a saved plan, and starts runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from yk8s_tui.backends.base import HarbourEvent
from yk8s_tui.backends.registry import harbour_for
from yk8s_tui.errors import ConsentError, PartialError, PreflightError, UsageError
from yk8s_tui.models.plan import Plan
from yk8s_tui.repository.ansible_files import write_inventory
from yk8s_tui.repository.repository import Repository
from yk8s_tui.runs.start import start_run


async def ensure_harbour(repository: Repository) -> AsyncIterator[HarbourEvent]:
    """Make the machines the configuration asks for; yields what happens.

    Raises `PreflightError` when the harbour cannot do it from here, and `ConsentError` when
    something would have to be destroyed for it.
    """
    config = repository.load()
    harbour = harbour_for(config, repository.root)
    findings = await harbour.preflight(config)
    if failed := [f for f in findings if f.verdict == "fail"]:
        raise PreflightError(
            f"the {harbour.name} harbour cannot be used: {'; '.join(f.text for f in failed)}",
            hint="; ".join(f.remedy for f in failed if f.remedy),
        )
    plan = await harbour.plan(config)
    if losses := [c for c in plan.effective if c.destroys]:
        raise ConsentError(
            f"{losses[0].kind} {losses[0].name} would be lost: {losses[0].destroys}",
            hint="destroy it explicitly first, or change the configuration back",
        )
    if not plan.effective:
        return
    async for event in harbour.apply(plan, config):
        yield event


def refuse_when_moved(saved: Plan, current: Plan) -> None:
    """Raise `UsageError` when a saved plan is no longer what would run now."""
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
    raise UsageError(
        f"the saved plan {saved.hash[:8]} is not what would run now ({current.hash[:8]})",
        why=why,
        hint="make a new plan, read it, and apply that",
    )


def require_consents(plan: Plan, confirmed: str | None) -> tuple[tuple[str, str], ...]:
    """(step id, what is lost) of every destructive step; raises `ConsentError` unless the cluster's name was typed."""
    losses = tuple((step.id, step.destroys) for step in plan.consents)
    if losses and confirmed != plan.cluster:
        raise ConsentError(
            f"this destroys: {'; '.join(text for _, text in losses)}",
            hint=f"give --confirm {plan.cluster} if that is wanted",
        )
    return losses


def start(
    repository: Repository,
    plan: Plan,
    *,
    by: str,
    consents: tuple[tuple[str, str], ...] = (),
    waivers: Mapping[str, str] | None = None,
) -> str:
    """Start a run of this plan in a process of its own; returns the run's id.

    The inventory of the cluster repository is written first, for the operator's own Ansible commands.
    """
    write_inventory(repository.root, plan.inventory, [planned.step for planned in plan.steps])
    return start_run(repository.root, plan, by=by, consents=consents, waivers=dict(waivers or {}))


def explain_missing(plan: Plan) -> PartialError:
    """The error for a plan that had to leave out steps for want of artifacts."""
    lines = [f"{m.name} (looked in {', '.join(m.looked_in)})" for m in plan.missing]
    remedies = sorted({m.remedy for m in plan.missing if m.remedy})
    return PartialError(
        f"everything that needs no further artifacts is done; missing: {'; '.join(lines)}",
        hint="; ".join(remedies) or "provide them and run apply again",
    )
