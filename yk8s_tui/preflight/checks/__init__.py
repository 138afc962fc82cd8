"""The registry of all checks, in the order they are shown."""

from __future__ import annotations

from yk8s_tui.models.config import Config
from yk8s_tui.preflight.checks import identity, kernel, network, operator, packages, resources
from yk8s_tui.preflight.model import Check

SSH = (
    Check("ssh.reachable", "SSH", "host", waivable=False),
    Check("ssh.host-key", "Host key", "host", waivable=False),
    Check("ssh.sudo", "Root by sudo", "host", waivable=False),
)
"""Judged by connecting; they have no rule."""

ALL: tuple[Check, ...] = (
    *operator.CHECKS,
    *SSH,
    *identity.CHECKS,
    *resources.CHECKS,
    *kernel.CHECKS,
    *packages.CHECKS,
    *network.CHECKS,
    operator.BUNDLE,
    packages.PACKAGES,
)

BY_ID = {check.id: check for check in ALL}


def checks_for(config: Config) -> tuple[Check, ...]:
    """The checks that make sense for a configuration."""
    from_bundle = config.kubernetes.source == "bundle"
    left_out = {"artifacts.packages" if from_bundle else "artifacts.bundle"}
    if config.trampoline.vip is None:
        left_out.add("net.vip-unused")
    return tuple(check for check in ALL if check.id not in left_out)
