"""A plan: the steps that would run, in order, computed before anything happens."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field

from yk8s_tui.models.base import Section
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.models.types import LayerName

Operation = Literal["apply", "teardown", "upgrade", "node-add", "node-remove"]


def digest_of(value: object) -> str:
    """SHA-256 over the canonical JSON of a value, hexadecimal."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


class Playbook(Section):
    """A playbook of `assets/ansible/playbooks` (or of the cluster repository)."""

    kind: Literal["playbook"] = "playbook"
    playbook: str
    """File name relative to the playbooks folder; an absolute path for the operator's own."""
    roles: tuple[str, ...] = ()
    """The roles it uses: their content is part of the step's digest."""
    inventories: tuple[str, ...] = ()
    """More inventory sources beside the run's own; absolute paths."""
    accelerate: bool = False
    """Whether it has many small tasks: those are faster with the accelerator, a few large modules are slower."""


class Action(Section):
    """A Python coroutine `async def f(context, step) -> dict[node name, NodeOutcome]`."""

    kind: Literal["action"] = "action"
    function: str
    """`package.module:name`, inside yk8s_tui."""
    arguments: dict[str, Any] = Field(default_factory=dict)


class Change(Section):
    """One line of the plan as the operator reads it."""

    symbol: Literal["+", "~", "-", "!"]
    """`+` made, `~` changed, `-` removed, `!` destroyed."""
    text: str
    node: str = ""
    """The node it happens on; empty means every node of the step."""


class Step(Section):
    """One playbook, or one Python action, on one set of nodes."""

    id: str
    """`layer.step`, unique within a plan."""
    layer: LayerName
    title: str
    """What the operator reads; a short noun or imperative."""
    why: str = ""
    """What goes wrong without it; one sentence."""
    nodes: tuple[str, ...]
    """Names of the nodes it runs on."""
    needs: tuple[str, ...] = ()
    """Ids of the steps that must have succeeded before; ids that are not in the plan are ignored."""
    run: Annotated[Playbook | Action, Field(discriminator="kind")]
    variables: dict[str, Any] = Field(default_factory=dict)
    """Extra variables of the playbook; never secret."""
    secrets: dict[str, str] = Field(default_factory=dict)
    """Variable name -> name in the secret store."""
    digest: str = ""
    """Of everything that decides the result; filled by the pipeline."""
    tolerance: Literal["all", "any"] = "all"
    """`all`: a failing node blocks what needs this step; `any`: failing nodes are set aside, the others go on."""
    always: bool = False
    """Runs every time and never counts as a change (verification)."""
    together: bool = False
    """What it does on a node depends on which others there are: when one of them needs it, it runs on all."""
    changes: tuple[Change, ...] = ()
    destroys: str = ""
    """In words, what is lost; not empty means it needs a consent."""


class PlannedStep(Section):
    """A step with the decision whether it runs."""

    step: Step
    decision: Literal["run", "skip"]
    reason: str
    """Why: `never applied`, `configuration changed`, `/etc/haproxy/haproxy.cfg differs on fe1`, `unchanged`."""
    nodes: tuple[str, ...]
    """The nodes it runs on: those of the step that need it."""
    estimate_seconds: float = 0.0
    """From earlier runs; 0 when unknown."""


class Missing(Section):
    """An artifact that some steps need and that is not at hand; those steps are not in the plan."""

    name: str
    """For example `bundle v1.36.3`."""
    looked_in: tuple[str, ...]
    """Folders or addresses that were tried."""
    remedy: str = ""


class Scope(Section):
    """The part of a cluster that a plan is made for."""

    layers: tuple[str, ...] = ()
    """Empty: all."""
    limit: tuple[str, ...] = ()
    """Names of nodes; empty: all."""
    full: bool = False
    """Unchanged steps run, too."""


WHOLE = Scope()
"""The whole cluster, and of it what is not as it should be."""


class Plan(Section):
    """The list that is shown is the list that runs."""

    schema_version: Literal[1] = 1
    cluster: str
    operation: Operation
    scope: Scope = WHOLE
    created: str
    """UTC, ISO 8601."""
    tool_version: str
    config_digest: str
    """Of the configuration the plan was made from."""
    live_digest: str
    """Of what was probed; `apply` of a saved plan refuses when it has moved."""
    inventory: Inventory
    machines: tuple[str, ...] = ()
    """What has to be made or started first, in words; then there is a new plan, from what the hosts are like."""
    facts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Node -> facts from the probe; playbooks see them as `yk8s_facts`."""
    unprobed: dict[str, str] = Field(default_factory=dict)
    """Node -> why nothing could be read of it, in lines; what it needs is unknown until it runs."""
    steps: tuple[PlannedStep, ...]
    missing: tuple[Missing, ...] = ()
    """What keeps the plan from being the whole; a run of such a plan ends as partly done."""
    check_only: bool = False
    """Ansible's check mode: nothing is changed."""

    @property
    def hash(self) -> str:
        """Identity of the plan: what runs where with which inputs, not when it was made, how long it may take, or
        whether it is only tried: a saved plan can be tried before it is applied.
        """
        passing: dict[str, Any] = {
            "created": True,
            "machines": True,
            "facts": True,
            "unprobed": True,
            "check_only": True,
            "steps": {"__all__": {"estimate_seconds"}},
        }
        body = self.model_dump(mode="json", exclude=passing)
        return digest_of(body)

    @property
    def to_run(self) -> tuple[PlannedStep, ...]:
        """The steps that run."""
        return tuple(s for s in self.steps if s.decision == "run")

    @property
    def changing(self) -> tuple[PlannedStep, ...]:
        """The steps that run and can change something."""
        return tuple(s for s in self.to_run if not s.step.always)

    @property
    def consents(self) -> tuple[Step, ...]:
        """The steps that need a consent."""
        return tuple(s.step for s in self.to_run if s.step.destroys)
