"""The VPN: addresses of peers, keys, and the configuration of both ends."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from yk8s_tui.errors import ConfigError
from yk8s_tui.layers import wireguard_ipam
from yk8s_tui.layers.wireguard_ipam import Ipam
from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import effective_vip, node_network
from yk8s_tui.models.trampoline import WireGuardEndpoint, WireGuardPeer
from yk8s_tui.repository.secrets import SecretStore

KEEPALIVE_SECONDS = 25
"""Keeps the way through NAT open; as WireGuard's own quick start recommends."""
PLACEHOLDER = "PUT-YOUR-PRIVATE-KEY-HERE"
"""Stands in the client file of a peer that brought its own public key."""


@dataclass(frozen=True)
class Tunnel:
    """One tunnel interface of the frontends."""

    name: str
    endpoint: WireGuardEndpoint

    @property
    def networks(self) -> tuple[str, ...]:
        """The client networks, IPv4 first."""
        return tuple(str(n) for n in (self.endpoint.network_v4, self.endpoint.network_v6) if n is not None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The frontends' addresses with prefix: the first host of each network, the same on every frontend."""
        nets = (ip_network(n) for n in self.networks)
        return tuple(f"{net.network_address + 1}/{net.prefixlen}" for net in nets)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The frontends' addresses inside the tunnel, without prefix; the API answers there, too."""
        return tuple(str(ip_interface(a).ip) for a in self.addresses)

    @property
    def key(self) -> str:
        """Name of the secret with the private key that all frontends share."""
        return f"wireguard/{self.name}.key"

    @property
    def conf(self) -> str:
        """Name of the secret with the frontends' whole configuration."""
        return f"wireguard/{self.name}.conf"


def tunnels(config: Config) -> tuple[Tunnel, ...]:
    """The configured tunnels, wg0 first; none when the VPN is off."""
    vpn = config.trampoline.wireguard
    return tuple(Tunnel(f"wg{i}", e) for i, e in enumerate(vpn.endpoints)) if vpn.enabled else ()


def former_tunnels(config: Config, store: SecretStore) -> tuple[str, ...]:
    """Names of tunnels that had a key once and are not configured any more."""
    known = sorted(p.stem for p in store.path("wireguard").glob("wg*.key"))
    return tuple(name for name in known if name not in {t.name for t in tunnels(config)})


def client_file(peer: str, tunnel: str) -> str:
    """Name of the secret that is a peer's client file."""
    return f"vpn/{peer}-{tunnel}.conf"


def generate_key() -> str:
    """A private key, as `wg genkey` makes it."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    raw = bytearray(X25519PrivateKey.generate().private_bytes_raw())
    raw[0] &= 248
    raw[31] = (raw[31] & 127) | 64
    return base64.b64encode(raw).decode()


def public_key(private: str) -> str:
    """The public key of a private one; raises `ValueError` when it is not a key."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    key = X25519PrivateKey.from_private_bytes(base64.b64decode(private, validate=True))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def server_conf(tunnel: Tunnel, private: str, mtu: int, peers: Mapping[str, str], ipam: Ipam) -> str:
    """Configuration of the frontends' end; `peers` maps names to public keys.

    `Table = off`: the address of the interface brings the only route that is needed, and peers that
    come later need none of their own.
    """
    lines = [
        "# Made by yk8s-tui.",
        "[Interface]",
        f"Address = {', '.join(tunnel.addresses)}",
        f"ListenPort = {tunnel.endpoint.port}",
        f"PrivateKey = {private}",
        f"MTU = {mtu}",
        "Table = off",
    ]
    for name, key in peers.items():
        allowed = ", ".join(str(ip_interface(a).network) for a in ipam[tunnel.name][name])
        lines += ["", f"# {name}", "[Peer]", f"PublicKey = {key}", f"AllowedIPs = {allowed}"]
    return "\n".join(lines) + "\n"


def client_conf(config: Config, tunnel: Tunnel, addresses: Iterable[str], private: str, server: str) -> str:
    """Configuration of a peer's end; `server` is the frontends' public key."""
    vpn = config.trampoline.wireguard
    host = vpn.public_address or effective_vip(config)
    if not host:
        raise ConfigError(
            "the VPN has no address that clients could connect to",
            where="trampoline.wireguard.public_address",
            hint="set it, or set trampoline.vip",
        )
    inside = " or ".join(f"https://{f'[{h}]' if ':' in h else h}:{config.kubernetes.api_port}" for h in tunnel.hosts)
    lines = [
        f"# The Kubernetes API inside the tunnel: {inside}",
        "[Interface]",
        f"PrivateKey = {private}",
        f"Address = {', '.join(str(ip_interface(a)) for a in addresses)}",
        f"MTU = {vpn.mtu}",
        "",
        "[Peer]",
        f"PublicKey = {server}",
        f"Endpoint = {f'[{host}]' if ':' in host else host}:{tunnel.endpoint.port}",
        f"AllowedIPs = {', '.join(allowed_networks(config, tunnel, host))}",
        f"PersistentKeepalive = {KEEPALIVE_SECONDS}",
    ]
    return "\n".join(lines) + "\n"


def allowed_networks(config: Config, tunnel: Tunnel, host: str) -> tuple[str, ...]:
    """What a client sends into the tunnel: client networks, node network, VIP.

    An endpoint that lies inside of them is taken out: `wg-quick` would send the tunnel's own packets
    into the tunnel.
    """
    nodes = node_network(config)
    wanted = [ip_network(n) for n in tunnel.networks] + [nodes]
    vip = effective_vip(config)
    if vip and ip_address(vip) not in nodes:
        wanted.append(ip_network(vip))
    try:
        outside = ip_network(host)
    except ValueError:
        return tuple(str(n) for n in wanted)
    found: list[str] = []
    for network in wanted:
        if network.version == outside.version and outside.subnet_of(network):  # type: ignore[arg-type]
            pieces = network.address_exclude(outside)  # type: ignore[arg-type]
            found += [str(n) for n in sorted(pieces)]
        else:
            found.append(str(network))
    return tuple(found)


def prepare(config: Config, root: Path, store: SecretStore) -> Ipam:
    """Give every peer addresses and keys, and write the configuration of both ends; idempotent.

    Writes `config/wireguard_ipam.toml` and secrets; files of peers that are gone are removed.
    """
    vpn = config.trampoline.wireguard
    found = tunnels(config)
    ipam = wireguard_ipam.load(root)
    if found:
        before = ipam
        ipam = wireguard_ipam.allocate({t.name: t.networks for t in found}, [p.name for p in vpn.peers], ipam)
        if ipam != before:
            wireguard_ipam.save(root, ipam)
    keys = {peer.name: _peer_keys(peer, store) for peer in vpn.peers} if found else {}
    wanted = set()
    for tunnel in found:
        private = store.ensure(tunnel.key, generate_key)
        publics = {name: public for name, (_, public) in keys.items()}
        _put(store, tunnel.conf, server_conf(tunnel, private, vpn.mtu, publics, ipam))
        for name, (own, _) in keys.items():
            addresses = ipam[tunnel.name][name]
            text = client_conf(config, tunnel, addresses, own, _public_of(tunnel, private, store))
            _put(store, client_file(name, tunnel.name), text)
            wanted.add(client_file(name, tunnel.name))
    _forget(store, wanted, {peer.name for peer in vpn.peers})
    return ipam


def peer_names(config: Config, store: SecretStore) -> dict[str, str]:
    """Public key -> name of the configured peers; peers whose keys are not made yet are left out."""
    found = {}
    for peer in config.trampoline.wireguard.peers:
        private = None if peer.public_key else store.get(f"wireguard/peers/{peer.name}.key")
        try:
            key = peer.public_key or (public_key(private) if private else "")
        except ValueError:
            continue
        if key:
            found[key] = peer.name
    return found


def _peer_keys(peer: WireGuardPeer, store: SecretStore) -> tuple[str, str]:
    """What stands for the private key in the client file, and the public key."""
    if peer.public_key:
        return PLACEHOLDER, peer.public_key
    name = f"wireguard/peers/{peer.name}.key"
    private = store.ensure(name, generate_key)
    try:
        return private, public_key(private)
    except ValueError as error:
        raise ConfigError("is not a WireGuard private key", where=str(store.path(name)), why=str(error)) from error


def _public_of(tunnel: Tunnel, private: str, store: SecretStore) -> str:
    try:
        return public_key(private)
    except ValueError as error:
        where = str(store.path(tunnel.key))
        raise ConfigError("is not a WireGuard private key", where=where, why=str(error)) from error


def _put(store: SecretStore, name: str, text: str) -> None:
    if store.get(name) != text:
        store.put(name, text)


def _forget(store: SecretStore, client_files: set[str], peers: set[str]) -> None:
    """Remove client files and private keys of peers that are gone."""
    for path in _files(store, "vpn", "*.conf"):
        if f"vpn/{path.name}" not in client_files:
            path.unlink()
    for path in _files(store, "wireguard/peers", "*.key"):
        if path.stem not in peers:
            path.unlink()


def _files(store: SecretStore, directory: str, pattern: str) -> Iterator[Path]:
    yield from sorted(store.path(directory).glob(pattern))
