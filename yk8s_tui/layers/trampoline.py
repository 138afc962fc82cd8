"""The trampoline: SSH, time, firewall, load-balancing, high availability and VPN on the frontends."""

from __future__ import annotations

import secrets
from typing import Any

from yk8s_tui.layers import wireguard
from yk8s_tui.layers.base import Context, Layer
from yk8s_tui.layers.firewall import networks, opening, ssh_opening
from yk8s_tui.models.networks import effective_vip, node_network
from yk8s_tui.models.nodes import Node
from yk8s_tui.models.plan import Action, Change, Playbook, Step
from yk8s_tui.repository.secrets import SecretStore

VRRP_PASSWORD = "vrrp_password"
VRRP_PASSWORD_LENGTH = 8
"""Characters; VRRP version 2 uses no more."""


def steps(context: Context) -> tuple[Step, ...]:
    """Base first, then firewall, balance and VPN side by side, then a proof that all of it works."""
    frontends = context.inventory.frontends
    return (
        _step(
            "base", "Packages, sshd, time, journal", frontends, _base(context),
            playbook=("base.yaml", "trampoline_base"),
            why="everything else stands on it; sshd without passwords",
        ),
        _step(
            "firewall", "Firewall", frontends, _firewall(context), needs=("base",),
            playbook=("firewall.yaml", "nftables"),
            why="nothing comes in but what is listed; rules that shut us out take themselves back",
        ),
        _step(
            "balance", "HAProxy and keepalived", frontends, _balance(context), needs=("base",),
            playbook=("balance.yaml", "trampoline_balance"), secrets=_balance_secrets(context),
            why="one address for the API that outlives any frontend",
        ),
        *_vpn(context, frontends),
        Step(
            id="trampoline.verify", layer="trampoline", title="Frontends answer", always=True,
            why="what was configured is not yet what works",
            nodes=tuple(n.name for n in frontends),
            needs=("trampoline.firewall", "trampoline.balance", "trampoline.wireguard"),
            run=Action(function="yk8s_tui.layers.trampoline_verify:verify"),
        ),
    )  # fmt: skip


LAYER = Layer(
    id="trampoline",
    title="Trampoline",
    why="The frontends are the only way in: SSH, load-balancing, high availability, VPN, firewall.",
    requires=("harbour",),
    steps=steps,
)


def ensure_secrets(context: Context, store: SecretStore) -> None:
    """Make the secrets that the steps use, and the VPN's addresses and client files."""
    if shared_vip(context):
        store.ensure(VRRP_PASSWORD, lambda: secrets.token_urlsafe(16)[:VRRP_PASSWORD_LENGTH])
    wireguard.prepare(context.config, context.repository, store)


def shared_vip(context: Context) -> str:
    """The address that keepalived moves; empty when the only frontend's own address serves."""
    vip = effective_vip(context.config)
    return "" if vip in {n.address for n in context.inventory.frontends} else vip


def _step(
    name: str,
    title: str,
    nodes: tuple[Node, ...],
    variables: dict[str, Any],
    *,
    playbook: tuple[str, str],
    why: str,
    needs: tuple[str, ...] = (),
    secrets: dict[str, str] | None = None,
    changes: tuple[Change, ...] = (),
) -> Step:
    file, role = playbook
    return Step(
        id=f"trampoline.{name}",
        layer="trampoline",
        title=title,
        why=why,
        nodes=tuple(n.name for n in nodes),
        needs=tuple(f"trampoline.{need}" for need in needs),
        run=Playbook(playbook=f"trampoline/{file}", roles=(role,)),
        variables=variables,
        secrets=secrets or {},
        changes=changes,
    )


def _base(context: Context) -> dict[str, Any]:
    vpn = context.config.trampoline.wireguard.enabled
    userspace = any(context.facts.get(n.name, {}).get("wireguard") == "userspace" for n in context.inventory.frontends)
    packages = ["nftables", "haproxy"]
    packages += ["keepalived"] if shared_vip(context) else []
    packages += ["wireguard-tools"] if vpn else []
    packages += ["wireguard-go", "procps"] if vpn and userspace else []
    return {
        "trampoline_base_packages": packages,
        "trampoline_base_ntp_servers": list(context.config.trampoline.ntp_servers),
        "trampoline_base_sysctls": _sysctls(context),
        "trampoline_base_modules": ["nf_conntrack", *(["wireguard"] if vpn and not userspace else [])],
    }


def _sysctls(context: Context) -> dict[str, str]:
    """Forwarding, and listening on a VIP that is on another frontend now."""
    v6 = ":" in shared_vip(context) or node_network(context.config).version == 6
    v6 = v6 or any(":" in n for t in wireguard.tunnels(context.config) for n in t.networks)
    found = {"net.ipv4.ip_forward": "1", "net.ipv4.ip_nonlocal_bind": "1"}
    if v6:
        found |= {"net.ipv6.conf.all.forwarding": "1", "net.ipv6.ip_nonlocal_bind": "1"}
    return found


def _firewall(context: Context) -> dict[str, Any]:
    trampoline = context.config.trampoline
    nodes = str(node_network(context.config))
    frontends = context.inventory.frontends
    tunnels = wireguard.tunnels(context.config)
    ports = sorted({n.ssh_port for n in frontends})
    openings = [ssh_opening(context.config, port) for port in ports]
    if len(frontends) > 1 and shared_vip(context):
        openings.append(opening("VRRP", protocol="vrrp", sources=[n.address for n in frontends]))
    openings += [opening(f"WireGuard {t.name}", t.endpoint.port, protocol="udp") for t in tunnels]
    openings += [
        opening(rule.comment or "configured", rule.port, protocol=rule.protocol, sources=rule.sources)
        for rule in trampoline.firewall_rules
    ]
    forward: list[dict[str, Any]] = []
    nat: list[dict[str, Any]] = []
    if trampoline.nat:
        forward.append({"comment": "nodes reach out", "sources": [nodes]})
        nat.append({"comment": "nodes reach out", "source": nodes, "except": [nodes]})
    for tunnel in tunnels:
        forward.append({"comment": f"VPN {tunnel.name} to the nodes", "sources": list(tunnel.networks),
                        "destinations": networks([nodes])})  # fmt: skip
        nat += [{"comment": f"VPN {tunnel.name}", "source": n} for n in tunnel.networks]
    return {
        "nftables_layer": "trampoline",
        "nftables_openings": openings,
        "nftables_forward": forward,
        "nftables_nat": nat,
        "nftables_answers": _answers(context),
    }


def _answers(context: Context) -> list[dict[str, Any]]:
    """WireGuard answers with the VIP only: clients would follow a former holder to its own address, and stay there."""
    vip = shared_vip(context)
    if not vip or context.config.trampoline.wireguard.public_address:
        return []
    return [
        {"comment": f"WireGuard {t.name}", "protocol": "udp", "port": t.endpoint.port, "address": vip}
        for t in wireguard.tunnels(context.config)
    ]


def _balance(context: Context) -> dict[str, Any]:
    vrrp = context.config.trampoline.vrrp
    return {
        "trampoline_balance_vip": shared_vip(context),
        "trampoline_balance_frontends": [{"name": n.name, "address": n.address} for n in context.inventory.frontends],
        "trampoline_balance_router_id": vrrp.router_id,
        "trampoline_balance_interval_seconds": vrrp.interval_seconds,
    }


def _balance_secrets(context: Context) -> dict[str, str]:
    return {"trampoline_balance_password": VRRP_PASSWORD} if shared_vip(context) else {}


def _vpn(context: Context, frontends: tuple[Node, ...]) -> tuple[Step, ...]:
    """The VPN's step: when it is on, or when tunnels of earlier must be taken down."""
    tunnels = wireguard.tunnels(context.config)
    former = wireguard.former_tunnels(context.config, SecretStore(context.repository / "secrets"))
    if not tunnels and not former:
        return ()
    mtu = context.config.trampoline.wireguard.mtu
    return (
        _step(
            "wireguard", "WireGuard VPN", frontends,
            {
                "wireguard_endpoints": [{"name": t.name, "addresses": list(t.addresses), "mtu": mtu} for t in tunnels],
                "wireguard_absent": list(former),
            },
            playbook=("wireguard.yaml", "wireguard"), needs=("base",),
            secrets={f"wireguard_conf_{t.name}": t.conf for t in tunnels},
            why="operators come in without opening anything to the world",
            changes=tuple(Change(symbol="-", text=f"tunnel {name}") for name in former),
        ),
    )  # fmt: skip
