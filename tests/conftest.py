"""Isolates every test from the operator's machine, and looks for leaked secrets when the suite ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.arguments import ArgumentSampler
from tests.canaries import Sweep, secrets_of

SAMPLER = pytest.StashKey[ArgumentSampler]()
CLUSTERS = pytest.StashKey[list[tuple[Path, Sweep]]]()

# No test goes by the clock: the three parts of the suite share two processors.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the operator's list of clusters, or follows their environment."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.delenv("YK8S_CLUSTER", raising=False)
    monkeypatch.delenv("K8S_CUSTOM_STAGE_USAGE", raising=False)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SAMPLER] = ArgumentSampler()
    config.stash[CLUSTERS] = []


def sweep_cluster(config: pytest.Config, root: Path, logs: Mapping[str, bytes] | None = None) -> None:
    """Search a cluster repository and what its hosts logged for its own secrets; called before a test removes it."""
    sweep = Sweep(secrets_of(root))
    sweep.tree(root)
    for host, content in (logs or {}).items():
        sweep.data(f"logs of {host}", content)
    config.stash[CLUSTERS].append((root, sweep))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    seen = session.config.stash[SAMPLER].stop()
    everything = b"\n".join(seen)
    leaks: list[str] = []
    for root, sweep in session.config.stash[CLUSTERS]:
        for line in seen if sweep.has_any(everything) else ():
            sweep.data(f"arguments of {line[:60].replace(bytes(1), b' ').decode(errors='replace')!r}", line)
        leaks += [f"{root.name}: {finding}" for finding in sweep.findings]
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        swept = len(session.config.stash[CLUSTERS])
        reporter.write_line(f"\nsecrets: {swept} clusters and {len(seen)} command lines searched, {len(leaks)} leaks")
        for leak in leaks:
            reporter.write_line(f"  LEAK {leak}", red=True)
    if leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
