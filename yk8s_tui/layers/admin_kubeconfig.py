"""The admin kubeconfig of the operator: valid for days, made on a control plane node, kept in the secrets."""

from __future__ import annotations

import base64
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers import kubeadm
from yk8s_tui.layers.base import ActionContext, NodeOutcome
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.models.plan import Step
from yk8s_tui.repository.secrets import SecretStore

if TYPE_CHECKING:
    from yk8s_tui.backends.ssh import SshPool

NAME = "kubeconfig"
USER = "yk8s-admin"
GROUP = "kubeadm:cluster-admins"
"""kubeadm binds cluster-admin to it; unlike system:masters it can be taken away."""

RENEW_BEFORE = 0.5
"""Renewed by `apply` when less than this part of its validity is left."""

CA = "/etc/kubernetes/pki/ca.crt"

MAKE = """\
set -eu
umask 077
config=$(mktemp /run/yk8s-kubeconfig-XXXXXXXX)
trap 'rm -f -- "$config"' EXIT
cat > "$config"
{kubeadm} kubeconfig user --config "$config" --client-name {user} --org {group} --validity-period {hours}h0m0s
"""


async def fetch(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Make a new one when there is none, it belongs to another endpoint, or its end is near."""
    (first,) = step.nodes
    path = context.repository / "secrets" / NAME
    authority = await context.ssh.run(first, f"cat {CA}")
    left = days_left(path, context.config) if belongs(path, authority.stdout) else 0.0
    if left > context.config.kubernetes.kubeconfig_days * RENEW_BEFORE or getattr(context, "check_only", False):
        return {first: NodeOutcome("ok", f"valid for {left:.1f} days")}
    await make(context, first)
    return {first: NodeOutcome("ok", f"new, valid for {context.config.kubernetes.kubeconfig_days} days")}


async def make(context: ActionContext, node: str) -> Path:
    """Make a new admin kubeconfig on a control plane node and store it; returns its path."""
    context.task(node, "Make the admin kubeconfig")
    return context.save_secret(NAME, await make_text(context.ssh, context.config, context.inventory, node))


async def make_text(ssh: SshPool, config: Config, inventory: Inventory, node: str) -> str:
    """A new kubeconfig; raises `Yk8sError` with what kubeadm said."""
    folder = "/usr/local/bin" if config.kubernetes.source == "bundle" else "/usr/bin"
    command = MAKE.format(
        kubeadm=f"{folder}/kubeadm",
        user=USER,
        group=shlex.quote(GROUP),
        hours=24 * config.kubernetes.kubeconfig_days,
    )
    document = json.dumps(kubeadm.cluster_configuration(config, inventory))
    done = await ssh.run(node, command, input=document.encode())
    begin = done.text.find("apiVersion:")
    if not done.ok or begin < 0:
        raise Yk8sError("the admin kubeconfig could not be made", where=node, why=done.error_text)
    return done.text[begin:]


def store(secrets_dir: Path, text: str) -> Path:
    """Keep it where only the owner can read it; returns its path."""
    return SecretStore(secrets_dir).put(NAME, text)


def belongs(path: Path, authority: bytes) -> bool:
    """Whether a kubeconfig is for the cluster with this CA certificate: one that was made anew has another."""
    try:
        return base64.b64encode(authority).decode() in path.read_text(encoding="utf-8")
    except OSError:
        return False


def days_left(path: Path, config: Config) -> float:
    """Days a kubeconfig is still valid; 0 when it is missing, cannot be read, or is for another endpoint."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return 0.0
    if f"https://{kubeadm.endpoint(config)}" not in text:
        return 0.0
    end = not_after(text)
    return max(0.0, (end - datetime.now(UTC)) / timedelta(days=1)) if end else 0.0


def not_after(kubeconfig: str) -> datetime | None:
    """When the client certificate of a kubeconfig ends, or None."""
    found = re.search(r"client-certificate-data:\s*(\S+)", kubeconfig)
    if not found:
        return None
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(base64.b64decode(found.group(1))).not_valid_after_utc
    except ValueError:
        return None
