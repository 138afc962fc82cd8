"""Keys of yaook/k8s that are lists or depend on one another: names, networks, ports, labels, mirrors, kubelet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from yk8s_tui.models.keys import Path
from yk8s_tui.models.types import TAINT_EFFECTS, suggest_name
from yk8s_tui.repository.importing_report import Report
from yk8s_tui.repository.importing_source import Source
from yk8s_tui.repository.importing_table import Undecided, network

PORTS, MIRRORS = "trampoline.published_ports", "kubernetes.registry_mirrors"
DEFAULT_PREFIX = "scheduling.mk8s.cloudandheat.com"
"""Default of scheduling_key_prefix."""
DEFAULT_EFFECT = "NoExecute"
"""The effect of a taint that names none, as their code has it."""
EVICTION_HARD = {"memory.available": "256Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
                 "imagefs.available": "15%"}  # fmt: skip
"""Their fixed and default thresholds; a kubelet that is given one needs them all."""


def node_name(name: str) -> str:
    """The name a node of theirs has here: its host name without domain."""
    return name.lower().partition(".")[0]


def cluster(source: Source, report: Report) -> str:
    """The name of the cluster."""
    path: Path = ("terraform", "cluster_name")
    name = source.section("terraform").get("cluster_name")
    if name is None and source.harbour == "baremetal":
        path, name = ("vault", "cluster_name"), source.section("vault").get("cluster_name")
    if isinstance(name, str) and suggest_name(name):
        ours = suggest_name(name)
        report.take(path, name, "cluster.name", ours, "" if ours == name else "names are lower-case host names here")
    elif name is not None:
        report.decide(path, name, "is no name for a cluster", "cluster.name")
    else:
        text = "is written nowhere there; the name of the directory is taken"
        report.decide(path, None, text, "cluster.name")
    switch = source.section("terraform").get("enabled")
    if isinstance(switch, bool):
        report.take(("terraform", "enabled"), switch, "cluster.harbour", source.harbour)
    return str(report.settings().get("cluster.name", "")) or suggest_name(source.root.name) or "cluster"


def node_network(source: Source, report: Report) -> None:
    """The network of the nodes; on bare metal the hosts file says it, and wins."""
    terraform = source.section("terraform")
    if "subnet_cidr" not in terraform:
        return
    path, value = ("terraform", "subnet_cidr"), terraform["subnet_cidr"]
    key = "harbour.baremetal.node_network" if source.harbour == "baremetal" else "harbour.openstack.network_cidr"
    if source.harbour == "baremetal" and re.search(r"^subnet_cidr\s*=", source.hosts, re.MULTILINE):
        report.leave(path, value, "Terraform is off there: what the hosts file says counts")
        return
    try:
        found = network(value, source)
    except Undecided as reason:
        report.decide(path, value, str(reason), key)
    else:
        report.take(path, value, key, found.value, found.note)


def ports(source: Source, report: Report, *, combined: bool) -> None:
    """HAProxy's ports: a number stands for itself on both sides."""
    given = source.section("load-balancing").get("lb_ports")
    if not isinstance(given, list):
        return
    here: Path = ("load-balancing", "lb_ports")
    for number, port in enumerate(given):
        path = (*here, number)
        if isinstance(port, Mapping):
            _port_table(path, port, report)
        elif not isinstance(port, int) or isinstance(port, bool):
            report.decide(path, port, "is neither a port nor a table with external and nodeport", PORTS)
        elif combined and 30000 <= port <= 32767:
            report.leave(path, port, "node ports answer on these frontends by themselves: they are control planes, too")
        else:
            row = report.row(PORTS, [(path, port, "port", port, "to the node port of the same number")])
            if row is not None:
                report.add_value(("trampoline", "published_ports", row, "node_port"), port)
    if given:
        report.cover(here)


def _port_table(path: Path, port: Mapping[str, Any], report: Report) -> None:
    names = {"external": "port", "nodeport": "node_port", "layer": "mode", "use_proxy_protocol": "proxy_protocol"}
    cells = [
        ((*path, theirs), port[theirs], ours, port[theirs], "") for theirs, ours in names.items() if theirs in port
    ]
    if "external" in port and "nodeport" in port:
        report.row(PORTS, cells)
        return
    for cell in cells:
        report.decide(cell[0], cell[1], "a published port needs both external and nodeport", PORTS)


def scheduling(source: Source, report: Report) -> None:
    """Labels and taints of nodes; the template of the key prefix is written out."""
    section = source.section("node-scheduling")
    prefix = section.get("scheduling_key_prefix", DEFAULT_PREFIX)
    _each(section, "labels", str(prefix), report, _label)
    _each(section, "taints", str(prefix), report, _taint)


Put = Callable[[Path, str, str, str, Report], None]


def _each(section: Mapping[str, Any], kind: str, prefix: str, report: Report, put: Put) -> None:
    nodes = section.get(kind)
    for node, entries in nodes.items() if isinstance(nodes, Mapping) else ():
        if not isinstance(entries, list) or not all(isinstance(e, str) for e in entries):
            continue
        here: Path = ("node-scheduling", kind, str(node))
        for number, entry in enumerate(entries):
            text = re.sub(r"\{\{\s*scheduling_key_prefix\s*\}\}", prefix, entry)
            ours = f"kubernetes.{kind}"
            if "{{" in text or "=" not in text or '"' in f"{text}{node}":
                report.decide((*here, number), entry, "is a template or no key=value; write it out", ours)
            else:
                put((*here, number), entry, text, node_name(str(node)), report)
        if entries:
            report.cover(here)


def _label(path: Path, entry: str, text: str, node: str, report: Report) -> None:
    key, _, value = text.partition("=")
    report.take(path, entry, ("kubernetes", "labels", node, key), value)


def _taint(path: Path, entry: str, text: str, node: str, report: Report) -> None:
    body, colon, effect = text.rpartition(":")
    has_effect = bool(colon) and effect in TAINT_EFFECTS
    taint = text if has_effect else f"{text}:{DEFAULT_EFFECT}"
    if colon and not has_effect and "=" in body:
        report.decide(path, entry, f"has an effect that is none of {', '.join(TAINT_EFFECTS)}", "kubernetes.taints")
        return
    key = ("kubernetes", "taints", node)
    if report.is_refused(path):
        report.decide(path, entry, report.refused_because(path), key)
        return
    note = "" if has_effect else f"without an effect it was {DEFAULT_EFFECT} there"
    report.take(path, entry, (*key, report.next_row(key)), taint, note)


def mirrors(source: Source, report: Report) -> None:
    """Mirrors of registries; there is one for each registry here."""
    section = source.section("miscellaneous")
    taken: set[str] = set()
    given = section.get("container_mirrors")
    host = section.get("container_mirror_default_host", "")
    for number, mirror in enumerate(given if isinstance(given, list) else ()):
        if isinstance(mirror, Mapping):
            _mirror(("miscellaneous", "container_mirrors", number), mirror, str(host), taken, report)
    more = section.get("docker_registry_mirrors")
    if isinstance(more, list) and more and all(isinstance(m, str) for m in more):
        path: Path = ("miscellaneous", "docker_registry_mirrors")
        _endpoints(path, list(more), "docker.io", taken, report)
        report.cover(path)


def _mirror(path: Path, mirror: Mapping[str, Any], host: str, taken: set[str], report: Report) -> None:
    upstream = urlsplit(str(mirror.get("upstream", ""))).hostname or ""
    registry = "docker.io" if upstream.endswith("docker.io") else upstream
    urls = mirror.get("mirrors")
    port = mirror.get("port")
    for field in {"name"} & set(mirror):
        report.leave((*path, field), mirror[field], "mirrors have no names here; they are told apart by the registry")
    if not registry:
        for field in {"upstream", "mirrors", "port"} & set(mirror):
            report.decide((*path, field), mirror[field], "it cannot be told which registry is mirrored", MIRRORS)
        return
    if "upstream" in mirror:
        report.leave((*path, "upstream"), mirror["upstream"], f"says which registry is mirrored: {registry}")
    if isinstance(urls, list) and urls and all(isinstance(u, str) for u in urls):
        _endpoints((*path, "mirrors"), urls, registry, taken, report)
        report.cover((*path, "mirrors"))
        if port is not None:
            report.leave((*path, "port"), port, "the mirrors are given by their addresses")
    elif isinstance(port, int) and host:
        _endpoint((*path, "port"), port, registry, f"http://{host}:{port}", taken, report)
    elif port is not None:
        report.decide(
            (*path, "port"), port, f"write the endpoint of {registry}'s mirror; its host is not given", MIRRORS
        )


def _endpoints(path: Path, urls: list[str], registry: str, taken: set[str], report: Report) -> None:
    for number, url in enumerate(urls):
        _endpoint((*path, number), url, registry, url, taken, report)


def _endpoint(path: Path, value: Any, registry: str, url: str, taken: set[str], report: Report) -> None:
    if registry in taken:
        report.leave(path, value, f"a registry has one mirror here, and {registry} has one already")
        return
    row = report.row(MIRRORS, [(path, value, "endpoint", url, f"as the mirror of {registry}")])
    if row is not None and report.is_mapped(path):
        report.add_value(("kubernetes", "registry_mirrors", row, "registry"), registry)
        taken.add(registry)


def kubelet(source: Source, report: Report) -> None:
    """Options of the kubelet: there for workers only, here for all nodes."""
    kubernetes = source.section("kubernetes")
    given = kubernetes.get("kubelet")
    if not isinstance(given, Mapping):
        return
    here: Path = ("kubernetes", "kubelet")
    limit = given.get("pod_limit")
    if isinstance(limit, int) and not isinstance(limit, bool):
        report.take((*here, "pod_limit"), limit, "kubernetes.kubelet.maxPods", limit, "for all nodes, not only workers")
    hard = dict(EVICTION_HARD)
    signals = {"evictionhard_nodefs_available": "nodefs.available",
               "evictionhard_nodefs_inodesfree": "nodefs.inodesFree"}  # fmt: skip
    for theirs, signal in signals.items():
        if isinstance(given.get(theirs), str):
            hard[signal] = given[theirs]
            report.take((*here, theirs), given[theirs], "kubernetes.kubelet.evictionHard", hard,
                        "with their fixed thresholds, for all nodes")  # fmt: skip
    period = given.get("evictionsoft_memory_period")
    if isinstance(period, str):
        report.take((*here, "evictionsoft_memory_period"), period, "kubernetes.kubelet.evictionSoftGracePeriod",
                    {"memory.available": period}, "with their threshold 384Mi, for all nodes")  # fmt: skip
        if report.is_mapped((*here, "evictionsoft_memory_period")):
            report.add_value(("kubernetes", "kubelet", "evictionSoft"), {"memory.available": "384Mi"})
