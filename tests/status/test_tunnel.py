"""The way over a frontend: through a real sshd on loopback, from the thread of a loop, and again when it breaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.loopback import Cluster, Sshd, lacking
from tests.unit.fake_api import FakeApi
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.backends.ssh_forward import blocking
from yk8s_tui.errors import UnreachableError
from yk8s_tui.status.cluster_api import ApiWatch
from yk8s_tui.status.model import ClusterStatus
from yk8s_tui.status.route import Places

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())

VIP = "127.0.0.77"
"""On this machine, but reached from nowhere else than the test's own server."""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    with FakeApi(tmp_path, VIP).running() as fake:
        yield fake


def pool_of(sshd: Sshd, folder: Path) -> SshPool:
    cluster = Cluster(folder / "cluster", sshd).prepare()
    return SshPool(
        cluster.inventory,
        known_hosts=cluster.root / "state" / "known_hosts",
        secrets_dir=cluster.root / "secrets",
        connect_timeout=3,
    )


async def test_the_port_is_kept_and_renewed(sshd: Sshd, tmp_path: Path, api: FakeApi) -> None:
    async with pool_of(sshd, tmp_path) as pool:
        port = await pool.forward("n1", "127.0.0.1", api.port)
        assert await pool.forward("n1", "127.0.0.1", api.port) == port
        assert await pool.forward("n2", "127.0.0.1", api.port) != port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        connection = pool._links["n1"].connection
        assert connection is not None
        connection.abort()
        await connection.wait_closed()
        assert await pool.forward("n1", "127.0.0.1", api.port)
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_host_that_is_unknown_is_no_way(sshd: Sshd, tmp_path: Path) -> None:
    async with pool_of(sshd, tmp_path) as pool:
        (tmp_path / "cluster" / "state" / "known_hosts").write_text("")
        with pytest.raises(UnreachableError, match="host key"):
            await pool.forward("n1", "127.0.0.1", 1)


async def test_the_status_comes_over_the_frontend(sshd: Sshd, tmp_path: Path, api: FakeApi) -> None:
    """Nobody listens at the VIP itself; the frontends' way there is the server of the test."""
    async with pool_of(sshd, tmp_path) as pool:
        through = blocking(pool, asyncio.get_running_loop())
        places = Places(VIP, 9, frontends=("n1", "n2"))
        watch = ApiWatch(places, api.kubeconfig, forward=lambda node, host, port: through(node, "127.0.0.1", api.port))
        watch.start()
        try:
            assert await asyncio.to_thread(watch.await_first, 10)
            status = ClusterStatus()
            watch.drain(status)
            assert status.route == "via n1"
            connection = pool._links["n1"].connection
            assert connection is not None
            connection.abort()
            await _until(watch, status, "unreachable")
            await _until(watch, status, "live")
        finally:
            await asyncio.to_thread(watch.stop)
    assert set(api.methods) == {"GET"}


async def _until(watch: ApiWatch, status: ClusterStatus, state: str) -> None:
    end = time.monotonic() + 8
    while status.sources["api"].state != state:
        assert time.monotonic() < end, status.sources
        await asyncio.sleep(0.02)
        watch.drain(status)
