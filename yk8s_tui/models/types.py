"""Value types that several sections share, each with a message that says what is right."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

NAME_PATTERN = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")

_LABEL_NAME = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_PREFIX = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")


def wrong(message: str, remedy: str = "") -> PydanticCustomError:
    """A validation error with what would be right; the message goes on from the key ("… must be …")."""
    escaped = message.replace("{", "{{").replace("}", "}}")
    return PydanticCustomError("yk8s", escaped, {"remedy": remedy})


def suggest_name(value: str) -> str:
    """The nearest RFC 1123 label, or "" when nothing is left of it."""
    return re.sub(r"[^a-z0-9-]+", "-", value.lower()).strip("-")[:63].strip("-")


def _dns_label(value: str) -> str:
    if not NAME_PATTERN.match(value):
        nearest = suggest_name(value)
        raise wrong(
            "must be lower-case letters, digits and '-', at most 63, starting and ending with a letter or digit",
            f'for example "{nearest}"' if nearest else "",
        )
    return value


def _wireguard_key(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", value):
        raise wrong("is not a WireGuard public key", "44 base64 characters, as `wg pubkey` prints them")
    return value


def _optional_wireguard_key(value: str) -> str:
    return _wireguard_key(value) if value else value


def _address(value: object) -> IPv4Address | IPv6Address:
    if isinstance(value, (IPv4Address, IPv6Address)):
        return value
    if isinstance(value, str):
        try:
            return ip_address(value)
        except ValueError:
            pass
        try:
            nearest = str(ip_interface(value).ip)
        except ValueError:
            nearest = ""
        if nearest:
            raise wrong("must be an address without a prefix length", f'"{nearest}"')
    raise wrong("is not an IPv4 or IPv6 address", 'text such as "10.77.0.250" or "fd00::250"')


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    if isinstance(value, str):
        try:
            parsed = ip_network(value, strict=False)
        except ValueError:
            raise _not_a_network() from None
        if "/" not in value:
            raise wrong("must be a network with its prefix length", f'"{value}/{24 if parsed.version == 4 else 64}"')
        try:
            return ip_network(value)
        except ValueError:
            raise wrong("has bits set behind its prefix length", f'the network is "{parsed}"') from None
    raise _not_a_network()


def _not_a_network() -> PydanticCustomError:
    return wrong("is not an IPv4 or IPv6 network", 'CIDR notation such as "10.77.0.0/24" or "fd00:77::/64"')


def _label_key(value: str) -> str:
    prefix, slash, name = value.rpartition("/")
    if not _LABEL_NAME.match(name) or (slash and (len(prefix) > 253 or not _PREFIX.match(prefix))):
        raise wrong(
            "is not a label key",
            "[prefix/]name: the name at most 63 letters, digits, '-', '_', '.'; the prefix a DNS name",
        )
    return value


def _label_value(value: str) -> str:
    if value and not _LABEL_NAME.match(value):
        raise wrong(
            "is not a label value",
            "at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit",
        )
    return value


def _taint(value: str) -> str:
    body, colon, effect = value.rpartition(":")
    key, _, content = body.partition("=")
    if not colon or effect not in TAINT_EFFECTS:
        near = next((e for e in TAINT_EFFECTS if e.lower() == effect.lower()), "NoSchedule")
        example = f"{body or value}:{near}"
        raise wrong(f"is not a taint; the effect is one of {', '.join(TAINT_EFFECTS)}", f'for example "{example}"')
    try:
        _label_key(key)
        _label_value(content)
    except PydanticCustomError:
        raise wrong("is not a taint", '"key=value:Effect" or "key:Effect", for example "gpu=true:NoSchedule"') from None
    return value


DnsLabel = Annotated[str, AfterValidator(_dns_label)]
"""An RFC 1123 label, as host names and cluster names must be."""

WireGuardKey = Annotated[str, AfterValidator(_wireguard_key)]
"""A WireGuard public key in base64."""

OptionalWireGuardKey = Annotated[str, AfterValidator(_optional_wireguard_key)]
"""A WireGuard public key in base64, or the empty text."""

LabelKey = Annotated[str, AfterValidator(_label_key)]
"""Key of a Kubernetes label, with or without a prefix."""

LabelValue = Annotated[str, AfterValidator(_label_value)]
"""Value of a Kubernetes label; may be empty."""

Taint = Annotated[str, AfterValidator(_taint)]
"""A Kubernetes taint, `key=value:Effect` or `key:Effect`."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP or UDP port."""

Address = Annotated[
    IPv4Address | IPv6Address,
    PlainValidator(_address),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "ip-address"}),
]
"""An IPv4 or IPv6 address."""

Network = Annotated[
    IPv4Network | IPv6Network,
    PlainValidator(_network),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "ip-network"}),
]
"""An IPv4 or IPv6 network in CIDR notation."""

Role = Literal["frontend", "control-plane", "worker"]
"""What a node is for; a node may be frontend and control plane at once."""

HarbourName = Literal["openstack", "baremetal", "lab"]
"""Where nodes come from."""

LayerName = Literal["harbour", "trampoline", "k8s-base", "ksl", "kms", "customization"]
"""The layers, lowest first."""

LAYERS: tuple[LayerName, ...] = ("harbour", "trampoline", "k8s-base", "ksl", "kms", "customization")
