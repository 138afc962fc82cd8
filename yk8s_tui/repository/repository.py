"""The cluster repository: one directory with everything about one cluster.

What reads and writes the configuration is imported when that is done: an engine that runs playbooks only needs paths.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yk8s_tui.errors import ConfigError
from yk8s_tui.repository.atomic import write_atomic

if TYPE_CHECKING:
    from yk8s_tui.models.config import Config
    from yk8s_tui.models.problems import Problem
    from yk8s_tui.repository.reading import Reading

CONFIG = Path("config") / "config.toml"


def find_repository(named: str | None) -> Path:
    """The root that was named, else the nearest parent of the current directory with a `config/config.toml`."""
    if named:
        root = Path(named).expanduser().absolute()
        if _has_config(root):
            return root
        raise ConfigError(
            "is not a cluster repository",
            where=str(root),
            why=f"there is no {CONFIG}" if root.is_dir() else "there is no such directory",
            hint=f"make one with `yk8s-tui init {named} --harbour lab|baremetal|openstack`",
        )
    here = _current_directory()
    for directory in (here, *here.parents):
        if _has_config(directory):
            return directory
    raise ConfigError(
        "no cluster repository here",
        where=str(here),
        why=f"neither this directory nor one above it has {CONFIG}",
        hint="name one with --cluster DIR or $YK8S_CLUSTER, or make one with `yk8s-tui init DIR --harbour …`",
    )


def _has_config(root: Path) -> bool:
    try:
        (root / CONFIG).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(
            "cannot be looked at",
            where=str(root),
            why=error.strerror or str(error),
            hint=f"`ls -ld {root} {root / CONFIG.parent}` shows whose it is",
        ) from error
    return True


def _current_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(
            "the current directory is gone",
            why=error.strerror or str(error),
            hint="cd somewhere else, or use --cluster DIR",
        ) from error


class Repository:
    """Paths, and the configuration with its problems."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.config_path = self.root / CONFIG
        self.runs_dir = self.root / "runs"
        self.secrets_dir = self.root / "secrets"
        self.state_dir = self.root / "state"
        self.known_hosts = self.state_dir / "known_hosts"
        self.migrated_from: int | None = None
        """The schema version that the configuration had when it was opened, if it was migrated."""

    def config_text(self) -> str:
        """The text of `config.toml`; raises `ConfigError` when it is missing, torn or unreadable."""
        from yk8s_tui.repository.reading import read_text

        return read_text(self.config_path)

    def examine(self) -> Reading:
        """The configuration with everything that is to be said about it; an older layout is migrated first."""
        from yk8s_tui.repository.reading import examine

        self.migrate()
        return examine(self.config_text(), today=date.today())

    def migrate(self) -> int | None:
        """Bring `config.toml` to the present layout, with a backup; the version it had, or None."""
        from yk8s_tui.repository.migration import migrate

        text = self.config_text()
        result = migrate(text, where=str(self.config_path))
        if result.text == text:
            return None
        backup = self.config_path.with_name(f"{self.config_path.name}.v{result.came_from}.bak")
        if not backup.exists():
            write_atomic(backup, text)
        self.write_config(result.text)
        self.migrated_from = result.came_from
        return result.came_from

    def problems(self) -> tuple[Problem, ...]:
        """Every error and warning, with lines; raises only when the file cannot be read at all."""
        return self.examine().problems

    def load(self) -> Config:
        """The configuration; raises `InvalidConfig` with all problems at once."""
        return self._accepted(self.examine())

    def update(self, changes: Mapping[str, Any]) -> Config:
        """Write dotted key -> value (None removes the key); comments survive.

        Raises `InvalidConfig`, and writes nothing, when the result would not be valid.
        """
        from yk8s_tui.repository.editing import edit
        from yk8s_tui.repository.reading import examine

        self.migrate()
        before = self.config_text()
        text = edit(before, changes, where=str(self.config_path))
        config = self._accepted(examine(text, today=date.today()))
        if text != before:
            self.write_config(text)
        return config

    def write_config(self, text: str) -> None:
        """Replace `config.toml` in one go; it keeps its mode."""
        mode = stat.S_IMODE(self.config_path.stat().st_mode) if self.config_path.exists() else 0o644
        write_atomic(self.config_path, text, mode=mode)

    def _accepted(self, reading: Reading) -> Config:
        from yk8s_tui.models.problems import InvalidConfig

        if reading.config is None:
            raise InvalidConfig(reading.problems, where=str(self.config_path))
        return reading.config
