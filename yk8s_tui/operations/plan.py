"""Computes a plan: configuration, what was probed, and the steps of the layers."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from yk8s_tui import __version__
from yk8s_tui.backends.registry import harbour_for
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.errors import UsageError
from yk8s_tui.layers import k8s_base, pipeline, trampoline
from yk8s_tui.layers.base import Context
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.models.plan import WHOLE, Plan, PlannedStep, Scope, Step, digest_of
from yk8s_tui.repository.repository import Repository
from yk8s_tui.repository.secrets import SecretStore
from yk8s_tui.runs.estimates import load_durations, roles_of
from yk8s_tui.status.hosts import HostState, probe


async def make_plan(repository: Repository, scope: Scope = WHOLE, *, check_only: bool = False) -> Plan:
    """The plan that makes the hosts what the configuration says.

    Hosts are only read. Secrets that the steps need and that do not exist yet are generated in the repository.
    Raises `InvalidConfig`, and `UsageError` for unknown layers and nodes.
    """
    config = repository.load()
    harbour = harbour_for(config, repository.root)
    inventory = await harbour.inventory(config)
    if unknown := sorted(set(scope.limit) - set(inventory.names)):
        raise UsageError(f"no node {', '.join(unknown)}", hint=f"the nodes are {', '.join(inventory.names)}")
    machines = (await harbour.plan(config)).effective
    states = await probe_hosts(repository, inventory, absent={change.name for change in machines})
    context = make_context(repository, config, inventory, states)
    trampoline.ensure_secrets(context, SecretStore(repository.secrets_dir))
    k8s_base.ensure_secrets(context, SecretStore(repository.secrets_dir))
    steps = with_digests(repository, pipeline.select(context, scope.layers))
    return Plan(
        cluster=config.cluster.name,
        operation="apply",
        scope=scope,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tool_version=__version__,
        config_digest=digest_of(config.model_dump(mode="json")),
        live_digest=live_digest(states),
        inventory=inventory,
        machines=tuple(change.line for change in machines),
        facts={name: state.facts for name, state in states.items()},
        unprobed={name: state.error for name, state in states.items() if state.error},
        steps=estimated(repository, inventory, pipeline.decide(steps, states, scope)),
        missing=tuple(k8s_base.missing_artifacts(context)) if not scope.layers or "k8s-base" in scope.layers else (),
        check_only=check_only,
    )


def estimated(repository: Repository, inventory: Inventory, steps: Iterable[PlannedStep]) -> tuple[PlannedStep, ...]:
    """The steps with the seconds that earlier runs took on about as many nodes of these roles."""
    known = load_durations(repository.root)
    roles = {node.name: node.roles for node in inventory.nodes}

    def seconds(planned: PlannedStep) -> float:
        of = roles_of(roles[name] for name in planned.nodes if name in roles)
        return known.expected(planned.step.id, nodes=len(planned.nodes), roles=of)

    return tuple(p.model_copy(update={"estimate_seconds": seconds(p)}) for p in steps)


async def probe_hosts(
    repository: Repository, inventory: Inventory, absent: Collection[str] = ()
) -> dict[str, HostState]:
    """What every host is like now; hosts that do not answer are in it as unreachable.

    Nobody is asked for the `absent`: the machines that have to be made or started first.
    """
    present = inventory.only([name for name in inventory.names if name not in absent])
    async with SshPool(inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir) as ssh:
        states = await probe(ssh, present)
    return {name: states.get(name, HostState(reachable=False)) for name in inventory.names}


def make_context(
    repository: Repository, config: Config, inventory: Inventory, states: Mapping[str, HostState]
) -> Context:
    """What the layers may look at."""
    return Context(
        config=config,
        inventory=inventory,
        repository=repository.root,
        facts={name: state.facts for name, state in states.items()},
        environment=dict(os.environ),
    )


def with_digests(repository: Repository, steps: Collection[Step]) -> tuple[Step, ...]:
    """The steps with their digests, secrets included."""
    store = SecretStore(repository.secrets_dir)
    names = {secret for step in steps for secret in step.secrets.values()}
    secrets = {name: store.get(name) or "" for name in names}
    return tuple(pipeline.with_digest(step, secrets) for step in steps)


def live_digest(states: Mapping[str, HostState]) -> str:
    """Digest of what a plan depends on: reachability, receipts and drift, not load or time."""
    stable: dict[str, Any] = {
        name: {
            "reachable": state.reachable,
            "receipts": {step: (receipt.state, receipt.digest) for step, receipt in state.receipts.items()},
            "drift": state.drift,
        }
        for name, state in states.items()
    }
    return digest_of(stable)
