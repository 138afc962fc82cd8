"""The host half of the status view on a real cluster: API server, etcd, certificates, HAProxy's servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.clusters import small
from tests.lab.conftest import LabCluster, MakeLab
from tests.lab.watching import on, watching

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

MANIFESTS = "/etc/kubernetes/manifests"
STOPPED = 60
"""Seconds that kubelet may take to end a static pod whose manifest is gone."""


FLAG = "    - --anonymous-auth=false"
REFUSED = """python3 -c 'import ssl, http.client as h
c = h.HTTPSConnection("127.0.0.1", 6443, context=ssl._create_unverified_context(), timeout=3)
c.request("GET", "/readyz"); exit(c.getresponse().status != 401)' 2>/dev/null"""


@pytest.fixture(scope="module")
def cluster(make_lab: MakeLab) -> Iterator[LabCluster]:
    """The cluster of `test_kubernetes.py`; these tests are its last."""
    made = small(make_lab)
    yield made
    make_lab.retire(made)


async def test_a_healthy_control_plane(cluster: LabCluster) -> None:
    async with watching(cluster) as seen:
        status = seen.status
        await seen.until(lambda: all(b.up for b in status.frontends["fe1"].backends), "HAProxy's servers are up", 10)
        server, member = status.api_servers["cp1"], status.etcd["cp1"]
        assert (server.ready, server.failing, server.error) == (True, (), "")
        assert 0 < server.seconds < 3
        assert (member.leader, member.members, member.alarms, member.error) == (True, ("cp1",), (), "")
        assert member.revision > 100
        certificates = {one.name: one for one in status.hosts["cp1"].certificates}
        assert {
            "ca", "apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-ca",
            "front-proxy-client", "etcd/ca", "etcd/server", "etcd/peer", "etcd/healthcheck-client",
            "kubelet client", "admin.conf", "controller-manager.conf", "scheduler.conf",
        } <= set(certificates)  # fmt: skip
        assert {name for name, one in certificates.items() if one.authority} == {"ca", "front-proxy-ca", "etcd/ca"}
        assert {unit: status.hosts["cp1"].units[unit] for unit in ("kubelet", "containerd")} == {
            "kubelet": "active", "containerd": "active",
        }  # fmt: skip
        assert status.hosts["cp1"].drift == ()
        assert seen.found() == {}


async def test_etcd_goes_down_and_comes_back(cluster: LabCluster) -> None:
    async with watching(cluster) as seen:
        status = seen.status
        await on(cluster, "cp1", f"mv {MANIFESTS}/etcd.yaml /root/")
        try:
            await on(cluster, "cp1", f"for i in $(seq {STOPPED}); do ss -ltn | grep -q :2379 || exit 0; sleep 1; done")
            await seen.until(lambda: bool(status.etcd["cp1"].error), "the member is down")
            assert f"{MANIFESTS}/etcd.yaml is missing" in status.etcd["cp1"].error
            assert "etcd.down:cp1" in seen.found()
        finally:
            await on(cluster, "cp1", f"mv /root/etcd.yaml {MANIFESTS}/")
        await seen.until(lambda: not status.etcd["cp1"].error, "the member is back", STOPPED)
        await seen.until(lambda: status.api_servers["cp1"].ready, "the API server is ready", STOPPED)
        await seen.until(lambda: all(b.up for b in status.frontends["fe1"].backends), "HAProxy sees it", 15)


async def test_anonymous_requests_need_not_be_allowed(cluster: LabCluster) -> None:
    manifest = f"{MANIFESTS}/kube-apiserver.yaml"
    await on(cluster, "cp1", f"cp {manifest} /root/kept; sed -i 's/    - kube-apiserver$/&\\n{FLAG}/' {manifest}")
    try:
        async with watching(cluster) as seen:
            await on(cluster, "cp1", f"for i in $(seq {STOPPED}); do {REFUSED} && exit 0; sleep 1; done; exit 1")
            await seen.until(lambda: seen.status.api_servers["cp1"].ready, "it is asked with a certificate", 20)
    finally:
        await on(cluster, "cp1", f"cp /root/kept {manifest}")
