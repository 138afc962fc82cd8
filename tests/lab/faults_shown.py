"""Faults made for real on a cluster with two frontends and three control planes, and what the status says of them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import claims
from tests.lab.clusters import KUBECTL, report
from tests.lab.conftest import LabCluster, wait_until
from tests.lab.frontends import holders
from tests.lab.terminal import Terminal
from yk8s_tui.backends import lab_cgroups, lab_system
from yk8s_tui.operations.status import StatusWatch
from yk8s_tui.status.client import USER_AGENT
from yk8s_tui.status.health import findings
from yk8s_tui.status.model import Finding

SHOWN = 5.0
"""Seconds within which a fault has to show, on a machine that is not overloaded."""
OVER = 90.0
SHORT_LIVED = """cd /etc/kubernetes/pki && mkdir -p /root/kept && cp -a front-proxy-client.crt /root/kept/ &&
openssl req -new -key front-proxy-client.key -subj /CN=front-proxy-client |
openssl x509 -req -CA front-proxy-ca.crt -CAkey front-proxy-ca.key -CAcreateserial -days 5 \\
  -out front-proxy-client.crt"""
CRASH = f"{KUBECTL} run crash --image=registry.local/yk8s-test:1 --image-pull-policy=Never -- false"


def patience(seconds: float) -> float:
    """More time on a machine whose processors are asked for more than they can do."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Shown:
    """The status of a cluster as the view has it, with everything it asked for; and the view in a real terminal."""

    def __init__(self, cluster: LabCluster) -> None:
        self.terminal = Terminal(
            f"{sys.executable} -m yk8s_tui --cluster {cluster.root}", columns=160, lines=50, environment={}
        )
        self.requests: list[str] = []
        self.commands: list[tuple[str, str]] = []
        self.watch = StatusWatch(
            cluster.root,
            requests=self.requests.append,
            commands=lambda node, command: self.commands.append((node, command)),
        )

    def found(self) -> dict[str, Finding]:
        """What is wrong now, by key."""
        self.watch.drain()
        return {f.key: f for f in findings(self.watch.status, time.time())}

    def has(self, prefix: str, words: str = "") -> bool:
        """Whether something of this kind is found, with these words in it."""
        return any(key.startswith(prefix) and words in f.text for key, f in self.found().items())

    def open_view(self) -> None:
        """From the first page to the status, as the operator goes there."""
        self.terminal.wait_for("Enter opens a cluster")
        self.terminal.keys("s")
        self.terminal.wait_for("· live", seconds=patience(60))

    def appears(self, prefix: str, words: str = "", seconds: float = SHOWN) -> Finding:
        """Wait for a finding, here and on the screen, and keep how long it took.

        With `words` it is only the one that says so: dpkg shows its own half-way states.
        """
        began = time.monotonic()
        wait_until(lambda: self.has(prefix, words), patience(seconds), f"{prefix} is shown")
        known = time.monotonic() - began
        found = next(f for key, f in self.found().items() if key.startswith(prefix) and words in f.text)
        self.terminal.wait_for(_beginning(found), seconds=patience(seconds) - known)
        times = {"seconds": round(known, 2), "on screen": round(time.monotonic() - began, 2)}
        report("status shows", {"finding": prefix, **times})
        return found

    def goes(self, *prefixes: str) -> None:
        """Wait until nothing of this kind is found any more."""
        wait_until(lambda: not any(self.has(p) for p in prefixes), patience(OVER), f"{prefixes} are over")


def _beginning(finding: Finding) -> str:
    """What of a finding's line does not change with the seconds."""
    return f"{finding.subject} {' '.join(finding.text.split()[:2])}"


@contextmanager
def shown(cluster: LabCluster) -> Iterator[Shown]:
    """The status, once everything was told and nothing is wrong."""
    made = Shown(cluster)
    made.watch.start()
    try:
        made.open_view()
        assert made.watch.await_first(patience(30))
        wait_until(lambda: not made.found(), patience(60), "all is well")
        yield made
    finally:
        made.watch.stop()
        made.terminal.close()


def a_frozen_worker(cluster: LabCluster, status: Shown) -> None:
    tag = cluster.harbour.state.tag
    lab_cgroups.freeze(tag, "w2", frozen=True)
    try:
        assert "w2" in status.appears("host.unreachable:w2").subject
    finally:
        lab_cgroups.freeze(tag, "w2", frozen=False)
    status.goes("host.unreachable", "node.not-ready")


def a_dead_control_plane(cluster: LabCluster, status: Shown) -> None:
    host = cluster.harbour.host("cp3")
    init = host.init
    assert init
    lab_system.send(init, signal.SIGKILL)
    status.appears("host.unreachable:cp3")
    wait_until(lambda: host.supervisor is None, patience(10), "the killed host is gone")
    cluster.up()
    status.goes("host.unreachable", "etcd.", "api.server", "node.not-ready", "backend.", "leader.")


def a_stopped_etcd_member(cluster: LabCluster, status: Shown) -> None:
    manifest = "/etc/kubernetes/manifests/etcd.yaml"
    cluster.exec("cp2", f"mv {manifest} /root/; while pgrep -x etcd > /dev/null; do sleep 0.1; done")
    status.appears("etcd.down:cp2")
    cluster.exec("cp2", f"mv /root/etcd.yaml {manifest}")
    status.goes("etcd.", "api.server", "backend.", "leader.")


def no_haproxy_where_the_vip_is(cluster: LabCluster, status: Shown) -> None:
    name = holders(cluster)[0]
    with stopped(cluster, status, name):
        status.appears(f"haproxy.down:{name}")


def an_api_that_cannot_be_reached(cluster: LabCluster, status: Shown) -> None:
    with stopped(cluster, status, "fe1", "fe2"):
        status.appears("api.unreachable")
        told = lambda: status.found()["api.unreachable"].text  # noqa: E731
        wait_until(lambda: all(way in told() for way in ("directly", "via fe1", "via fe2")), 60, "every way is named")


@contextmanager
def stopped(cluster: LabCluster, status: Shown, *names: str) -> Iterator[None]:
    """HAProxy is stopped on these frontends, and afterwards all is well again."""
    for name in names:
        cluster.exec(name, "systemctl stop haproxy")
    try:
        yield
    finally:
        for name in names:
            cluster.exec(name, "systemctl start haproxy")
    status.goes("haproxy.", "drift", "api.", "vip.", "backend.")


def a_crashing_pod(cluster: LabCluster, status: Shown) -> None:
    cluster.exec("cp1", CRASH)
    ended = f"{KUBECTL} get pod crash -o json | grep -q terminated"
    wait_until(lambda: cluster.exec("cp1", ended, check=False).returncode == 0, 120, "the container has ended")
    found = status.appears("pod:default/")
    assert "exit code 1" in found.text
    cluster.exec("cp1", f"{KUBECTL} delete pod crash --now")
    status.goes("pod:default/")


def a_certificate_that_ends_soon(cluster: LabCluster, status: Shown) -> None:
    cluster.exec("cp1", SHORT_LIVED)
    found = status.appears("certificate")
    assert found.severity == "failed"
    assert found.subject == "cp1"
    cluster.exec("cp1", "cp -a /root/kept/front-proxy-client.crt /etc/kubernetes/pki/")
    status.goes("certificate")


def edited_firewall_rules(cluster: LabCluster, status: Shown) -> None:
    cluster.exec("fe2", "nft add rule inet yk8s input tcp dport 9999 accept")
    status.appears("firewall.changed:fe2")
    handle = "nft --handle list chain inet yk8s input | sed -n 's/.*dport 9999 accept # handle //p'"
    cluster.exec("fe2", f"nft delete rule inet yk8s input handle $({handle})")
    status.goes("firewall.")


def another_version_of_a_package(cluster: LabCluster, status: Shown) -> None:
    cluster.exec("w1", f"{claims.INSTALL}; {claims.claim(**claims.WATCHED)}")
    cluster.exec("w1", claims.ANOTHER_VERSION)
    status.appears(f"drift:w1:{claims.STEP}", "1.1 instead of 1.0")
    cluster.exec("w1", claims.FIRST_VERSION)
    status.goes("drift:w1")
    cluster.exec("w1", "apt-mark unhold watched")
    status.appears(f"drift:w1:{claims.STEP}", "no longer on hold")
    cluster.exec("w1", claims.REMOVE)
    status.goes("drift:w1")


ALL = (
    a_frozen_worker,
    a_crashing_pod,
    a_certificate_that_ends_soon,
    edited_firewall_rules,
    another_version_of_a_package,
    no_haproxy_where_the_vip_is,
    an_api_that_cannot_be_reached,
    a_stopped_etcd_member,
    a_dead_control_plane,
)


def it_only_read(cluster: LabCluster, status: Shown) -> None:
    """Every request was a GET, every command our script that looks; the API servers have recorded only reads."""
    assert status.requests
    assert {request.split()[0] for request in status.requests} == {"GET"}
    others = {command for _, command in status.commands if not command.startswith("python3 ")}
    assert all(command.startswith("kill -TERM -") for command in others), "else only what it began itself is ended"
    assert {node for node, _ in status.commands} == set(cluster.inventory.names)
    verbs = set()
    for name in ("cp1", "cp2", "cp3"):
        lines = cluster.exec(name, f"grep -h {USER_AGENT} /var/log/kubernetes/audit.log || true").stdout.splitlines()
        verbs |= {json.loads(line)["verb"] for line in lines}
    assert verbs
    assert verbs <= {"get", "list", "watch"}
