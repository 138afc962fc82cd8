"""Writes docs/reference/status-json.md from the model of the status itself: `python tools/status_reference.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "yk8s_tui" / "status" / "model.py"
TARGET = ROOT / "docs" / "reference" / "status-json.md"
INTRO = """\
# The objects of `status --json`

Generated from the program; `python tools/status_reference.py` writes it.
The command writes a [ClusterStatus](#clusterstatus) with `format`, and `findings`: a list of [Finding](#finding).
What the model maps from names is a list there where the objects have the name themselves: `nodes`, `pods`,
`workloads`, `leaders`, `api_servers`, `etcd`, `hosts`, `frontends`.
Tuples are lists. Times are seconds since 1970 (UTC).
"""
LEFT_OUT = ("revision",)


def classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """Every class of the model, the whole first."""
    found = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    yield from sorted(found, key=lambda node: node.name not in ("ClusterStatus", "Finding"))


def words(tree: ast.Module) -> dict[str, str]:
    """Name of a type -> the words it may have."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = ast.unparse(node.value)
            if text.startswith("Literal["):
                found[node.targets[0].id] = text.removeprefix("Literal[").removesuffix("]")
    return found


def fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of every field."""
    for place, line in enumerate(node.body):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            after = node.body[place + 1] if place + 1 < len(node.body) else None
            said = after.value if isinstance(after, ast.Expr) else None
            text = said.value if isinstance(said, ast.Constant) and isinstance(said.value, str) else ""
            yield line.target.id, ast.unparse(line.annotation), " ".join(text.split())


def render() -> str:
    """The page."""
    parts, tree = [INTRO], ast.parse(MODEL.read_text())
    known = words(tree)
    for node in classes(tree):
        parts += [f"## {node.name}", "", " ".join((ast.get_docstring(node) or "").split()), ""]
        parts += ["| field | type | meaning |", "| --- | --- | --- |"]
        for name, kind, meaning in fields(node):
            if name in LEFT_OUT:
                continue
            shown = known.get(kind, kind).replace("|", "\\|")
            parts.append(f"| `{name}` | `{shown}` | {meaning} |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(render())
