"""The admin kubeconfig of a cluster, as what a TLS connection needs."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yk8s_tui.errors import ConfigError

MEMORY = Path("/dev/shm")
"""Files there never reach a disk."""
HINT = "make a new one with `yk8s-tui kubeconfig --renew`"


@dataclass(frozen=True)
class Credentials:
    """Who we are to the API server, and who it has to be."""

    authority: str
    """CA certificate, PEM."""
    certificate: str
    """Client certificate, PEM."""
    key: str = field(repr=False)
    """Private key of it, PEM."""

    def context(self) -> ssl.SSLContext:
        """A TLS context that trusts this CA only and always checks the host name.

        Raises `ConfigError` when certificate and key cannot be used.
        """
        try:
            context = ssl.create_default_context(cadata=self.authority)
            # kubeadm's CA has no authority key identifier, which the strict mode of Python 3.13 asks for.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            with _private_files(self.certificate, self.key) as (certificate, key):
                context.load_cert_chain(certificate, key)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError("the kubeconfig cannot be used", why=str(error), hint=HINT) from error
        return context


def load(path: Path) -> Credentials:
    """Read a kubeconfig with embedded certificates; raises `ConfigError` when it is missing or not of that kind."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        hint = "`apply` makes it once the cluster runs; or make one with `yk8s-tui kubeconfig --renew`"
        raise ConfigError("there is no kubeconfig yet", where=str(path), hint=hint) from error
    except PermissionError as error:
        hint = "it is for its owner only: run this as that user"
        raise ConfigError("the kubeconfig cannot be read", where=str(path), why=str(error), hint=hint) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unusable(path, str(error)) from error
    try:
        cluster, user = _current(document)
        return Credentials(
            _decoded(cluster, "certificate-authority-data"),
            _decoded(user, "client-certificate-data"),
            _decoded(user, "client-key-data"),
        )
    except (KeyError, TypeError, IndexError, StopIteration) as error:
        raise _unusable(path, f"{error} is missing") from error
    except (binascii.Error, ValueError) as error:
        raise _unusable(path, "a certificate in it is no base64") from error


def _current(document: Any) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Cluster and user of the current context."""
    context = _named(document["contexts"], document["current-context"])["context"]
    return (
        _named(document["clusters"], context["cluster"])["cluster"],
        _named(document["users"], context["user"])["user"],
    )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def _decoded(where: Mapping[str, str], key: str) -> str:
    return base64.b64decode(where[key], validate=True).decode("ascii")


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError("the kubeconfig cannot be used", where=str(path), why=why, hint=HINT)


@contextlib.contextmanager
def _private_files(*texts: str) -> Iterator[tuple[str, ...]]:
    """Files for as long as OpenSSL reads them: it takes certificates and keys from files only."""
    parent = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="yk8s-status-", dir=parent))
    try:
        names = []
        for number, text in enumerate(texts):
            path = folder / str(number)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(text)
            names.append(str(path))
        yield tuple(names)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
