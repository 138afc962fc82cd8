"""Keys of yaook/k8s v3 to v8 that have a place in our configuration, as data: their key, ours, and how to convert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from yk8s_tui.models import versions
from yk8s_tui.models.kubernetes import Kubernetes
from yk8s_tui.repository.importing_source import Source


class Left(Exception):
    """The value has no place here; the text says why."""


class Undecided(Exception):
    """The operator must say what is meant; the text says what."""


@dataclass(frozen=True)
class Converted:
    """A value of ours, with a note when it is not quite theirs."""

    value: Any
    note: str = ""


Convert = Callable[[Any, Source], Converted]


def text(value: Any, _source: Source) -> Converted:
    """Text stays text."""
    if not isinstance(value, str):
        raise Undecided("is not text there, so it cannot be taken over")
    return Converted(value)


def switch(value: Any, _source: Source) -> Converted:
    """True and false stay what they are."""
    if not isinstance(value, bool):
        raise Undecided("is neither true nor false there, so it cannot be taken over")
    return Converted(value)


def number(value: Any, _source: Source) -> Converted:
    """Whole numbers stay what they are."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Undecided("is not a whole number there, so it cannot be taken over")
    return Converted(value)


def network(value: Any, _source: Source) -> Converted:
    """A network in CIDR notation; bits behind the prefix are cut off, and that is told."""
    try:
        found = str(ip_network(value, strict=False)) if isinstance(value, str) else ""
    except ValueError:
        found = ""
    if not found:
        raise Undecided("is not a network in CIDR notation")
    return Converted(found, "" if found == value else "written without the bits behind the prefix")


def texts(value: Any, _source: Source) -> Converted:
    """A list of text."""
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise Undecided("is not a list of text there, so it cannot be taken over")
    return Converted(list(value))


def version(value: Any, _source: Source) -> Converted:
    """A supported version is taken; of others nothing is chosen, because an upgrade is the operator's decision."""
    known = ", ".join(m.minor for m in versions.SUPPORTED)
    if isinstance(value, str) and versions.find(value.removeprefix("v")):
        return Converted(value.removeprefix("v"))
    default = Kubernetes.model_fields["version"].default
    raise Undecided(
        f"is not supported by this release, which installs {known}. The new configuration has the default of a new "
        f"cluster, {default}: set kubernetes.version to what you want. A cluster that runs must be upgraded with its "
        "own tool first, one minor after the other"
    )


def cni(value: Any, _source: Source) -> Converted:
    """Calico is Calico; others were dropped there long ago."""
    if value != "calico":
        raise Undecided('is no pod network that is known here; choose one of "routed", "calico", "cilium", "flannel"')
    return Converted("calico", "with the settings of its manifest; see the keys of [kubernetes.network.calico]")


def is_dual_stack(source: Source) -> bool:
    """Whether IPv6 is on there: dualstack_support until v6, ipv6_enabled since v7."""
    terraform = source.section("terraform")
    return terraform.get("dualstack_support") is True or terraform.get("ipv6_enabled") is True


def ipv6_network(value: Any, source: Source) -> Converted:
    """IPv6 networks count only where dual stack is on."""
    if not is_dual_stack(source):
        raise Left("dual stack is off there (dualstack_support or ipv6_enabled), and so it is here")
    return network(value, source)


def on_openstack(convert: Convert) -> Convert:
    """For keys that mean something on OpenStack only."""

    def converted(value: Any, source: Source) -> Converted:
        if source.harbour != "openstack":
            raise Left("means something on OpenStack only; Terraform is off in this repository")
        return convert(value, source)

    return converted


def never(inert: Any, reason: str) -> Convert:
    """For what is not offered here: no matter where it is off (`inert`), to be decided where it is in use."""

    def converted(value: Any, _source: Source) -> Converted:
        if value == inert:
            raise Left(f"is off there; {reason}")
        raise Undecided(f"is in use there; {reason}")

    return converted


def _enabled_here(value: Any, source: Source) -> Converted:
    if source.harbour == "openstack" or value is not True:
        return switch(value, source)
    raise Undecided("is only for clusters on OpenStack here; on bare metal install it in the customization layer")


def _etcd_backup(value: Any, source: Source) -> Converted:
    if source.harbour != "openstack" and value is True:
        raise Undecided(
            "backups to object storage are only for OpenStack here; snapshots on the control planes are on by default "
            "([kubernetes.etcd_backup]), and must be carried off the machines by you"
        )
    return switch(value, source)


def _dual_stack(value: Any, _source: Source) -> Converted:
    raise Left(f"dual stack is {'on' if value is True else 'off'} there, and so are the IPv6 networks of [kubernetes]")


def _ipv4(value: Any, _source: Source) -> Converted:
    if value is True:
        raise Left("IPv4 is always on here")
    raise Undecided("clusters without IPv4 are not offered here")


TAKEN: dict[str, tuple[str, Convert]] = {
    "terraform.public_network": ("harbour.openstack.public_network", on_openstack(text)),
    "terraform.network_mtu": ("harbour.openstack.network_mtu", on_openstack(number)),
    "terraform.dns_nameservers_v4": ("harbour.openstack.dns_nameservers", on_openstack(texts)),
    "terraform.azs": ("harbour.openstack.availability_zones", on_openstack(texts)),
    "terraform.subnet_v6_cidr": ("harbour.openstack.network_cidr_v6", on_openstack(ipv6_network)),
    "terraform.dualstack_support": ("", _dual_stack),
    "terraform.ipv6_enabled": ("", _dual_stack),
    "terraform.ipv4_enabled": ("", _ipv4),
    "ch-k8s-lbaas.enabled": ("kms.load_balancer.enabled", _enabled_here),
    "kubernetes.version": ("kubernetes.version", version),
    "kubernetes.is_gpu_cluster": ("", never(False, "drivers for GPUs are the customization layer's")),
    "kubernetes.virtualize_gpu": ("", never(False, "drivers for GPUs are the customization layer's")),
    "kubernetes.apiserver.frontend_port": ("kubernetes.api_port", number),
    "kubernetes.storage.rook_enabled": ("ksl.rook.enabled", switch),
    "kubernetes.monitoring.enabled": ("ksl.monitoring.enabled", switch),
    "kubernetes.global_monitoring.enabled": ("", never(False, "global monitoring is not offered")),
    "kubernetes.network.plugin": ("kubernetes.cni", cni),
    "kubernetes.network.pod_subnet": ("kubernetes.pod_cidr", network),
    "kubernetes.network.service_subnet": ("kubernetes.service_cidr", network),
    "kubernetes.network.pod_subnet_v6": ("kubernetes.pod_cidr_v6", ipv6_network),
    "kubernetes.network.service_subnet_v6": ("kubernetes.service_cidr_v6", ipv6_network),
    "k8s-service-layer.rook.namespace": ("ksl.rook.namespace", text),
    "k8s-service-layer.prometheus.namespace": ("ksl.monitoring.namespace", text),
    "k8s-service-layer.cert-manager.enabled": ("ksl.cert_manager.enabled", switch),
    "k8s-service-layer.cert-manager.namespace": ("ksl.cert_manager.namespace", text),
    "k8s-service-layer.ingress.enabled": ("ksl.ingress.enabled", switch),
    "k8s-service-layer.ingress.namespace": ("ksl.ingress.namespace", text),
    "k8s-service-layer.etcd-backup.enabled": ("kms.etcd_backup.enabled", _etcd_backup),
    "k8s-service-layer.vault.enabled": ("", never(False, "Vault is the customization layer's")),
    "k8s-service-layer.fluxcd.enabled": ("", never(False, "Flux is the customization layer's")),
    "ipsec.enabled": ("", never(False, "there is no IPsec here; WireGuard is the VPN")),
    "wireguard.rollout_company_users": ("", never(False, "add those peers to [[trampoline.wireguard.peers]]")),
    "cah-users.rollout": ("", never(False, "SSH users are the customization layer's")),
    "miscellaneous.wireguard_on_workers": ("", never(False, "the VPN ends at the frontends here")),
    "miscellaneous.cluster_behind_proxy": ("", never(False, "use mirrors or a bundle; there is no key for a proxy")),
    "miscellaneous.http_proxy": ("", never("", "use mirrors or a bundle; there is no key for a proxy")),
    "miscellaneous.https_proxy": ("", never("", "use mirrors or a bundle; there is no key for a proxy")),
    "miscellaneous.no_proxy": ("", never("", "use mirrors or a bundle; there is no key for a proxy")),
    "miscellaneous.custom_ntp_servers": ("trampoline.ntp_servers", texts),
}
"""Their key -> our key ("" when there is none) and the converter."""

DEFAULTS: dict[str, Any] = {
    "kubernetes.apiserver.frontend_port": 8888,
    "kubernetes.network.plugin": "calico",
    "kubernetes.network.pod_subnet": "10.244.0.0/16",
    "kubernetes.network.service_subnet": "10.96.0.0/12",
}
"""What holds there when the file says nothing, in all of v3 to v8."""

DEFAULTS_OPENSTACK: dict[str, Any] = {
    "terraform.cluster_name": "managed-k8s",
    "terraform.subnet_cidr": "172.30.154.0/24",
    "terraform.public_network": "shared-public-IPv4",
    "ch-k8s-lbaas.enabled": True,
}
"""The same, for OpenStack."""

DEFAULTS_DUAL_STACK: dict[str, Any] = {
    "kubernetes.network.pod_subnet_v6": "fdff:2::/56",
    "kubernetes.network.service_subnet_v6": "fdff:3::/108",
}
"""The same, where IPv6 is on."""
