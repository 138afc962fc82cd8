"""kubectl on a control plane node, so that no operator needs a route to the API."""

from __future__ import annotations

import json
import shlex
from typing import Any

from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers.base import ActionContext

ADMIN = "/etc/kubernetes/admin.conf"


class Kubectl:
    """kubectl with the admin's credentials of one control plane node."""

    def __init__(self, context: ActionContext, node: str) -> None:
        self.context = context
        self.node = node
        folder = "/usr/local/bin" if context.config.kubernetes.source == "bundle" else "/usr/bin"
        self.program = f"{folder}/kubectl"

    def line(self, *words: str) -> str:
        """One command as text for a shell."""
        return shlex.join([self.program, "--kubeconfig", ADMIN, "--request-timeout=10s", *words])

    async def run(self, *words: str, timeout: float = 30) -> str:
        """Output of one command; raises `Yk8sError` with what kubectl said."""
        done = await self.context.ssh.run(self.node, self.line(*words), timeout=timeout)
        if not done.ok:
            raise Yk8sError(f"kubectl {words[0]} failed", where=self.node, why=done.error_text)
        return done.text

    async def json(self, *words: str) -> Any:
        """What kubectl prints as JSON."""
        return json.loads(await self.run(*words, "-o", "json"))

    async def script(self, lines: list[str]) -> None:
        """Several commands, one after the other; the first that fails ends them."""
        done = await self.context.ssh.run(self.node, "\n".join(["set -e", *lines]), timeout=120)
        if not done.ok:
            raise Yk8sError("a change in the cluster failed", where=self.node, why=done.error_text)
