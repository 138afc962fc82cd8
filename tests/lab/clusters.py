"""What the tests of whole clusters share: a bundle or a reason to skip, apply, the API seen from outside, figures."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.conftest import LabCluster, MakeLab
from tests.lab.frontends import Availability, journal, vip
from yk8s_tui import paths
from yk8s_tui.backends.bundle import Bundle
from yk8s_tui.models.kubernetes import Kubernetes

SMALL = {"harbour.lab.workers": 2}
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
REPORT = "YK8S_TEST_REPORT"
"""Environment variable: a file that gets one line of JSON for each figure; without it none are kept."""


def needs_bundle() -> Bundle:
    """The bundle of the default version, or a skip that says what is missing."""
    version = Kubernetes().version
    found = Bundle.find(version)
    if found is None:
        pytest.skip(f"missing: a Kubernetes bundle v{version} in $YK8S_BUNDLE_DIR or {paths.bundle_home()}")
    return found


def small(make_lab: MakeLab) -> LabCluster:
    """One frontend, one control plane and two workers with Kubernetes and a VPN; made once, shared by the tests.

    `test_broken_hosts.py` brings these hosts from bare to a cluster, the hard way.
    """
    needs_bundle()
    made = make_lab(SMALL)
    if not made.config.trampoline.wireguard.enabled:
        made.repository.update({"trampoline.wireguard.enabled": True})
        assert made.cli("vpn", "add", "alice").returncode == 0
        apply(made)
    return made


def apply(cluster: LabCluster, *arguments: str, exit_code: int = 0, **environment: str) -> list[dict[str, Any]]:
    """Apply with this exit code; the journal of the run."""
    done = cluster.cli("apply", "--yes", *arguments, timeout=900, **environment)
    assert done.returncode == exit_code, f"{done.returncode}\n{done.stdout[-6000:]}{done.stderr}"
    return journal(cluster)


def shown(cluster: LabCluster, *run: str) -> dict[str, Any]:
    """A run, as `runs show --json` has it; the last one unless a number is given."""
    told: dict[str, Any] = json.loads(cluster.cli("runs", "show", *run, "--json").stdout)
    return told


def changing(cluster: LabCluster) -> dict[str, str]:
    """Steps that a plan would run now, verification aside, and why."""
    plan = json.loads(cluster.cli("plan", "--json").stdout)
    run = [s for s in plan["steps"] if s["decision"] == "run" and not s["step"]["always"]]
    return {s["step"]["id"]: s["reason"] for s in run}


def results(events: list[dict[str, Any]]) -> dict[str, str]:
    """Step -> result."""
    return {e["step"]: e["result"] for e in events if e["type"] == "step_finished"}


def nodes(cluster: LabCluster) -> dict[str, dict[str, Any]]:
    """The nodes the API knows."""
    listed = json.loads(cluster.exec("cp1", f"{KUBECTL} get nodes -o json").stdout)["items"]
    return {item["metadata"]["name"]: item for item in listed}


def ready(cluster: LabCluster) -> dict[str, str]:
    """Node -> status of its condition Ready."""
    return {
        name: next(c["status"] for c in item["status"]["conditions"] if c["type"] == "Ready")
        for name, item in nodes(cluster).items()
    }


def etcd_health(cluster: LabCluster) -> dict[str, bool]:
    """Endpoint -> whether that member is healthy; packages bring no etcdctl, then that of etcd's container is asked."""
    pki = "/etc/kubernetes/pki/etcd"
    asked = (
        "etcdctl=$(command -v etcdctl || "
        "echo crictl exec $(crictl ps --name '^etcd$' --state running --quiet | head -n 1) etcdctl); "
        f"$etcdctl --endpoints=https://127.0.0.1:2379 --cacert={pki}/ca.crt --cert={pki}/healthcheck-client.crt "
        f"--key={pki}/healthcheck-client.key endpoint health --cluster --write-out=json"
    )
    return {m["endpoint"]: m["health"] for m in json.loads(cluster.exec("cp1", asked).stdout)}


class Readyz(Availability):
    """`https://VIP:PORT/readyz`, asked from this machine, with the certificate checked."""

    def __init__(self, cluster: LabCluster) -> None:
        super().__init__((vip(cluster), cluster.config.kubernetes.api_port))
        kubeconfig = yaml.safe_load((cluster.repository.secrets_dir / "kubeconfig").read_text())
        authority = kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"]
        self.trusted = ssl.create_default_context(cadata=base64.b64decode(authority).decode())

    def ask(self) -> None:
        connection = http.client.HTTPSConnection(*self.address, timeout=0.5, context=self.trusted)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().read() != b"ok":
                raise OSError("not ready")
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()


def report(what: str, figures: Mapping[str, Any]) -> None:
    """Keep figures, with the load of the machine, where `$YK8S_TEST_REPORT` says."""
    if target := os.environ.get(REPORT):
        line = {"what": what, "load": [round(n, 2) for n in os.getloadavg()], **figures}
        with Path(target).open("a") as file:
            file.write(json.dumps(line) + "\n")


def step_seconds(cluster: LabCluster) -> dict[str, Any]:
    """Seconds of the last run and of each of its steps."""
    run = shown(cluster)
    return {"seconds": run["seconds"], "steps": {s["id"]: s["seconds"] for s in run["steps"]}}
