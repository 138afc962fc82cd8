"""Whether this machine can be a lab: what is missing, and how to get it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from yk8s_tui.backends import lab_base, lab_cgroups, lab_network
from yk8s_tui.backends.base import HarbourFinding
from yk8s_tui.backends.lab_names import lab_inventory, subnet_of
from yk8s_tui.backends.lab_state import OVERLAY_TYPES, LabState, file_system, labs_home
from yk8s_tui.backends.lab_system import search_path
from yk8s_tui.errors import PreflightError
from yk8s_tui.models.config import Config

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh-keygen": "openssh-client",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""Program -> the Debian package that has it."""

MEMORY_MB = {"frontend": 80, "control-plane": 1000, "worker": 200}
"""Measured with Kubernetes 1.36 and nothing else on it, per host."""

DISK_MB = 3000
"""Room a host takes with Kubernetes and its images."""


def missing_programs(image: str) -> dict[str, str]:
    """Programs and files a lab needs that are not here -> their Debian packages."""
    needed = dict(PROGRAMS)
    to_build = not lab_base.base_id(lab_base.base_path(image))
    if to_build:
        needed["debootstrap"] = "debootstrap"
    lacking = {p: package for p, package in needed.items() if not shutil.which(p, path=search_path())}
    if to_build and not lab_base.KEYRING.exists():
        lacking[str(lab_base.KEYRING)] = "debian-archive-keyring"
    return lacking


async def require_machine(config: Config) -> None:
    """Raise `PreflightError` with the first thing that makes a lab impossible here."""
    subnet_of(config.harbour.lab)
    for finding in (_root(), *(_basics(config) if os.geteuid() == 0 else ())):
        if finding.verdict == "fail":
            raise PreflightError(finding.text, hint=finding.remedy)
    verdict = await _file_system()
    if verdict.verdict == "fail":
        raise PreflightError(verdict.text, where=str(labs_home()), hint=verdict.remedy)


def _basics(config: Config) -> tuple[HarbourFinding, ...]:
    lab = config.harbour.lab
    missing = missing_programs(lab.image)
    packages = " ".join(sorted(set(missing.values())))
    return (
        _verdict(
            "lab.programs", not missing, "every program for lab hosts is installed",
            f"not installed: {', '.join(missing)}", f"apt-get install {packages}",
        ),
        _verdict(
            "lab.image", lab.image == "bookworm" or lab_cgroups.unified(), f"{lab.image} boots on this machine",
            f"{lab.image} does not boot on this machine: its systemd needs cgroup v2, and cgroup v1 is mounted",
            'set harbour.lab.image to "bookworm"',
        ),
        _verdict(
            "lab.tun", Path("/dev/net/tun").exists(), "/dev/net/tun is there for the VPN",
            "/dev/net/tun is missing", "load the module tun, or mknod /dev/net/tun c 10 200",
        ),
    )  # fmt: skip


def _root() -> HarbourFinding:
    good = os.geteuid() == 0
    return _verdict("lab.root", good, "lab hosts are made as root", "lab hosts need root", "run it with sudo")


def _verdict(name: str, good: bool, fine: str, bad: str, remedy: str) -> HarbourFinding:
    if good:
        return HarbourFinding(id=name, verdict="pass", text=fine)
    return HarbourFinding(id=name, verdict="fail", text=bad, remedy=remedy)


async def _file_system() -> HarbourFinding:
    kind = await file_system()
    return _verdict(
        "lab.filesystem", kind not in OVERLAY_TYPES, f"hosts are on {kind}",
        f"hosts would be on {kind}, which cannot carry an overlay or is not persistent",
        "point XDG_STATE_HOME to a folder on a local disk (ext4, xfs, btrfs)",
    )  # fmt: skip


async def check_machine(config: Config, state: LabState) -> tuple[HarbourFinding, ...]:
    """Every finding at once."""
    subnet = subnet_of(config.harbour.lab)
    findings = [_root(), *_basics(config), await _file_system()]
    if os.geteuid() == 0 and "nft" not in missing_programs(config.harbour.lab.image):
        findings.append(await _forwarding())
    if shutil.which("ip", path=search_path()):
        taken = await lab_network.clash(state.tag, subnet)
        findings.append(
            _verdict(
                "lab.subnet", not taken, f"{subnet} is free",
                f"the subnet {subnet} is in use on this machine: {taken}", "choose another harbour.lab.subnet",
            )
        )  # fmt: skip
    return (*findings, _memory(config, state), _disk(config, state))


async def _forwarding() -> HarbourFinding:
    chain = await lab_network.drops_forwarded()
    if not chain:
        return HarbourFinding(id="lab.forward", verdict="pass", text="this machine's firewall lets hosts reach out")
    return HarbourFinding(
        id="lab.forward",
        verdict="warn",
        text=f"the firewall of this machine drops forwarded packets ({chain}): hosts may not reach package mirrors",
        remedy="accept forwarding from and to the lab's bridge (yk-*) there",
    )


def _memory(config: Config, state: LabState) -> HarbourFinding:
    nodes = [n for n in lab_inventory(config, state.root).nodes if not state.host(n.name).supervisor]
    needed = sum(max(MEMORY_MB[role] for role in node.roles) for node in nodes)
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    there = int(lines["MemAvailable"].split()[0]) // 1024
    text = f"hosts that do not run yet need about {needed} MiB of memory; {there} MiB are available"
    return HarbourFinding(
        id="lab.memory",
        verdict="pass" if needed <= there else "warn",
        text=text,
        remedy="fewer nodes in harbour.lab",
    )


def _disk(config: Config, state: LabState) -> HarbourFinding:
    nodes = [n for n in lab_inventory(config, state.root).nodes if not state.host(n.name).exists]
    existing = labs_home()
    while not existing.exists():
        existing = existing.parent
    needed, there = DISK_MB * len(nodes), shutil.disk_usage(existing).free // 2**20
    text = f"new hosts may grow to about {needed} MiB on {existing}; {there} MiB are free"
    return HarbourFinding(
        id="lab.disk",
        verdict="pass" if needed <= there else "warn",
        text=text,
        remedy="free space, or fewer nodes",
    )
