"""Secrets of a cluster: files of mode 0600 in a directory of mode 0700, never in git."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from yk8s_tui.errors import ConfigError
from yk8s_tui.repository.atomic import write_atomic, write_error

SHORTEST_REDACTED = 4
"""Characters; redacting anything shorter would make logs unreadable and hide nothing."""

_SECRET_LINE = re.compile(
    r"^[\s-]*\"?(?:client-key-data|token|password|PrivateKey|PresharedKey|secret|key)\"?\s*[:=]\s*\"?([^\s\"]+)\"?\s*$",
    re.MULTILINE | re.IGNORECASE,
)
_PRIVATE_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(.*?)-----END ", re.DOTALL)


class SecretStore:
    """Names are relative paths such as `vrrp_password` or `ssh/id_ed25519`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, name: str) -> Path:
        """The file of a secret, whether it exists or not; raises `ValueError` for a name that leads outside."""
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise ValueError(f"{name!r} is not the name of a secret")
        return self.directory.joinpath(*parts)

    def get(self, name: str) -> str | None:
        """The text of a secret (without a newline at the end of a single line), or None."""
        path = self.path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("secret cannot be read", where=str(path), why=_reason(error)) from error
        stripped = text.rstrip("\r\n")
        return text if "\n" in stripped else stripped

    def require(self, name: str) -> str:
        """The text of a secret; raises `ConfigError` when it is missing or empty."""
        value = self.get(name)
        if not value:
            raise ConfigError(
                "a secret is missing" if value is None else "a secret is empty",
                where=str(self.path(name)),
                hint="bring the file back from your backup of secrets/; it is not in git",
            )
        return value

    def ensure(self, name: str, make: Callable[[], str]) -> str:
        """The secret, made and stored when there is none."""
        value = self.get(name)
        if value is None:
            value = make()
            self.put(name, value)
        return value

    def put(self, name: str, value: str | bytes) -> Path:
        """Store a secret (0600) and return its file."""
        path = self.path(name)
        self._make_directories(path.parent)
        write_atomic(path, value, mode=0o600)
        return path

    def remove(self, name: str) -> None:
        """Forget a secret; nothing happens when there is none."""
        self.path(name).unlink(missing_ok=True)

    def values(self) -> frozenset[str]:
        """Every text worth redacting: the secrets, and the secret parts of larger files."""
        found: set[str] = set()
        for path in self._files():
            try:
                found.update(_secret_parts(path.read_text(encoding="utf-8")))
            except UnicodeDecodeError:
                found.add(base64.b64encode(path.read_bytes()).decode())
            except FileNotFoundError:
                continue
        return frozenset(v for v in found if len(v) >= SHORTEST_REDACTED)

    def _files(self) -> Iterator[Path]:
        for path in sorted(self.directory.rglob("*")):
            if path.is_file() and path.suffix != ".pub":
                yield path

    def _make_directories(self, directory: Path) -> None:
        missing = []
        while not directory.is_dir():
            missing.append(directory)
            if directory == self.directory:
                break
            directory = directory.parent
        for path in reversed(missing):
            try:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise write_error(path, error) from error


def _secret_parts(text: str) -> Iterator[str]:
    stripped = text.strip()
    if "\n" not in stripped:
        yield stripped
        return
    blocks = _PRIVATE_BLOCK.findall(text)
    for block in blocks:
        yield from block.split()
    lines = _SECRET_LINE.findall(text)
    yield from lines
    for value in lines:
        yield from _decoded_key(value)
    if not blocks and not lines:
        yield from (line.strip() for line in stripped.splitlines())


def _decoded_key(value: str) -> Iterator[str]:
    """The lines of a private key that a kubeconfig carries in base64."""
    try:
        decoded = base64.b64decode(value, validate=True).decode("ascii")
    except ValueError:
        return
    for block in _PRIVATE_BLOCK.findall(decoded):
        yield from block.split()


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"
