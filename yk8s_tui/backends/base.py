"""The protocol every harbour follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

from pydantic import Field

from yk8s_tui.models.base import Section
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory


class ResourceChange(Section):
    """One thing a harbour would create, change or delete."""

    kind: str
    """For example `lab host`, `server`, `network`."""
    name: str
    action: Literal["create", "start", "change", "delete", "keep", "leave"]
    """`keep`: it is as it should be; `leave`: it is not configured any more, and stays until somebody destroys it."""
    reason: str
    """Why, in words."""
    destroys: str = ""
    """In words, what is lost; not empty means it needs a consent."""
    id: str = ""
    """The harbour's own id, when it exists already."""

    @property
    def line(self) -> str:
        """In words; what is lost is marked with `!`."""
        lost = f"; this destroys {self.destroys}" if self.destroys else ""
        return f"{'!' if lost else '+'} {self.action} {self.kind} {self.name}: {self.reason}{lost}"


class HarbourPlan(Section):
    """What a harbour would do."""

    changes: tuple[ResourceChange, ...] = ()

    @property
    def effective(self) -> tuple[ResourceChange, ...]:
        """The changes that do something."""
        return tuple(c for c in self.changes if c.action not in ("keep", "leave"))

    @property
    def left(self) -> tuple[ResourceChange, ...]:
        """What is there beyond the configuration, and is left alone."""
        return tuple(c for c in self.changes if c.action == "leave")


class HarbourEvent(Section):
    """Progress of one resource."""

    resource: str
    state: Literal["started", "done", "failed", "note"]
    text: str = ""


class HarbourFinding(Section):
    """One verdict of a harbour's own preflight."""

    id: str
    verdict: Literal["pass", "warn", "fail"]
    text: str
    remedy: str = ""


class Catalogue(Section):
    """What can be chosen: option name -> choices, each with a label."""

    choices: dict[str, tuple[dict[str, Any], ...]] = Field(default_factory=dict)


class Harbour(Protocol):
    """Where nodes come from. Resources are found again by id and by tag; others are never touched."""

    name: str

    async def catalogue(self) -> Catalogue:
        """What can be chosen."""

    async def preflight(self, config: Config) -> tuple[HarbourFinding, ...]:
        """Whether this harbour can do what the configuration asks for, from here."""

    async def plan(self, config: Config) -> HarbourPlan:
        """What `apply` would do."""

    def apply(self, plan: HarbourPlan, config: Config) -> AsyncIterator[HarbourEvent]:
        """Do it; idempotent."""

    async def inventory(self, config: Config) -> Inventory:
        """The nodes as they are (or will be) reachable."""

    def destroy(self, plan: HarbourPlan, config: Config) -> AsyncIterator[HarbourEvent]:
        """Remove what this harbour created, and nothing else."""

    async def destroy_plan(self, config: Config) -> HarbourPlan:
        """What `destroy` would remove."""
