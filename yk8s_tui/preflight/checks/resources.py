"""What the hosts have: processors, memory, disk, and how fast the disk of etcd is."""

from __future__ import annotations

from yk8s_tui.models.nodes import Node
from yk8s_tui.preflight.model import Check, Measured, Subject, Verdict, bad, doubtful, good

GIB = 1 << 30
CPUS = {"control-plane": 2, "worker": 1, "frontend": 1}
"""kubeadm refuses control planes with one."""
MEMORY_MB = {"control-plane": 1700, "worker": 900, "frontend": 400}
"""kubeadm refuses control planes with less than 1700 MB; the others by what their services use."""
DISK_GIB = {"control-plane": (5, 20), "worker": (5, 20), "frontend": (1, 2)}
"""Least, and comfortable, free space where the data of containers and etcd goes."""
FSYNC_WARN_MS = 10
"""etcd's own recommendation for the 99th percentile of fdatasync."""
FSYNC_FAIL_MS = 1000
"""etcd's election timeout: slower than that, leaders are lost all the time."""


def cpu(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Processors that processes may use."""
    least = max(CPUS[role] for role in node.roles)
    count = m["resources"]["cpus"]
    if count < least:
        return bad(str(count), f"at least {least}", "too few processors", "give the machine more processors")
    return good(str(count), f"at least {least}")


def memory(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Memory of the machine."""
    least = max(MEMORY_MB[role] for role in node.roles)
    have = m["resources"]["memory_mb"]
    if have < least:
        return bad(f"{have} MiB", f"at least {least} MiB", "too little memory", "give the machine more memory")
    return good(f"{have} MiB", f"at least {least} MiB")


def disk(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Free space below /var/lib, the least of what is used there."""
    least = max(DISK_GIB[role][0] for role in node.roles)
    comfortable = max(DISK_GIB[role][1] for role in node.roles)
    path, free = min(m["resources"]["free"].items(), key=lambda item: item[1])
    measured, limit = f"{free / GIB:.1f} GiB free at {path}", f"at least {least} GiB"
    remedy = "make room, or mount a larger file system there"
    if free < least * GIB:
        return bad(measured, limit, "too little space", remedy)
    if free < comfortable * GIB:
        return doubtful(measured, f"{comfortable} GiB or more", "images will soon fill it", remedy)
    return good(measured, limit)


def fsync(node: Node, m: Measured, subject: Subject) -> Verdict:
    """How long the slowest hundredth of synced writes takes; on a slow disk etcd loses its leader."""
    state = m["fsync"]
    p99 = state["p99_ms"]
    measured = f"p99 {p99:.1f} ms, p50 {state['p50_ms']:.1f} ms, {state['writes']} writes at {state['path']}"
    limit = f"p99 below {FSYNC_WARN_MS} ms"
    remedy = "put /var/lib/etcd on a local SSD, or leave other load off this disk"
    if p99 > FSYNC_FAIL_MS and subject.config.cluster.harbour != "lab":
        return bad(measured, limit, "the disk is slower than etcd's election timeout", remedy)
    if p99 > FSYNC_WARN_MS:
        return doubtful(measured, limit, "the disk is slow for etcd", remedy)
    return good(measured, limit)


CHECKS = (
    Check("resource.cpu", "Processors", "host", ("resources",), host=cpu),
    Check("resource.memory", "Memory", "host", ("resources",), host=memory),
    Check("resource.disk", "Disk space", "host", ("resources",), host=disk),
    Check(
        "etcd.disk-fsync",
        "Disk of etcd",
        "host",
        ("fsync",),
        host=fsync,
        applies=lambda n: n.is_control_plane,
    ),
)
