"""What a layer is, and what a Python action of a step gets and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.models.plan import Step
from yk8s_tui.models.types import LayerName


@dataclass(frozen=True)
class Context:
    """What a layer may look at when it writes its steps."""

    config: Config
    inventory: Inventory
    repository: Path
    """Root of the cluster repository."""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Node -> facts of the probe; empty when the hosts were not probed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment of the operator (`K8S_CUSTOM_STAGE_USAGE`)."""


@dataclass(frozen=True)
class Layer:
    """A layer is a list of steps over the layers below it."""

    id: LayerName
    title: str
    why: str
    """One sentence for the operator: what this layer is for."""
    requires: tuple[LayerName, ...]
    steps: Callable[[Context], tuple[Step, ...]]
    """Pure: the same context gives the same steps."""


@dataclass(frozen=True)
class NodeOutcome:
    """What one Python action did on one node."""

    result: Literal["ok", "changed", "failed", "unreachable"]
    message: str = ""
    hint: str = ""


class ActionContext(Protocol):
    """What a Python action of a step may use."""

    inventory: Inventory
    repository: Path
    run_id: str
    check_only: bool
    """Nothing may be changed: say what would be."""

    @property
    def config(self) -> Config:
        """The configuration of the cluster."""

    @property
    def ssh(self) -> SshPool:
        """Connections to the nodes, opened when they are used."""

    def progress(self, node: str, *, done: float, total: float, unit: str, text: str) -> None:
        """Report progress of a long task on one node."""

    def task(self, node: str, name: str) -> None:
        """Say what is being done on a node now."""

    def log(self, node: str, text: str) -> None:
        """Add lines to the node's log."""

    def secret(self, name: str) -> str:
        """A secret by name; every value handed out is redacted from the journal."""

    def save_secret(self, name: str, value: str | bytes) -> Path:
        """Write a secret file (0600) and make it known to the redactor."""
