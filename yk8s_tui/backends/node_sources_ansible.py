"""Nodes from an Ansible inventory, as INI or as YAML; group names become roles."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from yk8s_tui.backends.node_sources import VAGUE, Entry, Source, role_of

FIELDS = {
    "ansible_user": "ssh_user", "ansible_ssh_user": "ssh_user",
    "ansible_port": "ssh_port", "ansible_ssh_port": "ssh_port",
    "ansible_ssh_private_key_file": "ssh_key", "ansible_private_key_file": "ssh_key",
    "ansible_host": "ssh_address", "ansible_ssh_host": "ssh_address",
    "ip": "address", "local_ipv4_address": "address", "yk8s_address": "address",
}  # fmt: skip
"""Variables of a host; `ip` is Kubespray's and `local_ipv4_address` yaook/k8s' address on the node network."""

PASSWORDS = ("ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_become_pass")
ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")


@dataclass
class Groups:
    """An inventory as it is written: hosts with variables, groups with hosts, children and variables."""

    lines: dict[str, int] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    group_variables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, group: str, host: str, line: int, variables: Mapping[str, Any]) -> None:
        """A host in a group."""
        self.lines.setdefault(host, line)
        self.variables.setdefault(host, {}).update(variables)
        self.members.setdefault(group, []).append(host)

    def groups_of(self, host: str) -> list[str]:
        """Every group of a host, nearest first."""
        found = [group for group, hosts in self.members.items() if host in hosts]
        for group in found:
            found += [p for p, kids in self.children.items() if group in kids and p not in found]
        return found


def read_ini(text: str) -> Source:
    """Read an inventory in INI format."""
    source, groups = Source(), Groups()
    section, part = "ungrouped", "hosts"
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if header := re.match(r"^\[([^\]:]+)(?::(\w+))?\]", line):
            section, part = header[1], header[2] or "hosts"
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            source.error(number, line.split()[0], "cannot be read: a quotation mark is missing", value=line)
            continue
        if part == "children":
            groups.children.setdefault(section, []).append(words[0])
        elif part == "vars":
            key, _, value = line.partition("=")
            groups.group_variables.setdefault(section, {})[key.strip()] = value.strip().strip("'\"")
        else:
            variables = dict(word.split("=", 1) for word in words[1:] if "=" in word)
            for host in expand(words[0]):
                groups.add(section, host, number, variables)
    return _entries(groups, source)


def read_yaml(text: str) -> Source:
    """Read an inventory in YAML format; it is loaded safely, so tags make no objects."""
    import yaml

    source, groups = Source(), Groups()
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        source.error(line, "inventory", "is not YAML", value=str(getattr(error, "problem", "") or ""))
        return source
    if not isinstance(content, Mapping):
        source.error(1, "inventory", "has no groups", "it begins with `all:`")
        return source
    lines = _host_lines(text)
    for name, body in content.items():
        _walk(str(name), body, groups, lines)
    return _entries(groups, source)


def _walk(name: str, body: Any, groups: Groups, lines: Mapping[str, int]) -> None:
    if not isinstance(body, Mapping):
        return
    hosts = body.get("hosts")
    for pattern, variables in hosts.items() if isinstance(hosts, Mapping) else ():
        for host in expand(str(pattern)):
            groups.add(name, host, lines.get(str(pattern), 0), variables if isinstance(variables, Mapping) else {})
    if isinstance(body.get("vars"), Mapping):
        groups.group_variables.setdefault(name, {}).update(body["vars"])
    children = body.get("children")
    for child, inner in children.items() if isinstance(children, Mapping) else ():
        groups.children.setdefault(name, []).append(str(child))
        _walk(str(child), inner, groups, lines)


def _host_lines(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if key := re.match(r"^\s+['\"]?([\w.:\[\]-]+?)['\"]?:(\s|$)", line):
            found.setdefault(key[1], number)
    return found


def expand(pattern: str) -> Iterator[str]:
    """`node[01:03]` -> node01, node02, node03; also letters, and a step."""
    found = re.search(r"\[(\w+):(\w+)(?::(\d+))?\]", pattern)
    if not found:
        yield pattern
        return
    first, last, step = found[1], found[2], int(found[3] or 1)
    if first.isdigit() and last.isdigit():
        values = [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1, step)][:1000]
    else:
        values = [chr(n) for n in range(ord(first[0]), ord(last[0]) + 1, step)]
    for value in values:
        yield from expand(pattern[: found.start()] + value + pattern[found.end() :])


def _entries(groups: Groups, source: Source) -> Source:
    for host, line in groups.lines.items():
        names = groups.groups_of(host)
        merged: dict[str, Any] = {}
        for group in ["all", *reversed(names)]:
            merged.update(groups.group_variables.get(group, {}))
        merged.update(groups.variables[host])
        source.entries.append(_entry(host, line, names, merged, source))
    return source


def _entry(host: str, line: int, names: list[str], merged: Mapping[str, Any], source: Source) -> Entry:
    values: dict[str, Any] = {}
    for theirs, ours in FIELDS.items():
        if merged.get(theirs) not in (None, ""):
            values.setdefault(ours, str(merged[theirs]))
    for key, value in list(values.items()):
        if "{{" in str(value):
            source.error(line, f"{host}.{key}", "is a template; write the value", value=str(value))
            del values[key]
    for argument in ARGUMENTS:
        if jump := _jump(str(merged.get(argument, ""))):
            values["jump"] = jump
    if any(merged.get(key) for key in PASSWORDS):
        source.warn(
            line,
            host,
            "has a password in the inventory; it is not taken over",
            "use keys, or the secret store",
        )
        if any(merged.get(key) for key in PASSWORDS if "become" in key):
            values["sudo"] = "password"
    roles = [r for name in names if (r := role_of(name)) and name.lower() not in VAGUE]
    roles = roles or [r for name in names if (r := role_of(name))]
    if "control-plane" in roles and "worker" in roles:
        roles.remove("worker")
        source.warn(line, f"{host}.roles", "is control plane and worker; it is taken for a control plane node")
    return Entry(name=host, line=line, values=values, roles=list(dict.fromkeys(roles)))


def _jump(arguments: str) -> str:
    """The jump host in arguments of ssh: `-J`, `-o ProxyJump=` or the usual `ProxyCommand ssh -W`."""
    if found := re.search(r"-J\s*(\S+)|ProxyJump[=\s]\s*['\"]?([^\s'\"]+)", arguments):
        return (found[1] or found[2]).strip("'\"")
    command = re.search(r"ProxyCommand[=\s]\s*['\"]?(ssh [^'\"]*)", arguments)
    if not command or "-W" not in command[1]:
        return ""
    port = re.search(r"-p\s*(\d+)", command[1])
    target = next((word for word in re.findall(r"\S+", command[1])[1:] if "@" in word and "%" not in word), "")
    return target + (f":{port[1]}" if target and port else "")
