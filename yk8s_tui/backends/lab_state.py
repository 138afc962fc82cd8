"""What a lab wrote down: in the cluster repository its id and place, and beside the hosts whose they are."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from yk8s_tui import paths
from yk8s_tui.backends.lab_host import LabHost
from yk8s_tui.backends.lab_names import KEY, bridge_name, tag_of
from yk8s_tui.backends.lab_system import file_lock, read_json, run, write_json
from yk8s_tui.backends.registry import STATE, damaged_state
from yk8s_tui.errors import Yk8sError
from yk8s_tui.repository.atomic import write_atomic

OVERLAY_TYPES = ("overlay", "overlayfs", "aufs", "nfs", "nfs4", "tmpfs", "fuse", "fuse.sshfs", "9p")
"""File systems that cannot carry the upper layer of an overlay, or would hold hosts in memory."""


def labs_home() -> Path:
    """Where the hosts of all labs are: not in the repositories, which are small and belong to git."""
    return paths.state_home() / "lab"


@dataclass(frozen=True)
class LabState:
    """One lab's place on this machine."""

    root: Path
    tag: str
    id: str
    directory: Path
    """Where its hosts are; written down, so that another $HOME or $XDG_STATE_HOME later does not lose them."""

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Hold the lab while hosts are made, started or stopped; the lock file goes with the last of the lab."""
        lock = self.directory.with_suffix(".lock")
        async with file_lock(lock):
            try:
                yield
            finally:
                if not self.exists:
                    lock.unlink(missing_ok=True)

    @property
    def exists(self) -> bool:
        """Whether anything of the lab is on this machine."""
        return self.directory.exists()

    def host(self, name: str) -> LabHost:
        """The host of that name, whether it exists or not."""
        return LabHost(self.tag, name, self.directory / "hosts" / name)

    def hosts(self) -> tuple[LabHost, ...]:
        """The hosts that were made."""
        found = sorted((self.directory / "hosts").glob("*"))
        return tuple(self.host(path.name) for path in found if path.is_dir())

    def save(self) -> None:
        """Write the lab's id down on both sides and claim its directory."""
        marker = self.directory / "lab.json"
        owner = read_json(marker)
        if owner and owner["id"] != self.id:
            raise Yk8sError(
                "lab hosts of an earlier cluster repository at this path are still on this machine",
                where=str(self.directory),
                why=f"they were made for {owner['repository']}, whose state/harbour.json is gone",
                hint="remove them with `yk8s-tui lab prune`",
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        write_json(marker, {"id": self.id, "repository": str(self.root)})
        record = {
            "format": 1,
            "harbour": "lab",
            "id": self.id,
            "tag": self.tag,
            "directory": str(self.directory),
        }
        write_json(state_file(self.root), record)


def state_file(root: Path) -> Path:
    """Where a harbour keeps the ids of what it created."""
    return root / STATE


def load_state(root: Path) -> LabState:
    """The lab of this repository: as written down (also when it was moved), else a new one."""
    root = root.resolve()
    try:
        saved = read_json(state_file(root))
    except Yk8sError as error:
        raise damaged_state(state_file(root), error.why or error.what) from error
    if saved.get("harbour") == "lab":
        if not all(isinstance(saved.get(key), str) and saved[key] for key in ("tag", "id")):
            raise damaged_state(state_file(root), "the lab's tag or id is missing")
        directory = Path(saved.get("directory") or labs_home() / saved["tag"])
        state = LabState(root, saved["tag"], saved["id"], directory)
        _refuse_copy(state)
        return state
    tag = tag_of(root)
    return LabState(root, tag, uuid.uuid4().hex, labs_home() / tag)


def _refuse_copy(state: LabState) -> None:
    """A copied repository has the original's ids, but must not touch its hosts."""
    owner = read_json(state.directory / "lab.json").get("repository", str(state.root))
    if owner != str(state.root) and read_json(state_file(Path(owner))).get("id") == state.id:
        raise Yk8sError(
            f"this cluster repository is a copy of {owner}, whose lab hosts these are",
            where=str(state.root),
            hint=f"remove {state_file(state.root)} to give this one a lab of its own",
        )


def all_labs() -> Iterator[tuple[LabState, bool]]:
    """Every lab on this machine, and whether its repository still knows it."""
    for marker in sorted(labs_home().glob("*/lab.json")):
        owner = read_json(marker)
        state = LabState(Path(owner["repository"]), marker.parent.name, owner["id"], marker.parent)
        yield state, _knows(state)


def _knows(state: LabState) -> bool:
    """Whether its repository still has this lab's id; one whose file is damaged may have it."""
    try:
        return read_json(state_file(state.root)).get("id") == state.id
    except Yk8sError:
        return True


def owners() -> dict[str, str]:
    """Bridge -> the repository whose lab it is."""
    return {bridge_name(state.tag): str(state.root) for state, _ in all_labs()}


async def file_system() -> str:
    """Type of the file system that hosts would be on."""
    existing = labs_home()
    while not existing.exists():
        existing = existing.parent
    return (await run("stat", "--file-system", "--format=%T", existing)).strip()


def pin_host_keys(root: Path, keys: dict[str, str]) -> None:
    """Put address -> key into state/known_hosts in place of what was there for these addresses."""
    path = root / "state" / "known_hosts"
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.split(" ", 1)[0] not in keys]
    pinned = [f"{address} {key}" for address, key in keys.items() if key]
    if [*kept, *pinned] != lines:
        write_atomic(path, "\n".join([*kept, *pinned, ""]))


async def operator_key(root: Path) -> str:
    """The public half of secrets/ssh/id_ed25519, which is made when it is missing."""
    key = root / KEY
    key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not key.exists():
        await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"yk8s-tui {root.name}", "-f", key)
    return (await run("ssh-keygen", "-y", "-f", key)).strip()
