"""How answers that are lists and numbers stand in a line of text, and back."""

from __future__ import annotations

import re
from typing import Any


def number_from_text(text: str) -> Any:
    """A whole number; anything else stays text, which the models refuse with a reason."""
    stripped = text.strip()
    if not stripped:
        return None
    return int(stripped) if re.fullmatch(r"-?\d{1,9}", stripped) else stripped


def decimal_from_text(text: str) -> Any:
    """A number with a fraction; anything else stays text."""
    stripped = text.strip()
    if not stripped:
        return None
    return float(stripped) if re.fullmatch(r"\d{1,9}(\.\d+)?", stripped) else stripped


def words_to_text(value: Any) -> str:
    """`["a", "b"]` -> `a, b`."""
    return ", ".join(str(v) for v in value or ())


def words_from_text(text: str) -> list[str]:
    """`a, b` -> `["a", "b"]`; blanks and commas separate."""
    return [word for word in re.split(r"[,\s]+", text) if word]


def optional_to_text(value: Any) -> str:
    """None -> nothing."""
    return "" if value is None else str(value)


def optional_from_text(text: str) -> str | None:
    """Nothing -> None."""
    return text.strip() or None


def peers_to_text(value: Any) -> str:
    """WireGuard peers as `alice, bob=PUBLICKEY`."""
    return ", ".join(f"{p['name']}={p['public_key']}" if p.get("public_key") else str(p["name"]) for p in value or ())


def peers_from_text(text: str) -> list[dict[str, str]]:
    """`alice, bob=PUBLICKEY` -> peers."""
    peers = []
    for word in words_from_text(text):
        name, _, key = word.partition("=")
        peers.append({"name": name, "public_key": key} if key else {"name": name})
    return peers


def ports_to_text(value: Any) -> str:
    """Published ports as `80:30080, 443:30443/http+proxy`."""
    parts = []
    for port in value or ():
        mode = "http" if port.get("mode") == "http" else ""
        proxy = "proxy" if port.get("proxy_protocol") else ""
        options = "+".join(o for o in (mode, proxy) if o)
        parts.append(f"{port.get('port')}:{port.get('node_port')}{'/' + options if options else ''}")
    return ", ".join(parts)


def ports_from_text(text: str) -> list[dict[str, Any]]:
    """`80:30080, 443:30443/http+proxy` -> published ports."""
    ports = []
    for word in words_from_text(text):
        pair, _, options = word.partition("/")
        port, _, node_port = pair.partition(":")
        entry: dict[str, Any] = {"port": number_from_text(port), "node_port": number_from_text(node_port)}
        for option in (o for o in options.split("+") if o):
            if option == "proxy":
                entry["proxy_protocol"] = True
            else:
                entry["mode"] = option
        ports.append(entry)
    return ports


def pairs_to_text(value: Any) -> str:
    """`{"zone": "a"}` -> `zone=a`."""
    return ", ".join(f"{k}={v}" for k, v in (value or {}).items())


def pairs_from_text(text: str) -> dict[str, str]:
    """`zone=a, disk=` -> a table; a word without `=` has an empty value."""
    return {key: value for key, _, value in (word.partition("=") for word in words_from_text(text))}
