"""Which harbour a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from yk8s_tui.backends.base import Harbour
from yk8s_tui.errors import ConfigError
from yk8s_tui.models.config import Config


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
