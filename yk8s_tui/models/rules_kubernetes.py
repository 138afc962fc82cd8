"""Rules about the version, certificates and mirrors of Kubernetes."""

from __future__ import annotations

import re
from datetime import date, timedelta
from ipaddress import ip_address

from yk8s_tui.models import versions
from yk8s_tui.models.config import Config
from yk8s_tui.models.rules import Findings, Rule, error, warning

SUPPORT_NOTICE = timedelta(days=60)
"""How long before its end a minor's support is worth a warning."""

_DNS_NAME = re.compile(r"^(?:\*\.)?[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$")
_URL = re.compile(r"^https?://[^\s/]+(?:/\S*)?$")
_REGISTRY = re.compile(r"^[A-Za-z0-9.-]+(?::\d+)?(?:/[a-z0-9._/-]+)?$")


def version(config: Config, today: date | None) -> Findings:
    """The minor is still supported upstream, and the patch release is known."""
    chosen = config.kubernetes.version
    minor = versions.find(chosen)
    if minor is None:
        return
    newest = versions.SUPPORTED[-1]
    if today and today > minor.end_of_support:
        yield warning("kubernetes.version", f"upstream support of {minor.minor} ended on {minor.end_of_support}",
                      f"{newest.latest} is supported until {newest.end_of_support}", chosen)  # fmt: skip
    elif today and today + SUPPORT_NOTICE > minor.end_of_support:
        yield warning("kubernetes.version", f"upstream support of {minor.minor} ends on {minor.end_of_support}",
                      f"{newest.latest} is supported until {newest.end_of_support}", chosen)  # fmt: skip
    if int(chosen.split(".")[2]) > int(minor.latest.split(".")[2]):
        yield warning("kubernetes.version", f"is newer than {minor.latest}, the one this release was made for",
                      f"{minor.latest}, or go on if you know that it works", chosen)  # fmt: skip


def names(config: Config, _today: date | None) -> Findings:
    """Names in the certificate are names or addresses."""
    for number, name in enumerate(config.kubernetes.extra_sans):
        if not _DNS_NAME.match(name.lower()) or _looks_like_address(name):
            yield error(f"kubernetes.extra_sans[{number}]", "is neither a DNS name nor an address",
                        'for example "api.example.org" or "203.0.113.7"', name)  # fmt: skip


def _looks_like_address(name: str) -> bool:
    """Digits and dots only, and yet no address."""
    try:
        ip_address(name)
    except ValueError:
        return bool(re.fullmatch(r"[0-9.]+", name))
    return False


def sources(config: Config, _today: date | None) -> Findings:
    """Mirrors are URLs, and are used."""
    kubernetes = config.kubernetes
    seen: dict[str, int] = {}
    for number, mirror in enumerate(kubernetes.registry_mirrors):
        key = f"kubernetes.registry_mirrors[{number}]"
        if not _URL.match(mirror.endpoint):
            yield error(f"{key}.endpoint", "is not a URL", "http:// or https://, host, port", mirror.endpoint)
        if not _REGISTRY.match(mirror.registry):
            yield error(f"{key}.registry", "is not a registry", "host[:port] without a scheme", mirror.registry)
        if mirror.registry in seen:
            yield error(
                f"{key}.registry", f"has a mirror in entry {seen[mirror.registry]} already", value=mirror.registry
            )
        seen.setdefault(mirror.registry, number + 1)
    if kubernetes.image_registry and not _REGISTRY.match(kubernetes.image_registry):
        yield error("kubernetes.image_registry", "is not a registry", "host[:port][/path] without a scheme",
                    kubernetes.image_registry)  # fmt: skip
    if kubernetes.package_mirror and not _URL.match(kubernetes.package_mirror):
        yield error("kubernetes.package_mirror", "is not a URL", "http:// or https://, host, path",
                    kubernetes.package_mirror)  # fmt: skip
    if kubernetes.source == "bundle":
        for field in ("package_mirror", "containerd_package_mirror"):
            if getattr(kubernetes, field):
                yield warning(f"kubernetes.{field}", 'is not used with source = "bundle"', 'source = "packages"',
                              getattr(kubernetes, field))  # fmt: skip


def kubelet(config: Config, _today: date | None) -> Findings:
    """The kubelet's fields are fields, not a document."""
    for field in ("kind", "apiVersion"):
        if field in config.kubernetes.kubelet:
            yield error(f"kubernetes.kubelet.{field}", "is written by the tool", "take it out")


RULES = (
    Rule(version, ("kubernetes.version",)),
    Rule(names, ("kubernetes.extra_sans",)),
    Rule(
        sources,
        tuple(
            f"kubernetes.{key}"
            for key in ("registry_mirrors", "image_registry", "package_mirror", "containerd_package_mirror", "source")
        ),
    ),
    Rule(kubelet, ("kubernetes.kubelet",)),
)
