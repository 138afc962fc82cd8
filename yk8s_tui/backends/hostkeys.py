"""Host keys: fetched from all hosts at once, shown to the operator, and pinned after a yes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from yk8s_tui.backends.ssh_process import HostKeyError
from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.models.base import Section
from yk8s_tui.models.nodes import Node
from yk8s_tui.repository.atomic import write_atomic

ALGORITHMS = (("ssh-ed25519",), ("ecdsa-sha2-nistp256",), ("rsa-sha2-512", "rsa-sha2-256"))
"""One request each: a server shows one key a connection. Distributions make these three."""

State = Literal["new", "pinned", "changed", "unreachable"]


class HostKey(Section):
    """One public key of a host."""

    algorithm: str
    """For example `ssh-ed25519`."""
    fingerprint: str
    """`SHA256:…`, as `ssh-keygen -lf` prints it on the host's console."""
    line: str
    """Algorithm and key as they stand in a known_hosts file."""


class ScannedHost(Section):
    """The keys a host showed, against those that are pinned."""

    name: str
    """Name of the node; `jump host ADDRESS` for a jump host."""
    host: str
    port: int = 22
    keys: tuple[HostKey, ...] = ()
    state: State
    pinned: tuple[str, ...] = ()
    """Fingerprints that are pinned now."""
    error: str = ""
    """Why there are no keys, in lines."""

    @property
    def pattern(self) -> str:
        """How known_hosts names the host."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


class HostKeyChangedError(HostKeyError):
    """A pinned key would be replaced, and nobody said that this is wanted."""


class PinPlan(Section):
    """What pinning would write."""

    new: tuple[str, ...] = ()
    """Names of hosts that are pinned for the first time."""
    replaced: tuple[str, ...] = ()
    """Names of hosts whose pinned keys are replaced."""
    text: str = Field(default="", repr=False)
    """The known_hosts file afterwards."""


async def scan_host_keys(
    nodes: Sequence[Node], *, known_hosts: Path, secrets_dir: Path, timeout: float = 10
) -> dict[str, ScannedHost]:
    """Ask every host for its keys, all at once; jump hosts are in the answer, too.

    Nothing is sent but the key exchange, so the hosts need no account of ours. Hosts behind a jump host
    can be asked only when the key of that one is pinned; until then their `error` says so. Hosts that do
    not answer are in state `unreachable`.
    """
    from yk8s_tui.backends.ssh_connect import Connector

    connector = Connector(known_hosts, secrets_dir, timeout, at_once=32)
    try:
        jumps = {node.jump: node for node in nodes if node.jump}
        found = await asyncio.gather(*(_scan_jump(node, connector) for node in jumps.values()))
        trusted = {jump for jump, scanned in zip(jumps, found, strict=True) if scanned.state == "pinned"}
        scanned = await asyncio.gather(*(_scan_node(node, connector, trusted) for node in nodes))
    finally:
        await connector.close()
    return {host.name: host for host in (*found, *scanned)}


async def _scan_jump(node: Node, connector: Any) -> ScannedHost:
    from yk8s_tui.backends.ssh_connect import JumpHost

    try:
        jump = JumpHost.parse(node.jump)
    except ValueError as error:
        return ScannedHost(name=f"jump host {node.jump}", host=node.jump, state="unreachable", error=str(error))
    name = f"jump host {jump.host}" if jump.port == 22 else f"jump host {jump.host}:{jump.port}"
    return await _scan(name, jump.host, jump.port, connector, None)


async def _scan_node(node: Node, connector: Any, trusted: Collection[str]) -> ScannedHost:
    if not node.jump:
        return await _scan(node.name, node.host, node.ssh_port, connector, None)
    waiting = ScannedHost(name=node.name, host=node.host, port=node.ssh_port, state="unreachable")
    if node.jump not in trusted:
        error = f"its jump host {node.jump} is not pinned yet; pin that one first"
        return waiting.model_copy(update={"error": error})
    try:
        tunnel = await connector.tunnel(node)
    except UnreachableError as error:
        return waiting.model_copy(update={"error": str(error)})
    return await _scan(node.name, node.host, node.ssh_port, connector, tunnel)


async def _scan(name: str, host: str, port: int, connector: Any, tunnel: Any) -> ScannedHost:
    from yk8s_tui.backends.ssh_connect import fetch_host_key

    answers = await asyncio.gather(
        *(fetch_host_key(host, port, kinds, connector.timeout, tunnel) for kinds in ALGORITHMS),
        return_exceptions=True,
    )
    keys = tuple(HostKey(**answer) for answer in answers if isinstance(answer, dict))
    if not keys:
        return ScannedHost(name=name, host=host, port=port, state="unreachable", error=_no_keys(answers))
    pinned = pinned_keys(connector.known_hosts, host, port)
    state: State = "new" if not pinned else "changed"
    if pinned and {key.fingerprint for key in keys} & set(pinned):
        state = "pinned"
    return ScannedHost(name=name, host=host, port=port, keys=keys, state=state, pinned=pinned)


def _no_keys(answers: Iterable[object]) -> str:
    """Why there are no keys, in words; what went wrong with one host is no reason to forget the others."""
    first = next((answer for answer in answers if answer is not None), None)
    if first is None:
        kinds = ", ".join(kind for group in ALGORITHMS for kind in group)
        return f"it has no host key of a kind that is used here ({kinds}); make one with `ssh-keygen -A`"
    if isinstance(first, Yk8sError):
        return str(first)
    return f"its answer was not understood: {type(first).__name__}: {first}"


def pinned_keys(known_hosts: Path, host: str, port: int) -> tuple[str, ...]:
    """Fingerprints that are pinned for a host, sorted; empty when there are none."""
    import asyncssh

    source = str(known_hosts) if known_hosts.is_file() else b""
    keys = asyncssh.match_known_hosts(source, host, host, port)[0]
    return tuple(sorted({key.get_fingerprint() for key in keys}))


def plan_pins(known_hosts: Path, hosts: Iterable[ScannedHost], *, replace: Collection[str] = ()) -> PinPlan:
    """What pinning these hosts would write.

    Raises `HostKeyChangedError` when a host shows other keys than the pinned ones and is not in `replace`.
    """
    lines = known_hosts.read_text(encoding="utf-8").splitlines() if known_hosts.is_file() else []
    new: list[str] = []
    replaced: list[str] = []
    for host in hosts:
        if host.state == "changed" and host.name not in replace:
            raise _changed(host)
        if host.state in ("unreachable", "pinned"):
            continue
        (new if host.state == "new" else replaced).append(host.name)
        lines = [kept for line in lines if (kept := _without(line, host.pattern)) is not None]
        lines += [f"{host.pattern} {key.line}" for key in host.keys]
    text = "\n".join(lines) + "\n" if lines else ""
    return PinPlan(new=tuple(new), replaced=tuple(replaced), text=text)


def pin(known_hosts: Path, hosts: Iterable[ScannedHost], *, replace: Collection[str] = ()) -> PinPlan:
    """Pin what the operator has confirmed; hosts that are pinned already stay as they are.

    Raises `HostKeyChangedError` instead of replacing a key that is not named in `replace`; then nothing
    is written.
    """
    plan = plan_pins(known_hosts, hosts, replace=replace)
    if plan.new or plan.replaced:
        write_atomic(known_hosts, plan.text)
    return plan


def unpinned(nodes: Sequence[Node], known_hosts: Path) -> tuple[str, ...]:
    """Names of the nodes that have no pinned key yet."""
    return tuple(n.name for n in nodes if not pinned_keys(known_hosts, n.host, n.ssh_port))


def _without(line: str, pattern: str) -> str | None:
    """A known_hosts line without one host; None when it named no other."""
    names, _, key = line.partition(" ")
    if line.startswith(("#", "@")) or pattern not in names.split(","):
        return line
    others = ",".join(name for name in names.split(",") if name != pattern)
    return f"{others} {key}" if others else None


def _changed(host: ScannedHost) -> HostKeyChangedError:
    shown = " ".join(key.fingerprint for key in host.keys)
    return HostKeyChangedError(
        "the host key changed",
        where=f"{host.name} ({host.host})",
        why=f"host key changed: expected {' '.join(host.pinned)} got {shown}",
        hint="if the host was reinstalled, compare the fingerprint on its console and pin it anew "
        "with `yk8s-tui baremetal pin --replace NODE`; otherwise somebody is in between",
    )
