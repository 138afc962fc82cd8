"""`state/layers.json`: what was last applied, per step and node."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from yk8s_tui.errors import ConfigError
from yk8s_tui.models.base import Section
from yk8s_tui.repository.atomic import write_atomic

Layers = dict[str, dict[str, "AppliedStep"]]
"""Step id -> node -> what was applied there."""


class AppliedStep(Section):
    """The last time a step ended on a node."""

    digest: str
    """Digest of the step that ran."""
    run: str
    """Id of the run."""
    time: str
    """UTC, ISO 8601."""
    result: str
    """`ok`, `changed`, `failed` or `unreachable`."""
    version: str = ""
    """Version it brought, where the step brings one (Kubernetes, a chart)."""


def layers_path(root: Path) -> Path:
    """The file in a cluster repository."""
    return root / "state" / "layers.json"


def load_layers(root: Path) -> Layers:
    """What was applied; empty when nothing was, or when the file is torn (hosts are looked at in any case)."""
    return _parse(_read(layers_path(root))) or {}


def record(root: Path, step_id: str, node: str, digest: str, run: str, result: str, version: str = "") -> None:
    """Write down how a step ended on one node."""
    record_step(root, step_id, {node: result}, digest=digest, run=run, version=version)


def record_step(
    root: Path, step_id: str, results: Mapping[str, str], *, digest: str, run: str, version: str = ""
) -> None:
    """Write down how a step ended on several nodes, in one go."""
    layers = _load_for_change(layers_path(root))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    nodes = layers.setdefault(step_id, {})
    for node, result in results.items():
        nodes[node] = AppliedStep(digest=digest, run=run, time=now, result=result, version=version)
    _write(root, layers)


def forget_nodes(root: Path, nodes: frozenset[str]) -> None:
    """Drop everything about nodes that are gone."""
    layers = _load_for_change(layers_path(root))
    kept = {step: {n: a for n, a in applied.items() if n not in nodes} for step, applied in layers.items()}
    _write(root, {step: applied for step, applied in kept.items() if applied})


def _write(root: Path, layers: Layers) -> None:
    body = {step: {node: a.model_dump() for node, a in nodes.items()} for step, nodes in layers.items()}
    text = json.dumps({"format": 1, "steps": body}, indent=1, sort_keys=True) + "\n"
    write_atomic(layers_path(root), text)


def _load_for_change(path: Path) -> Layers:
    content = _read(path)
    layers = _parse(content)
    if layers is None:
        if content.strip():
            os.replace(path, path.with_name(f"{path.name}.torn"))
        return {}
    return layers


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(
            "cannot be read", where=str(path), why=error.strerror or str(error), hint="make it readable for you"
        ) from error


def _parse(content: bytes) -> Layers | None:
    try:
        data: dict[str, Any] = json.loads(content)
        return {
            step: {node: AppliedStep.model_validate(applied) for node, applied in nodes.items()}
            for step, nodes in data["steps"].items()
        }
    except (ValueError, ValidationError, KeyError, TypeError, AttributeError):
        return None
