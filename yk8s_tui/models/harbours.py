"""`[harbour.*]`: where nodes come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from yk8s_tui.models.base import Section
from yk8s_tui.models.types import Address, DnsLabel, LabelKey, LabelValue, Network, Port, Role, Taint


class BareMetalNode(Section):
    """`[[harbour.baremetal.nodes]]`: one machine that exists already."""

    name: DnsLabel
    """Host name; becomes the name of the Kubernetes node."""
    address: Address
    """Address on the node network."""
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    """`frontend`, `control-plane`, `worker`; `frontend` and `control-plane` may be on one machine."""
    ssh_address: str = ""
    """Where SSH answers when that is not `address`."""
    ssh_user: str = "root"
    """Login user; others than root need sudo."""
    ssh_port: Port = 22
    """Port of sshd."""
    ssh_key: str = ""
    """Private key file; empty means the SSH agent and the default keys."""
    jump: str = ""
    """Jump host as [user@]host[:port], when the machine is not reached directly."""
    sudo: Literal["nopasswd", "password"] = "nopasswd"
    """Whether sudo asks for a password; it is then read from `secrets/sudo/<name>` or `secrets/sudo/default`."""
    interface: str = ""
    """Interface on the node network; empty means the one that has `address`."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Kubernetes labels."""
    taints: tuple[Taint, ...] = ()
    """Kubernetes taints, `key=value:Effect`."""


class BareMetal(Section):
    """`[harbour.baremetal]`: machines that exist already and answer on SSH."""

    node_network: Network | None = None
    """The network that all nodes are on; empty means the /24 (v6: /64) around the first node."""
    nodes: tuple[BareMetalNode, ...] = ()
    """The machines."""


class Lab(Section):
    """`[harbour.lab]`: systemd-nspawn hosts on this machine, for trying, tests and rehearsals."""

    frontends: Annotated[int, Field(ge=1, le=9)] = 1
    """Number of frontend nodes; with `combined` there are none of their own."""
    control_planes: Annotated[int, Field(ge=1, le=9)] = 1
    """Number of control plane nodes."""
    workers: Annotated[int, Field(ge=0, le=50)] = 2
    """Number of worker nodes."""
    combined: bool = False
    """Control plane nodes are the frontends, too (the small bare-metal layout)."""
    subnet: Network = Field(default="10.77.0.0/24", validate_default=True)
    """Network of the lab's bridge; two labs on one machine need different ones."""
    image: Literal["bookworm", "trixie"] = "bookworm"
    """Debian release of the hosts; trixie needs a machine with cgroup v2."""


class OpenStack(Section):
    """`[harbour.openstack]`: nodes in an OpenStack project."""

    cloud: str = ""
    """Name of the cloud in clouds.yaml; empty means the OS_* variables."""
    public_network: str = ""
    """Name or id of the external network."""
    network_cidr: Network = Field(default="172.30.154.0/24", validate_default=True)
    """Network of the nodes."""


class Harbours(Section):
    """`[harbour]`: one table per harbour; the one that `cluster.harbour` names is used."""

    lab: Lab = Lab()
    """Test hosts on this machine."""
    baremetal: BareMetal = BareMetal()
    """Machines that exist already."""
    openstack: OpenStack = OpenStack()
    """Nodes in an OpenStack project."""
