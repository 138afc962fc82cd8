"""Runs the playbook of a step: variables, secrets, accelerator, and what came of it per node."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from yk8s_tui import paths
from yk8s_tui.models.plan import Playbook, Step
from yk8s_tui.runs.ansible import Ended, Job, PlaybookProcess
from yk8s_tui.runs.ansible_setup import BECOME_PASSWORDS, environment, shared_modules
from yk8s_tui.runs.hints import hint_for
from yk8s_tui.runs.outcome import Outcome, Trouble
from yk8s_tui.runs.steplog import StepLog
from yk8s_tui.runs.surroundings import Surroundings
from yk8s_tui.runs.translate import EVIDENCE_LINES, Translator
from yk8s_tui.runs.workspace import safe_name

INTERRUPTED = 99
"""What ansible-playbook exits with after SIGINT."""
ACCELERATOR_FAULT = re.compile(r"mitogen", re.IGNORECASE)
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


async def run_playbook(around: Surroundings, step: Step, nodes: tuple[str, ...]) -> Outcome:
    """Run the playbook of a step on the nodes that are left for it.

    When it fails for reasons of the accelerator, it runs once more without, on the nodes that failed.
    """
    accelerator = around.accelerator if isinstance(step.run, Playbook) and step.run.accelerate else {}
    outcome, output = await _execute(around, step, nodes, 1, accelerator)
    if not accelerator or outcome.cancelled or not _accelerator_fault(outcome, output):
        return outcome
    around.accelerator = {}
    again = tuple(outcome.bad) or nodes
    text = f"{step.title}: the accelerator does not work here; going on without it on {', '.join(again)}"
    around.write("note", text=text, level="warning")
    second, _ = await _execute(around, step, again, 2, {})
    second.nodes = outcome.nodes | second.nodes
    return second


async def _execute(
    around: Surroundings, step: Step, nodes: tuple[str, ...], attempt: int, accelerator: dict[str, str]
) -> tuple[Outcome, list[str]]:
    job = _job(around, step, nodes, attempt, accelerator)
    translator = Translator(step.id, around.write)
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.call_soon_threadsafe(arrived.set)

    process = PlaybookProcess(job, tell)
    folder = around.directory / "artifacts" / safe_name(step.id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with StepLog(folder / "ansible.log", around) as log:
        pump = asyncio.ensure_future(_pump(around, process, translator, arrived, log))
        try:
            ended = await process.run()
        except asyncio.CancelledError:
            ended = Ended(INTERRUPTED)
        finally:
            pump.cancel()
            _drain(around, process, translator, log)
    return _outcome(step, nodes, ended, translator, cancelled=process.cancelled.is_set()), translator.output


async def _pump(
    around: Surroundings,
    process: PlaybookProcess,
    translator: Translator,
    arrived: asyncio.Event,
    log: StepLog,
) -> None:
    while True:
        await arrived.wait()
        arrived.clear()
        _drain(around, process, translator, log)


def _drain(around: Surroundings, process: PlaybookProcess, translator: Translator, log: StepLog) -> None:
    said = []
    for event in process.drain():
        if text := event.get("stdout"):
            said.append(COLOURS.sub("", text))
        translator.feed(event)
    log.write(said)


def _job(around: Surroundings, step: Step, nodes: tuple[str, ...], attempt: int, accelerator: dict[str, str]) -> Job:
    assert isinstance(step.run, Playbook)
    settings = environment(
        around.repository.root,
        around.repository.known_hosts,
        around.workspace.path,
        around.workspace.sockets,
        around.run,
        len(nodes),
    )
    if not Path(step.run.playbook).is_absolute():
        # Our own, that is; plays of the operator may have other modules by these names.
        settings |= shared_modules(around.workspace.path)
    return Job(
        run=around.run,
        step=step.id,
        playbook=_playbook(step.run),
        inventory=around.inventory_file,
        nodes=nodes,
        directory=around.workspace.step(step.id, attempt),
        variables=step.variables | {"yk8s_step": {"id": step.id, "digest": step.digest, "run": around.run}},
        secrets=_secrets(around, step, nodes),
        environment=settings | accelerator,
        more_inventories=step.run.inventories,
        check=around.plan.check_only,
    )


def _playbook(playbook: Playbook) -> Path:
    path = Path(playbook.playbook)
    return path if path.is_absolute() else paths.assets() / "ansible" / "playbooks" / path


def _secrets(around: Surroundings, step: Step, nodes: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {variable: around.secret(name) for variable, name in step.secrets.items()}
    passwords = {}
    for name in nodes:
        secret = around.plan.inventory.node(name).sudo_password_secret
        if secret:
            known = around.secrets.get(secret)
            passwords[name] = around.secret(secret if known else "sudo/default")
    if passwords:
        found[BECOME_PASSWORDS] = passwords
    return found


def _outcome(step: Step, nodes: tuple[str, ...], ended: Ended, translator: Translator, *, cancelled: bool) -> Outcome:
    outcome = Outcome(cancelled=cancelled, troubles=translator.troubles)
    if translator.stats is not None:
        outcome.nodes = {name: translator.outcome(name) for name in nodes}
        if ended.exit in (0, None) or outcome.bad or cancelled:
            return outcome
    elif cancelled:
        return outcome
    else:
        reached = {name: translator.outcome(name) for name in translator.troubles if name in nodes}
        outcome.nodes = reached
    outcome.error = _error(step, ended, translator)
    return outcome


def _error(step: Step, ended: Ended, translator: Translator) -> Trouble:
    """The playbook did not come to its end, and no node is to blame: what Ansible said itself."""
    said = [COLOURS.sub("", line) for line in translator.output]
    errors = [line for line in said if line.startswith(("[ERROR]", "ERROR!", "fatal:"))]
    reason = errors[0].removeprefix("[ERROR]: ").removeprefix("ERROR! ") if errors else ""
    if not reason:
        reason = ended.error or (said[-1] if said else f"ansible-playbook ended with {ended.exit}")
    began = "it never began" if not translator.events else "it broke off"
    return Trouble(step.title, f"{began}: {reason}", "\n".join(said[-EVIDENCE_LINES:]), hint_for(reason))


def _accelerator_fault(outcome: Outcome, output: list[str]) -> bool:
    texts = [*output, *(outcome.error.evidence,)] if outcome.error else []
    for trouble in outcome.bad.values():
        texts += [trouble.reason, trouble.evidence]
    return any(ACCELERATOR_FAULT.search(text) for text in texts)
