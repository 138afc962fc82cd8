"""Names and addresses of labs, and the files hosts are made of: no root needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yk8s_tui.backends.lab_base import RECIPE, base_path
from yk8s_tui.backends.lab_files import debian_sources
from yk8s_tui.backends.lab_names import bridge_name, default_vip, lab_inventory, table_name, tag_of, veth_name
from yk8s_tui.errors import ConfigError
from yk8s_tui.models.config import Config


def configured(**lab: Any) -> Config:
    return Config.model_validate({"cluster": {"name": "t", "harbour": "lab"}, "harbour": {"lab": lab}})


@given(frontends=st.integers(1, 9), control=st.integers(1, 9), workers=st.integers(0, 50), combined=st.booleans())
def test_every_layout_has_distinct_addresses_and_short_names(
    frontends: int, control: int, workers: int, combined: bool
) -> None:
    config = configured(frontends=frontends, control_planes=control, workers=workers, combined=combined)
    inventory = lab_inventory(config, Path("/somewhere"))
    assert len(inventory.nodes) == (0 if combined else frontends) + control + workers
    addresses = {node.address for node in inventory.nodes}
    assert len(addresses) == len(inventory.nodes)
    assert str(default_vip(config.harbour.lab)) not in addresses
    assert "10.77.0.1" not in addresses
    assert all(len(veth_name(tag_of(Path("/somewhere")), node.name)) <= 15 for node in inventory.nodes)
    assert len(inventory.frontends) == (control if combined else frontends)
    assert inventory.nodes[0].is_frontend


def test_two_repositories_share_no_name(tmp_path: Path) -> None:
    one, other = tag_of(tmp_path / "one"), tag_of(tmp_path / "other")
    assert tag_of(tmp_path / "x" / ".." / "one") == one
    for name in (bridge_name, table_name):
        assert name(one) != name(other)
    assert veth_name(one, "w1") != veth_name(other, "w1")
    assert len(bridge_name(one)) <= 15


def test_labels_and_taints_of_the_configuration_are_on_the_nodes() -> None:
    config = configured().model_copy(
        update={"kubernetes": configured().kubernetes.model_copy(update={"labels": {"w1": {"disk": "fast"}}})}
    )
    inventory = lab_inventory(config, Path("/somewhere"))
    assert inventory.node("w1").labels == {"disk": "fast"}
    assert inventory.node("w2").labels == {}


@pytest.mark.parametrize("subnet", ["10.77.0.0/25", "fd00::/64"])
def test_a_network_that_is_too_small_or_not_ipv4_is_refused(subnet: str) -> None:
    with pytest.raises(ConfigError, match="does not fit a lab"):
        lab_inventory(configured(subnet=subnet), Path("/somewhere"))


def test_package_sources_of_another_release_name_their_security_archive() -> None:
    text = debian_sources("trixie", "http://mirror.example/debian")
    assert "Suites: trixie trixie-updates" in text
    assert "URIs: http://mirror.example/debian-security\nSuites: trixie-security" in text


def test_another_recipe_makes_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    before = base_path("bookworm")
    monkeypatch.setattr("yk8s_tui.backends.lab_base.RECIPE", RECIPE + 1)
    assert base_path("bookworm") != before
    assert base_path("bookworm").name.startswith("base-bookworm-")
