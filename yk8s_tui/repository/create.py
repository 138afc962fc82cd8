"""Making a new cluster repository: all of it, or nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from string import Template
from typing import Any, cast, get_args

from yk8s_tui import paths
from yk8s_tui.errors import UsageError, Yk8sError
from yk8s_tui.models.problems import InvalidConfig, Problem
from yk8s_tui.models.types import HarbourName
from yk8s_tui.repository.atomic import write_atomic, write_error
from yk8s_tui.repository.editing import edit
from yk8s_tui.repository.reading import Reading, examine
from yk8s_tui.repository.repository import CONFIG, Repository
from yk8s_tui.repository.template import config_template


def create(directory: Path, harbour: str, name: str, settings: Mapping[str, Any] | None = None) -> Repository:
    """Make the repository; what exists in the directory already is kept.

    Raises `UsageError` when the directory is a cluster repository, `InvalidConfig` when name or settings are
    wrong (keys of the harbour that are merely not filled in yet are allowed). Nothing is left behind then.
    """
    root = directory.expanduser().absolute()
    if (root / CONFIG).exists():
        raise UsageError(
            "is a cluster repository already",
            where=str(root),
            hint="nothing was changed; edit its config/config.toml, or name another directory",
        )
    git = shutil.which("git")
    if git is None:
        raise Yk8sError("git is not installed", why="a cluster repository is a git repository", hint="install git")
    text = new_config(harbour, name, settings or {})
    _write_all(root, _files(harbour, name), text, git)
    return Repository(root)


def new_config(harbour: str, name: str, settings: Mapping[str, Any]) -> str:
    """The text of a new `config.toml` with settings applied; raises `InvalidConfig`."""
    template = config_template(_known(harbour), name)
    text = edit(template, settings, where="the new configuration") if settings else template
    today = date.today()
    not_filled_in = _errors(examine(template, today=today))
    wrong = {
        k: p
        for k, p in _errors(examine(text, today=today)).items()
        if k not in not_filled_in or not p.key.startswith("harbour.")
    }
    if wrong:
        raise InvalidConfig([p.model_copy(update={"line": 0}) for p in wrong.values()], where="the new configuration")
    return text


def _known(harbour: str) -> HarbourName:
    for known in get_args(HarbourName):
        if harbour == known:
            return cast(HarbourName, known)
    choices = ", ".join(get_args(HarbourName))
    problem = Problem(key="cluster.harbour", value=harbour, message=f"must be one of {choices}")
    raise InvalidConfig([problem], where="the new configuration")


def _errors(reading: Reading) -> dict[tuple[str, str], Problem]:
    return {(p.key, p.message): p for p in reading.problems if p.severity == "error"}


def _files(harbour: str, name: str) -> dict[str, str]:
    """Path -> text of everything but the configuration."""
    skeleton = paths.assets() / "skeleton"
    found = {}
    for source in sorted(p for p in skeleton.rglob("*") if p.is_file()):
        relative = str(source.relative_to(skeleton))
        text = source.read_text(encoding="utf-8")
        if relative == "README.md":
            text = Template(text).safe_substitute(name=name, harbour=harbour)
        found[".gitignore" if relative == "gitignore" else relative] = text
    return found


def _write_all(root: Path, files: Mapping[str, str], config: str, git: str) -> None:
    """The configuration comes last: what was broken off before it is no cluster repository."""
    made: list[Path] = []
    try:
        _make_directory(root, made)
        for relative, text in files.items():
            if not (root / relative).exists():
                _make_directory((root / relative).parent, made)
                made.append(root / relative)
                write_atomic(root / relative, text)
        for name, mode in (("secrets", 0o700), ("runs", 0o755), ("state", 0o755), ("config", 0o755)):
            _make_directory(root / name, made, mode)
        _git_init(git, root, made)
        made.append(root / CONFIG)
        write_atomic(root / CONFIG, config)
    except BaseException as error:
        _remove(made)
        if isinstance(error, OSError):
            raise write_error(Path(error.filename or root), error) from error
        raise


def _make_directory(path: Path, made: list[Path], mode: int = 0o755) -> None:
    if path.is_dir():
        return
    _make_directory(path.parent, made)
    path.mkdir(mode=mode)
    path.chmod(mode)
    made.append(path)


def _git_init(git: str, root: Path, made: list[Path]) -> None:
    if (root / ".git").exists():
        return
    made.append(root / ".git")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        [git, "-c", "init.defaultBranch=main", "init", "--quiet", str(root)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Yk8sError(
            "git init failed", where=str(root), why=done.stderr.strip(), hint="mend what git says, then repeat"
        )


def _remove(made: list[Path]) -> None:
    for path in reversed(made):
        if path.name == ".git":
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_dir():
            with contextlib.suppress(OSError):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
