"""The Ansible modules that write files and receipts, run for real on this machine."""

from __future__ import annotations

import json
import os
import runpy
import stat
import sys
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
from ansible.module_utils.testing import patch_module_args

ANSIBLE = Path(__file__).resolve().parents[2] / "assets" / "ansible"
STEP = {"id": "trampoline.base", "digest": "d1", "run": "r1"}


@pytest.fixture(autouse=True)
def _module_utils() -> Any:
    folder = str(ANSIBLE / "module_utils")
    ansible.module_utils.__path__.append(folder)
    yield
    ansible.module_utils.__path__.remove(folder)
    sys.modules.pop("ansible.module_utils.yk8s_host", None)


def run(capsys: pytest.CaptureFixture[str], module: str, **args: Any) -> dict[str, Any]:
    """One execution of a module, as Ansible makes it."""
    with patch_module_args(args), pytest.raises(SystemExit):
        runpy.run_path(str(ANSIBLE / "library" / f"{module}.py"), run_name="__main__")
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def files(capsys: pytest.CaptureFixture[str], *entries: dict[str, Any], **args: Any) -> dict[str, Any]:
    return run(capsys, "yk8s_files", files=list(entries), **args)


def test_a_set_is_made_once_and_then_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old").write_text("x")
    entries = (
        {"path": str(tmp_path / "deep/er/a.conf"), "content": "a\n", "mode": "0600"},
        {"path": str(tmp_path / "conf.d"), "state": "directory", "mode": "0750"},
        {"path": str(tmp_path / "link"), "state": "link", "target": "deep/er/a.conf"},
        {"path": str(tmp_path / "marker"), "state": "touch"},
        {"path": str(tmp_path / "old"), "state": "absent"},
    )
    first = files(capsys, *entries)
    assert first["changed_paths"] == [entry["path"] for entry in entries]
    assert (tmp_path / "link").read_text() == "a\n"
    assert stat.S_IMODE((tmp_path / "deep/er/a.conf").stat().st_mode) == 0o600
    assert not (tmp_path / "old").exists()
    second = files(capsys, *entries)
    assert (second["changed"], second["changed_paths"], second["diff"]) == (False, [], [])


def test_mode_alone_is_a_change_and_is_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a"
    entry = {"path": str(path), "content": "a", "mode": "0640"}
    files(capsys, entry)
    path.chmod(0o666)
    assert files(capsys, entry)["changed_paths"] == [str(path)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_check_mode_changes_nothing_and_shows_the_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a"
    path.write_text("before\n")
    result = files(
        capsys,
        {"path": str(path), "content": "after\n"},
        {"path": str(tmp_path / "b/c"), "content": ""},
        _ansible_check_mode=True,
        receipt=STEP,
        directory=str(tmp_path / "receipts"),
    )
    assert result["changed"]
    assert result["diff"][0]["before"] == "before\n"
    assert result["diff"][0]["after"] == "after\n"
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_text() == "before\n"


def test_a_file_that_does_not_validate_is_never_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a"
    path.write_text("good\n")
    other = tmp_path / "b"
    result = files(
        capsys,
        {"path": str(other), "content": "b"},
        {"path": str(path), "content": "bad\n", "validate": "grep -q good %s"},
    )
    assert result["failed"]
    assert "is not valid" in result["msg"]
    assert path.read_text() == "good\n"
    assert not other.exists()


def test_a_set_that_does_not_validate_is_put_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, gone, new = tmp_path / "kept", tmp_path / "gone", tmp_path / "new"
    kept.write_text("1")
    kept.chmod(0o604)
    gone.write_text("2")
    result = files(
        capsys,
        {"path": str(kept), "content": "9", "mode": "0600"},
        {"path": str(gone), "state": "absent"},
        {"path": str(new), "content": "3"},
        validate=["sh -c 'echo no such backend; exit 1'"],
    )
    assert "no such backend" in result["msg"]
    assert (kept.read_text(), gone.read_text(), new.exists()) == ("1", "2", False)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o604


def test_purge_removes_strays_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("stray.cfg", "mine.cfg", "README"):
        (tmp_path / name).write_text("")
    result = files(
        capsys,
        {"path": str(tmp_path), "state": "directory", "purge": ["*.cfg"]},
        {"path": str(tmp_path / "mine.cfg"), "content": ""},
    )
    assert result["changed_paths"] == [str(tmp_path / "stray.cfg")]
    assert sorted(os.listdir(tmp_path)) == ["README", "mine.cfg"]


def test_contents_stay_out_of_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = files(capsys, {"path": str(tmp_path / "key"), "content": "hunter2", "sensitive": True}, _ansible_diff=True)
    assert result["changed"]
    assert "hunter2" not in json.dumps(result)


def test_no_top_level_directory_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "refusing" in files(capsys, {"path": "/usr", "state": "absent"}, _ansible_check_mode=True)["msg"]


def test_receipt_goes_from_started_to_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a"
    receipts = tmp_path / "receipts"
    args = {"receipt": STEP, "directory": str(receipts)}
    files(capsys, {"path": str(path), "content": "a"}, {"path": str(tmp_path / "no"), "state": "absent"}, **args)
    receipt = json.loads((receipts / "trampoline.base.json").read_text())
    assert (receipt["state"], receipt["times_run"], receipt["format"]) == ("started", 1, 1)
    assert receipt["claims"]["files"][str(path)]["mode"] == "0644"
    assert receipt["claims"]["absent"] == [str(tmp_path / "no")]
    result = run(
        capsys,
        "yk8s_receipt",
        step=STEP,
        state="done",
        units={"ssh.service": "active"},
        sysctls={"net.ipv4.ip_forward": 1},
        files=[str(path)],
        directory=str(receipts),
    )
    assert result["changed"] is False
    receipt = json.loads((receipts / "trampoline.base.json").read_text())
    assert (receipt["state"], receipt["times_run"]) == ("done", 1)
    assert receipt["claims"]["sysctls"] == {"net.ipv4.ip_forward": "1"}
    assert receipt["claims"]["units"] == {"ssh.service": "active"}
    assert str(path) in receipt["claims"]["files"]
    assert stat.S_IMODE((receipts / "trampoline.base.json").stat().st_mode) == 0o600


def test_the_next_run_counts_and_forgets_old_claims(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = {"directory": str(tmp_path / "receipts")}
    files(capsys, {"path": str(tmp_path / "a"), "content": "a"}, receipt=STEP, **args)
    run(capsys, "yk8s_receipt", step=STEP, state="done", **args)
    files(capsys, {"path": str(tmp_path / "b"), "content": "b"}, receipt={**STEP, "run": "r2"}, **args)
    receipt = json.loads((tmp_path / "receipts/trampoline.base.json").read_text())
    assert (receipt["state"], receipt["times_run"], receipt["run"]) == ("started", 2, "r2")
    assert list(receipt["claims"]["files"]) == [str(tmp_path / "b")]


def test_a_torn_receipt_counts_as_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trampoline.base.json").write_text('{"format": 1, "st')
    result = run(capsys, "yk8s_receipt", step=STEP, state="started", directory=str(tmp_path))
    assert result["times_run"] == 1


def test_after_an_interruption_every_file_counts_as_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"path": str(tmp_path / "a"), "content": "a"}
    other = {"path": str(tmp_path / "b"), "content": "b"}
    args = {"directory": str(tmp_path / "receipts")}
    files(capsys, entry, receipt=STEP, **args)
    again = {**STEP, "run": "r2"}
    result = files(capsys, entry, receipt=again, **args)
    assert (result["changed"], result["changed_paths"]) == (False, [entry["path"]])
    assert files(capsys, entry, other, receipt=again, **args)["changed_paths"] == [entry["path"], other["path"]]
    run(capsys, "yk8s_receipt", step=again, state="done", **args)
    result = files(capsys, entry, receipt={**STEP, "run": "r3"}, **args)
    assert result["changed_paths"] == []
