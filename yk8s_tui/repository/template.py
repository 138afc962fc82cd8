"""The first `config.toml` of a cluster: what matters is set, everything else stands there with its help."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from yk8s_tui.models.config import SCHEMA_VERSION, Config
from yk8s_tui.models.types import HarbourName
from yk8s_tui.models.validation import show

WIDTH = 100
"""Columns of the comments."""

EXAMPLES: dict[str, str] = {
    "trampoline.vip": '"10.77.0.250"',
    "kubernetes.pod_cidr_v6": '"fd00:10:244::/56"',
    "kubernetes.service_cidr_v6": '"fd00:10:96::/112"',
    "kubernetes.kubelet": "{ maxPods = 200 }",
    "kubernetes.labels": '{ w1 = { "example.org/disk" = "ssd" } }',
    "kubernetes.taints": '{ w1 = ["example.org/gpu=true:NoSchedule"] }',
    "kubernetes.registry_mirrors.registry": '"registry.k8s.io"',
    "kubernetes.registry_mirrors.endpoint": '"https://mirror.example.org"',
    "trampoline.published_ports.port": "80",
    "trampoline.published_ports.node_port": "30080",
    "trampoline.firewall_rules.port": "9100",
    "trampoline.wireguard.endpoints.network_v6": '"fd00:99::/64"',
    "trampoline.wireguard.peers.name": '"alice"',
    "harbour.baremetal.node_network": '"10.0.0.0/24"',
    "harbour.baremetal.nodes.name": '"cp1"',
    "harbour.baremetal.nodes.address": '"10.0.0.21"',
    "harbour.baremetal.nodes.roles": '["frontend", "control-plane"]',
    "harbour.baremetal.nodes.labels": '{ "example.org/rack" = "a1" }',
}
"""What to show where there is no default."""

PINNED = frozenset(
    {
        "harbour.lab.subnet",
        "harbour.openstack.network_cidr",
        "kubernetes.version",
        "kubernetes.pod_cidr",
        "kubernetes.service_cidr",
        "kubernetes.cni",
    }
)
"""Written out although they are defaults: a later release may have others, and a running cluster must not move."""


def config_template(harbour: HarbourName, name: str) -> str:
    """The text of a new `config.toml`."""
    lines = [
        *_comment(
            f"Configuration of the cluster {name}. `yk8s-tui validate` checks it, and every problem is named with "
            "its line. A key that is commented out has the value that stands there."
        ),
        f"schema_version = {SCHEMA_VERSION}",
        "",
        *_comment(_purpose(Config.model_fields["cluster"])),
        "[cluster]",
        *_comment(_purpose(_field(Config, "cluster", "name"))),
        f"name = {show(name)}",
        *_comment(_purpose(_field(Config, "cluster", "harbour"))),
        f"harbour = {show(harbour)}",
    ]
    renderer = _Renderer()
    lines += renderer.section(f"harbour.{harbour}", _field(Config, "harbour", harbour))
    sections = ["trampoline", "kubernetes", "ksl", *(["kms"] if harbour == "openstack" else []), "customization"]
    for section in sections:
        lines += renderer.section(section, Config.model_fields[section])
    return "\n".join(lines) + "\n"


class _Renderer:
    """Writes sections; the help of a section's keys is written the first time it is met."""

    def __init__(self) -> None:
        self.explained: set[type[BaseModel]] = set()

    def section(self, path: str, field: FieldInfo) -> Iterator[str]:
        model = table_model(field)
        assert model is not None
        plain = {n: f for n, f in model.model_fields.items() if table_model(f) is None and row_model(f) is None}
        yield from ("", *_comment(_purpose(field)))
        if plain:
            yield f"[{path}]"
            yield from self._keys(path, model, plain)
        for name, inner in model.model_fields.items():
            if row_model(inner) is not None:
                yield from self._rows(f"{path}.{name}", inner)
        for name, inner in model.model_fields.items():
            if table_model(inner) is not None:
                yield from self.section(f"{path}.{name}", inner)

    def _keys(self, path: str, model: type[BaseModel], fields: dict[str, FieldInfo]) -> Iterator[str]:
        for name, field in fields.items():
            if model not in self.explained:
                yield from _comment(_purpose(field))
            key = f"{path}.{name}"
            note = "  # an example" if key in EXAMPLES else ""
            yield f"{'' if key in PINNED else '# '}{name} = {example(key, field)}{note}"
        self.explained.add(model)

    def _rows(self, path: str, field: FieldInfo) -> Iterator[str]:
        model = row_model(field)
        assert model is not None
        yield from ("#", *_comment(_purpose(field)), f"# [[{path}]]")
        for name, inner in model.model_fields.items():
            yield from textwrap.wrap(
                f"# {name} = {example(f'{path}.{name}', inner)}  # {_purpose(inner)}", 140, subsequent_indent="#     "
            )


def table_model(field: FieldInfo) -> type[BaseModel] | None:
    """The section a field is, if it is one."""
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def row_model(field: FieldInfo) -> type[BaseModel] | None:
    """The section of one entry, if a field is a list of tables."""
    if get_origin(field.annotation) is not tuple:
        return None
    inner = get_args(field.annotation)[0]
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def example(path: str, field: FieldInfo) -> str:
    """The default of a field as TOML, or an example where it has none."""
    if path in EXAMPLES:
        return EXAMPLES[path]
    default = field.get_default(call_default_factory=True) if not field.is_required() else ""
    return "{}" if default == {} else show(_plain(default), limit=200)


def _plain(value: Any) -> Any:
    return "" if value is None else value


def _field(model: type[BaseModel], *names: str) -> FieldInfo:
    *parents, last = names
    for name in parents:
        inner = table_model(model.model_fields[name])
        assert inner is not None
        model = inner
    return model.model_fields[last]


def _purpose(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ") if text else []
