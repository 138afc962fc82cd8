"""The lab harbour: systemd-nspawn hosts on this machine, for trying, for tests and for rehearsals."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

from yk8s_tui.backends import lab_base, lab_network
from yk8s_tui.backends.base import Catalogue, HarbourEvent, HarbourFinding, HarbourPlan, ResourceChange
from yk8s_tui.backends.lab_checks import check_machine, require_machine
from yk8s_tui.backends.lab_host import LabHost
from yk8s_tui.backends.lab_names import bridge_name, lab_inventory, subnet_of
from yk8s_tui.backends.lab_state import (
    LabState,
    all_labs,
    load_state,
    operator_key,
    owners,
    pin_host_keys,
    state_file,
)
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory

HOST, NETWORK, BASE = "lab host", "lab network", "base image"


class LabHarbour:
    """Machines of the cluster repository at `root`; see the Harbour protocol."""

    name = "lab"

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def state(self) -> LabState:
        """The lab's place on this machine."""
        return load_state(self.root)

    def host(self, name: str) -> LabHost:
        """The host of that name, whether it exists or not."""
        return self.state.host(name)

    async def catalogue(self) -> Catalogue:
        """The Debian releases hosts can have."""
        labels = {"bookworm": "Debian 12", "trixie": "Debian 13 (needs cgroup v2)"}
        images = tuple(
            {"value": image, "label": label, "cached": bool(lab_base.base_id(lab_base.base_path(image)))}
            for image, label in labels.items()
        )
        return Catalogue(choices={"image": images})

    async def preflight(self, config: Config) -> tuple[HarbourFinding, ...]:
        """Whether this machine can be the lab."""
        return await check_machine(config, self.state)

    async def inventory(self, config: Config) -> Inventory:
        """The hosts as configured; their addresses are fixed, so they are known before they exist."""
        return lab_inventory(config, self.root)

    async def plan(self, config: Config) -> HarbourPlan:
        """What is to be made or started so that the lab is as configured; surplus hosts are left alone."""
        state, inventory = self.state, await self.inventory(config)
        lab = config.harbour.lab
        hosts = [_host_change(state.host(node.name), node.address, lab.image) for node in inventory.nodes]
        changes = [_change(NETWORK, bridge_name(state.tag), _bridged(state), "create", f"{lab.subnet} is not up")]
        if any(_is_made(change, state) for change in hosts):
            built = bool(lab_base.base_id(lab_base.base_path(lab.image)))
            changes.insert(0, _change(BASE, lab.image, built, "create", "not built yet: about a minute, once"))
        changes += hosts
        wanted = set(inventory.names)
        for host in state.hosts():
            if host.name not in wanted:
                changes.append(
                    ResourceChange(
                        kind=HOST, name=host.name, action="leave",
                        reason="not configured any more; it stays until the lab is destroyed", id=host.machine,
                    )
                )  # fmt: skip
        return HarbourPlan(changes=tuple(changes))

    async def apply(self, plan: HarbourPlan, config: Config) -> AsyncIterator[HarbourEvent]:
        """Make and start the hosts of the plan, all at once; idempotent."""
        await require_machine(config)
        state, inventory = self.state, await self.inventory(config)
        lab = config.harbour.lab
        subnet = subnet_of(lab)
        async with state.hold():
            await lab_network.refuse_clash(state.tag, subnet, owners())
            state.save()
            making = any(_is_made(c, state) for c in plan.effective)
            async for event in _base(lab.image) if making else _nothing():
                yield event
            for text in lab_network.raise_sysctls():
                yield HarbourEvent(resource="machine", state="note", text=text)
            await lab_network.raise_network(state.tag, subnet)
            await lab_network.attach(state.tag, [host.interface for host in state.hosts()])
            key = await operator_key(self.root)

            async def up(change: ResourceChange) -> str:
                host = state.host(change.name)
                node = inventory.node(change.name)
                if _is_made(change, state):
                    await host.remove()
                    await host.make(node, lab.image, lab_base.base_path(lab.image))
                pin_host_keys(self.root, {node.address: host.key})
                await host.start(node, subnet, key)
                return f"{node.address} answers on SSH"

            hosts = [c for c in plan.effective if c.kind == HOST]
            async for event in _all_at_once(hosts, up):
                yield event

    async def _remove(self, host: LabHost) -> str:
        address = str(host.record.get("address", ""))
        await host.remove()
        if address:
            pin_host_keys(self.root, {address: ""})
        return "removed"

    async def down(self, names: Iterable[str] = ()) -> AsyncIterator[HarbourEvent]:
        """Shut hosts down, all at once; what is on them stays. No names: all, and the network with them."""
        state = self.state
        chosen = set(names)
        async with state.hold():
            hosts = [h for h in state.hosts() if not chosen or h.name in chosen]

            async def stop(change: ResourceChange) -> str:
                return await state.host(change.name).stop()

            changes = [ResourceChange(kind=HOST, name=h.name, action="change", reason="down") for h in hosts]
            async for event in _all_at_once(changes, stop):
                yield event
            if not any(host.supervisor for host in state.hosts()):
                await lab_network.remove_network(state.tag)

    async def destroy_plan(self, config: Config) -> HarbourPlan:
        """Everything of this lab on this machine."""
        state = self.state
        changes = [
            ResourceChange(
                kind=HOST, name=host.name, action="delete", reason="the lab is destroyed",
                destroys=f"everything on {host.name}", id=host.machine,
            )
            for host in state.hosts()
        ]  # fmt: skip
        if state.exists or _bridged(state):
            bridge = bridge_name(state.tag)
            changes.append(
                ResourceChange(kind=NETWORK, name=bridge, action="delete", reason="the lab is destroyed", id=bridge)
            )
        return HarbourPlan(changes=tuple(changes))

    async def destroy(self, plan: HarbourPlan, config: Config) -> AsyncIterator[HarbourEvent]:
        """Remove what the plan lists; raised sysctls and the base image stay on the machine."""
        state = self.state
        hosts = [c for c in plan.effective if c.kind == HOST and c.action == "delete"]
        async with state.hold():
            async for event in _all_at_once(hosts, lambda change: self._remove(state.host(change.name))):
                yield event
            if state.hosts() or not state.exists:
                return
            await _clear(state)
            state_file(self.root).unlink(missing_ok=True)
        yield HarbourEvent(resource=bridge_name(state.tag), state="done", text="network removed")


def orphans() -> tuple[LabState, ...]:
    """Labs on this machine whose cluster repository is gone, or was replaced by another at the same path."""
    return tuple(state for state, known in all_labs() if not known)


async def remove_orphan(state: LabState) -> None:
    """Remove the hosts and the network of a lab that no cluster repository knows any more."""
    async with state.hold():
        for host in state.hosts():
            await host.remove()
        await _clear(state)


async def _clear(state: LabState) -> None:
    await lab_network.remove_network(state.tag)
    shutil.rmtree(state.directory)


def _bridged(state: LabState) -> bool:
    return Path("/sys/class/net", bridge_name(state.tag)).exists()


def _is_made(change: ResourceChange, state: LabState) -> bool:
    """Whether this change makes a host anew, and so needs the base image."""
    if change.kind != HOST or change.action not in {"create", "start", "change"}:
        return False
    return change.action == "change" or not state.host(change.name).record


def _change(kind: str, name: str, there: bool, action: str, reason: str) -> ResourceChange:
    if there:
        return ResourceChange(kind=kind, name=name, action="keep", reason="exists", id=name)
    return ResourceChange.model_validate({"kind": kind, "name": name, "action": action, "reason": reason})


def _host_change(host: LabHost, address: str, image: str) -> ResourceChange:
    record = host.record
    action, reason, destroys = "keep", "running", ""
    if not record:
        action, reason = "create", "does not exist"
    elif record["image"] != image:
        action, reason = "change", f"is Debian {record['image']}, not {image}"
        destroys = f"everything on {host.name}: it is made again"
    elif record.get("address", address) != address:
        action, reason = "change", f"its address changes from {record['address']} to {address}"
        destroys = f"everything on {host.name}: Kubernetes nodes cannot change their address, so it is made again"
    elif not host.supervisor:
        action, reason = "start", "is not running"
    return ResourceChange.model_validate(
        {
            "kind": HOST, "name": host.name, "action": action, "reason": reason, "destroys": destroys,
            "id": host.machine if record else "",
        }
    )  # fmt: skip


async def _nothing() -> AsyncIterator[HarbourEvent]:
    return
    yield


async def _base(image: str) -> AsyncIterator[HarbourEvent]:
    """Build the base image if it is missing, with what there is to say meanwhile."""
    notes: asyncio.Queue[HarbourEvent] = asyncio.Queue()

    def note(text: str) -> None:
        notes.put_nowait(HarbourEvent(resource=image, state="note", text=text))

    building = asyncio.create_task(lab_base.ensure_base(image, note))
    async for event in _until(building, notes):
        yield event


async def _until(task: asyncio.Task[Path], queue: asyncio.Queue[HarbourEvent]) -> AsyncIterator[HarbourEvent]:
    """The events of a queue until the task has ended; its failure is raised, and closing cancels it."""
    task.add_done_callback(lambda _: queue.put_nowait(HarbourEvent(resource="", state="done")))
    try:
        while (event := await queue.get()).resource:
            yield event
        await task
    finally:
        task.cancel()


async def _all_at_once(
    changes: list[ResourceChange], work: Callable[[ResourceChange], Awaitable[str]]
) -> AsyncIterator[HarbourEvent]:
    """Do the work for every change at the same time; one that fails does not stop the others."""
    queue: asyncio.Queue[HarbourEvent] = asyncio.Queue()
    failures: list[Yk8sError] = []

    async def one(change: ResourceChange) -> None:
        queue.put_nowait(HarbourEvent(resource=change.name, state="started", text=change.reason))
        try:
            text = await work(change)
        except (Yk8sError, OSError) as error:
            failures.append(error if isinstance(error, Yk8sError) else Yk8sError(str(error), where=change.name))
            queue.put_nowait(HarbourEvent(resource=change.name, state="failed", text=str(error)))
        else:
            queue.put_nowait(HarbourEvent(resource=change.name, state="done", text=text))

    tasks = [asyncio.create_task(one(change)) for change in changes]
    try:
        ended = 0
        while ended < len(tasks):
            event = await queue.get()
            ended += event.state in {"done", "failed"}
            yield event
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise Yk8sError(f"{len(failures)} hosts failed", why="\n".join(str(f) for f in failures))
