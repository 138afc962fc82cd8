"""The process of a run: `python -m yk8s_tui.runs.engine RUN_DIRECTORY`.

It takes the lock of the cluster, runs the plan, and writes the journal; everybody else only reads. It
has no terminal and outlives whoever started it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from yk8s_tui import __version__
from yk8s_tui.errors import ExitCode, LockedError, Yk8sError
from yk8s_tui.models.plan import Plan
from yk8s_tui.repository.atomic import write_atomic
from yk8s_tui.repository.lock import cluster_lock
from yk8s_tui.repository.repository import Repository
from yk8s_tui.runs import ansible_setup, resume
from yk8s_tui.runs.alive import hold
from yk8s_tui.runs.control import ControlServer
from yk8s_tui.runs.estimates import Worked, remember
from yk8s_tui.runs.graph import Graph
from yk8s_tui.runs.journal import JournalWriter
from yk8s_tui.runs.redact import Redactor
from yk8s_tui.runs.remote import sweep
from yk8s_tui.runs.scheduler import Scheduler
from yk8s_tui.runs.start import run_directory
from yk8s_tui.runs.surroundings import Surroundings
from yk8s_tui.runs.tally import Tally
from yk8s_tui.runs.verdict import Verdict, judge
from yk8s_tui.runs.workspace import Workspace


class Engine:
    """One run, from its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.repository = Repository(self.directory.parent.parent)
        self.about: dict[str, Any] = json.loads((self.directory / "run.json").read_text())
        self.plan = Plan.model_validate_json((self.directory / "plan.json").read_text())
        self.graph = Graph.of(self.plan.steps)
        self.fatal = ""
        self.tally = Tally()
        self.started = time.time()

    def run(self) -> int:
        """Run to the end; returns the exit code."""
        self._handle = hold(self.directory)
        with cluster_lock(self.repository.root, self.directory.name):
            return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        redactor = Redactor()
        workspace = Workspace(self.directory)

        def full(error: OSError) -> None:
            loop.call_soon_threadsafe(self._disk_full, error)

        self.journal = JournalWriter(
            self.directory / "journal.jsonl",
            redact=redactor,
            on_full=full,
        )
        self.around = Surroundings(
            run=self.directory.name,
            directory=self.directory,
            plan=self.plan,
            repository=self.repository,
            redactor=redactor,
            workspace=workspace,
            write=self._write,
            cannot_write=self.journal.fail,
            accelerator=ansible_setup.accelerator(workspace.path),
            inventory_file=workspace.path / "hosts.json",
        )
        redactor.add(*self.around.secrets.values())
        self.scheduler = Scheduler(self.around, self.graph)
        self._listen_to_signals(loop)
        control = ControlServer(self.directory, self.control)
        try:
            await control.start()
            return await self._work()
        finally:
            await control.close()
            await self.around.close()
            await asyncio.to_thread(workspace.close)
            self.journal.close()

    async def _work(self) -> int:
        self._begin()
        try:
            await self._clear_interrupted()
            inventory = ansible_setup.inventory(self.plan, self.repository.root, self.repository.known_hosts)
            ansible_setup.write_private(self.around.inventory_file, inventory)
            await self.scheduler.run()
            if self.scheduler.interrupted:
                await self._sweep_cancelled()
        except Exception as error:
            traceback.print_exc()
            self.fatal = self.fatal or f"internal error: {type(error).__name__}: {error}"
        verdict = judge(
            self.plan, self.graph, self.directory.name, cancelled=self.scheduler.cancelled, fatal=self.fatal
        )
        self._end(verdict)
        return verdict.exit_code

    def control(self, action: str, by: str) -> str:
        """A request from outside; returns the status that follows."""
        scheduler = self.scheduler
        if action == "ping" or (action != "cancel" and scheduler.cancelled):
            return self._status()
        self.journal.write("control", action=action, by=by)
        if action == "cancel":
            scheduler.cancel()
        elif action == "pause":
            scheduler.pause()
        else:
            scheduler.go_on()
        return self._status()

    def _status(self) -> str:
        if self.scheduler.cancelled:
            return "cancelling"
        return "paused" if self.scheduler.paused else "running"

    def _listen_to_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.control, "cancel", f"signal {signal.Signals(number).name}")

    def _begin(self) -> None:
        listed = [
            {
                "id": planned.step.id,
                "layer": planned.step.layer,
                "title": planned.step.title,
                "nodes": list(planned.nodes),
                "needs": list(planned.step.needs),
                "always": planned.step.always,
                "estimate_seconds": planned.estimate_seconds,
            }
            for planned in self.plan.to_run
        ]
        skipped = [
            {"id": p.step.id, "layer": p.step.layer, "title": p.step.title, "reason": p.reason}
            for p in self.plan.steps
            if p.decision == "skip"
        ]
        nodes = [{"name": n.name, "roles": list(n.roles), "address": n.address} for n in self.plan.inventory.nodes]
        self.journal.write(
            "run_started",
            run=self.directory.name,
            number=self.about["number"],
            cluster=self.plan.cluster,
            operation=self.plan.operation,
            plan_hash=self.plan.hash,
            by=self.about["by"],
            host=socket.gethostname(),
            pid=os.getpid(),
            tool_version=__version__,
            versions=_versions(),
            check_only=self.plan.check_only,
            nodes=nodes,
            steps=listed,
            skipped=skipped,
        )
        for step, text in self.about.get("consents", ()):
            self.journal.write("consent", step=step, text=text, by=self.about["by"])
        for key, reason in self.about.get("waivers", {}).items():
            check, _, node = key.partition("@")
            self.journal.write("waiver", check=check, node=node, reason=reason, by=self.about["by"])

    async def _clear_interrupted(self) -> None:
        """End what runs left whose engine died, before anything new begins on the same hosts."""
        root = self.repository.root
        for run in resume.unswept(root):
            ended = await asyncio.to_thread(resume.clear_here, root, run)
            self._note(f"run {run.id} was interrupted; {ended} processes it left here were ended")
            found = await asyncio.to_thread(resume.examine, root, run)
            nodes = {name for names in found.nodes.values() for name in names}
            reachable = [name for name in self.plan.inventory.names if name in nodes]
            await self._sweep(reachable, run.id)
            (run_directory(root, run.id) / resume.SWEPT).touch()

    async def _sweep_cancelled(self) -> None:
        nodes = {name for names in self.scheduler.interrupted.values() for name in names}
        await self._sweep([name for name in self.plan.inventory.names if name in nodes], self.around.run)

    async def _sweep(self, nodes: list[str], run: str) -> None:
        async with self.around.new_pool() as pool:
            for swept in await sweep(pool, nodes, run):
                for level, text in swept.lines():
                    self._note(text, level)

    def _write(self, type_: str, **fields: Any) -> object:
        """What steps write down, counted on its way."""
        self.tally.take(type_, fields)
        return self.journal.write(type_, **fields)

    def _worked(self) -> dict[str, Worked]:
        """What the steps took that succeeded."""
        roles = {node.name: node.roles for node in self.plan.inventory.nodes}
        results = self.scheduler.results
        return {
            step: self.tally.worked(step, seconds, results[step], roles)
            for step, seconds in self.scheduler.seconds.items()
        }

    def _note(self, text: str, level: str = "info") -> None:
        self.journal.write("note", text=text, level=level)

    def _disk_full(self, error: OSError) -> None:
        if not self.fatal:
            self.fatal = f"the run cannot be written down: {error.strerror} ({self.directory})"
            self.scheduler.cancel()

    def _end(self, verdict: Verdict) -> None:
        seconds = round(time.time() - self.started, 1)
        result = {
            "result": verdict.result,
            "exit_code": int(verdict.exit_code),
            "message": verdict.message,
            "next": verdict.next,
            "seconds": seconds,
        }
        try:
            write_atomic(self.directory / "result.json", json.dumps(result, indent=1) + "\n", mode=0o600)
            if not self.plan.check_only:
                remember(self.repository.root, self._worked())
        except Yk8sError as error:
            print(error, file=sys.stderr)
        self.journal.write(
            "run_finished",
            result=verdict.result,
            exit_code=int(verdict.exit_code),
            message=verdict.message,
            next=verdict.next,
            seconds=seconds,
        )


def _versions() -> dict[str, str]:
    """Of what takes part in a run besides this tool, for its report."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"Python": platform.python_version()}
    for package in ("ansible-core", "mitogen"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def main(arguments: list[str]) -> int:
    """Run the engine of one run directory; errors go to stderr, which is a file beside the journal."""
    if len(arguments) != 1:
        print("usage: python -m yk8s_tui.runs.engine RUN_DIRECTORY", file=sys.stderr)
        return ExitCode.USAGE
    directory = Path(arguments[0])
    os.umask(0o077)
    try:
        return Engine(directory).run()
    except (Yk8sError, BlockingIOError, OSError, ValueError, KeyError) as error:
        code = ExitCode.LOCKED if isinstance(error, (LockedError, BlockingIOError)) else ExitCode.FAILED
        text = str(error) if isinstance(error, Yk8sError) else f"{type(error).__name__}: {error}"
        print(text.replace("\n", "; "), file=sys.stderr)
        _give_up(directory, code, text)
        return code


def _give_up(directory: Path, code: int, text: str) -> None:
    """A run that never began still has a result, so that lists do not call it interrupted."""
    if (directory / "result.json").exists() or (directory / "journal.jsonl").exists():
        return
    try:
        body = {"result": "failed", "exit_code": int(code), "message": text, "next": "", "seconds": 0.001}
        write_atomic(directory / "result.json", json.dumps(body) + "\n", mode=0o600)
    except Yk8sError as error:
        print(error, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
