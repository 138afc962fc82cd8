"""`--json`: one object with its format, described in docs/reference/json.md."""

from __future__ import annotations

import argparse
import json
import runpy
from pathlib import Path

import pytest

from yk8s_tui.cli import COMMANDS, main
from yk8s_tui.commands.common import build_parser
from yk8s_tui.models.plan import Plan
from yk8s_tui.repository.create import create

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/json.md").read_text()


def with_json() -> list[str]:
    """Every command that has the option, as its words."""
    parsers = runpy.run_path(str(ROOT / "tools/command_reference.py"))["parsers"]
    found: list[argparse.ArgumentParser] = list(parsers(build_parser(COMMANDS)))
    return [p.prog.removeprefix("yk8s-tui ") for p in found if "--json" in p._option_string_actions]


@pytest.mark.parametrize("command", with_json())
def test_every_command_with_json_is_described(command: str) -> None:
    assert f"\n| `{command}` |" in PAGE


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("json") / "demo"
    create(root, "lab", "demo", {})
    (root.parent / "list.csv").write_text("fe1,10.0.0.2,frontend\n")
    return root


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("validate", "problems"),
        ("preflight --list", "checks"),
        ("runs list", "runs"),
        ("lab list", "hosts"),
        ("vpn list", "peers"),
        ("bundle list", "bundles"),
        ("baremetal import {list} --dry-run", "nodes"),
    ],
)
def test_it_is_an_object_with_its_format(
    cluster: Path, command: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command.format(list=cluster.parent / "list.csv").split()
    assert main(["--cluster", str(cluster), *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == 1
    assert isinstance(told[key], list)


def test_a_plan_as_json_can_be_applied_as_a_saved_one(tmp_path: Path) -> None:
    from tests.tui.reviews import plan
    from yk8s_tui.commands.apply import _saved

    given: Plan = plan()
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"format": 1, "hash": given.hash, **given.model_dump(mode="json")}))
    assert _saved(file) == given
    file.write_text(given.model_dump_json())
    assert _saved(file) == given
