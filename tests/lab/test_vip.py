"""The VIP outlives a frontend: planned or not, connections to it are answered again within seconds."""

from __future__ import annotations

import os
import signal

import pytest

from tests.lab.conftest import LabCluster, MakeLab, wait_until
from tests.lab.frontends import Availability, apply, holders, trampoline, vip

pytestmark = pytest.mark.lab
FIVE = 5.0
"""Seconds without an answer that are too many."""


@pytest.fixture
def cluster(make_lab: MakeLab) -> LabCluster:
    return trampoline(make_lab)


def settled(cluster: LabCluster) -> str:
    """The only holder, once there is just one."""
    wait_until(lambda: len(holders(cluster)) == 1, 15, "one frontend holds the VIP")
    return holders(cluster)[0]


def test_an_ill_haproxy_gives_the_vip_away_and_does_not_take_it_back(cluster: LabCluster) -> None:
    first = settled(cluster)
    answers = Availability((vip(cluster), 22))
    gap = answers.during(lambda: cluster.exec(first, "systemctl stop haproxy"), 7)
    assert gap < FIVE
    second = settled(cluster)
    assert second != first
    cluster.exec(first, "systemctl start haproxy")
    gap = Availability((vip(cluster), 22)).during(lambda: None, 5)
    assert (settled(cluster), gap < 1) == (second, True)


def test_a_planned_move_is_hardly_seen(cluster: LabCluster) -> None:
    first = settled(cluster)
    mark = "/run/yk8s/frontend-maintenance"
    gap = Availability((vip(cluster), 22)).during(lambda: cluster.exec(first, f"mkdir -p /run/yk8s; touch {mark}"), 6)
    cluster.exec(first, f"rm {mark}")
    assert gap < 2
    assert settled(cluster) != first


def test_a_dead_host_gives_the_vip_away(cluster: LabCluster) -> None:
    first = settled(cluster)
    init = cluster.harbour.host(first).init
    assert init is not None
    try:
        gap = Availability((vip(cluster), 22)).during(lambda: os.kill(init.pid, signal.SIGKILL), 9)
        assert gap < FIVE
        assert first not in holders(cluster)
    finally:
        cluster.up()
    assert len(holders(cluster)) == 1
    apply(cluster)
