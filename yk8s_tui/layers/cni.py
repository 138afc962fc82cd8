"""Pod networks that come from a manifest or a chart of the bundle."""

from __future__ import annotations

import shlex

from yk8s_tui.backends.bundle import Bundle
from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers import receipts
from yk8s_tui.layers.base import ActionContext, NodeOutcome
from yk8s_tui.layers.kubectl import ADMIN, Kubectl
from yk8s_tui.models.plan import Action, Step

MANAGER = "yk8s-tui"
DEFAULT_NETWORKS = {"flannel": "10.244.0.0/16", "calico": "192.168.0.0/16"}
"""Pod network that stands in the upstream manifest."""


async def install(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Apply the manifest, or install the chart, from the first control plane node; idempotent on the server."""
    (first,) = step.nodes
    assert isinstance(step.run, Action)
    cni, name = step.run.arguments["cni"], step.run.arguments["file"]
    bundle = Bundle.find(context.config.kubernetes.version)
    file = next((f for f in bundle.files if f.path == name), None) if bundle else None
    if bundle is None or file is None:
        raise Yk8sError(f"{name} is not in the bundle any more", hint="`yk8s-tui bundle verify` says what is there")
    if getattr(context, "check_only", False):
        return {first: NodeOutcome("ok", "not looked at in check mode")}
    content = bundle.checked(file).read_bytes()
    await receipts.write(context, step, first, "started")
    context.task(first, f"Install {cni}")
    kubectl = Kubectl(context, first)
    if name.endswith(".tgz"):
        command = chart_command()
    else:
        text = content.decode().replace(DEFAULT_NETWORKS.get(cni, "\0"), str(context.config.kubernetes.pod_cidr))
        content = text.encode()
        command = kubectl.line("apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "-f", "-")
    done = await context.ssh.run(first, command, input=content, timeout=300)
    if not done.ok:
        raise Yk8sError(f"{cni} could not be installed", where=first, why=done.error_text)
    await receipts.write(context, step, first, "done")
    return {first: NodeOutcome("changed", f"{cni} is installed")}


def chart_command() -> str:
    """Install the Cilium chart that comes on stdin; pod networks are those that Kubernetes allocates."""

    helm = shlex.join(
        ["helm", "upgrade", "--install", "cilium", "--namespace", "kube-system", "--kubeconfig", ADMIN,
         "--atomic", "--wait", "--timeout", "4m", "--set-json", 'ipam={"mode":"kubernetes"}']
    )  # fmt: skip
    return (
        'set -eu; chart=$(mktemp -d); trap \'rm -rf -- "$chart"\' EXIT; cat > "$chart/cilium.tgz"; '
        f'{helm} "$chart/cilium.tgz"'
    )
