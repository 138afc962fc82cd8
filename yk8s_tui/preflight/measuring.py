"""Gets the measurements: one command a host, then one more round for the pairs."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from yk8s_tui.backends.ssh_scripts import ask, ask_fed, program
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Node
from yk8s_tui.models.versions import minor_of
from yk8s_tui.preflight.flows import flows, interface_mtu
from yk8s_tui.preflight.model import CheckContext, Measured

PARTS = ("host_state", "host_kernel", "host_packages", "host_network", "measure")
MEASURE_SECONDS, CONNECT_SECONDS = 60.0, 45.0


@cache
def measure_script() -> bytes:
    """The program that measures on a host."""
    return program("host_facts.py", *(f"preflight/{name}.py" for name in PARTS))


async def measure(context: CheckContext, node: Node, names: Collection[str]) -> Measured:
    """Measure one host; raises `Yk8sError` when it cannot be reached or the script breaks."""
    vip = context.config.trampoline.vip
    arguments = {
        "measure": sorted(names),
        "address": node.address,
        "interface": node.interface,
        "vip": str(vip) if vip else "",
        "urls": artifact_urls(context.config),
    }
    told = await ask(context.ssh, node.name, measure_script(), arguments, timeout=MEASURE_SECONDS)
    told["clock_offset"] = told["time"] - time.time()
    return dict(told)


def artifact_urls(config: Config) -> list[str]:
    """Where packages and images come from when there is no bundle."""
    kubernetes = config.kubernetes
    packages = (kubernetes.package_mirror or "https://pkgs.k8s.io").rstrip("/")
    registry = kubernetes.image_registry.partition("/")[0] or "registry.k8s.io"
    mirrors = {mirror.registry: mirror.endpoint.rstrip("/") for mirror in kubernetes.registry_mirrors}
    images = mirrors.get(registry, f"https://{registry}")
    return [f"{packages}/core:/stable:/v{minor_of(kubernetes.version)}/deb/InRelease", f"{images}/v2/"]


async def measure_pairs(
    context: CheckContext, measured: Mapping[str, Measured], chosen: frozenset[str]
) -> dict[str, dict[str, Any]]:
    """All pairs at once: listeners everywhere, then everybody connects; node -> peer -> what came back.

    A node that is lost on the way is left out. Listeners end with their input, at the latest after 60 s.
    """
    inventory = context.inventory.only(measured)
    wanted = flows(inventory, context.config, chosen)
    opened: dict[str, set[int]] = {name: set() for name in inventory.names}
    for targets in wanted.values():
        for target, ports in targets.items():
            opened[target] |= set(ports)
    finished = asyncio.Event()
    listeners = [
        asyncio.ensure_future(_listen(context, node, sorted(opened[node.name]), finished))
        for node in inventory.nodes
        if opened[node.name]
    ]
    try:
        sources = [node for node in inventory.nodes if wanted[node.name]]
        answers = await asyncio.gather(
            *(_connect(context, node, wanted[node.name], measured[node.name]) for node in sources)
        )
    finally:
        finished.set()
        await asyncio.gather(*listeners)
    return {node.name: told for node, told in zip(sources, answers, strict=True) if told is not None}


async def _listen(context: CheckContext, node: Node, ports: list[int], finished: asyncio.Event) -> None:
    async def until_finished() -> AsyncIterator[bytes]:
        await finished.wait()
        yield b""

    arguments = {"address": node.address, "ports": ports}
    try:
        script = program("preflight/pairs_listen.py")
        await ask_fed(context.ssh, node.name, script, arguments, until_finished(), timeout=CONNECT_SECONDS + 15)
    except Yk8sError:
        return  # the connections of the others say so


async def _connect(
    context: CheckContext, node: Node, targets: Mapping[str, tuple[int, ...]], measured: Measured
) -> dict[str, Any] | None:
    peers = {
        name: {"address": context.inventory.node(name).address, "ports": list(ports)} for name, ports in targets.items()
    }
    arguments = {"address": node.address, "mtu": interface_mtu(node, measured), "peers": peers}
    try:
        script = program("preflight/pairs_connect.py")
        told = await ask(context.ssh, node.name, script, arguments, timeout=CONNECT_SECONDS)
    except Yk8sError:
        return None
    return dict(told)


def measure_operator(context: CheckContext) -> dict[str, Any]:
    """What this machine has."""
    try:
        version = importlib.metadata.version("ansible-core")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    beside = Path(sys.executable).with_name("ansible-playbook")
    usage = shutil.disk_usage(context.repository)
    return {
        "ansible": {
            "version": version,
            "playbook": beside.exists() or bool(shutil.which("ansible-playbook")),
        },
        "ssh": shutil.which("ssh") or "",
        "disk": {
            "path": str(context.repository),
            "free_mib": usage.free // (1 << 20),
            "writable": os.access(context.repository, os.W_OK),
        },
        "bundle": _bundle(context),
    }


def _bundle(context: CheckContext) -> dict[str, Any]:
    from yk8s_tui.backends.bundle import Bundle, BundleError, looked_in

    version, home = context.config.kubernetes.version, context.bundle_dir
    found: dict[str, Any] = {"path": "", "architecture": "", "missing": [], "error": ""}
    found["looked_in"] = [str(path) for path in looked_in(version, home)]
    try:
        bundle = Bundle.find(version, home)
    except BundleError as error:
        return {**found, "error": str(error)}
    if bundle is None:
        return found
    return {
        **found,
        "path": str(bundle.root),
        "architecture": bundle.architecture,
        "missing": list(bundle.missing()),
    }
