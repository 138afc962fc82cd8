"""What is missing, damaged or dies stops only what needs it, and is named.

One lab for all, from bare hosts: first without a bundle, then with a damaged one, then a worker dies on the way.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.lab.clusters import SMALL, apply, changing, needs_bundle, ready, report, results, shown, step_seconds
from tests.lab.conftest import LabCluster, MakeLab, wait_until
from yk8s_tui.backends import lab_system
from yk8s_tui.backends.bundle import Bundle

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]


@pytest.fixture
def cluster(make_lab: MakeLab) -> LabCluster:
    """One frontend, one control plane and two workers; bare at first, shared by these tests and those of Kubernetes."""
    needs_bundle()
    return make_lab(SMALL)


def test_without_a_bundle_all_that_needs_none_is_done(cluster: LabCluster, tmp_path: Path) -> None:
    place = {"YK8S_BUNDLE_DIR": str(tmp_path)}
    first = cluster.cli("apply", "--yes", **place)
    version = cluster.config.kubernetes.version
    report("without a bundle", step_seconds(cluster))
    assert first.returncode == 9, first.stdout + first.stderr
    for text in (f"bundle v{version}", str(tmp_path / f"v{version}"), "yk8s-tui bundle create"):
        assert text in first.stdout + first.stderr
    assert shown(cluster)["result"] == "partial"
    events = apply(cluster, exit_code=9, **place)
    assert set(results(events)) == {"trampoline.verify"}
    assert not [e for e in events if e["type"] == "node_result" and e["result"] == "changed"]
    for name in ("cp1", "w1", "w2"):
        assert "k8s-base.prepare" in cluster.exec(name, "ls /var/lib/yk8s/receipts").stdout
    assert "haproxy" in cluster.exec("fe1", "systemctl is-active haproxy && echo haproxy").stdout


def damaged(bundle: Bundle, place: Path) -> Path:
    """A copy by hard links, with one bit of its smallest image turned; the folder it lies in."""
    copy = place / f"v{bundle.version}"
    for file in bundle.root.rglob("*"):
        if file.is_file():
            target = copy / file.relative_to(bundle.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, target)
            except OSError:
                target.symlink_to(file)
    image = bundle.image("pause")
    assert image is not None
    content = bytearray(bundle.local(image).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / image.path).unlink()
    (copy / image.path).write_bytes(content)
    return place


def test_a_file_with_a_turned_bit_is_named_and_never_sent(cluster: LabCluster, tmp_path: Path) -> None:
    bundle = needs_bundle()
    image = bundle.image("pause")
    assert image is not None
    done = cluster.cli("apply", "--yes", YK8S_BUNDLE_DIR=str(damaged(bundle, tmp_path)))
    report("damaged bundle", step_seconds(cluster))
    assert done.returncode == 9, done.stdout + done.stderr
    failure = next(f for f in shown(cluster)["failures"] if f["node"] == "cp1")
    assert "the bundle is damaged" in failure["reason"]
    assert image.path in failure["reason"] + failure["evidence"]
    assert "bundle verify" in failure["hint"]
    assert image.path in done.stdout
    for name in ("cp1", "w1", "w2"):
        assert "pause" not in cluster.exec(name, "ctr -n k8s.io images list -q || true", check=False).stdout
    assert not [e for e in shown(cluster)["steps"] if e["id"] == "k8s-base.init" and e["status"] != "skipped"]


def test_a_worker_that_dies_on_the_way_is_set_aside_and_later_goes_on_alone(cluster: LabCluster) -> None:
    run_id = cluster.cli("apply", "--yes", "--detach").stdout.strip()
    journal_file = cluster.root / "runs" / run_id / "journal.jsonl"
    sending = '"type":"progress","step":"k8s-base.images-workers","node":"w2"'
    wait_until(lambda: sending in journal_file.read_text(), 300, "images are on their way to w2")
    init = cluster.harbour.host("w2").init
    assert init
    lab_system.send(init, signal.SIGKILL)
    done = cluster.cli("runs", "attach", run_id, timeout=900)
    report("a worker dies", step_seconds(cluster))
    assert done.returncode == 9, done.stdout + done.stderr
    assert {f["node"] for f in shown(cluster)["failures"]} == {"w2"}
    assert ready(cluster) == {"cp1": "True", "w1": "True"}
    cluster.up()
    events = apply(cluster)
    started = {e["step"]: e["nodes"] for e in events if e["type"] == "step_started"}
    assert started["k8s-base.images-workers"] == started["k8s-base.join-workers"] == ["w2"]
    assert not {"k8s-base.init", "k8s-base.prepare-control-plane", "k8s-base.images-control-plane"} & set(started)
    assert ready(cluster) == {"cp1": "True", "w1": "True", "w2": "True"}
    assert changing(cluster) == {}
