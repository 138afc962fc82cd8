# Part of yk8s-tui, Apache-2.0.
"""What the kernel of a host can do; it reads, and loads nothing. Python 3.9 and newer."""

import os

from host_facts import kernel_has, output, read

SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "vm.overcommit_memory",
    "kernel.panic",
)


def measure_modules(wanted):
    """Feature -> whether the kernel has it, by what can be seen of it; None when it cannot be seen."""
    filesystems = read("/proc/filesystems").split()
    return {
        "overlay": "overlay" in filesystems or kernel_has("overlay"),
        "br_netfilter": os.path.isdir("/proc/sys/net/bridge") or kernel_has("br_netfilter"),
        "nf_conntrack": os.path.isdir("/proc/sys/net/netfilter") or kernel_has("nf_conntrack"),
        "nf_tables": _nf_tables(),
    }


def _nf_tables():
    if kernel_has("nf_tables"):
        return True
    program = next((p for p in ("/usr/sbin/nft", "/sbin/nft") if os.path.exists(p)), None)
    return None if program is None else bool(output(program, "-j", "list", "tables"))


def measure_sysctls(wanted):
    """Kernel parameters that cannot be written here."""
    refused = []
    for name in SYSCTLS:
        path = "/proc/sys/" + name.replace(".", "/")
        try:
            os.close(os.open(path, os.O_WRONLY))
        except FileNotFoundError:
            continue
        except OSError as error:
            refused.append(f"{name}: {error.strerror}")
    return refused


def measure_inotify(wanted):
    """Limits of inotify."""
    folder = "/proc/sys/fs/inotify/"
    return {name: int(read(folder + name, "0")) for name in ("max_user_instances", "max_user_watches")}


def measure_cgroup(wanted):
    """Version of the control groups, and the controllers that are there."""
    unified = "/sys/fs/cgroup/cgroup.controllers"
    if os.path.exists(unified):
        return {"version": 2, "controllers": read(unified).split()}
    rows = (line.split() for line in read("/proc/cgroups").splitlines()[1:])
    return {"version": 1, "controllers": [row[0] for row in rows if len(row) == 4 and row[3] == "1"]}
