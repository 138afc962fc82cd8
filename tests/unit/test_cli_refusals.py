"""What is given wrongly, torn or cut off ends with its exit code and says what to do, never as an internal error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from yk8s_tui.cli import main
from yk8s_tui.errors import ExitCode
from yk8s_tui.repository.create import create
from yk8s_tui.repository.lock import cluster_lock


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    root = tmp_path / "demo"
    create(root, "lab", "demo", {})
    return root


@pytest.mark.parametrize(
    ("waiver", "why"),
    [("nonsense=x", "no such check"), ("ssh.reachable=x", "cannot be waived"), ("identity.hostname=", "reason")],
)
def test_apply_refuses_waivers_that_make_no_sense(
    lab: Path, waiver: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--cluster", str(lab), "apply", "--yes", "--waive", waiver]) == ExitCode.USAGE
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["apply", "--yes"], ["lab", "up"], ["lab", "down"], ["destroy", "--confirm", "demo"]]
)
def test_nothing_is_done_to_hosts_that_a_run_is_at_work_on(
    lab: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (lab / "runs/20261128-065518-55ba").mkdir(parents=True)
    with cluster_lock(lab, "20261128-065518-55ba"):
        assert main(["--cluster", str(lab), *command]) == ExitCode.LOCKED
    assert "runs cancel 20261128-065518-55ba" in capsys.readouterr().err
    with cluster_lock(lab, "lab up"):
        assert main(["--cluster", str(lab), *command]) == ExitCode.LOCKED
    assert "runs cancel" not in capsys.readouterr().err, "only a run can be cancelled"


def test_a_plan_beside_a_run_says_that_it_passes(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--cluster", str(lab), "plan"])
    assert "is at work" not in capsys.readouterr().err
    with cluster_lock(lab, "20261128-065518-55ba"):
        assert main(["--cluster", str(lab), "plan"]) == ExitCode.DONE
    assert "run 20261128-065518-55ba" in capsys.readouterr().err


def test_a_plan_names_the_machines_that_are_made_first(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cluster", str(lab), "plan"]) == ExitCode.DONE
    told = capsys.readouterr().out.splitlines()
    assert "  + create lab host cp1: does not exist" in told
    assert not [line for line in told if line.startswith("?")], "nobody asks hosts that are not made yet"
    assert main(["--cluster", str(lab), "status", "--plain"]) == ExitCode.UNREACHABLE
    assert "`yk8s-tui lab up`" in capsys.readouterr().out


@pytest.mark.parametrize(("content", "why"), [(b"w1,10.0.0.1,worker,\xe4\xf6", "UTF-8"), (None, "cannot be read")])
def test_a_list_that_cannot_be_read(
    lab: Path, content: bytes | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lab.parent / "list"
    if content is not None:
        file.write_bytes(content)
    assert main(["--cluster", str(lab), "baremetal", "import", str(file)]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert why in told
    assert "what to do" in told


def test_the_end_of_input_at_a_question_cancels() -> None:
    code = (
        "import sys; from yk8s_tui.errors import CancelledError; from yk8s_tui.commands.common import ask\n"
        "try: ask('Apply? ')\n"
        "except CancelledError as error: sys.exit(error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.CANCELLED, "", "Apply? \n")


@pytest.mark.parametrize("text", ['{"format": 1, "harb', '{"harbour": "lab"}', "[]"])
@pytest.mark.parametrize("command", [["lab", "list"], ["destroy", "--confirm", "demo"], ["lab", "down"]])
def test_a_damaged_state_file_says_what_to_do(
    lab: Path, text: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (lab / "state").mkdir(exist_ok=True)
    (lab / "state/harbour.json").write_text(text)
    assert main(["--cluster", str(lab), *command]) == ExitCode.CONFIG
    told = capsys.readouterr().err
    assert "harbour.json" in told
    assert "lab prune" in told


def test_what_was_made_is_listed_without_a_valid_configuration(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from yk8s_tui.backends.lab_state import load_state

    load_state(lab).save()
    for broken in ("[cluster", "[cluster]\nname = 'demo'\nharbour = 'lab'\nnonsense = 1\n"):
        (lab / "config/config.toml").write_text(broken)
        assert main(["--cluster", str(lab), "lab", "list"]) == ExitCode.DONE
        told = capsys.readouterr()
        assert told.out.split() == ["NAME", "ADDRESS", "ROLES", "STATE", "MEMORY"]
        assert "configuration cannot be used" in told.err
        assert main(["--cluster", str(lab), "destroy", "--confirm", "other"]) == ExitCode.CONSENT
        assert "--confirm demo" in capsys.readouterr().err


def test_without_state_an_invalid_configuration_is_the_error(lab: Path) -> None:
    (lab / "config/config.toml").write_text("[cluster")
    assert main(["--cluster", str(lab), "destroy"]) == ExitCode.CONFIG
    assert main(["--cluster", str(lab), "lab", "down"]) == ExitCode.CONFIG


def test_a_host_that_is_not_made_yet_is_not_unknown(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cluster", str(lab), "lab", "exec", "cp1", "--", "true"]) == ExitCode.USAGE
    assert "`yk8s-tui lab up`" in capsys.readouterr().err
    assert main(["--cluster", str(lab), "lab", "exec", "cp99", "--", "true"]) == ExitCode.USAGE
    assert "no host 'cp99'" in capsys.readouterr().err
