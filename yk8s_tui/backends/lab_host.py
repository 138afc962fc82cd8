"""One lab host: a systemd-nspawn machine on an overlay, detached from whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from yk8s_tui import paths
from yk8s_tui.backends import lab_base, lab_cgroups, lab_files
from yk8s_tui.backends.lab_names import bridge_name, machine_name, veth_name
from yk8s_tui.backends.lab_system import (
    Identity,
    gone,
    identify,
    init_of,
    read_json,
    run,
    search_path,
    send,
    write_json,
)
from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.models.nodes import Node

PROCESS = "process.json"
"""Identity of the host's supervisor, written by itself before it starts the host."""

START_SECONDS = 90.0
"""How long a host may take until sshd greets; normally about two seconds."""
STOP_SECONDS = 120.0
"""How long a host may take to shut down before it is killed: its systemd itself gives every unit 90 s."""


@dataclass(frozen=True)
class LabHost:
    """A host's directory on this machine, and what is running of it."""

    tag: str
    name: str
    directory: Path

    @property
    def upper(self) -> Path:
        """What the host changed against its base."""
        return self.directory / "upper"

    @property
    def console(self) -> Path:
        """What the host wrote on its console since its last start."""
        return self.directory / "console.log"

    @property
    def machine(self) -> str:
        """Name of the nspawn machine."""
        return machine_name(self.tag, self.name)

    @property
    def interface(self) -> str:
        """Its interface on the bridge, as this machine sees it."""
        return veth_name(self.tag, self.name)

    @property
    def record(self) -> dict[str, Any]:
        """What was written down when it was made: base, its id, address, image."""
        return read_json(self.directory / "host.json")

    @property
    def key(self) -> str:
        """The host's public SSH key, type and base64."""
        return lab_files.host_key(self.upper)

    @property
    def exists(self) -> bool:
        """Whether the host was completely made; one that was interrupted is made again."""
        return bool(self.record)

    @property
    def supervisor(self) -> Identity | None:
        """The running start-host script, which has systemd-nspawn below it; never another that got its pid."""
        saved = read_json(self.directory / PROCESS)
        identity = Identity(**saved) if saved else None
        return identity if identity and identity.alive else None

    @property
    def init(self) -> Identity | None:
        """The host's pid 1 as this machine sees it; None when it does not run."""
        supervisor = self.supervisor
        return init_of(supervisor) if supervisor else None

    def command(self, words: Sequence[str]) -> list[str]:
        """The command line that runs these words as root inside; `Yk8sError` when the host does not run."""
        init = self.init
        if not init:
            raise Yk8sError(f"{self.name} is not running", hint=f"yk8s-tui lab up --node {self.name}")
        terminal = os.environ.get("TERM", "dumb")
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return [
            "nsenter", f"--target={init.pid}", "--all", f"--root=/proc/{init.pid}/root", "--",
            "env", "--chdir=/root", "-i", f"PATH={path}", "HOME=/root", "LANG=C.UTF-8", f"TERM={terminal}", *words,
        ]  # fmt: skip

    async def make(self, node: Node, image: str, base: Path) -> None:
        """Make the host's directory from scratch; it is not started."""
        if self.directory.exists():
            lab_base.remove_tree(self.directory)
        for part in ("upper", "work", "root", "archives"):
            (self.directory / part).mkdir(parents=True)
        self.directory.chmod(0o700)
        for name, mode in lab_files.REAL_DIRECTORIES.items():
            (self.directory / name).mkdir()
            (self.directory / name).chmod(mode)
        for part in ("upper", "root"):
            (self.directory / part).chmod(0o755)
        await lab_files.make_identity(self.upper, node)
        lab_files.copy_package_sources(self.upper, image, lab_base.mirror())
        record = {"name": self.name, "image": image, "base": str(base), "base_id": lab_base.base_id(base)}
        write_json(self.directory / "host.json", record)

    async def start(self, node: Node, subnet: IPv4Network, public_key: str) -> None:
        """Start it and wait until its sshd greets; does nothing when it runs already."""
        if not self.supervisor:
            await self._settle()
            self._check_base()
            lab_files.refresh(self.upper, node, subnet, public_key)
            write_json(self.directory / "host.json", {**self.record, "address": node.address})
            lab_base.seed_archives(self.directory / "archives", self.record["image"])
            await self._launch()
        await self._wait_for_ssh(node.address)

    def _check_base(self) -> None:
        base = Path(self.record["base"])
        if lab_base.base_id(base) != self.record["base_id"]:
            raise Yk8sError(
                f"the base image of {self.name} is gone",
                where=str(base),
                why="a host is a set of changes to the very image it was made from",
                hint="destroy this lab and make it again",
            )

    async def _launch(self) -> None:
        process_file = self.directory / PROCESS
        process_file.unlink(missing_ok=True)
        cgroups = lab_cgroups.create(self.tag, self.name)
        layers = f"lowerdir={self.record['base']},upperdir={self.upper},workdir={self.directory}/work"
        environment = {
            **os.environ,
            "PATH": search_path(),
            "SYSTEMD_SECCOMP": "0",
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1" if lab_cgroups.unified() else "0",
        }
        with self.console.open("wb") as console:
            process = await asyncio.create_subprocess_exec(
                "setsid", "--fork", "unshare", "--mount", "--propagation", "slave",
                paths.assets() / "lab/start-host", process_file, layers, self.directory / "root",
                " ".join(map(str, cgroups)), self.interface, "--", *self._nspawn(),
                stdin=asyncio.subprocess.DEVNULL, stdout=console, stderr=console, env=environment, cwd="/",
            )  # fmt: skip
            await process.wait()
        await self._wait_for_supervisor()

    def _nspawn(self) -> list[str]:
        binds = [f"--bind={self.directory / name}:/var/lib/{name}" for name in lab_files.REAL_DIRECTORIES]
        return [
            "systemd-nspawn", "--quiet", f"--directory={self.directory / 'root'}", "--boot",
            "--register=no", "--keep-unit", f"--network-bridge={bridge_name(self.tag)}",
            f"--machine={self.machine}", f"--hostname={self.name}", "--capability=all", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--console=read-only", "--bind=/dev/net/tun", "--bind=/dev/kmsg",
            *binds, f"--bind={self.directory / 'archives'}:/var/cache/apt/archives",
        ]  # fmt: skip

    async def _wait_for_supervisor(self) -> None:
        for _ in range(500):
            if (self.directory / PROCESS).exists():
                return
            await asyncio.sleep(0.01)
        raise Yk8sError(f"{self.name} did not start", where=str(self.console), why=self._last_words())

    async def _wait_for_ssh(self, address: str) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        said = "no answer"
        while asyncio.get_running_loop().time() < deadline:
            if not self.supervisor:
                raise Yk8sError(f"{self.name} ended while starting", where=str(self.console), why=self._last_words())
            try:
                banner = await asyncio.wait_for(_banner(address), 5)
                if banner.startswith(b"SSH-"):
                    return
                said = f"answered {banner!r}"
            except (OSError, TimeoutError) as error:
                said = str(error) or "timed out"
            await asyncio.sleep(0.05)
        raise UnreachableError(
            f"{self.name} does not answer on SSH after {START_SECONDS:.0f} s",
            where=f"{address}:22",
            why=f"{said}; console: {self._last_words()}",
            hint=f"look into the host with `yk8s-tui lab exec {self.name} -- journalctl -b`",
        )

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.console.read_text(errors="replace").strip().splitlines()
            return "\n".join(lines[-5:]) or "nothing on the console"
        return "no console output"

    async def stop(self, *, at_once: bool = False) -> str:
        """Shut it down: SIGRTMIN+4 to its init, and if that takes too long SIGKILL. Returns what was needed.

        `at_once`: like pulling the plug, when nothing of it is to be kept.
        """
        supervisor = self.supervisor
        how = "was not running"
        if supervisor:
            how = await self._end(supervisor, at_once)
        await self._settle()
        (self.directory / PROCESS).unlink(missing_ok=True)
        if self.exists:
            lab_base.keep_archives(self.directory / "archives", self.record["image"])
        return how

    async def _end(self, supervisor: Identity, at_once: bool) -> str:
        lab_cgroups.freeze(self.tag, self.name, frozen=False)
        init = self.init
        if not at_once and init and send(init, signal.SIGRTMIN + 4) and await gone(supervisor, STOP_SECONDS):
            return "shut down"
        if init and send(init, signal.SIGKILL) and await gone(supervisor, 10):
            return "killed" if at_once else f"killed: it did not shut down within {STOP_SECONDS:.0f} s"
        send(supervisor, signal.SIGKILL)
        if not await gone(supervisor, 10):
            raise Yk8sError(f"{self.name} cannot be ended", why=f"process {supervisor.pid} survives SIGKILL")
        return "killed: its supervisor did not answer"

    async def _end_orphans(self) -> None:
        """A killed supervisor does not take its host along: systemd, once started, loses the death signal."""
        lab_cgroups.freeze(self.tag, self.name, frozen=False)
        left = [identify(pid) for pid in lab_cgroups.processes(self.tag, self.name)]
        for process in left:
            if process:
                send(process, signal.SIGKILL)
        for process in left:
            if process and not await gone(process, 10):
                raise Yk8sError(f"{self.name} cannot be ended", why=f"process {process.pid} survives SIGKILL")

    async def _settle(self) -> None:
        """Clear what a host that ended by force left; its interface goes with it, but not at once."""
        await self._end_orphans()
        for _ in range(200):
            if not Path("/sys/class/net", self.interface).exists():
                break
            await asyncio.sleep(0.05)
        else:
            await run("ip", "link", "delete", self.interface, check=False)
        lab_cgroups.remove(self.tag, self.name)

    async def remove(self) -> None:
        """Stop it and remove everything of it but the packages it downloaded; fine when there is nothing."""
        if not self.directory.exists():
            return
        await self.stop(at_once=True)
        await asyncio.to_thread(lab_base.remove_tree, self.directory)


async def _banner(address: str) -> bytes:
    reader, writer = await asyncio.open_connection(address, 22)
    try:
        return await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
