"""Ways to the API of a cluster: directly, through the VPN, or by an SSH tunnel over a frontend."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.backends.ssh_forward import LOOPBACK, Forward
from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.status import kubeconfig
from yk8s_tui.status.client import ApiClient, Recorder
from yk8s_tui.status.model import ApiServer

if TYPE_CHECKING:
    from yk8s_tui.models.config import Config
    from yk8s_tui.models.nodes import Inventory

DIRECT = "directly"
VPN = "through the VPN"
NEAR_SECONDS = 1.5
"""For TCP and TLS of a way without SSH."""
TUNNEL_SECONDS = 4.0
READY_SECONDS = 4.0
"""For the answer of a server that is there; a busy one is not taken for a dead one."""
DISCARD = 9
HEAD_START = 0.2
"""Seconds the direct way may be slower than the VPN and is still preferred."""


@dataclass(frozen=True)
class Places:
    """Where the API of a cluster can be found."""

    vip: str
    """What its certificate is for, too."""
    port: int
    inside: tuple[str, ...] = ()
    """Its addresses inside the VPN's tunnels, with the length of the tunnel's prefix."""
    frontends: tuple[str, ...] = ()
    """Nodes that an SSH tunnel may go over, best first."""

    @classmethod
    def of(cls, config: Config, inventory: Inventory) -> Places:
        """From configuration and inventory."""
        from yk8s_tui.layers import wireguard
        from yk8s_tui.models.networks import effective_vip

        inside = tuple(address for tunnel in wireguard.tunnels(config) for address in tunnel.addresses)
        frontends = tuple(node.name for node in inventory.frontends)
        return cls(effective_vip(config), config.kubernetes.api_port, inside, frontends)


@dataclass(frozen=True)
class Reached:
    """A way that works."""

    words: str
    """`directly`, `through the VPN`, `via fe1`."""
    client: ApiClient
    first: ApiServer
    """Its first answer."""


@dataclass(frozen=True)
class Router:
    """Finds a way to the API, and says why there is none."""

    places: Places
    kubeconfig: Path
    forward: Forward | None = None
    """Opens SSH tunnels; without it there are none."""
    recorder: Recorder | None = None

    def find(self, wanted: Callable[[], bool] = lambda: True) -> Reached:
        """The best way that works now; gives up when it is not `wanted` any more.

        The kubeconfig is read anew each time: it is renewed every few days. Raises `UnreachableError` with one line
        for each way, and `ConfigError` when the kubeconfig cannot be used.
        """
        context = kubeconfig.load(self.kubeconfig).context()
        failures: dict[str, str] = {}
        found = self._near(context, failures)
        for frontend in self.places.frontends if self.forward and not found else ():
            if not wanted():
                break
            found = self._tunnel(frontend, context, failures)
            if found:
                break
        if found:
            return found
        raise UnreachableError(
            "the API does not answer",
            where=f"{self.places.vip}:{self.places.port}",
            why="; ".join(f"{way}: {why}" for way, why in failures.items()),
        )

    def _near(self, context: ssl.SSLContext, failures: dict[str, str]) -> Reached | None:
        """Directly and through the VPN at once; who is first, with a head start for the direct way."""
        inside = [str(ip_interface(address).ip) for address in self.places.inside if in_tunnel(address)]
        ways = [(DIRECT, self.places.vip), *((VPN, host) for host in inside)]
        pool = ThreadPoolExecutor(len(ways), thread_name_prefix="yk8s-route")
        try:
            tries = {pool.submit(self._try, words, host, self.places.port, context): words for words, host in ways}
            return _first(tries, failures)
        finally:
            pool.shutdown(wait=False)

    def _tunnel(self, frontend: str, context: ssl.SSLContext, failures: dict[str, str]) -> Reached | None:
        assert self.forward is not None
        words = f"via {frontend}"
        try:
            port = self.forward(frontend, self.places.vip, self.places.port)
            return self._try(words, LOOPBACK, port, context, connect=TUNNEL_SECONDS)
        except Yk8sError as error:
            failures[words] = error.why or error.what
        except TimeoutError:
            failures[words] = "SSH does not answer in time"
        return None

    def _try(self, words: str, host: str, port: int, context: ssl.SSLContext, connect: float = NEAR_SECONDS) -> Reached:
        far = words != DIRECT
        client = ApiClient(host, port, context, name=self.places.vip, compress=far, recorder=self.recorder)
        try:
            return Reached(words, client, ask_ready(client, connect=connect, read=READY_SECONDS))
        except BaseException:
            client.close()
            raise


def in_tunnel(address: str) -> bool:
    """Whether this machine would send to an address from its own network: else nobody there is ours. Sends nothing."""
    there = ip_interface(address)
    family = socket.AF_INET6 if there.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(there.ip), DISCARD))
            return ip_address(probe.getsockname()[0]) in there.network
    except OSError:
        return False


def ask_ready(client: ApiClient, *, connect: float, read: float) -> ApiServer:
    """One question to /readyz; raises `UnreachableError` when nobody answers, or one who does not know us."""
    began = time.monotonic()
    answer = client.get("/readyz", {"verbose": "true"}, connect=connect, read=read)
    seconds = time.monotonic() - began
    if answer.status in (401, 403):
        why = f"it does not accept the kubeconfig ({answer.status})"
        raise UnreachableError("the API refuses", where=client.where, why=why, hint=kubeconfig.HINT)
    failing = tuple(_failing(answer.body))
    ready = answer.status == 200
    error = "" if ready or failing else f"status {answer.status} from /readyz"
    return ApiServer("", ready, failing, seconds, error)


def _failing(body: bytes) -> Iterator[str]:
    """Names of the checks with a minus: `[-]etcd failed: reason withheld`."""
    for line in body.decode(errors="replace").splitlines():
        if line.startswith("[-]"):
            yield line[3:].split(" ", 1)[0]


def _first(tries: dict[Future[Reached], str], failures: dict[str, str]) -> Reached | None:
    """The first that works, but the direct one when that is hardly slower."""
    deadline = time.monotonic() + NEAR_SECONDS + READY_SECONDS
    best: Reached | None = None
    left = dict(tries)
    while left and (best is None or best.words != DIRECT):
        done, _ = wait(left, max(0.0, deadline - time.monotonic()), FIRST_COMPLETED)
        if not done:
            break
        for future in done:
            words = left.pop(future)
            try:
                found = future.result()
            except Yk8sError as error:
                failures[words] = error.why or error.what
            else:
                best = found if best is None or found.words == DIRECT else best
                deadline = time.monotonic() + HEAD_START
    failures.update({words: "no answer in time" for words in left.values()})
    for future in tries:
        future.add_done_callback(lambda ended: _drop(ended, best))
    return best


def _drop(done: Future[Reached], winner: Reached | None) -> None:
    if not done.cancelled() and not done.exception() and done.result() is not winner:
        done.result().client.close()
