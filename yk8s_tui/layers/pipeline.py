"""Selects and orders the steps of the layers, and decides which of them have to run."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from yk8s_tui import paths
from yk8s_tui.errors import UsageError
from yk8s_tui.layers.base import Context, Layer
from yk8s_tui.models.plan import WHOLE, PlannedStep, Playbook, Scope, Step, digest_of
from yk8s_tui.models.types import LAYERS
from yk8s_tui.status.hosts import HostState

ACTIONS = "yk8s_tui.layers."
"""The package of the modules that make up the actions of steps."""
NAMED = 3
"""Deviations of one step on one node that a plan names."""


def layers() -> tuple[Layer, ...]:
    """Every layer, lowest first."""
    from yk8s_tui.layers import customization, k8s_base, services, trampoline

    return (
        services.HARBOUR,
        trampoline.LAYER,
        k8s_base.LAYER,
        services.KSL,
        services.KMS,
        customization.LAYER,
    )


def select(context: Context, wanted: Collection[str] = ()) -> tuple[Step, ...]:
    """The steps of the wanted layers (all when none is named), ordered, each with its digest."""
    unknown = sorted(set(wanted) - set(LAYERS))
    if unknown:
        raise UsageError(f"no layer {', '.join(unknown)}", hint=f"the layers are {', '.join(LAYERS)}")
    chosen = [layer for layer in layers() if not wanted or layer.id in wanted]
    steps = [step for layer in chosen for step in layer.steps(context) if step.nodes]
    return tuple(order(steps))


def order(steps: Sequence[Step]) -> list[Step]:
    """Topological order that keeps the given one where it can; `ValueError` names a cycle."""
    known = {step.id for step in steps}
    waiting = list(steps)
    placed: list[Step] = []
    done: set[str] = set()
    while waiting:
        ready = next((s for s in waiting if all(need in done for need in s.needs if need in known)), None)
        if ready is None:
            raise ValueError(f"steps need one another in a circle: {', '.join(s.id for s in waiting)}")
        waiting.remove(ready)
        placed.append(ready)
        done.add(ready.id)
    return placed


def with_digest(step: Step, secrets: Mapping[str, str]) -> Step:
    """The step with the digest of everything that decides its result.

    That is: its nodes' variables, the secrets it uses (name -> value; only their hashes go in), and
    the content of its playbook, roles and modules, or the source of its action and what that imports.
    """
    hashed = {
        name: hashlib.sha256(secrets.get(secret, "").encode()).hexdigest() for name, secret in step.secrets.items()
    }
    inputs = {"id": step.id, "variables": step.variables, "secrets": hashed, "code": _code_digest(step)}
    return step.model_copy(update={"digest": digest_of(inputs)})


def _code_digest(step: Step) -> str:
    if isinstance(step.run, Playbook):
        ansible = paths.assets() / "ansible"
        playbook = Path(step.run.playbook)
        own = playbook if playbook.is_absolute() else ansible / "playbooks" / playbook
        trees = [own.parent if playbook.is_absolute() else own, ansible / "library", ansible / "module_utils"]
        trees += [ansible / "roles" / role for role in step.run.roles]
        return digest_of([_tree_digest(tree) for tree in trees])
    module = step.run.function.partition(":")[0]
    return digest_of([step.run.function, [_file_digest(path) for path in _sources(module)], step.run.arguments])


@lru_cache(maxsize=64)
def _sources(module: str) -> tuple[Path, ...]:
    """Source of an action's module and, in turn, of the modules of `yk8s_tui.layers` that it imports.

    Other packages, and `layers.base` (types only), are left out: else every edit would rerun everything.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or (path := _source_of(name)) is None:
            continue
        found[name] = path
        waiting += _imported(path)
    return tuple(found[name] for name in sorted(found))


def _source_of(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, AttributeError):
        return None
    origin = Path(spec.origin) if spec is not None and spec.origin else None
    return origin if origin is not None and origin.suffix == ".py" else None


def _imported(path: Path) -> list[str]:
    """The modules of the layers that a source file names in its imports, wherever they stand in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return sorted(name for name in names if name.startswith(ACTIONS) and name != f"{ACTIONS}base")


@lru_cache(maxsize=64)
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=256)
def _tree_digest(root: Path) -> str:
    files = (
        [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    )
    return digest_of([(str(f.relative_to(root)), hashlib.sha256(f.read_bytes()).hexdigest()) for f in files])


def decide(steps: Sequence[Step], states: Mapping[str, HostState], scope: Scope = WHOLE) -> tuple[PlannedStep, ...]:
    """For every step, whether it runs, on which nodes, and why."""
    return tuple(_decide(step, states, scope) for step in steps)


def _decide(step: Step, states: Mapping[str, HostState], scope: Scope) -> PlannedStep:
    candidates = [name for name in step.nodes if not scope.limit or name in scope.limit]
    if not candidates:
        return PlannedStep(step=step, decision="skip", reason="not among the chosen nodes", nodes=())
    if step.always:
        return PlannedStep(step=step, decision="run", reason="verifies what was done", nodes=tuple(candidates))
    reasons = {
        name: reason for name in candidates if (reason := _reason(step, name, states.get(name), full=scope.full))
    }
    if not reasons:
        return PlannedStep(step=step, decision="skip", reason="unchanged, and probed", nodes=())
    nodes = candidates if step.together else reasons
    return PlannedStep(step=step, decision="run", reason=_summary(reasons, candidates), nodes=tuple(nodes))


def _reason(step: Step, name: str, state: HostState | None, *, full: bool) -> str:
    """Why a step has to run on a node; empty when it need not."""
    if full:
        return "asked for with --full"
    if state is None or not state.reachable:
        return "the host was not probed"
    receipt = state.receipts.get(step.id)
    if receipt is None:
        return "never applied"
    if receipt.state != "done":
        return "was interrupted"
    if receipt.digest != step.digest:
        return "configuration or tool changed"
    drift = state.drift.get(step.id, ())
    more = f"; and {len(drift) - NAMED} more" if drift[NAMED:] else ""
    return f"drift: {'; '.join(drift[:NAMED])}{more}" if drift else ""


def _summary(reasons: Mapping[str, str], candidates: Sequence[str]) -> str:
    distinct = sorted(set(reasons.values()))
    if len(distinct) == 1 and len(reasons) == len(candidates):
        return distinct[0]
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
