"""Ordering steps, their digests, and the decision which of them run."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import yk8s_tui
from yk8s_tui.layers import pipeline
from yk8s_tui.models.plan import Action, Playbook, Scope, Step
from yk8s_tui.status.hosts import HostState, Receipt

HASH = "yk8s_tui.layers.pipeline:order"


def step(identity: str, *, needs: tuple[str, ...] = (), nodes: tuple[str, ...] = ("a", "b"), **more: object) -> Step:
    return Step(
        id=identity,
        layer="trampoline",
        title=identity,
        nodes=nodes,
        needs=needs,
        **{"digest": "d1", "run": Action(function=HASH), **more},  # type: ignore[arg-type]
    )


def state(**receipts: Receipt) -> HostState:
    return HostState(reachable=True, receipts={name.replace("_", "."): receipt for name, receipt in receipts.items()})


DONE = Receipt(digest="d1", state="done", run="r", time=1.0, times_run=1)


def test_order_puts_needs_first_and_keeps_the_given_order_otherwise() -> None:
    steps = [step("x.c", needs=("x.a", "x.b")), step("x.a"), step("x.b", needs=("x.a",)), step("x.d")]
    assert [s.id for s in pipeline.order(steps)] == ["x.a", "x.b", "x.c", "x.d"]


def test_order_ignores_needs_that_are_not_there_and_names_a_circle() -> None:
    assert [s.id for s in pipeline.order([step("x.a", needs=("y.gone",))])] == ["x.a"]
    with pytest.raises(ValueError, match="circle"):
        pipeline.order([step("x.a", needs=("x.b",)), step("x.b", needs=("x.a",))])


def test_order_is_topological_for_any_graph() -> None:
    source = random.Random(7)
    for _ in range(50):
        names = [f"x.{i}" for i in range(12)]
        graph = [step(name, needs=tuple(source.sample(names[:i], min(i, 3)))) for i, name in enumerate(names)]
        source.shuffle(graph)
        seen: set[str] = set()
        for placed in pipeline.order(graph):
            assert set(placed.needs) <= seen
            seen.add(placed.id)
        assert len(seen) == 12


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (state(), "never applied"),
        (state(x_a=DONE.model_copy(update={"state": "started"})), "was interrupted"),
        (state(x_a=DONE.model_copy(update={"digest": "other"})), "configuration or tool changed"),
        (HostState(reachable=False, error="no route"), "the host was not probed"),
    ],
)
def test_a_node_runs_for_a_stated_reason(found: HostState, reason: str) -> None:
    good = state(x_a=DONE)
    planned = pipeline.decide([step("x.a")], {"a": found, "b": good})[0]
    assert planned.decision == "run"
    assert planned.nodes == ("a",)
    assert reason in planned.reason


def test_a_step_of_all_together_runs_on_all_when_one_needs_it() -> None:
    good, new = state(x_a=DONE), state()
    together = step("x.a").model_copy(update={"together": True})
    planned = pipeline.decide([together], {"a": new, "b": good})[0]
    assert planned.nodes == ("a", "b")
    assert planned.reason == "a: never applied"
    assert pipeline.decide([together], {"a": good, "b": good})[0].decision == "skip"
    assert pipeline.decide([together], {"a": new, "b": good}, Scope(limit=("a",)))[0].nodes == ("a",)


def test_unchanged_and_probed_is_skipped_and_drift_is_named() -> None:
    good = state(x_a=DONE)
    assert pipeline.decide([step("x.a")], {"a": good, "b": good})[0].decision == "skip"
    drifted = good.model_copy(update={"drift": {"x.a": ("/etc/f differs",)}})
    planned = pipeline.decide([step("x.a")], {"a": good, "b": drifted})[0]
    assert planned.nodes == ("b",)
    assert "/etc/f differs" in planned.reason
    assert pipeline.decide([step("x.a")], {"a": good, "b": good}, Scope(full=True))[0].nodes == ("a", "b")
    assert pipeline.decide([step("x.a")], {}, Scope(limit=("b",)))[0].nodes == ("b",)
    assert pipeline.decide([step("x.a", always=True)], {"a": good, "b": good})[0].decision == "run"


def test_the_digest_follows_variables_secrets_and_code_and_never_shows_a_secret() -> None:
    base = step("x.a", variables={"port": 1}, secrets={"password": "p"})
    plain = pipeline.with_digest(base, {"p": "one"}).digest
    assert pipeline.with_digest(base, {"p": "one"}).digest == plain
    assert pipeline.with_digest(base, {"p": "two"}).digest != plain
    assert pipeline.with_digest(base.model_copy(update={"variables": {"port": 2}}), {"p": "one"}).digest != plain
    other = base.model_copy(update={"run": Action(function="yk8s_tui.layers.pipeline:select")})
    assert pipeline.with_digest(other, {"p": "one"}).digest != plain


def test_an_actions_digest_follows_its_module_and_the_layers_modules_that_it_uses(tmp_path: Path) -> None:
    """On a copy of the package, because sources are read once per process."""
    package = Path(yk8s_tui.__file__).parent
    shutil.copytree(package, tmp_path / "yk8s_tui", ignore=shutil.ignore_patterns("__pycache__"))
    layers = tmp_path / "yk8s_tui" / "layers"
    before = action_digests(tmp_path)
    assert action_digests(tmp_path) == before

    def touched(name: str) -> set[str]:
        path = layers / name
        told = path.read_text()
        path.write_text(told + "\n# another\n")
        after = action_digests(tmp_path)
        path.write_text(told)
        return {action for action, digest in after.items() if digest != before[action]}

    assert touched("artifacts.py") == {"artifacts:send_images"}
    assert touched("kubectl.py") == {"settle:settle", "cni:install"}
    assert touched("receipts.py") == set(before)
    assert touched("base.py") == touched("wireguard.py") == touched("../cli.py") == set()


DIGESTS = """
import json
from yk8s_tui.layers import pipeline
from yk8s_tui.models.plan import Action, Step

def digest(name):
    run = Action(function=f"yk8s_tui.layers.{name}")
    return pipeline.with_digest(Step(id="x.a", layer="trampoline", title="", nodes=(), run=run), {}).digest

print(json.dumps({n: digest(n) for n in ("artifacts:send_images", "settle:settle", "cni:install")}))
"""


def action_digests(package: Path) -> dict[str, str]:
    told = subprocess.run(
        [sys.executable, "-c", DIGESTS], cwd=package, env=os.environ | {"PYTHONPATH": str(package)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    digests: dict[str, str] = json.loads(told.stdout)
    return digests


def test_a_playbooks_digest_follows_its_roles() -> None:
    base = step("x.a", run=Playbook(playbook="trampoline/base.yaml", roles=("trampoline_base",)))
    other = step("x.a", run=Playbook(playbook="trampoline/base.yaml", roles=("nftables",)))
    assert pipeline.with_digest(base, {}).digest != pipeline.with_digest(other, {}).digest
