"""Rules about nodes: how many there are, what they are for, and what they are called."""

from __future__ import annotations

import re
from datetime import date

from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import PlannedNode, is_inside, node_network, planned_nodes
from yk8s_tui.models.rules import Findings, Rule, error, plural, warning

LARGEST_ETCD = 7
"""Members; more make etcd slower, not safer (etcd's documentation)."""

WITHOUT_STEPS = ("ksl", "kms")
"""Layers that install nothing in this release: a service that is switched on there is told so."""

_JUMP = re.compile(r"^(?:[A-Za-z0-9._-]+@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$")


def roles(config: Config, _today: date | None) -> Findings:
    """There is a way in, a control plane, and a place for workloads."""
    nodes = planned_nodes(config)
    if config.cluster.harbour == "baremetal":
        if not nodes:
            yield error("harbour.baremetal.nodes", "has no machines yet",
                        "add a table [[harbour.baremetal.nodes]] with name, address and roles for each")  # fmt: skip
            return
        yield from _roles_of_machines(nodes)
    if not nodes:
        return
    key = (
        nodes[0].key.partition("[")[0].rpartition(".")[0]
        if config.cluster.harbour == "lab"
        else "harbour.baremetal.nodes"
    )
    yield from _counts(nodes, key, is_lab=config.cluster.harbour == "lab")


def _roles_of_machines(nodes: tuple[PlannedNode, ...]) -> Findings:
    for node in nodes:
        shown = ", ".join(node.roles)
        if "worker" in node.roles and len(set(node.roles)) > 1:
            other = next(r for r in node.roles if r != "worker")
            yield error(f"{node.key}.roles", f"{node.name} cannot be worker and {other} at once",
                        "a worker is a worker only; frontend and control-plane may be together", shown)  # fmt: skip
        elif len(set(node.roles)) < len(node.roles):
            yield error(f"{node.key}.roles", f"{node.name} has a role twice", "once is enough", shown)
    for role, why in (
        ("frontend", "the way in: API address, SSH, VPN; a control plane can be one, too"),
        ("control-plane", "the Kubernetes control plane and etcd"),
    ):
        if not any(role in n.roles for n in nodes):
            yield error(
                "harbour.baremetal.nodes", f"no node has the role {role} ({why})", f'roles = ["{role}"] on a node'
            )


def _counts(nodes: tuple[PlannedNode, ...], key: str, *, is_lab: bool) -> Findings:
    planes = sum("control-plane" in n.roles for n in nodes)
    plane_key = f"{key}.control_planes" if is_lab else key
    if planes and planes % 2 == 0:
        yield warning(plane_key, f"{planes} control planes survive no more failures than {planes - 1}",
                      f"an odd number: {planes - 1} or {planes + 1}", planes)  # fmt: skip
    if planes > LARGEST_ETCD:
        yield warning(plane_key, f"{planes} members make etcd slower, not safer", f"at most {LARGEST_ETCD}", planes)
    frontends = sum("frontend" in n.roles for n in nodes)
    if frontends == 1 and planes > 1:
        yield warning(f"{key}.frontends" if is_lab else key,
                      f"{planes} control planes behind 1 frontend: when it fails, the API is gone",
                      "2 frontends or more", 1)  # fmt: skip
    if not any("worker" in n.roles for n in nodes):
        yield warning(f"{key}.workers" if is_lab else key,
                      "no worker: control planes take no workloads", "at least 1 worker")  # fmt: skip


def machines(config: Config, _today: date | None) -> Findings:
    """Names and addresses are unique, and addresses are on the node network."""
    if config.cluster.harbour != "baremetal" or not config.harbour.baremetal.nodes:
        return
    names: dict[str, str] = {}
    addresses: dict[str, str] = {}
    endpoints: dict[tuple[str, int, str], str] = {}
    network = node_network(config)
    for number, node in enumerate(config.harbour.baremetal.nodes):
        key = f"harbour.baremetal.nodes[{number}]"
        address = str(node.address)
        if node.name in names:
            yield error(f"{key}.name", f"is the name of entry {names[node.name]}, too", "names are unique", node.name)
        if address in addresses:
            yield error(
                f"{key}.address", f"is the address of {addresses[address]}, too", "addresses are unique", address
            )
        elif not is_inside(address, network):
            yield error(f"{key}.address", f"{node.name} is not in the node network {network}",
                        "set harbour.baremetal.node_network to the network that has all nodes", address)  # fmt: skip
        elif node.address in (network.network_address, network.broadcast_address) and network.num_addresses > 2:
            yield error(f"{key}.address", f"is no host address of {network}", value=address)
        where = (node.ssh_address or address, node.ssh_port, node.jump)
        if where in endpoints and address not in addresses:
            yield error(f"{key}.ssh_address", f"SSH leads to {endpoints[where]}, too",
                        "every machine has its own ssh_address or ssh_port", where[0])  # fmt: skip
        if node.jump and not _JUMP.match(node.jump):
            yield error(f"{key}.jump", "is not a jump host", "[user@]host[:port], IPv6 in brackets", node.jump)
        names.setdefault(node.name, str(number + 1))
        addresses.setdefault(address, node.name)
        endpoints.setdefault(where, node.name)


def labels_and_taints(config: Config, _today: date | None) -> Findings:
    """Labels and taints are for nodes that exist."""
    nodes = {n.name: n for n in planned_nodes(config)}
    if not nodes:
        return
    for table, entries in (("labels", config.kubernetes.labels), ("taints", config.kubernetes.taints)):
        for name in entries:
            key = f"kubernetes.{table}.{name}" if "." not in name else f'kubernetes.{table}."{name}"'
            if name not in nodes:
                yield error(key, f"there is no node {name}", f"the nodes are {', '.join(nodes)}")
            elif not {"control-plane", "worker"} & set(nodes[name].roles):
                yield warning(key, f"{name} is a frontend only, and no node of Kubernetes", "take it out")


def services(config: Config, _today: date | None) -> Findings:
    """Services have the nodes that they need."""
    nodes = planned_nodes(config)
    workers = sum("worker" in n.roles for n in nodes)
    needed = {"cert_manager": 1, "ingress": 1, "monitoring": 1, "rook": 3}
    for name, least in needed.items():
        if getattr(config.ksl, name).enabled and nodes and workers < least:
            message = f"needs {plural(least, 'worker')}, there {'is' if workers == 1 else 'are'} {workers}"
            yield error(f"ksl.{name}.enabled", message, "more workers, or leave the service out", True)
    for layer, section in (("ksl", config.ksl), ("kms", config.kms)):
        for name in type(section).model_fields:
            if layer in WITHOUT_STEPS and getattr(section, name).enabled:
                yield warning(f"{layer}.{name}.enabled", "is not installed by this release",
                              "install it in the customization layer, or leave it out", True)  # fmt: skip
    if config.cluster.harbour == "openstack":
        return
    for name in ("load_balancer", "etcd_backup", "frontend_monitoring"):
        if getattr(config.kms, name).enabled:
            yield error(f"kms.{name}.enabled", "is only for clusters on OpenStack", "set it to false", True)


_NODES = ("cluster.harbour", "harbour")

RULES = (
    Rule(roles, _NODES),
    Rule(machines, _NODES),
    Rule(labels_and_taints, (*_NODES, "kubernetes.labels", "kubernetes.taints")),
    Rule(services, (*_NODES, "ksl", "kms")),
)
