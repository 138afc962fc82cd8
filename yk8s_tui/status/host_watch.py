"""Watches every host over SSH, all at once: each tells what changed for as long as it is watched."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.backends.ssh_scripts import fed_command, program
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import effective_vip
from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.status.host_state import Watched
from yk8s_tui.status.model import ClusterStatus

SCRIPT = (
    "host_facts.py",
    "probe.py",
    "status/host_looks.py",
    "status/drift_watch.py",
    "status/frontend_looks.py",
    "status/control_looks.py",
    "status_host.py",
)

SILENCE_SECONDS = 4.0
"""A host that is well says something at least every second; so one that froze is shown within 5 s."""
PING_SECONDS = 2.0
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 7.0, 10.0)
"""Between two attempts to reach a host."""
CLOSE_SECONDS = 5.0


class HostWatch:
    """The host half of the picture; use it as an async context manager, or `start` and `close` it.

    `peers` maps public keys of WireGuard peers to names (`wireguard.peer_names`). Give it an `SshPool` with
    a `connect_timeout` of a few seconds, for hosts that hang. `changed` is set whenever `drain` has work.
    """

    def __init__(
        self, ssh: SshPool, inventory: Inventory, config: Config, *, peers: Mapping[str, str] | None = None
    ) -> None:
        self.ssh = ssh
        self.inventory = inventory
        self.vip = effective_vip(config)
        self.peers = dict(peers or {})
        self.changed = asyncio.Event()
        now = time.time()
        self.hosts = {node.name: Watched(node, now) for node in inventory.nodes}
        self._tasks: list[asyncio.Task[None]] = []
        self._script = b""

    async def __aenter__(self) -> HostWatch:
        self.start()
        return self

    async def __aexit__(self, *about: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begin with every host."""
        self._script = program(*SCRIPT)
        self._tasks = [asyncio.create_task(self._watch(host), name=f"host {name}") for name, host in self.hosts.items()]
        self.changed.set()

    async def close(self) -> None:
        """End everything, here and on the hosts; what does not answer is left to end by itself."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)

    def drain(self, status: ClusterStatus) -> bool:
        """Put what arrived since the last time into the picture; whether there was anything."""
        self.changed.clear()
        changed = [host for host in self.hosts.values() if host.take_dirty()]
        for host in changed:
            host.apply(status, self.peers)
        if changed:
            status.revision += 1
        return bool(changed)

    async def await_first(self, timeout: float) -> bool:
        """Wait until each host has told everything once or is known to be unreachable; False when time is up."""
        waiting = [asyncio.create_task(host.answered.wait()) for host in self.hosts.values()]
        if not waiting:
            return True
        _, pending = await asyncio.wait(waiting, timeout=timeout)
        for task in pending:
            task.cancel()
        return not pending

    async def _watch(self, host: Watched) -> None:
        failures = 0
        while True:
            try:
                await self._follow(host)
                why = "its connection ended"
            except Yk8sError as error:
                why = str(error)
            except Exception as error:  # whatever one host does, it is watched on, and the others are
                why = f"{host.name}: what the host tells makes no sense: {error!r}"
            failures = 0 if host.source.state == "live" else failures
            self._mark(host.lost(why, time.time()))
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1

    async def _follow(self, host: Watched) -> None:
        """Follow one host until it is lost."""
        asked: dict[str, float] = {}
        pinged = 0.0
        command = fed_command(self._script, self._options(host.node))
        async with self.ssh.follow(host.name, command, self._script) as following:
            async for line in following.lines(SILENCE_SECONDS):
                now = time.time()
                told: dict[str, Any] = json.loads(line)
                self._mark(host.live(now))
                if "pong" in told:
                    self._mark(host.heard_clock(asked.pop(told["pong"], None), now, float(told["clock"])))
                self._mark(host.hear(told))
                if time.monotonic() - pinged > PING_SECONDS:
                    pinged = time.monotonic()
                    name = f"{len(asked)}-{pinged:.3f}"
                    asked = {name: time.time()}
                    following.write(f"{name}\n".encode())

    def _options(self, node: Node) -> dict[str, Any]:
        return {"roles": list(node.roles), "vip": self.vip}

    def _mark(self, news: bool) -> None:
        if news:
            self.changed.set()
