"""Proves that the cluster works: nodes, API by the VIP, DNS, etcd; waits for the thing itself, with a deadline."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping
from typing import Any

from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers import kubeadm
from yk8s_tui.layers.base import ActionContext, NodeOutcome
from yk8s_tui.layers.kubectl import Kubectl
from yk8s_tui.models.plan import Step

PATIENCE = 180.0
"""Seconds until a cluster that was just made must be whole."""

PROOF = """\
nodes=$({nodes}) || exit 10
printf '%s\\n' "$nodes"
echo --
{ready} 2>&1; echo
echo --
{dns}
echo --
pki=/etc/kubernetes/pki/etcd
{etcd}
"""

ETCD = """\
if command -v etcdctl >/dev/null; then
    etcdctl="etcdctl"
else
    etcdctl="crictl exec $(crictl ps --name '^etcd$' --state running --quiet | head -n 1) etcdctl"
fi
told=$($etcdctl --endpoints=https://127.0.0.1:2379 --cacert=$pki/ca.crt --cert=$pki/healthcheck-client.crt \\
        --key=$pki/healthcheck-client.key endpoint health --cluster --write-out=json 2>/dev/null)
printf '%s\\n' "${told:-[]}"
"""


async def verify(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Ask a control plane node until all is well, or the deadline is over."""
    first = context.inventory.control_planes[0].name
    kubectl = Kubectl(context, first)
    if context.check_only:
        return {name: NodeOutcome("ok", "not asked in check mode") for name in step.nodes}
    deadline = asyncio.get_running_loop().time() + PATIENCE
    context.task(first, "Ask API, nodes, DNS and etcd")
    shown = ""
    while True:
        try:
            problems = await _ask(context, kubectl, step.nodes)
        except Yk8sError as error:
            problems = {first: [f"{error.what}: {error.why}" if error.why else error.what]}
        if not any(problems.values()):
            return {name: NodeOutcome("ok", "works") for name in step.nodes}
        text = "; ".join(f"{name}: {', '.join(found)}" for name, found in problems.items() if found)
        if text != shown:
            context.log(first, f"waiting: {text}")
            shown = text
        if asyncio.get_running_loop().time() > deadline:
            return {name: _outcome(problems.get(name, [])) for name in {*step.nodes, *problems}}
        await asyncio.sleep(0.5)


async def _ask(context: ActionContext, kubectl: Kubectl, nodes: tuple[str, ...]) -> dict[str, list[str]]:
    server = f"https://{kubeadm.endpoint(context.config)}"
    script = PROOF.format(
        nodes=kubectl.line("get", "nodes", "-o", "json"),
        ready=kubectl.line("--server", server, "get", "--raw", "/readyz"),
        dns=kubectl.line("get", "deployment", "coredns", "--namespace=kube-system", "-o", "json"),
        etcd=ETCD,
    )
    done = await context.ssh.run(kubectl.node, f"sh -c {shlex.quote(script)}", timeout=60)
    if not done.ok:
        raise Yk8sError("the API does not answer", where=kubectl.node, why=done.error_text)
    listed, ready, dns, etcd = (part.strip() for part in done.text.split("--\n"))
    return judge(
        json.loads(listed)["items"],
        ready,
        json.loads(dns or "{}"),
        json.loads(etcd or "[]"),
        nodes,
        kubectl.node,
    )


def judge(
    listed: list[dict[str, Any]],
    ready: str,
    dns: Mapping[str, Any],
    etcd: list[dict[str, Any]],
    nodes: tuple[str, ...],
    first: str,
) -> dict[str, list[str]]:
    """What does not work, by node; what concerns the cluster as a whole stands with its first node."""
    known = {item["metadata"]["name"]: item for item in listed}
    problems: dict[str, list[str]] = {name: [] for name in (first, *nodes)}
    for name in nodes:
        problems[name] += _node_problems(known.get(name))
    if ready != "ok":
        problems[first].append(f"the API does not answer by the VIP: {ready[-200:] or 'no answer'}")
    wanted = dns.get("spec", {}).get("replicas", 1)
    available = dns.get("status", {}).get("availableReplicas", 0)
    if not dns or available < min(wanted, 1):
        problems[first].append(f"CoreDNS has {available} of {wanted} replicas")
    if not etcd:
        problems[first].append("etcd does not say how its members are")
    problems[first] += [
        f"etcd at {m.get('endpoint')} is not healthy: {m.get('error', '')}" for m in etcd if not m.get("health")
    ]
    return problems


def _node_problems(item: Mapping[str, Any] | None) -> list[str]:
    if item is None:
        return ["is not in the cluster"]
    condition: Mapping[str, str] = next((c for c in item["status"].get("conditions", ()) if c["type"] == "Ready"), {})
    if condition.get("status") == "True":
        return []
    return [f"is not Ready: {condition.get('message', 'kubelet has not reported yet')}"]


def _outcome(problems: list[str]) -> NodeOutcome:
    if not problems:
        return NodeOutcome("ok", "works")
    hint = "see `kubectl describe node` and `journalctl -u kubelet -u containerd` on the host"
    return NodeOutcome("failed", "; ".join(problems), hint)
