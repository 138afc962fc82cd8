"""Watching lab hosts in tests: the picture, and how soon something shows in it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.lab.conftest import LabCluster
from tests.lab.faults_shown import SHOWN, patience
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.layers import wireguard
from yk8s_tui.repository.secrets import SecretStore
from yk8s_tui.status.health import findings
from yk8s_tui.status.host_watch import HostWatch
from yk8s_tui.status.model import ClusterStatus, Finding


@dataclass
class Watching:
    """A watch at work, and the picture it makes."""

    watch: HostWatch
    status: ClusterStatus = field(default_factory=ClusterStatus)

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = SHOWN) -> float:
        """Wait for something in the picture; the seconds it took."""
        begin = time.monotonic()
        self.watch.drain(self.status)
        while not condition():
            left = begin + patience(seconds) - time.monotonic()
            assert left > 0, f"not within {seconds} s: {what}\n{self.status}"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.watch.changed.wait(), left)
            self.watch.drain(self.status)
        return time.monotonic() - begin

    def found(self) -> dict[str, Finding]:
        """What is wrong, by key."""
        self.watch.drain(self.status)
        return {finding.key: finding for finding in findings(self.status, time.time())}


@contextlib.asynccontextmanager
async def watching(cluster: LabCluster, *nodes: str) -> AsyncIterator[Watching]:
    """Watch these hosts of a lab, or all, once everything was told."""
    repository, config = cluster.repository, cluster.config
    inventory = await cluster.harbour.inventory(config)
    inventory = inventory.only(nodes or inventory.names)
    peers = wireguard.peer_names(config, SecretStore(repository.secrets_dir))
    async with (
        SshPool(
            inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir, connect_timeout=5
        ) as ssh,
        HostWatch(ssh, inventory, config, peers=peers) as watch,
    ):
        assert await watch.await_first(40)
        made = Watching(watch)
        made.status.vip = watch.vip
        watch.drain(made.status)
        yield made


async def on(cluster: LabCluster, node: str, command: str, check: bool = True) -> str:
    """Run a shell command in a host, without SSH, while the watch goes on."""
    return (await asyncio.to_thread(cluster.exec, node, command, check=check)).stdout
