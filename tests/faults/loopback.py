"""Real SSH hosts on loopback: a private sshd with its own keys, and cluster repositories that use it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.models.plan import Action, Plan, PlannedStep, Playbook, Step
from yk8s_tui.repository.secrets import SecretStore
from yk8s_tui.runs.alive import engine_alive, engine_pid
from yk8s_tui.runs.events import Event
from yk8s_tui.runs.journal import read_events
from yk8s_tui.runs.start import run_directory, start_run
from yk8s_tui.runs.state import RunState

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")
ADDRESSES = tuple(f"127.0.0.{number}" for number in range(11, 15))
PATIENCE = 60.0


def lacking() -> str:
    """What this machine lacks for these tests; empty when nothing."""
    if SSHD is None:
        return "needs sshd (Debian package openssh-server)"
    try:
        pwd.getpwnam("sshd")
    except KeyError:
        return "needs the user sshd, which sshd separates its privileges with (Debian package openssh-server makes it)"
    if shutil.which("ssh") is None:
        return "needs ssh (Debian package openssh-client)"
    return "" if os.geteuid() == 0 else "needs root: the private sshd must be able to run sessions"


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait for a condition; fails with `what` when it does not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not come within {seconds:g} s: {what}")


@dataclass
class Sshd:
    """One sshd that answers on several loopback addresses, each of which is a host."""

    directory: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for name in ("host", "user"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.directory / name)]
            subprocess.run(make, check=True)
        with socket.socket() as probe:
            probe.bind((ADDRESSES[0], 0))
            self.port = probe.getsockname()[1]
        Path("/run/sshd").mkdir(exist_ok=True)
        lines = [f"ListenAddress {address}:{self.port}" for address in ADDRESSES]
        lines += [
            f"HostKey {self.directory}/host",
            f"AuthorizedKeysFile {self.directory}/user.pub",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 100",
            "AcceptEnv LANG LC_*",
            "Subsystem sftp internal-sftp",
        ]
        settings = self.directory / "sshd_config"
        settings.write_text("\n".join(lines) + "\n")
        log = (self.directory / "sshd.log").open("wb")
        self.process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(settings)], stderr=log)
        until(self._answers, "sshd answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def known_hosts(self) -> str:
        key = " ".join((self.directory / "host.pub").read_text().split()[:2])
        return "".join(f"[{address}]:{self.port} {key}\n" for address in ADDRESSES)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((ADDRESSES[-1], self.port), 1) as link:
            return link.recv(4) == b"SSH-"
        return False


@dataclass
class Cluster:
    """A cluster repository whose nodes are the loopback hosts."""

    root: Path
    sshd: Sshd
    nodes: tuple[str, ...] = ("n1", "n2", "n3")
    started: list[str] = field(default_factory=list)

    def prepare(self) -> Cluster:
        for name in ("state", "secrets", "config", "books"):
            (self.root / name).mkdir(parents=True)
        (self.root / "secrets").chmod(0o700)
        (self.root / "state" / "known_hosts").write_text(self.sshd.known_hosts())
        SecretStore(self.root / "secrets").put("canary", 'canary-Pa55/word+=\\"x')
        return self

    @property
    def inventory(self) -> Inventory:
        return Inventory(
            nodes=tuple(
                Node(
                    name=name,
                    address=address,
                    roles=("control-plane",) if name == "n1" else ("worker",),
                    ssh_port=self.sshd.port,
                    ssh_key=str(self.sshd.directory / "user"),
                )
                for name, address in zip(self.nodes, ADDRESSES, strict=False)
            )
        )

    def book(self, name: str, text: str) -> Playbook:
        """A playbook of these tasks (or, when it begins with `- `, of these plays)."""
        path = self.root / "books" / f"{name}.yaml"
        path.write_text(text)
        return Playbook(playbook=str(path), accelerate=True)

    def tasks(self, name: str, text: str) -> Playbook:
        body = "".join(f"    {line}\n" for line in text.strip("\n").splitlines())
        return self.book(name, f"- hosts: all\n  gather_facts: false\n  tasks:\n{body}")

    def step(self, key: str, run: Playbook | Action, **more: Any) -> PlannedStep:
        nodes = tuple(more.pop("nodes", self.nodes))
        fields = {"id": key, "layer": key.partition(".")[0], "title": key.partition(".")[2], "digest": "d"}
        step = Step.model_validate(fields | {"nodes": nodes, "run": run} | more)
        return PlannedStep(step=step, decision="run", reason="test", nodes=nodes)

    def plan(self, *steps: PlannedStep, **more: Any) -> Plan:
        fields = {
            "cluster": "loop",
            "operation": "apply",
            "created": "2026-11-23T08:00:00+00:00",
            "tool_version": "test",
            "config_digest": "c",
            "live_digest": "l",
            "facts": {name: {"os_id": "debian"} for name in self.nodes},
        }
        return Plan(inventory=self.inventory, steps=steps, **(fields | more))

    def start(self, *steps: PlannedStep, **more: Any) -> str:
        run = start_run(self.root, self.plan(*steps, **more), by="tester@here")
        self.started.append(run)
        return run

    def directory(self, run: str) -> Path:
        return run_directory(self.root, run)

    def wait(self, run: str) -> RunState:
        """The state of a run after its engine has gone."""
        until(lambda: not engine_alive(self.directory(run)), f"run {run} ends", 120)
        return self.state(run)

    def run(self, *steps: PlannedStep, **more: Any) -> RunState:
        return self.wait(self.start(*steps, **more))

    def events(self, run: str) -> list[Event]:
        return read_events(self.directory(run) / "journal.jsonl")

    def state(self, run: str) -> RunState:
        return RunState().apply_all(self.events(run))

    def close(self) -> None:
        """End engines that a failing test left."""
        for run in self.started:
            pid = engine_pid(self.directory(run))
            if pid:
                os.kill(pid, signal.SIGTERM)
                until(lambda run=run: not engine_alive(self.directory(run)), "engine ends")


def remote_processes(run: str) -> list[int]:
    """Processes a run has on the hosts (which are this machine), by the mark in their environment."""
    wanted = f"LC_YK8S_RUN={run}".encode()
    return list(_marked(wanted))


def local_processes(run: str) -> list[int]:
    """Processes a run has here."""
    return list(_marked(f"YK8S_ENGINE_RUN={run}".encode()))


def _marked(wanted: bytes) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


PYTHON = sys.executable
