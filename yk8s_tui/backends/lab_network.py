"""A lab's network on this machine: bridge, way out, and the kernel limits that several hosts share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path

from yk8s_tui.backends.lab_names import bridge_name, gateway_of, table_name
from yk8s_tui.backends.lab_system import run
from yk8s_tui.errors import Yk8sError

SYSCTLS = {
    "net.ipv4.ip_forward": 1,
    "fs.inotify.max_user_instances": 8192,
    "fs.inotify.max_user_watches": 1048576,
}
"""Least values: with 7 hosts kubelet and kube-proxy die at 128 inotify instances ("too many open files")."""

RULES = """\
table ip {table} {{
    chain out {{
        type nat hook postrouting priority srcnat;
        ip saddr {subnet} oifname != "{bridge}" masquerade
    }}
}}
"""


async def clash(tag: str, subnet: IPv4Network) -> str:
    """Which other interface or route of this machine uses a part of the subnet; empty when none does."""
    for route in json.loads(await run("ip", "-json", "-4", "route", "show", "table", "all")):
        where = route.get("dst", "default")
        if where == "default" or route.get("type") in {"broadcast", "multicast"}:
            continue
        if route.get("dev") != bridge_name(tag) and subnet.overlaps(IPv4Network(where, strict=False)):
            return f"{where} is on {route.get('dev', 'a route of this machine')}"
    return ""


async def refuse_clash(tag: str, subnet: IPv4Network, owners: dict[str, str]) -> None:
    """Raise `Yk8sError` when the subnet is taken; `owners` maps bridges of labs to their repositories."""
    taken = await clash(tag, subnet)
    if taken:
        owner = owners.get(taken.split(" is on ")[-1])
        raise Yk8sError(
            f"the subnet {subnet} is in use on this machine",
            where="harbour.lab.subnet",
            why=f"{taken}, the lab of {owner}" if owner else taken,
            hint="choose another network for this lab, or take the other one down",
        )


async def raise_network(tag: str, subnet: IPv4Network) -> None:
    """Make the bridge and the way out; idempotent."""
    bridge, table = bridge_name(tag), table_name(tag)
    if not Path("/sys/class/net", bridge).exists():
        await run("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
    gateway = f"{gateway_of(subnet)}/{subnet.prefixlen}"
    await run("ip", "address", "replace", gateway, "dev", bridge)
    for former in await _addresses(bridge):
        if former != gateway:
            await run("ip", "address", "delete", former, "dev", bridge)
    await run("ip", "link", "set", bridge, "up")
    rules = RULES.format(table=table, subnet=subnet, bridge=bridge)
    await run("nft", "-f", "-", stdin=f"table ip {table}\ndelete table ip {table}\n{rules}")


async def _addresses(bridge: str) -> list[str]:
    """The IPv4 addresses of a bridge; more than one when the lab had another subnet before."""
    links = json.loads(await run("ip", "-json", "-4", "address", "show", "dev", bridge))
    return [f"{a['local']}/{a['prefixlen']}" for link in links for a in link.get("addr_info", ())]


async def attach(tag: str, interfaces: Iterable[str]) -> None:
    """Put the interfaces of running hosts back on the bridge, in case it was removed under them."""
    bridge = bridge_name(tag)
    for interface in interfaces:
        link = Path("/sys/class/net", interface)
        if link.exists() and not (link / "master").exists():
            await run("ip", "link", "set", interface, "master", bridge, check=False)


async def drops_forwarded() -> str:
    """The nftables chain that drops packets which are only passed on, as Docker and ufw make one; empty if none."""
    for entry in json.loads(await run("nft", "--json", "list", "chains"))["nftables"]:
        chain = entry.get("chain", {})
        if chain.get("hook") == "forward" and chain.get("policy") == "drop":
            return f"{chain['family']} {chain['table']} {chain['name']}"
    return ""


async def remove_network(tag: str) -> None:
    """Remove bridge and table; fine when they are gone already."""
    if Path("/sys/class/net", bridge_name(tag)).exists():
        await run("ip", "link", "delete", bridge_name(tag), "type", "bridge")
    table = table_name(tag)
    await run("nft", "-f", "-", stdin=f"table ip {table}\ndelete table ip {table}\n")


def raise_sysctls() -> tuple[str, ...]:
    """Raise what is too low for several hosts on one kernel; returns a line per change.

    They stay raised when the lab is destroyed: something else may rely on them by then.
    """
    changed = []
    for name, least in SYSCTLS.items():
        path = Path("/proc/sys") / name.replace(".", "/")
        value = int(path.read_text())
        if value < least:
            path.write_text(str(least))
            changed.append(f"sysctl {name} raised from {value} to {least} on this machine (until it reboots)")
    return tuple(changed)
