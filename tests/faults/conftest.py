from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import sweep_cluster
from tests.faults.loopback import Cluster, Sshd, lacking


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if missing := lacking():
        pytest.skip(missing)
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def cluster(sshd: Sshd, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster repository in a directory with a long name and a space in it."""
    with tempfile.TemporaryDirectory(prefix="yk8s cluster ") as folder:
        made = Cluster(Path(folder) / ("long" * 20) / "repository", sshd).prepare()
        yield made
        made.close()
        sweep_cluster(request.config, made.root)
