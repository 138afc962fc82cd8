"""Receipts of Python actions: written on the host by the same code as those of playbooks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from yk8s_tui import paths
from yk8s_tui.backends.ssh_scripts import program
from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers.base import ActionContext
from yk8s_tui.models.plan import Step


@cache
def _script() -> bytes:
    assert paths.assets().is_dir()
    return program("ansible/module_utils/yk8s_host.py", "host/receipt.py")


async def write(
    context: ActionContext,
    step: Step,
    node: str,
    state: Literal["started", "done"],
    *,
    files: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> None:
    """Write a receipt; `files` maps paths to their SHA-256, which is not computed again.

    Raises `Yk8sError` when the host cannot write it.
    """
    identity = {"id": step.id, "digest": step.digest, "run": context.run_id}
    wanted: dict[str, Any] = {
        "step": identity,
        "state": state,
        "files": dict(files or {}),
        "units": dict(units or {}),
    }
    command = shlex.join(["python3", "-", json.dumps(wanted)])
    done = await context.ssh.run(node, command, input=_script())
    if not done.ok:
        raise Yk8sError("the receipt could not be written", where=node, why=done.error_text)
