"""The status view: the worst in words, tables, filter, sort, detail; fed with a status, as no cluster is at hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.tui.conftest import Until, press, still
from yk8s_tui.app import Yk8sApp
from yk8s_tui.screens.status.details import DetailScreen, FindingsScreen
from yk8s_tui.screens.status.screen import PAGES, Seldom, StatusScreen
from yk8s_tui.status.model import (
    ApiServer,
    AppliedLayer,
    Backend,
    Certificate,
    ClusterStatus,
    Condition,
    Disk,
    Drift,
    EtcdMember,
    Frontend,
    Host,
    Leader,
    Load,
    Node,
    Peer,
    Pod,
    Run,
    Source,
    Workload,
)
from yk8s_tui.widgets.table_view import TableView

NOW = 1_790_000_000.0
DAY = 86400.0


def node(name: str, *roles: str, ready: str = "True", **rest: Any) -> Node:
    trouble = (
        () if ready == "True" else (Condition("Ready", ready, "NodeStatusUnknown", "kubelet is silent", NOW - 180),)
    )
    fields: dict[str, Any] = {
        "name": name, "roles": roles, "address": "10.0.0.9", "ready": ready, "ready_since": NOW - 180,
        "trouble": trouble, "cordoned": False, "cordoned_by": "", "cordoned_since": 0.0, "version": "1.36.3",
        "os_image": "Debian 12", "kernel": "6.1.0", "runtime": "containerd://2.1.6", "created": NOW - 9 * DAY,
        "cpu": 4.0, "memory": 8 << 30, "pods": 110,
    }  # fmt: skip
    return Node(**fields | rest)


def host(name: str, **rest: Any) -> Host:
    ends = (
        {"apiserver": 300, "etcd/server": 300, "kubelet client": 200}
        if name.startswith("cp")
        else {"kubelet client": 90}
    )
    certificates = tuple(
        Certificate(name, f"/etc/kubernetes/pki/{what}.crt", what, False, NOW + days * DAY)
        for what, days in ends.items()
    )
    fields: dict[str, Any] = {
        "kernel": "6.1.0", "boot": NOW - 9 * DAY, "load": 0.4, "cpus": 4, "memory": 8 << 30, "memory_free": 5 << 30,
        "disks": (Disk("/", 100 << 30, 60 << 30),), "certificates": certificates,
        "units": {"kubelet": "active", "containerd": "active"},
    }  # fmt: skip
    return Host(name, **fields | rest)


def member(name: str, *, leader: bool = False) -> EtcdMember:
    members = ("cp1", "cp2", "cp3")
    return EtcdMember(
        name, name, leader, False, 90210, 3, 41 << 20, 20 << 20, 2 << 30, "3.6.8", members=members, led=True
    )


def sick() -> ClusterStatus:
    """Three control planes and two workers: w2 is silent, a pod crashes, a certificate ends soon, rules were edited."""
    live = Source("live", NOW - DAY)
    expected = {
        "fe1": ("frontend",), "fe2": ("frontend",), "cp1": ("control-plane",), "cp2": ("control-plane",),
        "cp3": ("control-plane",), "w1": ("worker",), "w2": ("worker",),
    }  # fmt: skip
    hosts = {name: host(name) for name in expected}
    soon = Certificate("cp3", "/etc/kubernetes/pki/apiserver.crt", "apiserver", False, NOW + 12 * DAY)
    hosts["cp3"] = host("cp3", certificates=(soon,))
    hosts["w1"] = host("w1", drift=(Drift("k8s-base.prepare-workers", "/etc/containerd/config.toml differs"),))
    hosts["w2"] = host("w2", units={"kubelet": "failed", "containerd": "active"})
    return ClusterStatus(
        name="berlin-1",
        version="1.36.3",
        vip="10.0.0.250",
        route="via fe1",
        sources={"api": live, **{f"host:{name}": live for name in expected}},
        expected=expected,
        nodes={
            **{name: node(name, "control-plane") for name in ("cp1", "cp2", "cp3")},
            "w1": node("w1", "worker"),
            "w2": node("w2", "worker", ready="Unknown"),
        },
        loads={"cp1": Load(9, 0.5, 1 << 30), "w1": Load(14, 1.2, 3 << 30)},
        pods={
            ("shop", "web-5d9-x2x"): Pod(
                "shop",
                "web-5d9-x2x",
                "w1",
                "Running",
                "CrashLoopBackOff",
                "container web: exit code 1",
                NOW - 600,
                7,
                "Deployment/web",
            )
        },
        pod_count=57,
        workloads={("Deployment", "shop", "web"): Workload("Deployment", "shop", "web", 3, 2, "", NOW - 600)},
        leaders={c: Leader(c, "cp1", NOW - DAY, NOW - 1) for c in ("kube-controller-manager", "kube-scheduler")},
        api_servers={n: ApiServer(n, True, (), 0.012) for n in ("", "cp1", "cp2", "cp3")},
        etcd={n: member(n, leader=n == "cp1") for n in ("cp1", "cp2", "cp3")},
        hosts=hosts,
        frontends={
            "fe1": Frontend(
                "fe1",
                True,
                NOW - 6 * DAY,
                True,
                True,
                "ours",
                (Backend("yk8s-api", "cp1", True, NOW - DAY, "ok"),),
                (Peer("wg0", "alice", NOW - 30, 10_000, 20_000),),
            ),
            "fe2": Frontend("fe2", False, NOW - 6 * DAY, True, True, "changed"),
        },
        layers=(AppliedLayer("k8s-base", 12, NOW - DAY, "kim@ops", "20260101-000000-ab12", 12),),
        runs=(Run("20260101-000000-ab12", 12, "apply", "done", NOW - DAY, 95.0, "kim@ops", "12 of 12 steps done"),),
    )


class FixedFeed:
    """A status that stands still, until a test changes it."""

    def __init__(self, status: ClusterStatus) -> None:
        self.status = status
        self.error: Exception | None = None
        self.running = False
        self.moved = True

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def drain(self) -> bool:
        moved, self.moved = self.moved, False
        return moved


class Still(StatusScreen):
    """The clock stands."""

    @property
    def now(self) -> float:
        return NOW


async def shown(pilot: Pilot[int], until: Until, feed: FixedFeed) -> Still:
    screen = Still(Path("/srv/clusters/berlin-1"), feed)
    await pilot.app.push_screen(screen)
    await until(pilot, lambda: bool(screen.query(TableView)) and bool(screen.query_one(TableView).keys))
    await still(pilot)
    return screen


def text_of(screen: Still, widget: str) -> str:
    return str(screen.query_one(widget, Static).content)


def rows(screen: Still) -> list[str]:
    table = screen.query_one(TableView)
    return [" ".join(table.compute(key).texts) for key in table.keys]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "wide"])
@pytest.mark.parametrize("page", range(len(PAGES)), ids=[p.id for p in PAGES])
def test_pages(snap_compare: Any, until: Until, page: int, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await shown(pilot, until, FixedFeed(sick()))
        await press(pilot, str(page + 1))
        await still(pilot)

    assert snap_compare(Yk8sApp(), terminal_size=size, run_before=before)


async def test_the_worst_stands_first_and_every_finding_can_be_read(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, until, FixedFeed(sick()))
        first = text_of(screen, "#findings").splitlines()[0]
        assert "w2" in first
        assert "kubelet" in first
        assert rows(screen)[0].startswith("w2 worker Unknown")
        assert "etcd 3/3 leader cp1" in text_of(screen, "#well")
        await press(pilot, "f")
        assert isinstance(app.screen, FindingsScreen)
        whole = str(app.screen.query_one("#detail", Static).content)
        for words in ("w2", "CrashLoopBackOff", "apiserver", "firewall", "look at:"):
            assert words in whole
        await press(pilot, "escape")
        assert app.screen is screen


async def test_filter_sort_and_detail(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, until, FixedFeed(sick()))
        await press(pilot, "slash", "w", "1", "enter")
        assert [row.split()[0] for row in rows(screen)] == ["w1"]
        await press(pilot, "escape")
        await press(pilot, "s")
        assert [row.split()[0] for row in rows(screen)] == ["cp1", "cp2", "cp3", "w1", "w2"]
        await press(pilot, "r")
        assert [row.split()[0] for row in rows(screen)] == ["w2", "w1", "cp3", "cp2", "cp1"]
        screen.query_one(TableView).focus()
        await press(pilot, "home", "enter")
        assert isinstance(app.screen, DetailScreen)
        assert "kubelet is silent" in str(app.screen.query_one("#detail", Static).content)


async def test_a_change_is_shown_and_leaving_ends_the_reading(until: Until) -> None:
    feed, app = FixedFeed(sick()), Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, until, feed)
        feed.status.nodes = feed.status.nodes | {"w2": node("w2", "worker")}
        feed.moved = True
        await until(pilot, lambda: not any("Unknown" in row for row in rows(screen)))
        assert feed.running
        await press(pilot, "escape")
        await until(pilot, lambda: not feed.running)


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("work", [time.sleep, burn])
def test_a_judgement_that_took_long_does_not_keep_the_next_from_being_shown(work: Callable[[float], None]) -> None:
    """On a machine that has more to do than it can, it takes long without taking any of the processor's time."""
    seldom = Seldom()
    seldom.do(lambda: work(0.5))
    end = time.monotonic() + 10
    while not seldom.due and time.monotonic() < end:
        time.sleep(0.01)
    assert seldom.due
