"""Labs for tests: real hosts, shared by layout, always torn down."""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pytest

from tests.canaries import LOGS
from yk8s_tui import paths
from yk8s_tui.backends import lab_system
from yk8s_tui.backends.base import HarbourEvent
from yk8s_tui.backends.lab import LabHarbour
from yk8s_tui.backends.lab_base import mirror
from yk8s_tui.backends.lab_checks import missing_programs
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.repository.create import create
from yk8s_tui.repository.repository import Repository

RESERVED = Path(tempfile.gettempdir()) / "yk8s-tui-test-subnets"
OWNER = "test-owner.json"
LABS = pytest.StashKey["MakeLab"]()


def missing() -> str:
    """What this machine lacks for lab hosts; empty when it has everything."""
    if os.geteuid() != 0:
        return "root (lab hosts are made as root)"
    lacking = missing_programs("bookworm")
    return f"{', '.join(lacking)} (apt-get install {' '.join(sorted(set(lacking.values())))})" if lacking else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lacking = missing()
    for item in items:
        if item.get_closest_marker("lab") and lacking:
            item.add_marker(pytest.mark.skip(reason=f"missing: {lacking}"))


@dataclass
class LabCluster:
    """A cluster repository with a lab of its own."""

    repository: Repository
    harbour: LabHarbour

    @property
    def root(self) -> Path:
        return self.repository.root

    @property
    def config(self) -> Config:
        return self.repository.load()

    @property
    def inventory(self) -> Inventory:
        return asyncio.run(self.harbour.inventory(self.config))

    def exec(
        self, node: str, *words: str, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root in a host, without SSH; a single word goes to its shell."""
        command = ["sh", "-c", words[0]] if len(words) == 1 else list(words)
        done = subprocess.run(
            self.harbour.host(node).command(command),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise AssertionError(f"{node}: {words} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def cli(self, *arguments: str, timeout: float = 600, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `yk8s-tui` on this cluster; its exit code is the caller's to judge."""
        return subprocess.run(
            [sys.executable, "-m", "yk8s_tui", "--cluster", str(self.root), *arguments],
            capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )  # fmt: skip

    def logs(self) -> dict[str, bytes]:
        """Everything each running host has logged: its journal, and the files of /var/log."""
        hosts = [h for n in self.inventory.nodes if (h := self.harbour.host(n.name)).init]
        return {
            host.name: subprocess.run(
                host.command(["sh", "-c", LOGS]), capture_output=True, timeout=120, stdin=subprocess.DEVNULL
            ).stdout
            for host in hosts
        }

    def up(self) -> list[HarbourEvent]:
        async def work() -> list[HarbourEvent]:
            config = self.config
            return await collect(self.harbour.apply(await self.harbour.plan(config), config))

        return asyncio.run(work())

    def down(self, *names: str) -> list[HarbourEvent]:
        return asyncio.run(collect(self.harbour.down(names)))

    def destroy(self) -> list[HarbourEvent]:
        async def work() -> list[HarbourEvent]:
            config = self.config
            return await collect(self.harbour.destroy(await self.harbour.destroy_plan(config), config))

        return asyncio.run(work())


async def collect(events: AsyncIterator[HarbourEvent]) -> list[HarbourEvent]:
    return [event async for event in events]


def reserve_subnet() -> tuple[str, IO[str]]:
    """A free 10.90.x.0/24 that no other test session has; it is ours as long as the file is open."""
    RESERVED.mkdir(exist_ok=True)
    routes = json.loads(subprocess.check_output(["ip", "-json", "-4", "route", "show", "table", "all"]))
    taken = [ipaddress.ip_network(r["dst"], strict=False) for r in routes if r["dst"] != "default"]
    for third in range(256):
        subnet = ipaddress.ip_network(f"10.90.{third}.0/24")
        if any(subnet.overlaps(network) for network in taken):
            continue
        handle = (RESERVED / f"10.90.{third}").open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            continue
        return str(subnet), handle
    raise AssertionError("all of 10.90.0.0/16 is in use")


class MakeLab:
    """Makes the labs of one test session, and ends them."""

    def __init__(self, sweep: Callable[[LabCluster], None]) -> None:
        """`sweep` looks at a cluster before it is gone."""
        self.sweep = sweep
        self.home = paths.state_home() / "test-labs"
        self.home.mkdir(parents=True, exist_ok=True)
        self.clusters: dict[str, LabCluster] = {}
        self.reserved: list[IO[str]] = []
        self.sweep_stale()

    def __call__(
        self, settings: Mapping[str, Any] | None = None, *, fresh: bool = False, start: bool = True
    ) -> LabCluster:
        """A lab of this layout; the same one again for the same settings, unless a fresh one is asked for.

        Settings are dotted keys as in `config.toml`, for example `{"harbour.lab.workers": 1}`.
        """
        settings = dict(settings or {})
        key = json.dumps(settings, sort_keys=True)
        if key in self.clusters and not fresh:
            cluster = self.clusters[key]
            if start:
                cluster.up()
            return cluster
        subnet, handle = reserve_subnet()
        self.reserved.append(handle)
        root = Path(tempfile.mkdtemp(prefix="cluster-", dir=self.home)) / "repository"
        settings.setdefault("harbour.lab.subnet", subnet)
        repository = create(root, "lab", f"t{subnet.split('.')[2]}", settings)
        mine = lab_system.identify(os.getpid())
        assert mine is not None
        (root.parent / OWNER).write_text(json.dumps(mine._asdict()))
        cluster = LabCluster(repository, LabHarbour(root))
        state = cluster.harbour.state
        # Claimed here: a test's own $XDG_STATE_HOME may be in memory, and is gone for the next test.
        replace(state, directory=self.home / "state/yk8s-tui/lab" / state.tag).save()
        self.clusters[key if not fresh else str(root)] = cluster
        if start:
            cluster.up()
        return cluster

    def sweep_stale(self) -> None:
        """Remove what a killed test session left; sessions side by side do so one after the other."""
        RESERVED.mkdir(exist_ok=True)
        with (RESERVED / "sweep").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._sweep_stale()

    def _sweep_stale(self) -> None:
        for owner in self.home.glob(f"cluster-*/{OWNER}"):
            if not lab_system.Identity(**json.loads(owner.read_text())).alive:
                root = owner.parent / "repository"
                LabCluster(Repository(root), LabHarbour(root)).destroy()
                shutil.rmtree(owner.parent)

    def retire(self, *retired: LabCluster) -> None:
        """Destroy these; what goes wrong fails, after everything was tried.

        For labs that nobody needs any more: a Kubernetes that idles slows every test after it.
        """
        wrong = []
        for cluster in retired:
            for work in (self.sweep, LabCluster.destroy, lambda made: shutil.rmtree(made.root.parent)):
                try:
                    work(cluster)
                except Exception as error:
                    wrong.append(f"{cluster.root}: {error}")
        self.clusters = {key: cluster for key, cluster in self.clusters.items() if cluster not in retired}
        assert not wrong, "\n".join(wrong)

    def close(self) -> None:
        """Destroy what is left."""
        try:
            self.retire(*self.clusters.values())
        finally:
            for handle in self.reserved:
                handle.close()


@pytest.fixture(scope="session")
def make_lab(request: pytest.FixtureRequest) -> Iterator[MakeLab]:
    """`make_lab({"harbour.lab.workers": 1}, fresh=False, start=True) -> LabCluster`.

    Other folders get it with `from tests.lab.conftest import make_lab` in their conftest; the labs are shared.
    """
    from tests.conftest import sweep_cluster

    lacking = missing()
    if lacking:
        pytest.skip(f"missing: {lacking}")
    stash = request.config.stash
    if LABS not in stash:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("XDG_STATE_HOME", raising=False)
            stash[LABS] = MakeLab(lambda made: sweep_cluster(request.config, made.root, made.logs()))
    yield stash[LABS]
    stash[LABS].close()


def needs_mirror() -> None:
    """Skip when this machine itself reaches no package mirror."""
    address = f"{mirror()}/dists/bookworm/Release"
    try:
        urllib.request.urlopen(address, timeout=10).close()
    except OSError as error:
        pytest.skip(f"missing: a package mirror ({address}: {error})")


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until the condition holds; the test fails with `what` after that many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
