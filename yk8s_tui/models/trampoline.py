"""`[trampoline]`: the frontends, the only way in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from yk8s_tui.models.base import Section
from yk8s_tui.models.types import Address, DnsLabel, Network, OptionalWireGuardKey, Port


class PublishedPort(Section):
    """`[[trampoline.published_ports]]`: a frontend port that leads to a node port."""

    port: Port
    """Port on the VIP."""
    node_port: Annotated[int, Field(ge=30000, le=32767)]
    """Node port of the service on every Kubernetes node."""
    mode: Literal["tcp", "http"] = "tcp"
    """How HAProxy treats the traffic."""
    proxy_protocol: bool = False
    """Send the client's address with the PROXY protocol (version 2)."""


class Vrrp(Section):
    """`[trampoline.vrrp]`: who holds the VIP; the password is generated."""

    router_id: Annotated[int, Field(ge=1, le=255)] = 47
    """VRRP id; must be unique among all VRRP users of the node network."""
    interval_seconds: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    """Advertisement interval, seconds; a dead holder is noticed after a little more than three of them."""


class FirewallRule(Section):
    """`[[trampoline.firewall_rules]]`: one more opening."""

    port: Port
    """Destination port on the frontends."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """Transport protocol."""
    sources: tuple[Network, ...] = ()
    """Allowed source networks; empty means from anywhere."""
    comment: str = ""
    """Why it is open; stands in the rule set."""


class WireGuardPeer(Section):
    """`[[trampoline.wireguard.peers]]`: somebody who may come in."""

    name: DnsLabel
    """Name of the peer; its client file is called after it."""
    public_key: OptionalWireGuardKey = ""
    """The peer's public key; empty means the tool makes a key pair and puts the private key into the client file."""


class WireGuardEndpoint(Section):
    """`[[trampoline.wireguard.endpoints]]`: one tunnel interface on the frontends."""

    port: Port = 51820
    """UDP port."""
    network_v4: Network | None = Field(default="10.199.0.0/24", validate_default=True)
    """Client network, IPv4; the frontends take the first address."""
    network_v6: Network | None = None
    """Client network, IPv6."""


class WireGuard(Section):
    """`[trampoline.wireguard]`: the VPN."""

    enabled: bool = False
    """Whether there is a VPN."""
    endpoints: tuple[WireGuardEndpoint, ...] = (WireGuardEndpoint(),)
    """Tunnel interfaces wg0, wg1, …"""
    peers: tuple[WireGuardPeer, ...] = ()
    """Who may come in, on every endpoint."""
    mtu: Annotated[int, Field(ge=1280, le=9000)] = 1420
    """MTU of the tunnel, bytes."""
    public_address: str = ""
    """Address or name that clients connect to; empty means the VIP."""


class Trampoline(Section):
    """`[trampoline]`: SSH, load-balancing, high availability, VPN and firewall on the frontends."""

    vip: Address | None = None
    """Virtual address that the frontends share: the address of the API; inside the node network, used by nobody."""
    vrrp: Vrrp = Vrrp()
    """Who holds the VIP."""
    ssh_allowed_sources: tuple[Network, ...] = ()
    """Networks from which SSH is allowed; empty means from anywhere."""
    api_allowed_sources: tuple[Network, ...] = ()
    """Networks from which the Kubernetes API is reached, besides nodes and pods; empty means from anywhere."""
    published_ports: tuple[PublishedPort, ...] = ()
    """Frontend ports that lead to node ports."""
    firewall_rules: tuple[FirewallRule, ...] = ()
    """Further openings of the frontends."""
    nat: bool = True
    """Whether nodes without a way out reach it through the frontends (masquerading)."""
    ntp_servers: tuple[str, ...] = ()
    """Time servers; empty means those of the distribution."""
    wireguard: WireGuard = WireGuard()
    """The VPN."""
