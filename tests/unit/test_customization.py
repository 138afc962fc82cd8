"""The customization layer: when it runs, and what counts as a change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.test_k8s_base import context
from yk8s_tui.errors import ConfigError
from yk8s_tui.layers import customization
from yk8s_tui.layers.base import Context


@pytest.fixture
def cluster(tmp_path: Path) -> Context:
    (tmp_path / "k8s-custom" / "roles" / "mine" / "tasks").mkdir(parents=True)
    (tmp_path / "k8s-custom" / "main.yaml").write_text("- hosts: all\n  roles: [mine]\n")
    return context(tmp_path)


def switched(found: Context, said: str) -> Context:
    return replace(found, environment={customization.SWITCH: said})


def with_setting(found: Context) -> Context:
    config = found.config.model_copy(
        update={"customization": found.config.customization.model_copy(update={"enabled": True})}
    )
    return replace(found, config=config)


def test_it_is_off_unless_the_environment_or_the_setting_says_so(cluster: Context) -> None:
    assert customization.steps(cluster) == ()
    (step,) = customization.steps(switched(cluster, "true"))
    assert step.nodes == cluster.inventory.names
    assert len(customization.steps(with_setting(cluster))) == 1


def test_the_environment_wins_both_ways(cluster: Context) -> None:
    assert customization.steps(switched(with_setting(cluster), "false")) == ()


def test_an_environment_that_says_neither_is_refused(cluster: Context) -> None:
    with pytest.raises(ConfigError, match="neither"):
        customization.steps(switched(cluster, "perhaps"))


def test_a_change_in_a_role_counts(cluster: Context) -> None:
    (before,) = customization.steps(switched(cluster, "1"))
    (cluster.repository / "k8s-custom" / "roles" / "mine" / "tasks" / "main.yaml").write_text("[]\n")
    (after,) = customization.steps(switched(cluster, "1"))
    assert before.variables != after.variables


def test_a_playbook_that_does_not_exist_is_named(cluster: Context) -> None:
    (cluster.repository / "k8s-custom" / "main.yaml").unlink()
    with pytest.raises(ConfigError, match="does not exist"):
        customization.steps(switched(cluster, "yes"))
