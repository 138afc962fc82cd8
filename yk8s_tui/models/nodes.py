"""Nodes and the inventory: what a harbour answers when asked which machines there are."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from yk8s_tui.models.base import Section
from yk8s_tui.models.types import Role


class Node(Section):
    """One machine that answers on SSH."""

    name: str
    """Host name, and the name of the Kubernetes node."""
    address: str
    """Address on the node network; the one Kubernetes uses."""
    roles: tuple[Role, ...]
    """What the node is for."""
    ssh_address: str = ""
    """Where SSH answers when that is not `address`."""
    ssh_user: str = "root"
    """Login user; others than root need sudo."""
    ssh_port: int = 22
    """Port of sshd."""
    ssh_key: str = ""
    """Private key file; empty means the agent and the client's defaults."""
    jump: str = ""
    """Jump host as [user@]host[:port]; empty means a direct connection."""
    sudo_password_secret: str = ""
    """Name of the secret with the sudo password; empty means sudo asks for none."""
    interface: str = ""
    """Interface on the node network; empty means the one that has `address`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Kubernetes labels of this node."""
    taints: tuple[str, ...] = ()
    """Kubernetes taints of this node, key=value:Effect."""

    @property
    def host(self) -> str:
        """The address that SSH connects to."""
        return self.ssh_address or self.address

    @property
    def is_frontend(self) -> bool:
        """Carries the trampoline."""
        return "frontend" in self.roles

    @property
    def is_control_plane(self) -> bool:
        """Carries etcd, API server, scheduler and controller manager."""
        return "control-plane" in self.roles

    @property
    def is_worker(self) -> bool:
        """Carries workloads only."""
        return "worker" in self.roles

    @property
    def is_kubernetes(self) -> bool:
        """Has a kubelet."""
        return self.is_control_plane or self.is_worker


class Inventory(Section):
    """All nodes of a cluster, in configuration order."""

    nodes: tuple[Node, ...] = ()

    @property
    def frontends(self) -> tuple[Node, ...]:
        """The nodes with the trampoline; the first has the highest VRRP priority."""
        return tuple(n for n in self.nodes if n.is_frontend)

    @property
    def control_planes(self) -> tuple[Node, ...]:
        """The control plane nodes; the first one is where kubeadm initialises."""
        return tuple(n for n in self.nodes if n.is_control_plane)

    @property
    def workers(self) -> tuple[Node, ...]:
        """The worker nodes."""
        return tuple(n for n in self.nodes if n.is_worker)

    @property
    def kubernetes(self) -> tuple[Node, ...]:
        """Every node with a kubelet."""
        return tuple(n for n in self.nodes if n.is_kubernetes)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        return tuple(n.name for n in self.nodes)

    def node(self, name: str) -> Node:
        """The node of that name; `KeyError` names the ones there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(f"no node {name!r}; there are {', '.join(self.names)}")

    def only(self, names: Iterable[str]) -> Inventory:
        """The same inventory reduced to these names."""
        wanted = set(names)
        return Inventory(nodes=tuple(n for n in self.nodes if n.name in wanted))
