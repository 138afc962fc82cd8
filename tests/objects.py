"""Nodes and pods as kubelets and controllers write them, for a real API server."""

from __future__ import annotations

from typing import Any

WHEN = "2026-11-01T10:00:00Z"
BLANKS = ("MemoryPressure", "DiskPressure", "PIDPressure")

Object = dict[str, Any]


def node(name: str, *roles: str, ready: str = "True", address: str = "10.0.0.1") -> Object:
    """A node with its status, of a realistic size."""
    conditions = [
        {
            "type": kind,
            "status": "False",
            "reason": f"KubeletHasNo{kind}",
            "message": f"kubelet has no {kind}",
            "lastHeartbeatTime": WHEN,
            "lastTransitionTime": WHEN,
        }
        for kind in BLANKS
    ]
    conditions.append(
        {
            "type": "Ready",
            "status": ready,
            "reason": "KubeletReady" if ready == "True" else "KubeletNotReady",
            "message": "kubelet is posting ready status" if ready == "True" else "container runtime is down",
            "lastHeartbeatTime": WHEN,
            "lastTransitionTime": WHEN,
        }
    )
    amount = {"cpu": "16", "memory": "65536Mi", "pods": "110", "ephemeral-storage": "100Gi", "hugepages-2Mi": "0"}
    images = [
        {
            "names": [f"registry.example/team/app-{n}@sha256:{n:064x}", f"registry.example/team/app-{n}:v1"],
            "sizeBytes": n,
        }
        for n in range(1, 11)
    ]
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels | {f"node-role.kubernetes.io/{role}": "" for role in roles},
            "annotations": {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed": "true"},
        },
        "spec": {"podCIDR": "10.244.0.0/24"},
        "status": {
            "capacity": amount,
            "allocatable": amount,
            "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": images,
            "nodeInfo": {
                "machineID": "0" * 32,
                "systemUUID": "0" * 36,
                "bootID": "0" * 36,
                "kernelVersion": "6.1.0-28-amd64",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kubeletVersion": "v1.36.3",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }


def pod(name: str, node_name: str, namespace: str = "default") -> Object:
    """A pod of a Deployment, as it is created."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": "web", "pod-template-hash": "5d4f8c7b9"},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "web-5d4f8c7b9",
                    "uid": "11111111-2222-3333-4444-555555555555",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "nodeName": node_name,
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "app",
                    "image": "registry.example/team/app-1:v1",
                    "env": [{"name": f"SETTING_{n}", "value": f"value {n}"} for n in range(8)],
                    "resources": {
                        "requests": {"cpu": "250m", "memory": "256Mi"},
                        "limits": {"cpu": "1", "memory": "512Mi"},
                    },
                    "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
                    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
                }
            ],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
        },
    }


def running(restarts: int = 0) -> Object:
    """The status of a pod that is well."""
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return _status(
        [{"type": kind, "status": "True", "lastTransitionTime": WHEN} for kind in kinds],
        {"state": {"running": {"startedAt": WHEN}}, "ready": True, "restartCount": restarts, "started": True},
    )


def crashing(restarts: int = 7) -> Object:
    """The status of a pod in CrashLoopBackOff after it was killed for its memory."""
    container = {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
        "lastState": {
            "terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": WHEN, "finishedAt": WHEN},
        },
        "ready": False,
        "restartCount": restarts,
        "started": False,
    }
    return _status(
        [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": WHEN},
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": WHEN},
        ],
        container,
    )


def _status(conditions: list[Object], container: Object) -> Object:
    whole = {"name": "app", "image": "registry.example/team/app-1:v1", "imageID": "sha256:" + "0" * 64} | container
    return {
        "status": {
            "phase": "Running",
            "startTime": WHEN,
            "hostIP": "10.0.0.1",
            "podIP": "10.244.0.7",
            "podIPs": [{"ip": "10.244.0.7"}],
            "qosClass": "Burstable",
            "conditions": conditions,
            "containerStatuses": [whole],
        }
    }
