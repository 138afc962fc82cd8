"""`init`, `validate` and `schema` as their user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from yk8s_tui.errors import ExitCode
from yk8s_tui.repository.recent import recent


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yk8s_tui", *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


def test_init_validate_and_a_mistake(tmp_path: Path) -> None:
    root = tmp_path / "Berlin 1"
    made = run(
        "init", str(root), "--harbour", "lab", "--set", "harbour.lab.workers=3", "--set", "kubernetes.version=1.36.2"
    )
    assert made.returncode == ExitCode.DONE, made.stderr
    assert "berlin-1" in made.stdout
    assert recent()[0].root == root
    good = run("validate", cwd=root / "k8s-custom")
    assert good.returncode == ExitCode.DONE
    assert good.stdout.startswith("ok: ")
    assert "1 frontend, 1 control plane, 3 workers" in good.stdout
    config = root / "config" / "config.toml"
    text = config.read_text().replace('cni = "routed"', 'cni = "calicoo"').replace("workers = 3", "worker = 3")
    config.write_text(text)
    bad = run("--cluster", str(root), "validate")
    assert bad.returncode == ExitCode.CONFIG
    line = text.splitlines().index('cni = "calicoo"') + 1
    assert f'config.toml:{line}: error: kubernetes.cni = "calicoo": must be one of' in bad.stderr
    assert 'did you mean "calico"?' in bad.stderr
    assert "did you mean `workers`?" in bad.stderr
    assert "2 problems" in bad.stderr
    assert bad.stdout == ""
    as_json = run("--cluster", str(root), "validate", "--json")
    assert as_json.returncode == ExitCode.CONFIG
    body = json.loads(as_json.stdout)
    assert body["ok"] is False
    assert {"key", "line", "message", "remedy", "severity", "value"} == body["problems"][0].keys()


def test_warnings_are_shown_and_stop_nothing(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    run("init", str(root), "--harbour", "lab", "--set", "harbour.lab.control_planes=2")
    done = run("--cluster", str(root), "validate")
    assert done.returncode == ExitCode.DONE
    assert "warning: harbour.lab.control_planes = 2" in done.stderr
    assert "(2 warnings)" in done.stdout


def test_init_refuses_what_would_be_wrong_and_leaves_nothing(tmp_path: Path) -> None:
    bad = run(
        "init", str(tmp_path / "x"), "--harbour", "lab", "--set", "kubernetes.version=1.36", "--set", "cluster.nam=a"
    )
    assert bad.returncode == ExitCode.CONFIG
    assert 'kubernetes.version = "1.36"' in bad.stderr
    assert "did you mean `name`?" in bad.stderr
    assert os.listdir(tmp_path) == []
    assert run("init", str(tmp_path / "x"), "--harbour", "lab", "--set", "a").returncode == ExitCode.USAGE
    assert run("init", str(tmp_path / "x"), "--harbour", "moon").returncode == ExitCode.USAGE
    assert run("init", str(tmp_path / "x"), "--harbour", "lab").returncode == ExitCode.DONE
    again = run("init", str(tmp_path / "x"), "--harbour", "lab")
    assert again.returncode == ExitCode.USAGE
    assert "already" in again.stderr


def test_bare_metal_says_what_is_still_to_do(tmp_path: Path) -> None:
    made = run("init", str(tmp_path / "x"), "--harbour", "baremetal")
    assert made.returncode == ExitCode.DONE
    assert "still to do: harbour.baremetal.nodes" in made.stdout
    assert run("--cluster", str(tmp_path / "x"), "validate").returncode == ExitCode.CONFIG


@pytest.mark.parametrize("content", [None, b"", b"\0\0", b"[cluster", b"\xff"])
def test_bad_files_end_with_the_exit_code_of_the_configuration(tmp_path: Path, content: bytes | None) -> None:
    run("init", str(tmp_path), "--harbour", "lab", "--name", "demo")
    config = tmp_path / "config" / "config.toml"
    if content is None:
        config.unlink()
    else:
        config.write_bytes(content)
    done = run("--cluster", str(tmp_path), "validate")
    assert done.returncode == ExitCode.CONFIG
    assert "what to do:" in done.stderr
    assert "Traceback" not in done.stderr
    assert content is None or config.read_bytes() == content


def test_an_old_file_is_migrated_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('[cluster]\nname = "x"\nprovider = "lab" # old\n')
    done = run("--cluster", str(tmp_path), "validate")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "migrated from schema version 0" in done.stdout
    assert (tmp_path / "config" / "config.toml.v0.bak").exists()


def test_the_schema_in_both_forms() -> None:
    schema = json.loads(run("schema").stdout)
    assert schema["properties"]["cluster"]
    assert run("schema", "--markdown").stdout.startswith("# Configuration")
