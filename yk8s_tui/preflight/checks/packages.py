"""Whether packages can be installed, and what stands in the way of an installation."""

from __future__ import annotations

from urllib.parse import urlsplit

from yk8s_tui.models.nodes import Node
from yk8s_tui.preflight.model import Check, Measured, Subject, Verdict, bad, doubtful, good

OURS = {"kubelet", "kubeadm", "kubectl", "containerd.io", "cri-tools", "kubernetes-cni"}
"""Packages that node preparation holds itself."""


def apt_lock(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Somebody else installs packages right now."""
    if not m["apt_lock"]:
        return good("free", "free")
    holders = ", ".join(sorted(set(m["apt_lock"].values())))
    text = "the package manager is locked"
    return bad(f"held by {holders}", "free", text, "wait until it has ended, or end it")


def apt_held(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Half-installed packages block, unless a step of ours was cut off; held ones may be in the way of ours."""
    state = m["apt_state"]
    half, text = " ".join(state["half"]), "packages are half installed"
    if half and state["cut_off"]:
        return doubtful(half, "none", f"{text}: a run was interrupted", "nothing; apply ends their installation first")
    if half:
        return bad(half, "none", text, "dpkg --configure -a && apt-get -f install")
    held = [name for name in state["held"] if name not in OURS]
    if held:
        return doubtful(f"held: {' '.join(held)}", "none", "packages are held", "apt-mark unhold, when not wanted")
    return good("none", "none")


def apt_reachable(node: Node, m: Measured, subject: Subject) -> Verdict:
    """The package sources answer; without them only what is installed already can be used."""
    sources = m["apt_sources"]
    wrong = {urlsplit(url).netloc: told for url, told in sources.items() if told != "ok"}
    if not sources:
        return doubtful("none", "at least one", "no package source is configured", "configure one")
    if wrong:
        measured = "; ".join(f"{host}: {told}" for host, told in wrong.items())
        remedy = "let the host reach them (route, DNS, proxy), or configure a mirror"
        return doubtful(measured, "answer", "package sources do not answer", remedy)
    return good(f"{len(sources)} asked, all answer", "answer")


def leftovers(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Another Kubernetes on the host; ours is known by its receipts."""
    state = m["leftovers"]
    found = [*state["files"], *(f"process {name}" for name in state["running"])]
    if not found:
        return good("none", "none")
    if subject.ours(node.name, "k8s-base"):
        return good("this cluster", "none, or this cluster's")
    only_cni = not state["running"] and all(path.startswith("/etc/cni/") for path in state["files"])
    measured = " ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
    server = f" ({state['server']})" if state["server"] else ""
    text = "CNI configurations are left" if only_cni else f"another Kubernetes is or was installed{server}"
    remedy = "rm -r /etc/cni/net.d" if only_cni else "kubeadm reset, or reinstall the host; look what it is first"
    return bad(measured, "none", text, remedy)


def firewall(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Two masters of one rule set undo each other's work."""
    if not m["firewall"]:
        return good("none", "none")
    names = " ".join(m["firewall"])
    text = f"{names} writes firewall rules, too"
    return bad(names, "none", text, f"systemctl disable --now {names}")


def artifacts(node: Node, m: Measured, subject: Subject) -> Verdict:
    """For an installation from packages: their source and the image registry answer from the node."""
    wrong = {url: told for url, told in m["artifacts"].items() if told != "ok"}
    limit = " ".join(urlsplit(url).netloc for url in m["artifacts"])
    if wrong:
        measured = "; ".join(f"{url}: {told}" for url, told in wrong.items())
        remedy = "let the node reach them, name mirrors in [kubernetes], or install from a bundle"
        return bad(measured, limit, "Kubernetes cannot be fetched", remedy)
    return good("answer", limit)


CHECKS = (
    Check("apt.lock", "Package manager", "host", ("apt_lock",), host=apt_lock),
    Check("apt.held", "Held packages", "host", ("apt_state",), host=apt_held),
    Check("apt.reachable", "Package sources", "host", ("apt_sources",), host=apt_reachable, severity="warn"),
    Check(
        "leftovers.kubernetes", "Leftovers", "host", ("leftovers", "receipts"), host=leftovers,
        applies=lambda node: node.is_kubernetes,
    ),
    Check("firewall.foreign", "Other firewalls", "host", ("firewall",), host=firewall),
)  # fmt: skip

PACKAGES = Check(
    "artifacts.packages", "Kubernetes packages", "host", ("artifacts",), host=artifacts,
    applies=lambda node: node.is_kubernetes,
)  # fmt: skip
"""Only for `source = "packages"`."""
