"""Where answers go: drafts while one thinks, the cluster repository when one is done."""

from __future__ import annotations

import copy
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yk8s_tui import paths
from yk8s_tui.errors import ConfigError
from yk8s_tui.repository.atomic import write_atomic
from yk8s_tui.repository.drafts import discard_draft, load_draft, save_draft
from yk8s_tui.repository.repository import Repository
from yk8s_tui.screens.setup import answers as a
from yk8s_tui.screens.setup.checking import directory_of
from yk8s_tui.screens.setup.merging import Clash, merge, plain


@dataclass(frozen=True)
class Source:
    """What is being set up: a new cluster with its draft, or a repository that exists."""

    place: Path
    """Directory of the draft: a folder of its own for a new cluster, else `state/` of the repository."""
    repository: Path | None = None
    """The repository, when there is one already."""

    @property
    def known_hosts(self) -> Path:
        """Where host keys are pinned; they move into the repository when it is made."""
        return self.repository / "state" / "known_hosts" if self.repository else self.place / "known_hosts"

    @property
    def secrets(self) -> Path:
        """Where secrets are."""
        return (self.repository or self.place) / "secrets"


@dataclass(frozen=True)
class Opened:
    """The answers one goes on with."""

    answers: dict[str, Any]
    original: dict[str, Any]
    """What `config.toml` says now; empty for a new cluster."""
    text: str
    """The text of `config.toml` now."""
    resumed: bool
    """Whether there was a draft."""
    merged: bool = False
    """Whether `config.toml` was changed after the draft was begun; the answers hold both then."""
    clashes: tuple[Clash, ...] = ()
    """What was changed in both; the answers hold what the file says."""


def new_cluster() -> Source:
    """A cluster that does not exist yet, with a draft of its own."""
    return Source(paths.state_home() / "drafts" / uuid.uuid4().hex[:8])


def unfinished() -> list[tuple[Source, dict[str, Any]]]:
    """Drafts of clusters that do not exist yet, with their answers."""
    home = paths.state_home() / "drafts"
    places = sorted(home.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True) if home.is_dir() else []
    return [(Source(place), draft) for place in places if place.is_dir() and (draft := load_draft(place))]


def open_answers(source: Source) -> Opened:
    """Configuration and draft; raises `ConfigError` when `config.toml` cannot be read at all.

    A draft counts from the configuration it was begun on: what the file has got since is kept.
    """
    text, original = "", {}
    if source.repository is not None:
        text = Repository(source.repository).config_text()
        try:
            original = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(
                "is not TOML", where=str(source.repository / "config/config.toml"), why=str(error),
                hint="mend it with an editor; `yk8s-tui validate` says more",
            ) from error  # fmt: skip
        original.pop("schema_version", None)
    draft = load_draft(source.place)
    answers = draft if draft is not None else copy.deepcopy(original)
    own = answers.setdefault("wizard", {})
    own["existing"] = source.repository is not None
    base = own.pop("base", {})
    if draft is None or source.repository is None or base == plain(original):
        return Opened(answers, original, text, draft is not None)
    merged, clashes = merge(base, a.configuration(draft), original)
    return Opened(merged | {"wizard": own}, original, text, True, True, clashes)


def keep_draft(source: Source, answers: Mapping[str, Any], original: Mapping[str, Any]) -> None:
    """Write the draft, atomically; answers that say what the repository says already are no draft."""
    if source.repository is None:
        save_draft(source.place, dict(answers))
    elif a.configuration(answers) == original:
        discard_draft(source.place)
    else:
        own = dict(answers.get("wizard", {})) | {"base": plain(original)}
        save_draft(source.place, dict(answers) | {"wizard": own})


def drop_draft(source: Source) -> None:
    """Forget the draft; for a new cluster its folder, too."""
    discard_draft(source.place)
    if source.repository is None and source.place.is_dir() and not any(source.place.iterdir()):
        source.place.rmdir()


def write_configuration(source: Source, answers: Mapping[str, Any], original: Mapping[str, Any]) -> Path:
    """Create the repository, or change its configuration; returns its root.

    Raises `InvalidConfig` when something is still wrong; the draft is kept then.
    """
    wanted = a.configuration(answers)
    if source.repository is not None:
        repository = Repository(source.repository)
        if changes := a.changes(original, wanted):
            repository.update(changes)
    else:
        settings = {k: v for k, v in a.leaves(wanted) if k not in ("cluster.name", "cluster.harbour", "schema_version")}
        from yk8s_tui.repository.create import create

        repository = create(
            directory_of(answers),
            str(a.read(answers, "cluster.harbour")),
            str(a.read(answers, "cluster.name")),
            settings,
        )
        _move_pins(source, repository)
    drop_draft(source)
    return repository.root


def _move_pins(source: Source, repository: Repository) -> None:
    if source.known_hosts.is_file():
        write_atomic(repository.known_hosts, source.known_hosts.read_text())
        source.known_hosts.unlink()
