"""The part of the status that the Kubernetes API knows: watched by threads, drained by the one who shows it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.backends.ssh_forward import Forward
from yk8s_tui.status import reduce, reduce_pods, reduce_workloads
from yk8s_tui.status.client import Recorder
from yk8s_tui.status.link import Link, LinkNews
from yk8s_tui.status.model import ClusterStatus, Source
from yk8s_tui.status.route import Places, Router
from yk8s_tui.status.tables import API, Tables
from yk8s_tui.status.watch import Listed, Message, Resource, ResourceWatch, Trouble

if TYPE_CHECKING:
    from yk8s_tui.models.config import Config
    from yk8s_tui.models.nodes import Inventory

APPS = "/apis/apps/v1"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
LEADERS = ("kube-controller-manager", "kube-scheduler")

RESOURCES = (
    Resource("nodes", "/api/v1/nodes", reduce.node),
    Resource("deployments", f"{APPS}/deployments", reduce_workloads.deployment),
    Resource("daemonsets", f"{APPS}/daemonsets", reduce_workloads.daemon_set),
    Resource("statefulsets", f"{APPS}/statefulsets", reduce_workloads.stateful_set),
    *(Resource(f"leases/{name}", LEASES, reduce.lease, f"metadata.name={name}") for name in LEADERS),
    Resource("events", "/api/v1/events", reduce.warning, "type=Warning"),
    Resource("pods", "/api/v1/pods", reduce_pods.pod),
)
"""All that is read, nodes first: they are what is looked for first."""

HEAVY = frozenset({"pods", "events"})
"""They begin when the nodes are there, which would otherwise come twice as late."""
HEAVY_SECONDS = 10.0
"""But not later than that."""
TICK_SECONDS = 1.0
STOP_SECONDS = 1.0


class ApiWatch:
    """Watches a cluster through its API, and only reads.

    `start` returns at once and never fails: what goes wrong is in `sources["api"]`. `drain` is to be
    called by one thread only.
    """

    def __init__(
        self,
        places: Places,
        kubeconfig: Path,
        *,
        forward: Forward | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._queue: queue.SimpleQueue[Message | LinkNews] = queue.SimpleQueue()
        self._link = Link(Router(places, kubeconfig, forward, recorder), self._put)
        self._watches = [ResourceWatch(resource, self._link, self._put) for resource in RESOURCES]
        self._threads: list[threading.Thread] = []
        self._tables = Tables()
        self._missing = {resource.kind for resource in RESOURCES}
        self._known = threading.Event()
        self._nodes_known = threading.Event()
        self._ticked = 0.0

    @classmethod
    def of(
        cls,
        root: Path,
        config: Config,
        inventory: Inventory,
        *,
        forward: Forward | None = None,
        recorder: Recorder | None = None,
    ) -> ApiWatch:
        """For the cluster repository at `root`; `forward` opens SSH tunnels (`ssh_forward.blocking`)."""
        places = Places.of(config, inventory)
        return cls(places, root / "secrets" / "kubeconfig", forward=forward, recorder=recorder)

    def start(self) -> None:
        """Begin; returns at once."""
        bodies: list[Callable[[], None]] = [self._link.run]
        bodies += [partial(self._run, watch) for watch in self._watches]
        for body in bodies:
            thread = threading.Thread(target=body, name="yk8s-status-api", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End everything; what still waits for an answer is left to its time limit, and not heard any more."""
        self._link.stop()
        self._nodes_known.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()

    def drain(self, status: ClusterStatus, *, seconds: float = 0.0) -> bool:
        """Apply what arrived; returns whether the status changed.

        With `seconds` it stops after that time, and goes on with the next call.
        """
        now = time.time()
        status.sources.setdefault(API, Source(since=now))
        changed = self._apply(status, now, seconds)
        if now - self._ticked >= TICK_SECONDS:
            self._ticked = now
            changed |= self._tables.tick(status, now)
        changed |= self._tables.settle(status)
        status.revision += changed
        return changed

    def await_first(self, timeout: float) -> bool:
        """Wait until the first lists are complete, or it is known that there is no way to the API.

        Blocks the calling thread, which must not be the one that SSH tunnels run in. Returns False when
        the time was over first, in seconds, and then what is missing is told; call `drain` afterwards in any case.
        """
        known = self._known.wait(timeout)
        for kind in () if known else tuple(self._missing):
            self._queue.put(Trouble(kind, f"{kind}: no answer"))
        return known

    def await_nodes(self, timeout: float) -> None:
        """Wait until the first list of nodes is there, or there is no way to the API, or the time (seconds) is over."""
        self._nodes_known.wait(timeout)

    def _run(self, watch: ResourceWatch) -> None:
        """The body of the thread of a watch."""
        if watch.resource.kind in HEAVY and self._link.client() is not None:
            self._nodes_known.wait(HEAVY_SECONDS)
        watch.run()

    def _apply(self, status: ClusterStatus, now: float, seconds: float) -> bool:
        changed = False
        deadline = time.monotonic() + seconds
        for _ in range(self._queue.qsize()):
            try:
                message = self._queue.get_nowait()
            except queue.Empty:
                break
            changed |= self._tables.apply(message, status, now)
            if seconds and time.monotonic() > deadline:
                break
        return changed

    def _put(self, message: Message | LinkNews) -> None:
        """Called by all threads."""
        self._queue.put(message)
        if self._missing:
            self._note_first(message)

    def _note_first(self, message: Message | LinkNews) -> None:
        if isinstance(message, LinkNews):
            if message.error:
                self._known.set()
                self._nodes_known.set()
        elif isinstance(message, Listed) or (isinstance(message, Trouble) and message.error):
            self._missing.discard(message.kind)
            if "nodes" not in self._missing:
                self._nodes_known.set()
            if not self._missing:
                self._known.set()
