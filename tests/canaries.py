"""Looks for secrets where none may be: every secret that a test's cluster generated is a unique canary.

`Sweep` searches journals, artifacts, the objects of the git repository, the logs of hosts, and the arguments of
processes (`tests/arguments.py`), plainly and in base64 at every alignment. What no file on this machine has (bootstrap
tokens, certificate keys) is searched by its pattern.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SHORTEST = 8
"""Shorter values would be found by chance."""

SKIPPED = ("secrets", "state/lab", ".git/objects")
"""Where secrets belong, the file systems of lab hosts, and what git has compressed (see `Sweep.git`)."""

TOKEN = re.compile(rb"(?<![\w.-])[a-z0-9]{6}\.(?=[0-9.]*[a-z])(?=[a-z]*[0-9])[a-z0-9]{16}(?![\w.-])")
"""A whole bootstrap token; its id alone is no secret."""
CERTIFICATE_KEY = re.compile(rb"(?i)certificate[-_ ]?key[^0-9a-z]{1,12}[0-9a-f]{64}(?![0-9a-f])")
PATTERNS = (("bootstrap token", TOKEN), ("certificate key", CERTIFICATE_KEY))

LOGS = "journalctl --all --no-pager --output=export --output-fields=MESSAGE,_CMDLINE; \
find /var/log -path /var/log/journal -prune -o -type f -exec cat {} +"
"""Shell command that writes everything a host has logged."""


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
        self.findings += [f"{where}: {name}" for name in self._found(content)]

    def has_any(self, content: bytes) -> bool:
        """Whether there is anything to find."""
        return any(True for _ in self._found(content))

    def _found(self, content: bytes) -> Iterator[str]:
        yield from (f"{name} ({form})" for name, form, needle in self._needles if needle in content)
        yield from (f"a {what}" for what, pattern in PATTERNS if pattern.search(content))

    def tree(self, root: Path) -> None:
        """Search every file of a cluster repository but for its secrets, and what git has or would take."""
        for folder, folders, files in os.walk(root):
            relative = Path(folder).relative_to(root).as_posix()
            folders[:] = [f for f in folders if f"{relative}/{f}".removeprefix("./") not in SKIPPED]
            for name in files:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    self.data(str(path.relative_to(root)), path.read_bytes())
        if (root / ".git").is_dir():
            self.data("git", git_objects(root))


def git_objects(root: Path) -> bytes:
    """Every object of the repository, and those that `git add --all` would make; nothing of the repository changes."""
    with tempfile.TemporaryDirectory(prefix="objects-") as folder:
        own = {
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(root / ".git/objects"),
            "GIT_INDEX_FILE": f"{folder}/index",
        }
        git = ["git", "-c", "safe.directory=*", "-c", "core.looseCompression=0", "-C", str(root)]
        subprocess.run([*git, "add", "--all"], env={**os.environ, **own}, check=True, capture_output=True)
        words = [*git, "cat-file", "--batch-all-objects", "--batch"]
        return subprocess.run(words, env={**os.environ, **own}, check=True, capture_output=True).stdout


SECRET_LINE = re.compile(
    rb"^[\s-]*\"?(?:client-key-data|token|password|secret|key|PrivateKey|PresharedKey)\"?\s*[:=]\s*\"?([^\s\"]+)\"?\s*$",
    re.MULTILINE | re.IGNORECASE,
)


def secrets_of(root: Path) -> dict[str, bytes]:
    """Every secret of a cluster repository, by name; public keys and the like are none."""
    found: dict[str, bytes] = {}
    folder = root / "secrets"
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_file() and path.suffix != ".pub":
            name = str(path.relative_to(folder))
            parts = list(dict.fromkeys(secret_parts(path.read_bytes().strip())))
            found |= {name if len(parts) == 1 else f"{name} #{i}": part for i, part in enumerate(parts, 1)}
    return found


def secret_parts(content: bytes) -> Iterator[bytes]:
    """What is secret in the content of a file in `secrets/`."""
    if b"PRIVATE KEY-----" in content:
        yield from key_lines(content)
        return
    if b"\n" not in content:
        yield content
        return
    for match in SECRET_LINE.finditer(content):
        yield match[1]
        try:
            decoded = base64.b64decode(match[1], validate=True)
        except ValueError:
            continue
        if b"PRIVATE KEY-----" in decoded:
            yield from key_lines(decoded)


def key_lines(pem: bytes) -> list[bytes]:
    """Lines of a PEM file that have private parts: those of a long key begin in its middle."""
    lines = [x for x in pem.splitlines() if len(x) >= 40 and not x.startswith((b"-----", b"b3BlbnNzaC1rZXktdjE"))]
    return lines if len(lines) <= 4 else lines[len(lines) // 2 :][:2]
