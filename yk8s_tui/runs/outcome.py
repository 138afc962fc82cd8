"""How a step ended: per node, and as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Trouble:
    """Why a node cannot go on."""

    task: str
    reason: str
    evidence: str = ""
    hint: str = ""
    unreachable: bool = False


@dataclass
class Outcome:
    """What a step did."""

    nodes: dict[str, str] = field(default_factory=dict)
    """Node -> ok, changed, failed or unreachable."""
    troubles: dict[str, Trouble] = field(default_factory=dict)
    """Node -> why it failed."""
    error: Trouble | None = None
    """Why the step failed as a whole, without being the fault of a node."""
    cancelled: bool = False

    @property
    def bad(self) -> dict[str, Trouble]:
        """The nodes that failed."""
        unknown = Trouble("", "it failed and gave no reason")
        failed = (name for name, result in self.nodes.items() if result in ("failed", "unreachable"))
        return {name: self.troubles.get(name, unknown) for name in failed}
