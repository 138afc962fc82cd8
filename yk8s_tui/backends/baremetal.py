"""The bare-metal harbour: machines that exist already; nothing is created, and nothing destroyed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from yk8s_tui.backends.base import Catalogue, HarbourEvent, HarbourFinding, HarbourPlan, ResourceChange
from yk8s_tui.backends.hostkeys import ScannedHost, scan_host_keys, unpinned
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.config import Config
from yk8s_tui.models.harbours import BareMetalNode
from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.repository.repository import Repository

MACHINE = "machine"


class BareMetalHarbour:
    """The machines of `[[harbour.baremetal.nodes]]`; see the Harbour protocol."""

    name = "baremetal"

    def __init__(self, root: Path) -> None:
        self.repository = Repository(root)

    async def catalogue(self) -> Catalogue:
        """The private keys that this machine has, and whether an SSH agent runs."""
        keys = tuple({"value": str(path), "label": f"~/.ssh/{path.name}"} for path in private_keys())
        if os.environ.get("SSH_AUTH_SOCK"):
            keys = ({"value": "", "label": "SSH agent and default keys"}, *keys)
        return Catalogue(choices={"ssh_key": keys})

    async def preflight(self, config: Config) -> tuple[HarbourFinding, ...]:
        """What can be said without a connection: are there nodes, keys, and pinned host keys?"""
        nodes = (await self.inventory(config)).nodes
        if not nodes:
            remedy = "paste a list with `yk8s-tui baremetal import FILE`, or add [[harbour.baremetal.nodes]]"
            return (HarbourFinding(id="baremetal.nodes", verdict="fail", text="no machines", remedy=remedy),)
        found = [HarbourFinding(id="baremetal.nodes", verdict="pass", text=f"{len(nodes)} machines")]
        found += [self._key_finding(node) for node in nodes if node.ssh_key]
        missing = unpinned(nodes, self.repository.known_hosts)
        if missing:
            found.append(
                HarbourFinding(
                    id="baremetal.host-keys",
                    verdict="fail",
                    text=f"no pinned host key: {', '.join(missing)}",
                    remedy="compare the fingerprints and pin them: `yk8s-tui baremetal pin`",
                )
            )
        return tuple(found)

    async def inventory(self, config: Config) -> Inventory:
        """The machines as configured."""
        bare = config.harbour.baremetal
        labels, taints = config.kubernetes.labels, config.kubernetes.taints
        return Inventory(
            nodes=tuple(
                self._node(
                    node,
                    labels={**node.labels, **labels.get(node.name, {})},
                    taints=(*node.taints, *taints.get(node.name, ())),
                )
                for node in bare.nodes
            )
        )

    async def plan(self, config: Config) -> HarbourPlan:
        """Every machine is kept: they are given, not made."""
        nodes = (await self.inventory(config)).nodes
        return HarbourPlan(
            changes=tuple(
                ResourceChange(
                    kind=MACHINE, name=node.name, action="keep", reason=f"given, at {node.host}", id=node.host
                )
                for node in nodes
            )
        )

    async def apply(self, plan: HarbourPlan, config: Config) -> AsyncIterator[HarbourEvent]:
        """Make sure that every machine of the plan answers as who it is, all at once."""
        wanted = [change.name for change in plan.changes if change.kind == MACHINE]
        inventory = (await self.inventory(config)).only(wanted)
        for node in inventory.nodes:
            yield HarbourEvent(resource=node.name, state="started", text=node.host)
        async with self.pool(inventory) as ssh:
            for next_done in asyncio.as_completed([_answer(ssh, node) for node in inventory.nodes]):
                yield await next_done

    async def destroy_plan(self, config: Config) -> HarbourPlan:
        """Nothing: the machines are not ours."""
        return HarbourPlan()

    async def destroy(self, plan: HarbourPlan, config: Config) -> AsyncIterator[HarbourEvent]:
        """Remove nothing; the machines stay as they are."""
        for change in plan.changes:
            yield HarbourEvent(resource=change.name, state="note", text="the machine stays; it was given")

    async def scan(self, config: Config) -> dict[str, ScannedHost]:
        """The host keys of all machines and jump hosts, against the pinned ones."""
        inventory = await self.inventory(config)
        return await scan_host_keys(
            inventory.nodes,
            known_hosts=self.repository.known_hosts,
            secrets_dir=self.repository.secrets_dir,
        )

    def pool(self, inventory: Inventory) -> SshPool:
        """Connections to these machines."""
        repository = self.repository
        return SshPool(inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir)

    def _node(self, node: BareMetalNode, *, labels: dict[str, str], taints: Iterable[str]) -> Node:
        own = f"sudo/{node.name}"
        secret = own if (self.repository.secrets_dir / own).is_file() else "sudo/default"
        return Node(
            name=node.name,
            address=str(node.address),
            roles=node.roles,
            ssh_address=node.ssh_address,
            ssh_user=node.ssh_user,
            ssh_port=node.ssh_port,
            ssh_key=self._key(node.ssh_key),
            jump=node.jump,
            sudo_password_secret=secret if node.sudo == "password" else "",
            interface=node.interface,
            labels=labels,
            taints=tuple(dict.fromkeys(taints)),
        )

    def _key(self, key: str) -> str:
        """Relative key files are relative to the cluster repository."""
        return str(self.repository.root / Path(key).expanduser()) if key else ""

    def _key_finding(self, node: Node) -> HarbourFinding:
        there = Path(node.ssh_key).is_file()
        return HarbourFinding(
            id="baremetal.ssh-key",
            verdict="pass" if there else "fail",
            text=f"{node.name}: the key {node.ssh_key} is {'there' if there else 'missing'}",
            remedy="" if there else "correct ssh_key of the node, or leave it empty to use the SSH agent",
        )


async def _answer(ssh: SshPool, node: Node) -> HarbourEvent:
    try:
        done = await ssh.run(node.name, "true")
    except Yk8sError as error:
        return HarbourEvent(resource=node.name, state="failed", text=str(error))
    if not done.ok:
        return HarbourEvent(resource=node.name, state="failed", text=done.error_text)
    return HarbourEvent(resource=node.name, state="done", text=f"{node.host} answers on SSH")


def private_keys() -> tuple[Path, ...]:
    """The private keys in ~/.ssh, by what stands in them, sorted."""
    folder = Path.home() / ".ssh"
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and path.suffix != ".pub" and path.stat().st_size < 20_000:
            try:
                first = path.open("rb").readline(64)
            except OSError:
                continue
            if b"PRIVATE KEY" in first:
                found.append(path)
    return tuple(found)
