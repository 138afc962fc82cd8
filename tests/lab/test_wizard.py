"""The main job once for real: `yk8s-tui` in a terminal, from the first page to a finished run."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.clusters import apply, changing, ready, report, step_seconds
from tests.lab.conftest import LabCluster, MakeLab, wait_until
from tests.lab.terminal import TMUX, Terminal
from yk8s_tui.backends.bundle import available
from yk8s_tui.backends.lab import LabHarbour
from yk8s_tui.repository.repository import Repository

pytestmark = [pytest.mark.lab, pytest.mark.skipif(TMUX is None, reason="missing: tmux")]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(
        f"cd {tmp_path} && {sys.executable} -m yk8s_tui", environment={"XDG_STATE_HOME": str(tmp_path / "state")}
    )
    yield found
    found.close()


def value_of(screen: str, label: str) -> str | None:
    """What stands in the field with this label; None while its line is not whole: a screen may be half painted."""
    found = re.search(rf"│ {label} +(.*?) *│$", screen, re.MULTILINE)
    return found and found.group(1)


def fill(terminal: Terminal, label: str, text: str, *, former: str = "") -> None:
    """Replace the text of the focused field."""
    if former:
        terminal.keys(*["BSpace"] * len(former))
        _wait_until(terminal, lambda screen: value_of(screen, label) not in (former, None), f"{label} is empty")
    terminal.type(text)
    _wait_until(terminal, lambda screen: value_of(screen, label) == text, f"{label} is {text}")


def _wait_until(terminal: Terminal, condition: Callable[[str], bool], what: str) -> None:
    """Wait for what a screen shows; the screen is told when it does not come."""
    try:
        wait_until(lambda: condition(terminal.screen), 30, what)
    except AssertionError:
        pytest.fail(f"did not come: {what}; the screen is\n{terminal.screen}")


def test_from_the_first_page_to_a_finished_run(terminal: Terminal, tmp_path: Path, make_lab: MakeLab) -> None:
    subnet = str(make_lab({"harbour.lab.workers": 1}, fresh=True, start=False).config.harbour.lab.subnet)
    terminal.wait_for("No cluster yet")
    terminal.keys("n")
    terminal.wait_for("One cluster is one git repository")
    terminal.wait_for("destructive actions ask for it")  # the help of the field stands below it when it has the cursor
    fill(terminal, "Name", "first")
    terminal.keys("Tab")
    terminal.wait_for("Where the cluster repository is made")
    fill(terminal, "Directory", "c1")
    _infrastructure(terminal, subnet)
    for page in ("Virtual IP", "Version", "your own plays", "What will be written"):
        terminal.keys("C-n")
        terminal.wait_for(page)
    terminal.keys("C-b", "C-b", "C-b", "C-b")
    assert subnet in terminal.wait_for("Subnet"), "going back loses nothing"
    for page in ("Virtual IP", "Version", "your own plays", "Nothing is wrong"):
        terminal.keys("C-n")
        terminal.wait_for(page)
    terminal.keys("C-n")
    _review_and_run(terminal)
    repository = Repository(tmp_path / "c1")
    cluster = LabCluster(repository, LabHarbour(repository.root))
    try:
        _watch(terminal)
        assert ("done" if available() else "partial") in cluster.cli("runs", "list").stdout
        (plan,) = repository.root.glob("runs/*/plan.json")
        assert json.loads(plan.read_text())["scope"] == {"layers": [], "limit": [], "full": False}
        if available():
            _is_whole(cluster)
    finally:
        cluster.cli("destroy", "--confirm", "first")


def _is_whole(cluster: LabCluster) -> None:
    """What the wizard made is a cluster with one node of each kind, and stays as it is."""
    report("one node of each kind", step_seconds(cluster))
    assert ready(cluster) == {"cp1": "True", "w1": "True"}
    assert changing(cluster) == {}
    events = apply(cluster)
    report("one node of each kind, unchanged", step_seconds(cluster))
    assert not [e for e in events if e["type"] == "node_result" and e["result"] == "changed"]


def _infrastructure(terminal: Terminal, subnet: str) -> None:
    terminal.keys("C-n")
    terminal.wait_for("Nodes come from")
    terminal.keys("Enter")
    terminal.wait_for("lab: hosts on this machine")
    terminal.keys("Down", "Enter")
    terminal.wait_for("Subnet")
    for _ in range(4):
        terminal.keys("Tab")
    terminal.wait_for("Number of worker nodes")
    fill(terminal, "Workers", "1", former="2")
    terminal.keys("Tab")
    terminal.wait_for("Network of the lab's bridge")
    fill(terminal, "Subnet", subnet, former="10.77.0.0/24")


def _review_and_run(terminal: Terminal) -> None:
    terminal.wait_for("Start machines")
    terminal.keys("r")
    terminal.wait_for("Nothing is destroyed", seconds=240)
    terminal.wait_for("Run is off", seconds=240, gone=True)
    terminal.keys("r")
    terminal.wait_for("running", "●", seconds=60)


def _watch(terminal: Terminal) -> None:
    terminal.wait_for("fe1", seconds=60)
    terminal.resize(160, 50)
    assert "cp1" in terminal.wait_for("w1")
    terminal.resize(80, 24)
    screen = terminal.wait_for("✓ done", "partial", "failed", seconds=500)
    assert "failed" not in screen
    terminal.keys("Enter")
    terminal.wait_for("Follow", "Filter")
    terminal.keys("Escape")
    terminal.wait_for("fe1")
    terminal.keys("C-q")
    terminal.wait_for("ended with 0")
