"""Unfinished answers of the wizard, kept until they are a configuration."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yk8s_tui.errors import ConfigError
from yk8s_tui.repository.atomic import write_atomic


def draft_path(place: Path) -> Path:
    """The draft of a cluster repository, or of any other directory (a cluster that is not made yet)."""
    is_repository = (place / "config" / "config.toml").exists()
    return (place / "state" if is_repository else place) / "draft.json"


def save_draft(place: Path, answers: Mapping[str, Any]) -> None:
    """Keep answers, valid or not; only the owner can read them."""
    write_atomic(draft_path(place), json.dumps(answers, indent=1, default=str) + "\n", mode=0o600)


def load_draft(place: Path) -> dict[str, Any] | None:
    """The kept answers; None when there are none. A torn draft is put aside as `draft.json.torn`."""
    path = draft_path(place)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError("draft cannot be read", where=str(path), why=error.strerror or str(error)) from error
    try:
        answers = json.loads(content)
    except ValueError:
        answers = None
    if isinstance(answers, dict):
        return answers
    with contextlib.suppress(OSError):
        os.replace(path, path.with_name(f"{path.name}.torn"))
    return None


def discard_draft(place: Path) -> None:
    """Forget the answers: they have become a configuration, or are not wanted."""
    draft_path(place).unlink(missing_ok=True)
