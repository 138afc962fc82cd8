"""Value types that several sections share, each with a message that says what is right."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, IPvAnyAddress, IPvAnyNetwork

NAME_PATTERN = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")


def _dns_label(value: str) -> str:
    if not NAME_PATTERN.match(value):
        raise ValueError("must be lower-case letters, digits and '-', at most 63, starting and ending with a letter or digit (RFC 1123)")
    return value


def _wireguard_key(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", value):
        raise ValueError("is not a WireGuard public key: 44 base64 characters, as `wg pubkey` prints them")
    return value


DnsLabel = Annotated[str, AfterValidator(_dns_label)]
"""An RFC 1123 label, as host names and cluster names must be."""

WireGuardKey = Annotated[str, AfterValidator(_wireguard_key)]
"""A WireGuard public key in base64."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP or UDP port."""

Address = IPvAnyAddress
"""An IPv4 or IPv6 address."""

Network = IPvAnyNetwork
"""An IPv4 or IPv6 network in CIDR notation."""

Role = Literal["frontend", "control-plane", "worker"]
"""What a node is for; a node may be frontend and control plane at once."""

HarbourName = Literal["openstack", "baremetal", "lab"]
"""Where nodes come from."""

LayerName = Literal["harbour", "trampoline", "k8s-base", "ksl", "kms", "customization"]
"""The layers, lowest first."""

LAYERS: tuple[LayerName, ...] = ("harbour", "trampoline", "k8s-base", "ksl", "kms", "customization")
