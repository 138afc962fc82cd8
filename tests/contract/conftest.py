"""The harbours under test: each with a configuration, on machines that are really there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.conftest import LabCluster, MakeLab, make_lab
from yk8s_tui.backends.base import Harbour
from yk8s_tui.backends.registry import harbour_for
from yk8s_tui.models.config import Config
from yk8s_tui.repository.create import create
from yk8s_tui.repository.repository import Repository

__all__ = ["make_lab"]

SMALL = {"harbour.lab.workers": 1}


@dataclass
class Contender:
    """A harbour that follows the contract, or not."""

    harbour: Harbour
    repository: Repository

    @property
    def config(self) -> Config:
        return self.repository.load()


def bare_metal_over(cluster: LabCluster, root: Path) -> Repository:
    """A cluster repository that takes lab hosts as the machines they look like."""
    nodes = [
        {"name": n.name, "address": n.address, "roles": list(n.roles), "ssh_key": n.ssh_key}
        for n in cluster.inventory.nodes
    ]
    repository = create(root, "baremetal", "bare", {"harbour.baremetal.nodes": nodes})
    repository.known_hosts.parent.mkdir(exist_ok=True)
    repository.known_hosts.write_text((cluster.root / "state/known_hosts").read_text())
    return repository


@pytest.fixture(params=["lab", "baremetal"])
def contender(request: pytest.FixtureRequest, make_lab: MakeLab, tmp_path: Path) -> Iterator[Contender]:
    cluster = make_lab(SMALL)
    repository = cluster.repository
    if request.param == "baremetal":
        repository = bare_metal_over(cluster, tmp_path / "bare")
    yield Contender(harbour_for(repository.load(), repository.root), repository)
    asyncio.run(_untouched(cluster))


async def _untouched(cluster: LabCluster) -> None:
    """No test of the contract may cost a shared host its life."""
    plan = await cluster.harbour.plan(cluster.config)
    assert not plan.effective, plan.effective
