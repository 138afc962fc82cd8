"""The clusters that were opened lately, for the first screen."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from yk8s_tui import paths
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.base import Section
from yk8s_tui.repository.atomic import write_atomic

KEPT = 20
"""How many clusters are remembered."""


class RecentCluster(Section):
    """One cluster that was opened."""

    root: Path
    """Root of its repository."""
    opened: str
    """UTC, ISO 8601."""

    @property
    def exists(self) -> bool:
        """Whether the repository is still there."""
        return (self.root / "config" / "config.toml").exists()


def recent() -> list[RecentCluster]:
    """Clusters, the one opened last first; empty when nothing is known."""
    try:
        entries = json.loads((paths.state_home() / "recent.json").read_bytes())
        return [RecentCluster.model_validate(e) for e in entries]
    except (OSError, ValueError, ValidationError, TypeError):
        return []


def remember(root: Path) -> None:
    """Put a cluster first; a home directory that cannot be written is no reason to fail."""
    root = root.absolute()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _write([RecentCluster(root=root, opened=now), *(c for c in recent() if c.root != root)])


def forget(root: Path) -> None:
    """Take a cluster off the list."""
    _write([c for c in recent() if c.root != root.absolute()])


def _write(clusters: list[RecentCluster]) -> None:
    text = json.dumps([c.model_dump(mode="json") for c in clusters[:KEPT]], indent=1) + "\n"
    with contextlib.suppress(Yk8sError):
        write_atomic(paths.state_home() / "recent.json", text)
