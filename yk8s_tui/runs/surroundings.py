"""What the execution of a step needs from its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.models.plan import Plan
from yk8s_tui.repository.repository import Repository
from yk8s_tui.repository.secrets import SecretStore
from yk8s_tui.runs.ansible_setup import RUN_MARK
from yk8s_tui.runs.redact import Redactor
from yk8s_tui.runs.workspace import Workspace

if TYPE_CHECKING:
    from yk8s_tui.backends.ssh import SshPool
    from yk8s_tui.models.config import Config

Write = Callable[..., object]
"""`write(type, **fields)`: append an event to the journal."""


@dataclass
class Surroundings:
    """One per run, shared by its steps."""

    run: str
    directory: Path
    plan: Plan
    repository: Repository
    redactor: Redactor
    workspace: Workspace
    write: Write
    cannot_write: Callable[[OSError], None]
    """Tell that something of the run could not be written: the run ends."""
    accelerator: dict[str, str] = field(default_factory=dict)
    """Settings that switch the accelerator on; emptied when it turned out not to work here."""
    inventory_file: Path = Path()
    _config: Config | None = None
    _pool: SshPool | None = None

    @property
    def secrets(self) -> SecretStore:
        """The secrets of the cluster."""
        return SecretStore(self.repository.secrets_dir)

    @property
    def config(self) -> Config:
        """The configuration, read once."""
        if self._config is None:
            self._config = self.repository.load()
        return self._config

    @property
    def pool(self) -> SshPool:
        """Connections for actions, shared by all of them."""
        if self._pool is None:
            self._pool = self.new_pool({RUN_MARK: self.run})
        return self._pool

    def new_pool(self, environment: Mapping[str, str] | None = None) -> SshPool:
        """Connections of their own; without the mark they are for looking for what carries it."""
        from yk8s_tui.backends.ssh import SshPool

        return SshPool(
            self.plan.inventory,
            known_hosts=self.repository.known_hosts,
            secrets_dir=self.repository.secrets_dir,
            environment=environment,
        )

    def secret(self, name: str) -> str:
        """A secret by name, known to the redactor from now on; raises `ConfigError` when it is missing."""
        value = self.secrets.require(name)
        self.redactor.add(value)
        return value

    async def close(self) -> None:
        """Close connections."""
        if self._pool is not None:
            await self._pool.close()
