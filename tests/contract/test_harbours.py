"""What every harbour promises, whoever made it."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Contender
from tests.lab.conftest import MakeLab, collect
from yk8s_tui.backends.base import HarbourPlan
from yk8s_tui.backends.ssh import SshPool

pytestmark = pytest.mark.lab


async def test_it_is_the_one_the_configuration_names(contender: Contender) -> None:
    assert contender.harbour.name == contender.config.cluster.harbour


async def test_the_catalogue_has_labelled_choices(contender: Contender) -> None:
    catalogue = await contender.harbour.catalogue()
    assert catalogue.choices
    assert all({"value", "label"} <= set(choice) for choices in catalogue.choices.values() for choice in choices)


async def test_preflight_says_what_it_found_and_passes_on_good_machines(contender: Contender) -> None:
    findings = await contender.harbour.preflight(contender.config)
    assert findings
    assert [f for f in findings if f.verdict == "fail"] == []
    assert all(f.id.startswith(f"{contender.harbour.name}.") and f.text for f in findings)


async def test_the_inventory_is_stable_and_distinct(contender: Contender) -> None:
    config = contender.config
    inventory = await contender.harbour.inventory(config)
    assert inventory == await contender.harbour.inventory(config)
    assert len(set(inventory.names)) == len(inventory.nodes) == len({n.address for n in inventory.nodes})
    assert inventory.frontends
    assert inventory.control_planes


async def test_every_node_answers_on_ssh_with_a_pinned_key_and_its_name(contender: Contender) -> None:
    inventory = await contender.harbour.inventory(contender.config)
    repository = contender.repository
    async with SshPool(inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir) as ssh:
        for name in inventory.names:
            done = await ssh.run(name, "hostname; id -u")
            assert (done.exit, done.stdout.decode().split()) == (0, [name, "0"])


async def test_planning_changes_nothing_and_repeats(contender: Contender) -> None:
    config = contender.config
    plan = await contender.harbour.plan(config)
    assert plan == await contender.harbour.plan(config)
    assert plan.effective == ()
    assert {c.name for c in plan.changes} >= set((await contender.harbour.inventory(config)).names)
    assert all(change.reason for change in plan.changes)


async def test_applying_again_is_quiet(contender: Contender) -> None:
    config = contender.config
    events = await collect(contender.harbour.apply(await contender.harbour.plan(config), config))
    assert [event for event in events if event.state == "failed"] == []
    assert (await contender.harbour.plan(config)).effective == ()


async def test_what_is_destroyed_is_said(contender: Contender) -> None:
    plan = await contender.harbour.destroy_plan(contender.config)
    assert all(change.action == "delete" and change.reason for change in plan.changes)
    hosts = set((await contender.harbour.inventory(contender.config)).names)
    lost = {change.name for change in plan.changes if change.destroys}
    assert lost == (hosts if contender.harbour.name == "lab" else set())


async def test_an_empty_destroy_plan_destroys_nothing(contender: Contender) -> None:
    config = contender.config
    events = await collect(contender.harbour.destroy(HarbourPlan(), config))
    assert [event for event in events if event.state in {"failed", "done"}] == []
    assert (await contender.harbour.plan(config)).effective == ()


async def test_the_harbour_never_touches_what_it_did_not_make(contender: Contender) -> None:
    """A plan that names a stranger destroys nothing of it."""
    config = contender.config
    own = await contender.harbour.destroy_plan(config)
    stranger = {"kind": "lab host", "name": "stranger", "action": "delete", "reason": "by mistake"}
    plan = HarbourPlan.model_validate({"changes": [stranger]})
    await collect(contender.harbour.destroy(plan, config))
    assert await contender.harbour.destroy_plan(config) == own


async def test_destroyed_hosts_are_planned_anew(make_lab: MakeLab) -> None:
    cluster = make_lab({"harbour.lab.workers": 0, "harbour.lab.combined": True}, fresh=True, start=False)
    config, harbour = cluster.config, cluster.harbour
    first = await harbour.plan(config)
    assert {c.action for c in first.effective} == {"create"}
    events = await collect(harbour.apply(first, config))
    assert [e.state for e in events if e.resource == "cp1"] == ["started", "done"]
    await collect(harbour.destroy(await harbour.destroy_plan(config), config))
    assert (await harbour.destroy_plan(config)).changes == ()
    assert await harbour.plan(config) == first
