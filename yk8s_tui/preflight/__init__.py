"""Preflight: whether the hosts can become, or stay, what the configuration says."""

from yk8s_tui.preflight.model import CheckContext, Finding
from yk8s_tui.preflight.runner import run_checks

__all__ = ["CheckContext", "Finding", "run_checks"]
