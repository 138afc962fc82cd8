"""Nodes from a table: comma, semicolon or tab between the fields, or blanks; with a header or in order."""

from __future__ import annotations

import csv
import re

from yk8s_tui.backends.node_sources import Entry, Source

ORDER = ("name", "address", "roles", "ssh_user", "ssh_port", "ssh_key", "jump", "sudo", "interface")
"""Fields of a table without header."""

HEADERS = {
    "name": "name", "host": "name", "hostname": "name", "node": "name",
    "address": "address", "ip": "address", "ip address": "address", "node address": "address",
    "role": "roles", "roles": "roles", "group": "roles",
    "user": "ssh_user", "ssh user": "ssh_user", "login": "ssh_user",
    "port": "ssh_port", "ssh port": "ssh_port",
    "key": "ssh_key", "ssh key": "ssh_key", "identity": "ssh_key", "identity file": "ssh_key",
    "jump": "jump", "jump host": "jump", "bastion": "jump", "proxyjump": "jump",
    "ssh address": "ssh_address", "public address": "ssh_address",
    "sudo": "sudo", "interface": "interface", "labels": "labels", "taints": "taints",
}  # fmt: skip


def read_table(text: str) -> Source:
    """Read a table; a first line that has `name` and `address` (or words for them) is its header."""
    source = Source()
    rows = list(_rows(text))
    columns: list[str] = list(ORDER)
    if rows and (header := _header(rows[0][1])):
        line, cells = rows.pop(0)
        columns = header
        for cell, column in zip(cells, header, strict=True):
            if not column:
                source.warn(line, cell, "is a column that means nothing here; it is left out")
    for line, cells in rows:
        if len(cells) > len(columns):
            message = f"has {len(cells)} fields, and there are {len(columns)} columns"
            source.error(line, cells[0], message, "several roles are written frontend+control-plane")
            continue
        row = dict(zip(columns, cells, strict=False))
        row.pop("", None)
        source.entries.append(_entry(row, line, source))
    return source


def _rows(text: str) -> list[tuple[int, list[str]]]:
    kept = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    first = kept[0][1] if kept else ""
    separator = next((m for m in "\t;," if m in first and " " not in first.partition(m)[0].strip()), None)
    found = []
    for number, line in kept:
        cells = next(csv.reader([line], delimiter=separator)) if separator else line.split()
        found.append((number, [cell.strip() for cell in cells]))
    return found


def _header(cells: list[str]) -> list[str] | None:
    names = [HEADERS.get(cell.lower().replace("_", " ").replace("-", " "), "") for cell in cells]
    return names if {"name", "address"} <= set(names) else None


def _entry(row: dict[str, str], line: int, source: Source) -> Entry:
    name = row.pop("name", "") or row.get("address", "")
    roles = [word for word in re.split(r"[\s,;+/|&]+", row.pop("roles", "")) if word]
    values: dict[str, object] = dict(row)
    if labels := row.get("labels"):
        pairs = (pair.partition("=") for pair in re.split(r"[\s,;]+", labels) if pair)
        values["labels"] = {key: value for key, _, value in pairs}
    if taints := row.get("taints"):
        values["taints"] = [taint for taint in re.split(r"[\s,;]+", taints) if taint]
    if sudo := row.get("sudo"):
        values["sudo"] = "password" if sudo.lower() in ("password", "yes", "true", "ask") else "nopasswd"
        if sudo.lower() not in ("password", "yes", "true", "ask", "nopasswd", "no", "false"):
            source.warn(line, f"{name}.sudo", f"{sudo} is taken for nopasswd", "password or nopasswd")
    return Entry(name=name, line=line, values=values, roles=roles)
