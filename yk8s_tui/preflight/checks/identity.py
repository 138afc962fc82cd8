"""Who the hosts are: operating system, names, addresses, clocks."""

from __future__ import annotations

import ipaddress
import statistics
from collections import defaultdict
from collections.abc import Iterable

from yk8s_tui.models.nodes import Node
from yk8s_tui.preflight.model import Check, Measured, Subject, Verdict, bad, doubtful, good

SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04")}
SYSTEMS_TEXT = "Debian 12 or 13, Ubuntu 22.04 or 24.04, with systemd"
ARCHITECTURES = ("amd64", "arm64")
CLOCK_SECONDS = 30
PYTHON = (3, 9)


def supported(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Distribution, release, systemd and Python."""
    facts = m["facts"]
    measured = f"{facts['os_id']} {facts['os_version']}"
    if facts["os_version"] not in SYSTEMS.get(facts["os_id"], ()):
        return bad(measured, SYSTEMS_TEXT, "the operating system is not supported", "install one of these")
    if not facts["systemd"]:
        return bad(f"{measured}, no systemd", SYSTEMS_TEXT, "systemd does not run", "boot it with systemd")
    if tuple(int(n) for n in facts["python"].split(".")[:2]) < PYTHON:
        return bad(f"Python {facts['python']}", "Python 3.9 or newer", "Python is too old")
    return good(f"{measured}, systemd, Python {facts['python']}", SYSTEMS_TEXT)


def architecture(node: Node, m: Measured, subject: Subject) -> Verdict:
    """What there are images and binaries for."""
    measured, limit = m["facts"]["architecture"], " or ".join(ARCHITECTURES)
    if measured not in ARCHITECTURES:
        return bad(measured, limit, "there are no binaries for this architecture", "use another machine")
    return good(measured, limit)


def hostname(subject: Subject) -> Iterable[Verdict]:
    """The host name is the node's name, so that kubelet and the inventory agree; two are never the same."""
    names = {name: m["facts"]["hostname"].partition(".")[0] for name, m in subject.measured.items()}
    for node in subject.chosen:
        is_ = names.get(node.name)
        twins = sorted(n for n, other in names.items() if other == is_ and n != node.name)
        remedy = f"hostnamectl set-hostname {node.name}"
        if is_ is None:
            continue
        if twins:
            text = f"has the host name of {', '.join(twins)}"
            yield bad(is_, f"{node.name}, unique", text, remedy, node=node.name)
        elif is_ != node.name:
            text = "the host name is not the name of the node"
            yield bad(is_, node.name, text, f"{remedy}, or rename the node", node=node.name)
        else:
            yield good(is_, "the node's name, unique", node=node.name)


def machine_id(subject: Subject) -> Iterable[Verdict]:
    """Cloned machines share it, and then leases and node identities get mixed up."""
    remedy = "rm /etc/machine-id && systemd-machine-id-setup, then reboot"
    yield from _unique(subject, "machine-id", "facts", "machine_id", remedy)


def _unique(subject: Subject, what: str, group: str, key: str, remedy: str) -> Iterable[Verdict]:
    owners = defaultdict(list)
    for name, m in subject.measured.items():
        owners[m[group][key]].append(name)
    for node in subject.chosen:
        if node.name not in subject.measured:
            continue
        value = subject.measured[node.name][group][key]
        twins = sorted(n for n in owners[value] if n != node.name)
        if not value:
            yield bad("none", "one", f"the host has no {what}", remedy, node=node.name)
        elif twins:
            text = f"has the {what} of {', '.join(twins)}: was it cloned?"
            yield bad(value, "unique", text, remedy, node=node.name)
        else:
            yield good(value, "unique", node=node.name)


def address(subject: Subject) -> Iterable[Verdict]:
    """The node's address is on the host, and on no other one; all are of one network."""
    held = {name: {entry["address"] for entry in m["identity"]["addresses"]} for name, m in subject.measured.items()}
    network = subject.config.harbour.baremetal.node_network
    for node in subject.chosen:
        if node.name not in held:
            continue
        twins = sorted(n for n, addresses in held.items() if node.address in addresses and n != node.name)
        if node.address not in held[node.name]:
            has = " ".join(sorted(a for a in held[node.name] if not ipaddress.ip_address(a).is_loopback))
            remedy = f"correct the address of {node.name} in the configuration, or give it to the host"
            yield bad(has or "none", node.address, "the host does not have this address", remedy, node=node.name)
        elif twins:
            text = f"{', '.join(twins)} has this address, too"
            yield bad(node.address, "unique", text, "give every host its own address", node=node.name)
        elif network and ipaddress.ip_address(node.address) not in network:
            text = "the address is outside the node network"
            yield bad(node.address, f"in {network}", text, "correct node_network", node=node.name)
        else:
            yield good(node.address, "on the host, unique", node=node.name)


def clock(subject: Subject) -> Iterable[Verdict]:
    """Certificates and etcd need clocks that agree: the offset to the median of all."""
    offsets = {name: m["clock_offset"] for name, m in subject.measured.items()}
    if not offsets:
        return
    median = statistics.median(offsets.values())
    for node in subject.chosen:
        if node.name not in offsets:
            continue
        away = offsets[node.name] - median
        limit = f"within {CLOCK_SECONDS} s of the median"
        if abs(away) > CLOCK_SECONDS:
            text = "the clock is " + ("ahead" if away > 0 else "behind")
            yield bad(f"{away:+.0f} s", limit, text, "set the clock; start chrony", node=node.name)
        else:
            yield good(f"{away:+.1f} s", limit, node=node.name)


def time_sync(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Whether somebody keeps the clock; a container's clock is its machine's."""
    state = m["time_sync"]
    if m["facts"]["container"]:
        return good("the machine's clock", "kept by a time service")
    services = ", ".join(state["services"]) or "no time service"
    if state["synchronised"]:
        return good(f"synchronised, {services}", "synchronised")
    text = "the clock is not synchronised"
    return doubtful(services, "synchronised", text, "the trampoline installs chrony on frontends; start it here")


CHECKS = (
    Check("os.supported", "Operating system", "host", ("facts",), host=supported),
    Check("os.architecture", "Architecture", "host", ("facts",), host=architecture),
    Check("identity.hostname", "Host name", "cluster", ("facts",), cluster=hostname),
    Check("identity.machine-id", "Machine id", "cluster", ("facts",), cluster=machine_id),
    Check("identity.address", "Node address", "cluster", ("identity",), cluster=address),
    Check("clock.median", "Clock", "cluster", (), cluster=clock),
    Check("time.sync", "Time service", "host", ("facts", "time_sync"), host=time_sync, severity="warn"),
)
