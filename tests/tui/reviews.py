"""A plan and findings for tests of Review, and a Review that asks nobody."""

from __future__ import annotations

from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.models.plan import Change, Plan, PlannedStep, Playbook, Step
from yk8s_tui.preflight import Finding
from yk8s_tui.screens.review import ReviewScreen


def plan() -> Plan:
    """A plan that removes something."""

    def planned(step_id: str, title: str, *nodes: str, destroys: str = "", skip: bool = False) -> PlannedStep:
        step = Step(
            id=step_id, layer=step_id.partition(".")[0], title=title, nodes=nodes, run=Playbook(playbook="x.yaml"),  # type: ignore[arg-type]
            why="without it nothing comes in", destroys=destroys, changes=(Change(symbol="+", text="12 rules"),),
        )  # fmt: skip
        reason = "unchanged" if skip else "never applied"
        return PlannedStep(
            step=step, decision="skip" if skip else "run", reason=reason, nodes=nodes, estimate_seconds=40
        )

    return Plan(
        cluster="berlin-1", operation="apply", created="2026-11-23T08:00:00+00:00", tool_version="0.1",
        config_digest="c", live_digest="l",
        inventory=Inventory(nodes=(Node(name="fe1", address="10.77.0.11", roles=("frontend",)),)),
        steps=(
            planned("trampoline.base", "Packages, sshd, time", "fe1", skip=True),
            planned("trampoline.firewall", "Firewall", "fe1"),
            planned("k8s-base.prepare", "Prepare nodes", "cp1", "cp2", "cp3", "w1", "w2", "w3", "w4"),
            planned("ksl.rook", "Remove Rook", "cp1", destroys="every volume of Rook, with its data"),
        ),
    )  # fmt: skip


FINDINGS = (
    Finding(
        id="clock", node="cp2", verdict="fail", title="Clock", text="the clock is off", measured="48 s", limit="30 s",
        remedy="start chrony",
    ),
    Finding(id="memory", node="fe1", verdict="warn", title="Memory", text="little memory", remedy="2 GB are advised"),
    Finding(id="os", node="fe1", verdict="pass", title="Operating system"),
    Finding(id="os", node="cp1", verdict="pass", title="Operating system"),
)  # fmt: skip


class QuietReview(ReviewScreen):
    """Review without its thread: the test tells the news."""

    def look(self) -> None:  # type: ignore[override]
        return

    def _remember(self) -> None:  # type: ignore[override]
        return
