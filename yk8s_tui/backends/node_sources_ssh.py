"""Nodes from an SSH client configuration: Host, HostName, User, Port, IdentityFile, ProxyJump."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field

from yk8s_tui.backends.node_sources import Entry, Source

FIELDS = {"user": "ssh_user", "port": "ssh_port", "identityfile": "ssh_key"}


@dataclass
class Block:
    """One Host block."""

    patterns: list[str]
    line: int
    options: dict[str, str] = field(default_factory=dict)

    def matches(self, name: str) -> bool:
        """As ssh matches: one pattern fits, and none with `!`."""
        denied = any(fnmatch.fnmatchcase(name, p[1:]) for p in self.patterns if p.startswith("!"))
        return not denied and any(fnmatch.fnmatchcase(name, p) for p in self.patterns)


def read_ssh_config(text: str) -> Source:
    """Read every Host that has no wildcard; blocks with wildcards give defaults, and the first value wins."""
    source = Source()
    blocks = _blocks(text, source)
    names = [(p, b.line) for b in blocks for p in b.patterns if not re.search(r"[*?!]", p)]
    options = {name: _options(name, blocks) for name, _ in names}
    jumps = {_jump_name(o["proxyjump"]) for o in options.values() if o.get("proxyjump", "none") != "none"}
    for name, line in dict(names).items():
        if name in jumps:
            source.warn(line, name, "is the jump host of others; it is not taken as a node")
            continue
        source.entries.append(_entry(name, line, options, source))
    return source


def _blocks(text: str, source: Source) -> list[Block]:
    blocks = [Block(patterns=["*"], line=0)]
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        keyword, value = _option(line)
        if keyword == "host":
            blocks.append(Block(patterns=value.split(), line=number))
        elif keyword == "match":
            blocks.append(Block(patterns=[], line=number))
            source.warn(number, "Match", "is not understood here; its block is left out")
        elif keyword == "include":
            source.warn(number, "Include", "is not followed", "import the included file, too")
        else:
            blocks[-1].options.setdefault(keyword, value)
    return blocks


def _option(line: str) -> tuple[str, str]:
    parts = re.split(r"\s*=\s*|\s+", line, maxsplit=1)
    return parts[0].lower(), (parts[1] if len(parts) > 1 else "").strip().strip('"')


def _options(name: str, blocks: list[Block]) -> dict[str, str]:
    found: dict[str, str] = {}
    for block in blocks:
        if block.matches(name):
            found = {**block.options, **found}
    return found


def _jump_name(jump: str) -> str:
    last = jump.split(",")[-1].strip()
    return last.rpartition("@")[2].partition(":")[0]


def _entry(name: str, line: int, options: dict[str, dict[str, str]], source: Source) -> Entry:
    own = options[name]
    values: dict[str, object] = {ours: own[theirs] for theirs, ours in FIELDS.items() if theirs in own}
    values["ssh_address"] = own.get("hostname", name).replace("%h", name)
    jump = own.get("proxyjump", "none")
    if jump != "none":
        values["jump"] = _jump(jump, options)
        if "," in jump:
            source.warn(line, f"{name}.jump", f"only the last of the jump hosts {jump} is taken over")
    if own.get("proxycommand", "none") != "none":
        source.warn(line, f"{name}.jump", "ProxyCommand is not taken over", "name the jump host as ProxyJump")
    return Entry(name=name, line=line, values=values)


def _jump(jump: str, options: dict[str, dict[str, str]]) -> str:
    """A jump host as [user@]host[:port], with what the file says about its alias."""
    last = jump.split(",")[-1].strip().removeprefix("ssh://")
    user, _, rest = last.rpartition("@")
    known = options.get(_jump_name(last), {})
    host, _, port = rest.partition(":")
    user = user or known.get("user", "")
    port = port or known.get("port", "")
    host = known.get("hostname", host).replace("%h", host)
    return f"{user}@{host}".removeprefix("@") + (f":{port}" if port and port != "22" else "")
