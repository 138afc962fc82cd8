"""Runs one playbook with ansible-runner; the only module that knows it.

Facts of ansible-runner 2.4.3 this relies on (read from its source, tried in tests/faults):
its own way to cancel kills the playbook and leaves the workers and what they started, so a playbook is
ended by a ladder of our own; an exception in the event handler ends the thread without a status, so the
handler only puts events into a queue; its `command` file has the whole environment and is removed at
once; `env/settings` must be a file, because with `suppress_env_files` the argument is dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import shlex
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yk8s_tui.runs.processes import MARK, STEP_MARK, end_all, marked, playbook_process, wait_gone

IDENT = "run"
POLL_SECONDS = 0.2
"""How often ansible-runner looks whether its child has ended."""
INTERRUPT_SECONDS = 10.0
"""What ansible-playbook may take to end after SIGINT."""
SUBMODULE_LOGGERS = ("ansible-runner", "pexpect")


@dataclass(frozen=True)
class Job:
    """One execution of a playbook."""

    run: str
    step: str
    playbook: Path
    inventory: Path
    nodes: tuple[str, ...]
    directory: Path
    """Fresh and private; removed afterwards."""
    variables: Mapping[str, Any]
    secrets: Mapping[str, Any]
    environment: Mapping[str, str]
    more_inventories: tuple[str, ...] = ()
    check: bool = False


@dataclass
class Ended:
    """How ansible-playbook ended."""

    exit: int | None
    """None when it could not be started."""
    error: str = ""
    events: int = 0


@dataclass
class PlaybookProcess:
    """A playbook under way: events come through `events`, in order."""

    job: Job
    on_events: Callable[[], None]
    """Called from another thread when there are events; not again before `drain`."""
    events: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    cancelled: threading.Event = field(default_factory=threading.Event)
    _told: bool = False

    @property
    def mark(self) -> str:
        """Value of the mark in the environment of all its processes."""
        return f"{self.job.run}/{self.job.directory.name}"

    def drain(self) -> Iterator[dict[str, Any]]:
        """The events that have come since."""
        self._told = False
        while True:
            try:
                yield self.events.get_nowait()
            except queue.Empty:
                return

    async def run(self) -> Ended:
        """Run it to its end; when the task is cancelled, the playbook is ended first."""
        work = asyncio.ensure_future(asyncio.to_thread(self._run))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                # A playbook that is just being started has no processes yet, so this may take two rounds.
                await asyncio.to_thread(self.end)
                await asyncio.wait({work}, timeout=1.0)
            raise

    def end(self) -> list[str]:
        """End the playbook and everything it started here; returns the commands that could not be ended.

        SIGINT to ansible-playbook lets it end its workers in order; what is left, found by its mark even
        when it is in another session, gets SIGTERM and SIGKILL.
        """
        self.cancelled.set()
        tree = marked(STEP_MARK, self.mark)
        main = playbook_process(self.mark)
        if main is not None:
            main.signal(signal.SIGINT)
            wait_gone(tree, INTERRUPT_SECONDS)
        left = end_all(lambda: [*tree, *marked(STEP_MARK, self.mark)])
        return [process.command for process in left]

    def _run(self) -> Ended:
        import ansible_runner

        job = self.job
        for name in SUBMODULE_LOGGERS:
            logging.getLogger(name).disabled = True
        arguments = self._prepare()
        if self.cancelled.is_set():
            return Ended(None, "cancelled before it began")
        try:
            runner = ansible_runner.run(
                private_data_dir=str(job.directory),
                ident=IDENT,
                playbook=str(job.playbook),
                inventory=str(job.inventory),
                cmdline=arguments,
                envvars=dict(job.environment) | {MARK: job.run, STEP_MARK: self.mark},
                quiet=True,
                suppress_env_files=True,
                event_handler=self._take,
                status_handler=self._status,
                cancel_callback=lambda: False,
            )
        except Exception as error:
            return Ended(None, f"{type(error).__name__}: {error}")
        finally:
            shutil.rmtree(job.directory, ignore_errors=True)
        return Ended(runner.rc)

    def _prepare(self) -> str:
        job = self.job
        settings = {
            "pexpect_timeout": POLL_SECONDS,
            "suppress_output_file": True,
            "suppress_ansible_output": True,
        }
        (job.directory / "env").mkdir(mode=0o700)
        (job.directory / "env" / "settings").write_text(json.dumps(settings))
        variables, secrets = job.directory / "variables.json", job.directory / "secrets.json"
        _write_private(variables, job.variables)
        _write_private(secrets, job.secrets)
        limit = job.directory / "limit"
        limit.write_text("\n".join(job.nodes) + "\n")
        words = ["-e", f"@{variables}", "-e", f"@{secrets}", "--limit", f"@{limit}"]
        for source in job.more_inventories:
            words += ["-i", shlex.quote(source)]
        if job.check:
            words += ["--check", "--diff"]
        return " ".join(words)

    def _take(self, event: dict[str, Any]) -> bool:
        """Called by ansible-runner for every event; False keeps it from writing a file."""
        self.events.put(event)
        if not self._told:
            self._told = True
            self.on_events()
        return False

    def _status(self, status: Mapping[str, Any], runner_config: Any) -> None:
        """`command` holds the environment: it goes as soon as the playbook runs."""
        if status.get("status") == "running":
            (Path(runner_config.artifact_dir) / "command").unlink(missing_ok=True)


def _write_private(path: Path, value: Mapping[str, Any]) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(json.dumps(value))
