"""Which harbour a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from yk8s_tui.backends.base import Harbour
from yk8s_tui.errors import ConfigError
from yk8s_tui.models.config import Config

STATE = Path("state/harbour.json")
"""Where a harbour writes down what it created, relative to the cluster repository."""


def harbour_for(config: Config, root: Path) -> Harbour:
    """The harbour of this cluster; each is imported only when it is the one."""
    name = config.cluster.harbour
    if name == "lab":
        from yk8s_tui.backends.lab import LabHarbour

        return LabHarbour(root)
    if name == "baremetal":
        from yk8s_tui.backends.baremetal import BareMetalHarbour

        return BareMetalHarbour(root)
    raise ConfigError(
        f"the harbour {name} is not part of this release",
        where="cluster.harbour",
        hint="use `lab` or `baremetal`",
    )


def config_for_removal(root: Path) -> tuple[Config, str]:
    """The configuration, and a note that is empty when it is valid.

    What was created can be found without one: when it is invalid or gone, but a harbour wrote down what it
    created here, this is a configuration of the cluster's name and harbour and nothing else. Else it raises
    what reading the configuration raises.
    """
    from yk8s_tui.repository.repository import Repository

    try:
        return Repository(root).load(), ""
    except ConfigError as error:
        harbour = _written_down(root / STATE)
        if not harbour:
            raise
        about = {"cluster": {"name": _name(root), "harbour": harbour}}
        return Config.model_validate(about), f"the configuration cannot be used ({error.what}); going by {STATE}"


def _written_down(path: Path) -> str:
    import json

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except ValueError as error:
        raise damaged_state(path, str(error)) from error
    return str(found.get("harbour", "")) if isinstance(found, dict) else ""


def damaged_state(path: Path, why: str) -> ConfigError:
    """The error for a `state/harbour.json` that was torn or edited."""
    return ConfigError(
        "is damaged, so the machines of this cluster are not known",
        where=str(path),
        why=why,
        hint="put back a copy of it (git or a backup); without one, remove the file, and `yk8s-tui lab prune` "
        "shows and removes the lab hosts that were made for it",
    )


def _name(root: Path) -> str:
    """The cluster's name as far as it can be read, else that of its directory."""
    import tomllib

    from yk8s_tui.models.types import suggest_name

    try:
        content = tomllib.loads((root / "config" / "config.toml").read_text(encoding="utf-8"))
        named = content.get("cluster", {}).get("name")
    except (OSError, ValueError, AttributeError):
        named = None
    return suggest_name(named if isinstance(named, str) else root.resolve().name) or "cluster"
