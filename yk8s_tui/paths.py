"""Where things are on this machine: the one place tests redirect."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def assets() -> Path:
    """The folder with `ansible/` and `styles/`: inside the wheel, or beside the package in a checkout."""
    shipped = PACKAGE / "_assets"
    return shipped if shipped.is_dir() else PACKAGE.parent / "assets"


def cache_home() -> Path:
    """`$XDG_CACHE_HOME/yk8s-tui`: bundles and the base images of lab hosts."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("yk8s-tui", appauthor=False))


def state_home() -> Path:
    """`$XDG_STATE_HOME/yk8s-tui`: recently opened clusters and learned durations."""
    import platformdirs

    return Path(platformdirs.user_state_dir("yk8s-tui", appauthor=False))


def bundle_home() -> Path:
    """Where bundles are looked for: `$YK8S_BUNDLE_DIR`, else the cache."""
    named = os.environ.get("YK8S_BUNDLE_DIR")
    return Path(named) if named else cache_home() / "bundles"
