"""Reading a yaook/k8s cluster repository of the releases v3 to v8: it is only read, and nothing in it is run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from yk8s_tui.errors import ConfigError, UsageError
from yk8s_tui.repository.reading import read_text

CONFIG = Path("config") / "config.toml"
IPAM = Path("config") / "wireguard_ipam.toml"
HOSTS = ("inventory/yaook-k8s/hosts", "inventory/03_k8s_base/hosts", "inventory/02_trampoline/hosts")
"""Where the hosts file is: v4 and later, then v3."""
ENVIRONMENT = (".envrc", ".envrc.local")
SECTIONS = (
    "terraform", "vault", "load-balancing", "ch-k8s-lbaas", "kubernetes", "k8s-service-layer", "node-scheduling",
    "wireguard", "ipsec", "cah-users", "testing", "custom", "miscellaneous", "nvidia", "passwordstore", "bird",
)  # fmt: skip
"""The top-level sections of config.toml."""
SECRET_PLACES = ("inventory/.etc", "etc", "vault", "terraform/terraform.tfstate", "terraform/terraform.tfstate.backup")
"""Where their repositories keep what must not be copied."""

_EXPORT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$")
_DEFAULT = re.compile(r"^\$\{\w+:-([^}]*)\}$")
_VERSION = re.compile(r"v?(\d+)\.\d+")


@dataclass(frozen=True)
class Source:
    """What stands in their repository."""

    root: Path
    data: dict[str, Any]
    release: str
    """For example `8.1.4`, or what its layout says, such as `v4 to v8`."""
    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    """File -> name -> value of `.envrc` and `.envrc.local`, as they stand there."""
    hosts_file: str = ""
    """Path of the hosts file in the repository, or "" when there is none."""
    hosts: str = ""
    """Its text."""
    ipam: dict[str, Any] = field(default_factory=dict)
    secret_files: dict[str, int] = field(default_factory=dict)
    """Places that hold secrets, with the number of their files; these were not read."""
    has_playbook: bool = False
    """Whether there is a customization playbook."""

    @property
    def harbour(self) -> Literal["openstack", "baremetal"]:
        """Where its nodes come from: OpenStack, unless Terraform is switched off."""
        switch = self.section("terraform").get("enabled")
        if isinstance(switch, bool):
            return "openstack" if switch else "baremetal"
        variable = self.variable("TF_USAGE")
        if variable:
            return "baremetal" if variable.lower() == "false" else "openstack"
        return "baremetal" if re.search(r"on_openstack\s*=\s*['\"]?false", self.hosts, re.IGNORECASE) else "openstack"

    def section(self, name: str) -> Mapping[str, Any]:
        """A top-level table; empty when it is missing or no table."""
        found = self.data.get(name)
        return found if isinstance(found, Mapping) else {}

    def variable(self, name: str) -> str:
        """A variable of the environment files; the last file wins."""
        return next((v[name] for v in reversed(self.environment.values()) if name in v), "")


def read_source(root: Path) -> Source:
    """Read their repository; raises `ConfigError` when it is none, or of another release."""
    root = root.expanduser().absolute()
    if not root.is_dir():
        raise ConfigError("is not a directory", where=str(root), hint="name the directory of the cluster repository")
    if (root / "config" / "default.nix").exists():
        raise ConfigError(
            "is configured in Nix (config/default.nix), as v9 and later are",
            where=str(root),
            hint="only config/config.toml of v3 to v8 can be read; git has the state before that migration",
        )
    data = _toml(root / CONFIG, read_text(root / CONFIG))
    if "schema_version" in data or (isinstance(data.get("cluster"), dict) and "harbour" in data["cluster"]):
        raise ConfigError(
            "is a cluster repository of yk8s-tui already", where=str(root), hint="there is nothing to import"
        )
    if not set(SECTIONS) & set(data):
        raise ConfigError(
            "is not a cluster repository of yaook/k8s",
            where=str(root / CONFIG),
            why=f"it has none of the sections {', '.join(SECTIONS)}",
            hint="name the root of the repository, the directory with config/config.toml",
        )
    hosts_file = next((name for name in HOSTS if (root / name).is_file()), "")
    ipam = root / IPAM
    return Source(
        root=root,
        data=data,
        release=_release(root, data),
        environment={name: _exports(root / name) for name in ENVIRONMENT if (root / name).is_file()},
        hosts_file=hosts_file,
        hosts=read_text(root / hosts_file) if hosts_file and (root / hosts_file).stat().st_size else "",
        ipam=_toml(ipam, read_text(ipam)) if ipam.is_file() and ipam.stat().st_size else {},
        secret_files=_secret_files(root),
        has_playbook=(root / "k8s-custom" / "main.yaml").is_file(),
    )


def refuse_target(into: Path, source: Path) -> Path:
    """The absolute directory to write; raises `UsageError` when something is there already."""
    target = into.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError("exists already", where=str(target), hint="name a directory that does not exist yet")
    if target.resolve().is_relative_to(source.expanduser().absolute().resolve()):
        raise UsageError(
            "is inside the repository that is read", where=str(target), hint="name a directory somewhere else"
        )
    return target


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError("is not TOML", where=str(path), why=str(error), hint="mend it there, then repeat") from error


def _release(root: Path, data: Mapping[str, Any]) -> str:
    """The version of their tool, from its submodule if that is checked out, else from the layout."""
    version_file = root / "managed-k8s" / "version"
    if version_file.is_file():
        version = read_text(version_file).strip()
        found = _VERSION.match(version)
        if found and not 3 <= int(found[1]) <= 8:
            raise ConfigError(
                f"is of release {version}",
                where=str(root),
                hint="v3 to v8 can be read; bring the repository to one of them with its own tool",
            )
        return version
    terraform, wireguard = (t if isinstance(t := data.get(n), dict) else {} for n in ("terraform", "wireguard"))
    if {"nodes", "gateway_defaults", "master_defaults", "worker_defaults", "gateway_count"} & set(terraform):
        return "v8"
    if {"ipv4_enabled", "ipv6_enabled"} & set(terraform):
        return "v7 to v8"
    if "enabled" in terraform or "enabled" in wireguard:
        return "v6 to v8"
    if "prevent_disruption" in terraform:
        return "v5 to v8"
    if (root / "inventory" / "yaook-k8s").is_dir():
        return "v4 to v8"
    return "v3" if (root / "inventory" / "02_trampoline").is_dir() else "v3 to v8"


def _exports(path: Path) -> dict[str, str]:
    """Assignments of a shell file; the file is not run, so what needs a shell stays as it is written."""
    found: dict[str, str] = {}
    for line in read_text(path).splitlines() if path.stat().st_size else ():
        match = _EXPORT.match(line)
        if match:
            value = re.sub(r"\s+#.*$", "", match[2]).strip().strip("'\"")
            default = _DEFAULT.match(value)
            found[match[1]] = default[1].strip("'\"") if default else value
    return found


def _secret_files(root: Path) -> dict[str, int]:
    places = [root / place for place in SECRET_PLACES] + sorted((root / "config").glob("*.key"))
    counts = {p: 1 if p.is_file() else sum(f.is_file() for f in p.rglob("*")) for p in places if p.exists()}
    return {str(p.relative_to(root)): number for p, number in counts.items() if number}
