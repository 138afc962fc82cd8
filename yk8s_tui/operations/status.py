"""The status of a cluster, kept current: API, hosts and the repository together, each by its own pace."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yk8s_tui.backends.registry import harbour_for
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.backends.ssh_forward import blocking
from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers.wireguard import peer_names
from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import effective_vip
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.repository.repository import Repository
from yk8s_tui.repository.secrets import SecretStore
from yk8s_tui.status.cluster_api import ApiWatch
from yk8s_tui.status.host_watch import HostWatch
from yk8s_tui.status.local import LocalWatch
from yk8s_tui.status.model import ApiServer, ClusterStatus, EtcdMember, Frontend, Host, Source

CONNECT_SECONDS = 4.0
"""For SSH: a host that hangs is shown as such within 5 s."""
HOSTS_AT_ONCE = 200
"""Hosts of the inventory that are watched over SSH; frontends and control planes first."""
FIRST_SECONDS = 60.0
"""How long hosts are waited for before what is known of them counts as the first answer."""
GATHER_SECONDS = 0.1
"""How long what hosts tell is gathered before it is handed over."""
NODES_FIRST_SECONDS = 0.7
"""Head start of the API's nodes, which are painted first; what SSH needs takes the interpreter as long."""
LOCAL_SECONDS = 1.0
DRAIN_SECONDS = 0.05
"""How long one drain may take; the rest waits for the next."""
STOP_SECONDS = 6.0


@dataclass(frozen=True)
class _HostNews:
    """What the hosts have told, all of it as it is now; the values are never changed."""

    sources: dict[str, Source]
    hosts: dict[str, Host]
    frontends: dict[str, Frontend]
    etcd: dict[str, EtcdMember]
    api_servers: dict[str, ApiServer]


class StatusWatch:
    """Keeps `status` current from `start` to `stop`; it only reads.

    `status` belongs to the thread that calls `drain`. Raises `InvalidConfig` when the repository cannot be read.
    """

    def __init__(
        self,
        root: Path,
        *,
        requests: Callable[[str], None] | None = None,
        commands: Callable[[str, str], None] | None = None,
    ) -> None:
        """`requests` hears of every request to the API, `commands` of every command on a host (node, command)."""
        self.repository = Repository(root)
        config = self.repository.load()
        self.error: Exception | None = None
        """What ended the watch of the hosts, if anything did; whoever shows it takes it away."""
        self._requests, self._commands = requests, commands
        self._config: Config = config
        self.status = ClusterStatus(
            name=config.cluster.name, version=config.kubernetes.version, vip=effective_vip(config) or ""
        )
        self._local = LocalWatch(root)
        self._looked = 0.0
        self._api: ApiWatch | None = None
        self._news: _HostNews | None = None
        self._inventory: Inventory | None = None
        self._ready = threading.Event()
        """Set when the hosts have answered for the first time, or are known not to."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="status-hosts", daemon=True)
        self._started = threading.Event()

    def start(self) -> None:
        """Begin, if it has not begun; returns at once."""
        if not self._thread.ident:
            self._thread.start()

    def stop(self) -> None:
        """End everything here and on the hosts; waits a few seconds at most."""
        if self._loop and self._end:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end.set)
        if self._api:
            self._api.stop()
        if self._thread.ident:
            self._thread.join(STOP_SECONDS)

    def await_first(self, timeout: float) -> bool:
        """Wait until API and hosts have answered once or are known not to; False when time (seconds) is up."""
        deadline = time.monotonic() + timeout
        whole = self._started.wait(timeout)
        if self._api:
            whole &= self._api.await_first(max(0.0, deadline - time.monotonic()))
        whole &= self._ready.wait(max(0.0, deadline - time.monotonic()))
        self.drain(bounded=False)
        return whole

    def drain(self, *, bounded: bool = True) -> bool:
        """Take over what has arrived; whether anything has changed. Bounded in time unless told otherwise."""
        changed = self._take_inventory()
        if self._api:
            changed |= self._api.drain(self.status, seconds=DRAIN_SECONDS if bounded else 0.0)
        changed |= self._take_hosts()
        if time.monotonic() - self._looked > LOCAL_SECONDS:
            self._looked = time.monotonic()
            with contextlib.suppress(Yk8sError):
                changed |= self._local.drain(self.status)
        return changed

    def _take_inventory(self) -> bool:
        inventory, self._inventory = self._inventory, None
        if inventory is None:
            return False
        self.status.expected = {node.name: node.roles for node in inventory.nodes}
        self.status.revision += 1
        return True

    def _take_hosts(self) -> bool:
        news, self._news = self._news, None
        if news is None:
            return False
        status = self.status
        status.hosts, status.frontends, status.etcd = news.hosts, news.frontends, news.etcd
        through_vip = status.api_servers.get("")
        status.api_servers = news.api_servers | ({"": through_vip} if through_vip else {})
        others = {key: source for key, source in status.sources.items() if not key.startswith("host:")}
        status.sources = {**others, **news.sources}
        status.revision += 1
        return True

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except Exception as error:
            self.error = error
        finally:
            self._started.set()
            self._ready.set()

    async def _watch(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        repository, config = self.repository, self._config
        inventory = await harbour_for(config, repository.root).inventory(config)
        self._inventory = inventory
        ssh = SshPool(
            inventory,
            known_hosts=repository.known_hosts,
            secrets_dir=repository.secrets_dir,
            connect_timeout=CONNECT_SECONDS,
            recorder=self._commands,
        )
        async with ssh:
            forward = blocking(ssh, self._loop)
            api = ApiWatch.of(repository.root, config, inventory, forward=forward, recorder=self._requests)
            api.start()
            self._api = api
            self._started.set()
            await asyncio.to_thread(api.await_nodes, NODES_FIRST_SECONDS)
            await self._watch_hosts(ssh, watched(inventory))

    async def _watch_hosts(self, ssh: SshPool, inventory: Inventory) -> None:
        assert self._end is not None
        peers = peer_names(self._config, SecretStore(self.repository.secrets_dir))
        async with HostWatch(ssh, inventory, self._config, peers=peers) as hosts:
            shadow = ClusterStatus()
            first = asyncio.create_task(self._first(hosts, shadow))
            pump = asyncio.create_task(self._pump(hosts, shadow))
            ending = asyncio.create_task(self._end.wait())
            try:
                await asyncio.wait({pump, ending}, return_when=asyncio.FIRST_COMPLETED)
                if pump.done():
                    pump.result()
            finally:
                for task in (first, pump, ending):
                    task.cancel()

    async def _first(self, hosts: HostWatch, shadow: ClusterStatus) -> None:
        await hosts.await_first(FIRST_SECONDS)
        self._hand_over(hosts, shadow)
        self._ready.set()

    async def _pump(self, hosts: HostWatch, shadow: ClusterStatus) -> None:
        while True:
            await hosts.changed.wait()
            self._hand_over(hosts, shadow)
            await asyncio.sleep(GATHER_SECONDS)

    def _hand_over(self, hosts: HostWatch, shadow: ClusterStatus) -> None:
        hosts.drain(shadow)
        self._news = _HostNews(
            dict(shadow.sources),
            dict(shadow.hosts),
            dict(shadow.frontends),
            dict(shadow.etcd),
            dict(shadow.api_servers),
        )


def watched(inventory: Inventory) -> Inventory:
    """The hosts that are watched over SSH: all, or in a large cluster those that others depend on, and some workers."""
    if len(inventory.nodes) <= HOSTS_AT_ONCE:
        return inventory
    first = sorted(inventory.nodes, key=lambda n: (n not in inventory.frontends, n not in inventory.control_planes))
    return inventory.only([node.name for node in first[:HOSTS_AT_ONCE]])
