"""A version that is a pattern, as apt takes it, is compared as one: where it is installed, and where it is probed."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest

ASSETS = Path(__file__).resolve().parents[2] / "assets"


@pytest.fixture
def missing_of() -> Any:
    """The module's own question, asked of this machine's dpkg."""
    folder = str(ASSETS / "ansible/module_utils")
    ansible.module_utils.__path__.append(folder)
    yield runpy.run_path(str(ASSETS / "ansible/library/yk8s_packages.py"))["missing_of"]
    ansible.module_utils.__path__.remove(folder)
    sys.modules.pop("ansible.module_utils.yk8s_host", None)


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="missing: dpkg-query")
def test_an_installed_version_that_fits_the_pattern_is_not_missing(missing_of: Any) -> None:
    told = ["dpkg-query", "--show", "--showformat", "${Version}", "base-files"]
    version = subprocess.run(told, capture_output=True, text=True, check=True).stdout
    assert missing_of([f"base-files={version}", f"base-files={version[:1]}*", "base-files"]) == []
    assert missing_of(["base-files=0.0.1-*", "no-such-package-here=1.*"]) == [
        "base-files=0.0.1-*",
        "no-such-package-here=1.*",
    ]


def test_a_pattern_is_no_drift_and_another_version_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ASSETS))
    drift = runpy.run_path(str(ASSETS / "probe.py"))["package_drift"]
    assert drift("kubeadm", "1.36.3-*", {"kubeadm": ("1.36.3-1.1", True)}) is None
    assert drift("kubeadm", "1.36.3-1.1", {"kubeadm": ("1.36.3-1.1", True)}) is None
    assert drift("kubeadm", "", {"kubeadm": ("1.36.3-1.1", True)}) is None
    assert "1.36.30-1.1 instead of 1.36.3-*" in drift("kubeadm", "1.36.3-*", {"kubeadm": ("1.36.30-1.1", True)})
    assert "missing" in drift("kubeadm", "1.36.3-*", {})
