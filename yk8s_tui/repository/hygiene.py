"""Whether secrets are kept as they should be: not in git, and readable by their owner only."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

from yk8s_tui.models.problems import Problem


def secret_problems(root: Path) -> tuple[Problem, ...]:
    """Warnings about `secrets/`; empty when all is well or there are none."""
    secrets = root / "secrets"
    if not secrets.is_dir():
        return ()
    return tuple(p for p in (_tracked(root), _readable(root, secrets)) if p)


def _tracked(root: Path) -> Problem | None:
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    done = subprocess.run(
        [git, "-C", str(root), "ls-files", "--", "secrets"], capture_output=True, text=True, check=False
    )
    files = done.stdout.split("\n")[:-1]
    if not files:
        return None
    return Problem(
        key="secrets",
        value=files[0],
        message=f"{len(files)} secret file{'s are' if len(files) > 1 else ' is'} in git",
        remedy="`git rm -r --cached secrets`, keep /secrets/ in .gitignore, and renew what was published",
        severity="warning",
    )


def _readable(root: Path, secrets: Path) -> Problem | None:
    def is_open(path: Path) -> bool:
        return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077) and not path.is_symlink()

    if not is_open(secrets):
        return None
    exposed = [p for p in sorted(secrets.rglob("*")) if p.is_file() and p.suffix != ".pub" and is_open(p)]
    return Problem(
        key="secrets",
        value=str((exposed or [secrets])[0].relative_to(root)),
        message="can be read by others on this machine",
        remedy="`chmod -R go= secrets`",
        severity="warning",
    )
