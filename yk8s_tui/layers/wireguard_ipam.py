"""Addresses of VPN peers: `config/wireguard_ipam.toml`, stable for ever."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path

from yk8s_tui.errors import ConfigError
from yk8s_tui.repository.atomic import write_atomic

FILE = Path("config") / "wireguard_ipam.toml"
HEADER = """\
# Addresses of VPN peers, written by yk8s-tui. An address belongs to its peer for ever, also when the peer
# was removed, so that nobody gets the address (and the trust) of somebody else. Remove a line to free one.
"""

Ipam = dict[str, dict[str, tuple[str, ...]]]
"""Tunnel -> peer -> addresses, one for each network of the tunnel."""


def load(root: Path) -> Ipam:
    """What is allocated; nothing when there is no file. Raises `ConfigError` when it cannot be used."""
    path = root / FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("cannot be read", where=str(path), why=str(error), hint="bring it back from git") from error
    ipam: Ipam = {}
    for tunnel, peers in content.items():
        try:
            ipam[tunnel] = {name: tuple(str(ip_address(a)) for a in given) for name, given in peers.items()}
        except (AttributeError, TypeError, ValueError) as error:
            where = f"{path}: {tunnel}"
            raise ConfigError("is not a table of peers and addresses", where=where, why=str(error)) from error
        _refuse_duplicates(path, tunnel, ipam[tunnel])
    return ipam


def save(root: Path, ipam: Ipam) -> None:
    """Write the file, atomically."""
    text = HEADER
    for tunnel, peers in sorted(ipam.items()):
        text += f"\n[{tunnel}]\n"
        for name, addresses in peers.items():
            text += f"{name} = {json.dumps(list(addresses))}\n"
    write_atomic(root / FILE, text)


def allocate(networks: Mapping[str, Sequence[str]], peers: Sequence[str], known: Ipam) -> Ipam:
    """Addresses of every peer in every tunnel; what is known stays, others get the lowest free ones.

    The network address, the frontends' (the first) and the broadcast address are never given away.
    Raises `ConfigError` when a network is full.
    """
    result = {tunnel: dict(entries) for tunnel, entries in known.items()}
    for tunnel, wanted in networks.items():
        entries = result.setdefault(tunnel, {})
        for name in peers:
            mine = entries.get(name, ())
            addresses = tuple(_kept(network, mine) or _free(network, entries, tunnel) for network in wanted)
            entries[name] = addresses
    return result


def _kept(network: str, addresses: Sequence[str]) -> str | None:
    net = ip_network(network)
    for address in addresses:
        parsed = ip_address(address)
        if parsed in net and parsed not in _reserved(network):
            return address
    return None


def _free(network: str, entries: Mapping[str, Sequence[str]], tunnel: str) -> str:
    net = ip_network(network)
    used = {ip_address(a) for addresses in entries.values() for a in addresses} | _reserved(network)
    candidate = net.network_address + 2
    while candidate in used:
        candidate += 1
    if candidate not in net:
        raise ConfigError(
            f"the VPN network {network} is full",
            where=f"trampoline.wireguard.endpoints ({tunnel})",
            hint=f"widen the network, or free addresses of former peers in {FILE}",
        )
    return str(candidate)


def _reserved(network: str) -> set[object]:
    net = ip_network(network)
    reserved: set[object] = {net.network_address, net.network_address + 1}
    if isinstance(net, IPv4Network):
        reserved.add(net.broadcast_address)
    return reserved


def _refuse_duplicates(path: Path, tunnel: str, peers: Mapping[str, Sequence[str]]) -> None:
    owners: dict[str, str] = {}
    for name, addresses in peers.items():
        for address in addresses:
            if address in owners:
                raise ConfigError(
                    f"{address} belongs to both {owners[address]} and {name}",
                    where=f"{path}: {tunnel}",
                    hint="remove one of the two lines; that peer gets another address",
                )
            owners[address] = name
