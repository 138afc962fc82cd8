"""Keeps secrets out of everything a run writes: journal, artifacts, messages."""

from __future__ import annotations

import base64
import json
import threading
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from yk8s_tui.repository.secrets import SHORTEST_REDACTED

REPLACEMENT = "[redacted]"
"""What stands where a secret was."""
SHORTEST_ENCODED = 8
"""Characters of a base64 form below which too much harmless text would match."""


class Redactor:
    """Knows secrets and replaces them in every form in which they usually leak.

    The forms: as it is, each of its lines, JSON-escaped, URL-encoded, and base64 (also inside a longer
    text, at any of the three alignments). Thread-safe; secrets may be added at any time.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self._forms: tuple[str, ...] = ()
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Make more secrets known; those shorter than `SHORTEST_REDACTED` characters are left out."""
        with self._lock:
            fresh = {s for s in secrets if len(s.strip()) >= SHORTEST_REDACTED} - self._secrets
            if not fresh:
                return
            self._secrets |= fresh
            forms = {form for secret in self._secrets for form in _forms(secret)}
            self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def text(self, text: str) -> str:
        """The text without any known secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, REPLACEMENT)
        return text

    def __call__(self, value: Any) -> Any:
        """The same for a JSON value: every string in it, keys too."""
        if isinstance(value, str):
            return self.text(value) if len(value) >= SHORTEST_REDACTED else value
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        return value


def _forms(secret: str) -> Iterator[str]:
    plain = secret.strip()
    for text in {secret, plain}:
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield urllib.parse.quote(text, safe="")
        yield urllib.parse.quote(text)
        yield urllib.parse.quote_plus(text)
        yield repr(text)[1:-1]
    yield from _base64_forms(plain.encode())
    yield from _base64_forms(plain.encode() + b"\n")


def _base64_forms(secret: bytes) -> Iterator[str]:
    """What base64 makes of the secret wherever it stands in a longer text.

    Only the characters that depend on the secret alone are kept.
    """
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret).decode()
        first = (offset * 8 + 5) // 6
        last = (offset + len(secret)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= SHORTEST_ENCODED:
            yield core
            yield core.translate(str.maketrans("+/", "-_"))
