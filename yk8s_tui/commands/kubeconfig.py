"""`yk8s-tui kubeconfig`: the admin's access to the cluster, valid for days."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import cluster_directory, print_json
from yk8s_tui.errors import ExitCode, Yk8sError

if TYPE_CHECKING:
    from yk8s_tui.repository.repository import Repository


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `kubeconfig` command."""
    command = commands.add_parser(
        "kubeconfig",
        help="print, locate or renew the admin kubeconfig",
        description="Prints the admin kubeconfig. It is readable for you only, and valid for "
        "kubernetes.kubeconfig_days; `apply` renews it when half of that is over.",
    )
    command.add_argument("--path", action="store_true", help="print where it is, for KUBECONFIG")
    command.add_argument("--renew", action="store_true", help="make a new one first, on a control plane node")
    command.add_argument("--json", action="store_true", help="print path, endpoint and days left")
    command.set_defaults(run=run_kubeconfig)


def run_kubeconfig(args: argparse.Namespace) -> int:
    """Print it; exit code 1 when there is none or it has ended."""
    from yk8s_tui.layers import kubeadm
    from yk8s_tui.layers.admin_kubeconfig import NAME, days_left
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    config = repository.load()
    path = repository.secrets_dir / NAME
    if args.renew:
        asyncio.run(_renew(repository))
    if not path.is_file():
        hint = "`yk8s-tui apply` makes it with the cluster"
        raise Yk8sError("there is no kubeconfig yet", where=str(path), hint=hint)
    left = days_left(path, config)
    if args.json:
        print_json({"path": str(path), "server": f"https://{kubeadm.endpoint(config)}", "days_left": round(left, 2)})
    elif args.path:
        print(path)
    else:
        sys.stdout.write(path.read_text(encoding="utf-8"))
    if left <= 0:
        print("yk8s-tui: it is not valid any more: run `yk8s-tui kubeconfig --renew`", file=sys.stderr)
        return ExitCode.FAILED
    return ExitCode.DONE


async def _renew(repository: Repository) -> Path:
    from yk8s_tui.backends.registry import harbour_for
    from yk8s_tui.backends.ssh import SshPool
    from yk8s_tui.layers.admin_kubeconfig import make_text, store

    config = repository.load()
    inventory = await harbour_for(config, repository.root).inventory(config)
    if not inventory.control_planes:
        raise Yk8sError("there is no control plane node", where=str(repository.root))
    async with SshPool(inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir) as ssh:
        text = await make_text(ssh, config, inventory, inventory.control_planes[0].name)
    return store(repository.secrets_dir, text)
