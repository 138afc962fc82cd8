"""Looks for secrets where none may be: every secret that a test's cluster generated is a unique canary.

A sampler reads the arguments of every process of this machine (lab hosts included) while the suite runs. `Sweep` searches
journals, artifacts, logs and the git repository of a cluster, plainly and in base64 at every alignment.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SHORTEST = 8
"""Shorter values would be found by chance."""

SKIPPED = ("secrets", "state/lab")
"""Where secrets belong, and the file systems of lab hosts."""


def encodings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """The forms a secret is searched in: plain, and the part of its base64 that does not depend on neighbours."""
    yield "plain", value
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value)
        start = (offset * 8 + 5) // 6
        end = (offset + len(value)) * 8 // 6
        if end - start >= SHORTEST:
            yield f"base64 at {offset}", encoded[start:end]


@dataclass
class Sweep:
    """A search for a set of secrets."""

    secrets: dict[str, bytes]
    """Name -> value."""
    findings: list[str] = field(default_factory=list)
    """`where: name (form)`, one for each secret and place."""

    def __post_init__(self) -> None:
        self._needles = [
            (name, form, needle)
            for name, value in self.secrets.items()
            if len(value) >= SHORTEST
            for form, needle in encodings(value)
        ]

    def data(self, where: str, content: bytes) -> None:
        """Search a piece of content."""
        for name, form, needle in self._needles:
            if needle in content:
                self.findings.append(f"{where}: {name} ({form})")

    def tree(self, root: Path) -> None:
        """Search every file of a cluster repository but for its secrets."""
        for folder, folders, files in os.walk(root):
            relative = Path(folder).relative_to(root).as_posix()
            folders[:] = [f for f in folders if f"{relative}/{f}".removeprefix("./") not in SKIPPED]
            for name in files:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    self.data(str(path.relative_to(root)), path.read_bytes())


def secrets_of(root: Path) -> dict[str, bytes]:
    """Every secret of a cluster repository, by name; public keys and the like are none."""
    found: dict[str, bytes] = {}
    folder = root / "secrets"
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if not path.is_file() or path.suffix == ".pub":
            continue
        name = str(path.relative_to(folder))
        content = path.read_bytes().strip()
        if b"PRIVATE KEY-----" in content:
            body = [line for line in content.splitlines() if line and not line.startswith(b"-----")]
            found[name] = max(body, key=len)
        elif b"\n" not in content:
            found[name] = content
        else:
            lines = (line.partition(b"=")[2].strip() for line in content.splitlines() if line.startswith(b"PrivateKey"))
            found.update({name: key for key in lines if key})
    return found


class ArgumentSampler:
    """Reads the command line of every process again and again, and keeps the distinct ones."""

    def __init__(self, interval: float = 0.1) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._interval = interval
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> set[bytes]:
        """End sampling; returns every command line that was seen."""
        self._stop.set()
        self._thread.join()
        return self.seen

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.seen.update(command_lines())


def command_lines() -> Iterable[bytes]:
    """Command lines of all processes now."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                yield Path(entry.path, "cmdline").read_bytes()
            except OSError:
                continue
