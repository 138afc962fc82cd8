"""The VPN of yaook/k8s: endpoints, peers, and the addresses that peers have for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface, ip_network
from typing import Any, NamedTuple

from yk8s_tui.models.keys import Path
from yk8s_tui.models.types import suggest_name
from yk8s_tui.repository.importing_report import Report, leaves
from yk8s_tui.repository.importing_source import IPAM, Source

ENDPOINTS, PEERS = "trampoline.wireguard.endpoints", "trampoline.wireguard.peers"
DEFAULT_ENDPOINT = {"id": 0, "enabled": True, "port": 7777, "ip_cidr": "172.30.153.64/26", "ip_gw": "172.30.153.65/26"}
"""What holds there when no endpoint is written down."""
LEGACY = {"port": "port", "ip_cidr": "ip_cidr", "wg_ip_cidr": "ip_cidr", "ip_gw": "ip_gw", "ipv6_cidr": "ipv6_cidr",
          "wg_ipv6_cidr": "ipv6_cidr", "ipv6_gw": "ipv6_gw"}  # fmt: skip
"""Keys of [wireguard] itself that stand for endpoint 0, from before there were several."""
NEW_KEY = (
    "the frontends' private key was in their Vault and is not copied: every tunnel gets a new key. Either give every "
    "client the new file (`yk8s-tui vpn show NAME`), or put the old private key into secrets/wireguard/wgN.key (0600)"
)


class Tunnel(NamedTuple):
    """One tunnel of ours."""

    name: str
    networks: tuple[str, ...]

    def has_room_for(self, address: str) -> bool:
        """Whether a peer may have this address: inside, and not the network's, the frontends' or the broadcast one."""
        parsed = ip_interface(address).ip
        for net in map(ip_network, self.networks):
            if parsed.version == net.version and parsed in net:
                last = net.broadcast_address if net.version == 4 else None
                return parsed not in (net.network_address, net.network_address + 1, last)
        return False


Addresses = dict[str, dict[str, tuple[str, ...]]]
"""Our tunnel -> our peer -> addresses."""


def usage(source: Source) -> tuple[bool, str]:
    """Whether the VPN is in use there, and what says so."""
    enabled = source.section("wireguard").get("enabled")
    if isinstance(enabled, bool):
        return enabled, ""
    variable = source.variable("WG_USAGE")
    if variable:
        return variable.lower() != "false", "WG_USAGE in .envrc"
    on = source.harbour == "openstack"
    return on, "the default there" if on else "bare metal has no gateways there, and no VPN"


def translate(source: Source, report: Report) -> Addresses:
    """Endpoints and peers; the addresses of peers in our tunnels."""
    wireguard = source.section("wireguard")
    on, why = usage(source)
    if "enabled" in wireguard:
        if isinstance(wireguard["enabled"], bool):
            report.take(("wireguard", "enabled"), on, "trampoline.wireguard.enabled", on)
        else:
            report.decide(("wireguard", "enabled"), wireguard["enabled"], "is neither true nor false there")
    elif on:
        report.defaults |= {"wireguard.enabled"}
        report.take(("wireguard", "enabled"), on, "trampoline.wireguard.enabled", on, why)
    tunnels = _endpoints(wireguard, report, is_used=on)
    names = _peers(wireguard, report)
    if on and tunnels:
        report.decide(("wireguard", "private_key_of_gateways"), None, NEW_KEY)
    return _addresses(source, report, tunnels, names)


def _endpoints(wireguard: Mapping[str, Any], report: Report, *, is_used: bool) -> dict[int, Tunnel]:
    """Their id -> our tunnel."""
    tunnels: dict[int, Tunnel] = {}
    given = wireguard.get("endpoints")
    legacy = {new: (("wireguard", old), wireguard[old]) for old, new in LEGACY.items() if old in wireguard}
    if not given and is_used and "endpoints" not in wireguard:
        names = [f"wireguard.endpoints[0].{k}" for k in DEFAULT_ENDPOINT]
        report.defaults |= frozenset(names)
        given = [DEFAULT_ENDPOINT]
    for number, endpoint in enumerate(given if isinstance(given, list) else ()):
        if isinstance(endpoint, Mapping):
            paths: dict[str, tuple[Path, Any]] = {
                str(k): (("wireguard", "endpoints", number, str(k)), v) for k, v in endpoint.items()
            }
            if endpoint.get("id", 0) == 0:
                for field, (path, value) in legacy.items():
                    if field in paths:
                        report.leave(*paths[field], f"{path[-1]} of [wireguard] wins over it there")
                    paths[field] = (path, value)
                legacy = {}
            _endpoint(paths, report, tunnels, number)
    return tunnels


def _endpoint(paths: dict[str, tuple[Path, Any]], report: Report, tunnels: dict[int, Tunnel], number: int) -> None:
    if paths.get("enabled", ((), True))[1] is False:
        for path, value in paths.values():
            report.leave(path, value, "this endpoint is switched off there; endpoints here are on")
        return
    cells = []
    for field, ours, kind in (("port", "port", 0), ("ip_cidr", "network_v4", 4), ("ipv6_cidr", "network_v6", 6)):
        if field in paths:
            path, value = paths[field]
            if kind and not _is_network(value, kind):
                report.decide(path, value, f"is not an IPv{kind} network in CIDR notation", ENDPOINTS)
                continue
            cells.append((path, value, ours, str(ip_network(value, strict=False)) if kind else value, ""))
    row = report.row(ENDPOINTS, cells) if cells else None
    identity = paths.get("id", ((), 0))[1]
    if row is not None:
        networks = tuple(str(c[3]) for c in cells if c[2] != "port")
        tunnels[identity if isinstance(identity, int) else number] = Tunnel(f"wg{row}", networks)
        if not any(c[2] == "network_v4" for c in cells):
            report.decide(
                ("wireguard", "endpoints", number, "ip_cidr"), None,
                "there is no IPv4 network: tunnels here have one, 10.199.0.0/24 unless you write another", ENDPOINTS,
            )  # fmt: skip
    place = f"; this one is wg{row}" if row is not None else ""
    for field, reason in (
        ("id", f"endpoints are numbered in their order{place}"),
        ("enabled", "endpoints here are on"),
    ):
        if field in paths:
            report.leave(*paths[field], reason)
    for gateway, cidr in (("ip_gw", "ip_cidr"), ("ipv6_gw", "ipv6_cidr")):
        if gateway in paths:
            _gateway(*paths[gateway], paths.get(cidr, ((), None))[1], report)


def _gateway(path: Path, value: Any, cidr: Any, report: Report) -> None:
    """The frontends have the first address of the network; there it could be another."""
    try:
        net = ip_network(str(cidr), strict=False)
        is_first = ip_interface(str(value)).ip == net.network_address + 1
    except ValueError:
        report.decide(path, value, "is no address in a network that is known; here the frontends have the first")
        return
    if is_first:
        report.leave(path, value, "follows from the network: the frontends have its first address, as there")
    else:
        report.decide(path, value, f"the frontends have {net.network_address + 1} here; give the clients new files")


def _is_network(value: Any, version: int) -> bool:
    try:
        return isinstance(value, str) and ip_network(value, strict=False).version == version
    except ValueError:
        return False


def _peers(wireguard: Mapping[str, Any], report: Report) -> dict[str, str]:
    """Their public key -> our name."""
    names: dict[str, str] = {}
    given = wireguard.get("peers")
    for number, peer in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(peer, Mapping):
            continue
        here: Path = ("wireguard", "peers", number)
        key, ident = peer.get("pub_key"), peer.get("ident")
        if not isinstance(key, str) or not isinstance(ident, str) or not suggest_name(ident):
            for field in {"pub_key", "ident"} & set(peer):
                report.decide((*here, field), peer[field], "a peer needs both a name (ident) and a pub_key", PEERS)
            continue
        name = _free_name(suggest_name(ident), set(names.values()))
        note = "" if name == ident else f"names are host names here: {ident} is {name}"
        cells = [((*here, "ident"), ident, "name", name, note), ((*here, "pub_key"), key, "public_key", key, "")]
        if report.row(PEERS, cells) is not None:
            names[key] = name
    return names


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[:60]}-{number}"
    return free


def _addresses(source: Source, report: Report, tunnels: Mapping[int, Tunnel], names: dict[str, str]) -> Addresses:
    """Addresses of the IPAM file win over those of the configuration, as there."""
    found: Addresses = {}
    users = source.ipam.get("wg_users")
    for number, user in enumerate(users if isinstance(users, list) else ()):
        if isinstance(user, Mapping):
            _user(user, ("wg_users", number), str(IPAM), report, tunnels, names, found)
    peers = source.section("wireguard").get("peers")
    for number, peer in enumerate(peers if isinstance(peers, list) else ()):
        if isinstance(peer, Mapping):
            _user(peer, ("wireguard", "peers", number), "", report, tunnels, names, found)
    for path, value in leaves(source.ipam):
        if path and not report.is_listed(path, str(IPAM)):
            report.unknown(path, value, file=str(IPAM))
    return found


def _user(
    user: Mapping[str, Any], here: Path, file: str, report: Report, tunnels: Mapping[int, Tunnel],
    names: dict[str, str], found: Addresses,
) -> None:  # fmt: skip
    key, ident = str(user.get("pub_key", "")), str(user.get("ident", ""))
    name = names.get(key)
    if file:
        if name is None and suggest_name(ident):
            name = names[key] = _free_name(suggest_name(ident), set(names.values()))
        note = "tells whose addresses these are"
        for field in {"pub_key", "ident"} & set(user):
            report.leave((*here, field), user[field], note, file=file)
    for path, endpoint, value in _given(user, here):
        tunnel = tunnels.get(endpoint)
        if tunnel is None or name is None:
            why = f"endpoint {endpoint} is not taken over" if name else "it is not said whose address this is"
            report.leave(path, value, why, file=file)
            continue
        _address(path, value, file, tunnel, name, report, found)


def _given(user: Mapping[str, Any], here: Path) -> Iterator[tuple[Path, int, Any]]:
    for field in ("ips", "ipsv6"):
        if isinstance(user.get(field), Mapping):
            for endpoint, value in user[field].items():
                if str(endpoint).isdigit():
                    yield (*here, field, str(endpoint)), int(endpoint), value
    for field in ("ip", "ipv6"):
        if field in user:
            yield (*here, field), 0, user[field]


def _address(path: Path, value: Any, file: str, tunnel: Tunnel, name: str, report: Report, found: Addresses) -> None:
    try:
        address = str(ip_interface(value).ip) if isinstance(value, str) else ""
    except ValueError:
        address = ""
    if not address:
        report.decide(path, value, "is not an address; the peer gets another one", file=file)
        return
    if not tunnel.has_room_for(address):
        text = f"cannot be a peer's address in {tunnel.name} ({', '.join(tunnel.networks)}); the peer gets another one"
        report.decide(path, value, text, file=file)
        return
    mine = found.setdefault(tunnel.name, {})
    family = ip_interface(address).version
    if any(ip_interface(a).version == family for a in mine.get(name, ())):
        if address in mine[name]:
            report.keep(path, value, f"config/wireguard_ipam.toml, {tunnel.name}.{name}", file=file)
        else:
            report.leave(path, value, "config/wireguard_ipam.toml has another address, which counts there", file=file)
        return
    owner = next((n for n, addresses in mine.items() if address in addresses), "")
    if owner:
        report.decide(path, value, f"is the address of {owner}, too; this peer gets another one", file=file)
        return
    mine[name] = (*mine.get(name, ()), address)
    report.keep(path, value, f"config/wireguard_ipam.toml, {tunnel.name}.{name}", file=file)
