"""Customization: the operator's own plays, last, with our roles and the cluster's inventory."""

from __future__ import annotations

import hashlib
from pathlib import Path

from yk8s_tui.errors import ConfigError
from yk8s_tui.layers.base import Context, Layer
from yk8s_tui.models.plan import Playbook, Step

SWITCH = "K8S_CUSTOM_STAGE_USAGE"
"""Environment variable that wins over `[customization] enabled`, both ways."""

YES = frozenset({"true", "yes", "on", "1"})
NO = frozenset({"false", "no", "off", "0"})


def enabled(context: Context) -> bool:
    """Whether the layer runs; raises `ConfigError` when the environment says neither yes nor no."""
    said = context.environment.get(SWITCH, "").strip().lower()
    if not said:
        return context.config.customization.enabled
    if said not in YES | NO:
        raise ConfigError(
            f"{SWITCH}={said!r} is neither true nor false",
            where="environment",
            hint=f"export {SWITCH}=true, or unset it",
        )
    return said in YES


def steps(context: Context) -> tuple[Step, ...]:
    """One step on all nodes, when the layer is switched on."""
    if not enabled(context):
        return ()
    playbook = (context.repository / context.config.customization.playbook).resolve()
    if not playbook.is_file():
        raise ConfigError(
            "the customization playbook does not exist",
            where=str(playbook),
            hint="write it, or set customization.enabled = false",
        )
    return (
        Step(
            id="customization.main",
            layer="customization",
            title="The operator's own plays",
            why="what this cluster has beyond the other layers",
            nodes=context.inventory.names,
            needs=("k8s-base.verify", "trampoline.verify"),
            run=Playbook(
                playbook="customization/main.yaml", inventories=more_inventory(playbook.parent), accelerate=True
            ),
            variables={
                "yk8s_customization_playbook": str(playbook),
                "yk8s_customization_digest": content_digest(playbook.parent),
            },
            tolerance="any",
        ),
    )


def more_inventory(folder: Path) -> tuple[str, ...]:
    """The operator's `inventory/`, when there is anything in it: more groups and variables for the cluster's hosts."""
    place = folder / "inventory"
    found = place.is_dir() and any(p.is_file() and not p.name.startswith((".", "README")) for p in place.rglob("*"))
    return (str(place),) if found else ()


def content_digest(folder: Path) -> str:
    """Digest of every file of the drop-in directory: a change in a role or a template counts, too."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".git" not in p.parts):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


LAYER = Layer(
    id="customization",
    title="Customization",
    why="The operator's own plays, from the drop-in directory of the cluster repository.",
    requires=("k8s-base",),
    steps=steps,
)
