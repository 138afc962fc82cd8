"""What the tests of the trampoline share: one lab with two frontends, and probes from outside."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.lab.conftest import LabCluster, MakeLab

TWO = {"harbour.lab.frontends": 2, "harbour.lab.workers": 0}
"""Two frontends and a control plane node that serves as a machine behind them."""


def trampoline(make_lab: MakeLab) -> LabCluster:
    """The shared lab with the trampoline applied."""
    cluster = make_lab(TWO)
    if not list(cluster.root.glob("runs/*/journal.jsonl")):
        apply(cluster)
    return cluster


def apply(cluster: LabCluster, *arguments: str) -> list[dict[str, Any]]:
    """Apply the layer through the command line; the journal of the run."""
    done = cluster.cli("apply", "--layer", "trampoline", "--yes", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return journal(cluster)


def journal(cluster: LabCluster) -> list[dict[str, Any]]:
    """The journal of the last run."""
    path = max(cluster.root.glob("runs/*/journal.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()]


def vip(cluster: LabCluster) -> str:
    """The address the frontends share."""
    return cluster.config.harbour.lab.subnet.network_address.exploded.rsplit(".", 1)[0] + ".250"


def holders(cluster: LabCluster) -> list[str]:
    """Who has the VIP on an interface."""
    frontends = [n.name for n in cluster.inventory.frontends if cluster.harbour.host(n.name).init]
    return [n for n in frontends if f" {vip(cluster)}/" in cluster.exec(n, "ip -o address", check=False).stdout]


@dataclass
class Availability:
    """TCP connections to one address, 20 in a second, from this machine."""

    address: tuple[str, int]
    failed: int = 0
    answered: list[float] = field(default_factory=list)

    def ask(self) -> None:
        """One connection; `OSError` when there is no answer."""
        socket.create_connection(self.address, 0.5).close()

    def during(self, action: Callable[[], object], seconds: float) -> float:
        """Do something after a moment; the longest time without an answer, seconds."""
        worker = threading.Timer(0.5, action)
        worker.start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            started = time.monotonic()
            try:
                self.ask()
                self.answered.append(time.monotonic())
            except OSError:
                self.failed += 1
            time.sleep(max(0.0, 0.05 - (time.monotonic() - started)))
        worker.join()
        assert len(self.answered) > 1, f"{self.address} never answered"
        gaps = [b - a for a, b in itertools.pairwise(self.answered)]
        return max([*gaps, time.monotonic() - self.answered[-1]])
