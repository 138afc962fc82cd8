"""The files that make a Debian tree this host: written below its overlay before it starts."""

from __future__ import annotations

import ipaddress
import re
import shutil
import uuid
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from yk8s_tui import paths
from yk8s_tui.backends.lab_names import gateway_of
from yk8s_tui.backends.lab_system import run
from yk8s_tui.models.nodes import Node
from yk8s_tui.repository.atomic import write_atomic

REAL_DIRECTORIES = {"containerd": 0o711, "kubelet": 0o755, "etcd": 0o700}
"""Below /var/lib: containerd's snapshotter and etcd want a real file system, not an overlay."""

FOLDERS = (
    "etc", "etc/ssh", "etc/apt", *(f"etc/apt/{name}" for name in (
        "sources.list.d", "auth.conf.d", "trusted.gpg.d", "keyrings", "apt.conf.d")),
    "etc/systemd", "etc/systemd/system", "etc/systemd/system/sysinit.target.wants", "etc/systemd/journald.conf.d",
    "usr", "usr/local", "usr/local/sbin", "root", "root/.ssh",
)  # fmt: skip
"""Folders that files are put into below an overlay."""


async def make_identity(upper: Path, node: Node) -> None:
    """Host name, machine id and SSH host key: once in the life of a host."""
    _folders(upper)
    write_atomic(upper / "etc/hostname", f"{node.name}\n")
    write_atomic(upper / "etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{node.address} {node.name}\n")
    write_atomic(upper / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    key = upper / "etc/ssh/ssh_host_ed25519_key"
    key.unlink(missing_ok=True)
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{node.name}", "-f", key)


def host_key(upper: Path) -> str:
    """The host's public SSH key, type and base64."""
    return " ".join((upper / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])


def refresh(upper: Path, node: Node, subnet: IPv4Network, public_key: str) -> None:
    """What may change between two starts: address, way out, name servers, package sources, operator key."""
    _folders(upper)
    address = f"{node.address}/{subnet.prefixlen}"
    write_atomic(upper / "etc/yk8s-lab.conf", f"ADDRESS={address}\nGATEWAY={gateway_of(subnet)}\n")
    source = paths.assets() / "lab"
    unit = "yk8s-lab-setup.service"
    write_atomic(upper / "usr/local/sbin/yk8s-lab-setup", (source / "yk8s-lab-setup").read_text(), 0o755)
    write_atomic(upper / "etc/systemd/system" / unit, (source / unit).read_text())
    wanted = upper / "etc/systemd/system/sysinit.target.wants" / unit
    wanted.unlink(missing_ok=True)
    wanted.symlink_to(f"/etc/systemd/system/{unit}")
    write_atomic(upper / "etc/systemd/journald.conf.d/yk8s-lab.conf", "[Journal]\nReadKMsg=no\n")
    write_atomic(upper / "etc/resolv.conf", resolv_conf())
    keys = upper / "root/.ssh/authorized_keys"
    known = keys.read_text().splitlines() if keys.exists() else []
    if public_key not in known:
        write_atomic(keys, "\n".join([*known, public_key]) + "\n", 0o600)


def _folders(upper: Path) -> None:
    """Folders of the upper layer cover those of the base, modes and all, whatever the umask is."""
    for name in FOLDERS:
        path = upper / name
        if not path.exists():
            path.mkdir()
            path.chmod(0o700 if name.startswith("root") else 0o755)


def resolv_conf() -> str:
    """The machine's name servers, without a resolver that only answers on its own loopback."""
    text = Path("/etc/resolv.conf").read_text()
    upstream = Path("/run/systemd/resolve/resolv.conf")
    servers = re.findall(r"^nameserver\s+(\S+)", text, re.MULTILINE)
    loopback = [s for s in servers if ipaddress.ip_address(s.partition("%")[0]).is_loopback]
    if len(loopback) == len(servers) and upstream.exists():
        return upstream.read_text()
    return text


def copy_package_sources(upper: Path, image: str, mirror: str) -> None:
    """Where this machine's apt gets its packages, and what it needs for that (proxy, credentials, keys)."""
    for source in _apt_files():
        target = upper / source.relative_to("/")
        shutil.copy2(source, target)
    (upper / "etc/apt/sources.list").unlink(missing_ok=True)
    if machine_release() != image:
        for path in (upper / "etc/apt/sources.list.d").glob("*"):
            path.unlink()
    if not list((upper / "etc/apt/sources.list.d").iterdir()):
        write_atomic(upper / "etc/apt/sources.list.d/debian.sources", debian_sources(image, mirror))
    write_atomic(upper / "etc/apt/sources.list", "")


def machine_release() -> str:
    """`bookworm` and the like on Debian; empty on anything else."""
    values = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return values.get("VERSION_CODENAME", "") if values.get("ID") == "debian" else ""


def debian_sources(image: str, mirror: str) -> str:
    """Package sources of a Debian release in deb822 form."""
    security = re.sub(r"/debian/?$", "/debian-security", mirror)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    parts = ((mirror, f"{image} {image}-updates"), (security, f"{image}-security"))
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\nSigned-By: {keyring}\n" for uri, suites in parts
    )


def _apt_files() -> Iterator[Path]:
    etc = Path("/etc/apt")
    if machine_release():
        yield from etc.glob("sources.list.d/debian*.sources")
    for pattern in ("auth.conf", "auth.conf.d/*", "trusted.gpg", "trusted.gpg.d/*", "keyrings/*"):
        yield from (path for path in etc.glob(pattern) if path.is_file())
    for path in (etc / "apt.conf", *etc.glob("apt.conf.d/*")):
        # Only how to fetch: hooks and clean-up rules of the machine are none of a host's business.
        if path.is_file() and re.search(r"^\s*Acquire\b", path.read_text(errors="replace"), re.MULTILINE):
            yield path
