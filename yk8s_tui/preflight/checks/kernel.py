"""What the kernels can do, and what would make kubelet fail."""

from __future__ import annotations

from yk8s_tui.models.nodes import Node
from yk8s_tui.preflight.model import Check, Measured, Subject, Verdict, bad, doubtful, good

INSTANCES, WATCHES = 512, 65536
"""inotify: the kernel's default of 128 instances is used up by kubelet, kube-proxy and a few pods."""
CONTROLLERS = ("cpu", "memory", "pids", "cpuset")
CGROUP1_REFUSED_FROM = (1, 35)
"""From this minor on, kubelet refuses cgroup v1 unless `failCgroupV1` is false."""


def kubernetes(node: Node) -> bool:
    """For nodes with a kubelet."""
    return node.is_kubernetes


def swap(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Node preparation switches swap off; in a container it cannot."""
    swaps = m["resources"]["swaps"]
    if not swaps:
        return good("none", "none")
    if m["facts"]["container"]:
        text = "the machine of this container swaps, and the container cannot switch that off"
        remedy = "swapoff -a on the machine, or failSwapOn = false in [kubernetes.kubelet]"
        if subject.config.kubernetes.kubelet.get("failSwapOn") is False:
            return doubtful(" ".join(swaps), "none", text, remedy)
        return bad(" ".join(swaps), "none", text, remedy)
    text = "swap is on; node preparation switches it off, for good"
    return doubtful(" ".join(swaps), "none", text, "nothing, if nobody here relies on swap")


def modules(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Features of the kernel, however they come: built in, loaded, or to be loaded."""
    missing = [name for name, there in m["modules"].items() if there is False]
    limit = " ".join(m["modules"])
    if missing:
        remedy = "boot a kernel of the distribution, with its modules installed"
        return bad(f"missing: {' '.join(missing)}", limit, "the kernel lacks features", remedy)
    return good(" ".join(name for name, there in m["modules"].items() if there), limit)


def sysctls(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Whether the parameters that node preparation sets can be set at all."""
    if m["sysctls"]:
        remedy = "mount /proc/sys writable"
        return bad("; ".join(m["sysctls"]), "writable", "kernel parameters cannot be set", remedy)
    return good("writable", "writable")


def inotify(node: Node, m: Measured, subject: Subject) -> Verdict:
    """In a container the limits are the machine's, shared by all containers on it."""
    state = m["inotify"]
    instances, watches = state["max_user_instances"], state["max_user_watches"]
    measured = f"{instances} instances, {watches} watches"
    limit = f"{INSTANCES} instances, {WATCHES} watches"
    if instances >= INSTANCES and watches >= WATCHES:
        return good(measured, limit)
    remedy = f"sysctl fs.inotify.max_user_instances={INSTANCES} fs.inotify.max_user_watches={WATCHES}"
    if m["facts"]["container"]:
        return bad(measured, limit, "kubelet will fail with `too many open files`", f"on the machine: {remedy}")
    return doubtful(measured, limit, "node preparation raises the limits", remedy)


def cgroup(node: Node, m: Measured, subject: Subject) -> Verdict:
    """The controllers kubelet needs; and a word on version 1."""
    state = m["cgroup"]
    missing = [name for name in CONTROLLERS if name not in state["controllers"]]
    measured, limit = f"v{state['version']}", f"v2 with {' '.join(CONTROLLERS)}"
    if missing:
        remedy = "enable them on the kernel's command line, for example cgroup_enable=memory"
        return bad(f"{measured} without {' '.join(missing)}", limit, "control groups are incomplete", remedy)
    if state["version"] == 1:
        text = "kubelet gives cgroup v1 up"
        major, minor = (int(n) for n in subject.config.kubernetes.version.split(".")[:2])
        if (major, minor) >= CGROUP1_REFUSED_FROM:
            text += "; on this host it is told to accept it (failCgroupV1: false)"
        return doubtful(measured, limit, text, "boot with systemd.unified_cgroup_hierarchy=1")
    return good(measured, limit)


CHECKS = (
    Check("kernel.swap", "Swap", "host", ("facts", "resources"), host=swap, applies=kubernetes),
    Check("kernel.modules", "Kernel features", "host", ("modules",), host=modules, applies=kubernetes),
    Check("kernel.sysctls", "Kernel parameters", "host", ("sysctls",), host=sysctls),
    Check("kernel.inotify", "inotify limits", "host", ("facts", "inotify"), host=inotify, applies=kubernetes),
    Check("kernel.cgroup", "Control groups", "host", ("cgroup",), host=cgroup, applies=kubernetes),
)
