# Part of yk8s-tui, Apache-2.0.
"""Who a host is, what it has, and what is on it already; it reads only. Python 3.9 and newer."""

import ctypes
import glob
import json
import os
import re
import struct
import time

from host_facts import facts, memory_mb, output, read

GIB = 1 << 30


def measure_facts(wanted):
    """The facts that the layers use, and whether systemd runs here."""
    return dict(facts(wanted["address"]), systemd=os.path.isdir("/run/systemd/system"))


def measure_identity(wanted):
    """Addresses with interface, prefix length and MTU."""
    found = []
    for link in json.loads(output("ip", "-json", "address") or "[]"):
        for entry in link.get("addr_info", ()):
            found.append(
                {
                    "interface": link["ifname"],
                    "address": entry["local"],
                    "prefix": entry["prefixlen"],
                    "mtu": link.get("mtu", 0),
                }
            )
    return {"addresses": found, "product_uuid": read("/sys/class/dmi/id/product_uuid")}


def measure_resources(wanted):
    """CPUs, memory (MiB), swap devices and free space (bytes)."""
    swaps = [line.split()[0] for line in read("/proc/swaps").splitlines()[1:]]
    free = {}
    for path in ("/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib"):
        if os.path.isdir(path):
            state = os.statvfs(path)
            free[path] = state.f_bavail * state.f_frsize
    return {"cpus": len(os.sched_getaffinity(0)), "memory_mb": memory_mb(), "swaps": swaps, "free": free}


def measure_fsync(wanted):
    """Seconds that fdatasync takes after writes of 2300 bytes, as etcd does them; at most 1 s of it."""
    folder = next(p for p in ("/var/lib/etcd", "/var/lib") if os.path.isdir(p))
    path = os.path.join(folder, f".yk8s-fsync-{os.getpid()}")
    took, block = [], b"\0" * 2300
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        end = time.monotonic() + 1.0
        while time.monotonic() < end and len(took) < 300:
            os.write(handle, block)
            begin = time.monotonic()
            os.fdatasync(handle)
            took.append(time.monotonic() - begin)
    finally:
        os.close(handle)
        os.unlink(path)
    took.sort()
    return {
        "path": folder,
        "writes": len(took),
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[max(0, int(len(took) * 0.99) - 1)] * 1000,
    }


def measure_time_sync(wanted):
    """What the kernel says of its clock (adjtimex), and which services keep it."""
    buffer = ctypes.create_string_buffer(512)
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(buffer)
    status = struct.unpack_from("i", buffer, 40)[0]
    services = {"chronyd", "systemd-timesyn", "ntpd", "openntpd"} & set(processes())
    return {"synchronised": state >= 0 and state != 5 and not status & 0x40, "services": sorted(services)}


def processes():
    """Names of the running processes (at most 15 characters each, as the kernel keeps them)."""
    return [read(path) for path in glob.glob("/proc/[0-9]*/comm")]


def measure_receipts(wanted):
    """Ids of the steps that have run here."""
    found = glob.glob("/var/lib/yk8s/receipts/*.json")
    return sorted(os.path.basename(path)[: -len(".json")] for path in found)


def measure_leftovers(wanted):
    """What another Kubernetes installation would have left."""
    patterns = (
        "/etc/kubernetes/*.conf",
        "/etc/kubernetes/manifests/*.yaml",
        "/etc/kubernetes/pki/ca.*",
        "/var/lib/etcd/member",
        "/var/lib/kubelet/config.yaml",
        "/etc/cni/net.d/*.conf*",
        "/etc/rancher/*",
        "/var/lib/k0s",
        "/var/snap/microk8s",
    )
    files = sorted(path for pattern in patterns for path in glob.glob(pattern))
    running = sorted({"kubelet", "k3s-server", "k3s-agent", "k0s", "etcd", "kube-apiserver"} & set(processes()))
    server = re.search(r"^\s*server:\s*(\S+)", read("/etc/kubernetes/kubelet.conf"), re.MULTILINE)
    return {"files": files, "running": running, "server": server[1] if server else ""}


def measure_firewall(wanted):
    """Other managers of firewall rules that are active."""
    active = []
    if re.search(r"^ENABLED=yes", read("/etc/ufw/ufw.conf"), re.MULTILINE):
        active.append("ufw")
    if "firewalld" in processes():
        active.append("firewalld")
    return active
