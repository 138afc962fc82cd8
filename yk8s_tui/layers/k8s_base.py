"""k8s-base: the kubeadm cluster, from prepared hosts to nodes that are Ready."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from yk8s_tui.backends import bundle as bundles
from yk8s_tui.layers import k8s_variables as variables
from yk8s_tui.layers import kubeadm
from yk8s_tui.layers.base import Context, Layer
from yk8s_tui.models.nodes import Node
from yk8s_tui.models.plan import Action, Missing, Playbook, Step
from yk8s_tui.repository.secrets import SecretStore

ENCRYPTION_KEY = "encryption_key"
ACTIONS = "yk8s_tui.layers"


def steps(context: Context) -> tuple[Step, ...]:
    """Preparation, artifacts and endpoint side by side; init; joins; pod network; what is configured; proof."""
    prepared = (*(() if variables.old_containerd(context) else _prepare(context)), _endpoint(context))
    if missing_artifacts(context) or not context.inventory.control_planes:
        return prepared
    return (
        *prepared,
        *_artifacts(context),
        *_init(context),
        *_join_control_planes(context),
        *_configure(context),
        _join_workers(context),
        _pod_network(context),
        _settle(context),
        _kubeconfig(context),
        _verify(context),
    )


LAYER = Layer(
    id="k8s-base",
    title="Kubernetes",
    why="The kubeadm cluster, with only what a cluster needs.",
    requires=("trampoline",),
    steps=steps,
)


def ensure_secrets(context: Context, store: SecretStore) -> None:
    """Make the key for Secrets in etcd; it stays the same for the life of the cluster."""
    if context.config.kubernetes.encryption_at_rest:
        store.ensure(ENCRYPTION_KEY, lambda: base64.b64encode(secrets.token_bytes(32)).decode())


def missing_artifacts(context: Context) -> tuple[Missing, ...]:
    """What the plan cannot do without and does not have, each with where it was looked for."""
    kubernetes = context.config.kubernetes
    found = bundles.Bundle.find(kubernetes.version)
    if kubernetes.source == "bundle" and found is None:
        command = f"yk8s-tui bundle create --kubernetes {kubernetes.version} --from-dir DIR"
        remedy = f"make one with `{command}`, where DIR has {', '.join(bundles.lacking(()))}"
        return (_missing(f"bundle v{kubernetes.version}", kubernetes.version, remedy),)
    if old := variables.old_containerd(context):
        return tuple(
            Missing(
                name=f"containerd 2 for {system}",
                looked_in=tuple(f"package repositories of {node}" for node in nodes),
                remedy="set kubernetes.containerd_package_mirror to an APT line that has containerd.io 2, "
                'or source = "bundle"',
            )
            for system, nodes in old.items()
        )
    if kubernetes.cni != "routed" and variables.cni_file(kubernetes.cni, found) is None:
        name = variables.CNI_FILES[kubernetes.cni]
        remedy = f'add {name} and its images to the bundle, or use cni = "routed"'
        return (_missing(f'{name} for cni = "{kubernetes.cni}"', kubernetes.version, remedy),)
    return ()


def _missing(name: str, version: str, remedy: str) -> Missing:
    return Missing(name=name, looked_in=tuple(str(p) for p in bundles.looked_in(version)), remedy=remedy)


def _names(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    return tuple(n.name for n in nodes)


def _step(name: str, title: str, nodes: tuple[str, ...], run: Playbook | Action, **rest: Any) -> Step:
    needs = tuple(n if "." in n else f"k8s-base.{n}" for n in rest.pop("needs", ()))
    return Step(id=f"k8s-base.{name}", layer="k8s-base", title=title, nodes=nodes, run=run, needs=needs, **rest)


def _playbook(file: str, *roles: str) -> Playbook:
    return Playbook(playbook=f"k8s-base/{file}.yaml", roles=roles)


def _prepare(context: Context) -> tuple[Step, ...]:
    """Does not need the trampoline."""
    packages = context.config.kubernetes.source == "packages"
    roles = ("k8s_node", "etcd_snapshot", "nftables", *(("k8s_package_source",) if packages else ()))
    encrypted = context.config.kubernetes.encryption_at_rest
    return (
        _step(
            "prepare-control-plane", "Prepare control plane nodes", _names(context.inventory.control_planes),
            _playbook("prepare", *roles), variables=variables.prepare(context, control_plane=True),
            secrets={"k8s_node_encryption_key": ENCRYPTION_KEY} if encrypted else {},
            why="containerd, kernel features and firewall must be as kubeadm wants them",
        ),
        _step(
            "prepare-workers", "Prepare workers", _names(context.inventory.workers),
            _playbook("prepare", *roles), variables=variables.prepare(context, control_plane=False), tolerance="any",
            why="containerd, kernel features and firewall must be as kubeadm wants them",
        ),
    )  # fmt: skip


def _endpoint(context: Context) -> Step:
    return _step(
        "api-endpoint", "API endpoint on the frontends", _names(context.inventory.frontends),
        _playbook("endpoint", "haproxy_endpoints", "nftables"), variables=variables.endpoint(context),
        needs=("trampoline.balance", "trampoline.firewall"),
        why="nodes and operators reach the API by one address that outlives any node",
    )  # fmt: skip


def _artifacts(context: Context) -> tuple[Step, ...]:
    """Programs and images of a bundle; the control plane first, so that init can begin while workers get theirs."""
    if context.config.kubernetes.source == "packages":
        return _pulled(context)
    found = bundles.Bundle.find(context.config.kubernetes.version)
    if found is None:
        return ()
    inventory = context.inventory
    groups = (
        ("control-plane", _names(inventory.control_planes), True, ()),
        ("workers", _names(inventory.workers), not inventory.workers, ("images-control-plane",)),
    )
    made = []
    for group, nodes, whole, after in groups:
        binaries, images = (
            variables.binaries(found, control_plane=whole),
            variables.images(found, control_plane=whole),
        )
        made += [
            _step(
                f"binaries-{group}", f"Programs: {group.replace('-', ' ')}", nodes,
                Action(function=f"{ACTIONS}.artifacts:send_binaries", arguments={"files": binaries}),
                needs=after, tolerance="all" if whole else "any", why="nothing is downloaded by the nodes themselves",
            ),
            _step(
                f"images-{group}", f"Images: {group.replace('-', ' ')}", nodes,
                Action(function=f"{ACTIONS}.artifacts:send_images", arguments={"files": images}),
                needs=(f"binaries-{group}", f"prepare-{group}", *after), tolerance="all" if whole else "any",
                why="images are there before they are needed",
            ),
        ]  # fmt: skip
    return tuple(made)


def _pulled(context: Context) -> tuple[Step, ...]:
    """Images from the registry, pulled before kubeadm needs them."""
    inventory = context.inventory
    chosen: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
        ("control-plane", _names(inventory.control_planes), ()),
        ("workers", _names(inventory.workers), variables.WORKER_IMAGES),
    )
    return tuple(
        _step(
            f"images-{group}", f"Pull images: {group.replace('-', ' ')}", nodes,
            Action(function=f"{ACTIONS}.artifacts:pull_images", arguments={
                "version": context.config.kubernetes.version,
                "registry": kubeadm.registry(context.config),
                "only": list(only),
            }),
            needs=(f"prepare-{group}",), tolerance="any" if only else "all",
            why="a slow or closed registry is found before anything is changed",
        )
        for group, nodes, only in chosen
    )  # fmt: skip


def _init(context: Context) -> tuple[Step, ...]:
    first = context.inventory.control_planes[0].name
    return (
        _step(
            "init", "Initialise the first control plane", (first,), _playbook("init", "kubeadm_init"),
            variables=variables.init(context), needs=("prepare-control-plane", "images-control-plane", "api-endpoint"),
            why="etcd, API server, scheduler and controller manager come to life",
        ),
    )  # fmt: skip


def _join_control_planes(context: Context) -> tuple[Step, ...]:
    """One after the other: etcd takes one new member at a time."""
    made: list[Step] = []
    for node in context.inventory.control_planes[1:]:
        made.append(
            _step(
                f"join-{node.name}", f"Join {node.name} to the control plane", (node.name,),
                _playbook("join", "kubeadm_join"), variables=variables.join(context, control_plane=True),
                needs=("init", *(s.id for s in made)), why="the cluster outlives the loss of a control plane node",
            )
        )  # fmt: skip
    return tuple(made)


def _configure(context: Context) -> tuple[Step, ...]:
    """One after the other, and when nothing else needs the API: a change restarts its servers."""
    made: list[Step] = []
    for number, node in enumerate(context.inventory.control_planes):
        made.append(
            _step(
                f"configure-{node.name}", f"Settings of {node.name}'s control plane", (node.name,),
                _playbook("configure", "kubeadm_configure"), variables=variables.configure(context, leader=number == 0),
                needs=("cni", "settle", *_joined(context), *(s.id for s in made)),
                why="what changes in the configuration later comes into force, too",
            )
        )  # fmt: skip
    return tuple(made)


def _joined(context: Context) -> tuple[str, ...]:
    return ("init", *(f"join-{n.name}" for n in context.inventory.control_planes[1:]), "join-workers")


def _join_workers(context: Context) -> Step:
    return _step(
        "join-workers", "Join workers", _names(context.inventory.workers), _playbook("join", "kubeadm_join"),
        variables=variables.join(context, control_plane=False), needs=("init", "prepare-workers", "images-workers"),
        tolerance="any", why="workloads run there",
    )  # fmt: skip


def _pod_network(context: Context) -> Step:
    cni = context.config.kubernetes.cni
    why = "nodes are Ready, and pods reach one another"
    if cni == "routed":
        return _step(
            "cni", "Pod network: routed", _names(context.inventory.kubernetes), _playbook("cni-routed", "cni_routed"),
            variables=variables.routed(context), needs=_joined(context), tolerance="any", why=why, together=True,
        )  # fmt: skip
    file = variables.cni_file(cni, bundles.Bundle.find(context.config.kubernetes.version))
    return _step(
        "cni", f"Pod network: {cni}", (context.inventory.control_planes[0].name,),
        Action(function=f"{ACTIONS}.cni:install", arguments={"cni": cni, "file": file}), needs=("init",), why=why,
    )  # fmt: skip


def _settle(context: Context) -> Step:
    return _step(
        "settle", "Labels, taints and roles", _names(context.inventory.kubernetes),
        Action(function=f"{ACTIONS}.settle:settle", arguments=variables.settled(context)),
        needs=("cni", *_joined(context)), tolerance="any" if context.inventory.workers else "all",
        why="workloads find the nodes they are meant for",
    )  # fmt: skip


def _kubeconfig(context: Context) -> Step:
    return _step(
        "kubeconfig", "Admin kubeconfig", (context.inventory.control_planes[0].name,),
        Action(function=f"{ACTIONS}.admin_kubeconfig:fetch"), needs=("init",), always=True,
        why="access to the cluster, for a limited time",
    )  # fmt: skip


def _verify(context: Context) -> Step:
    configured = tuple(s.id for s in _configure(context))
    return _step(
        "verify", "The cluster works", _names(context.inventory.kubernetes),
        Action(function=f"{ACTIONS}.cluster_verify:verify"),
        needs=("cni", "settle", "kubeconfig", *_joined(context), *configured),
        always=True, tolerance="any", why="what was configured is not yet what works",
    )  # fmt: skip
