# Part of yk8s-tui, Apache-2.0.
"""What a frontend sees: the VIP, HAProxy's servers, WireGuard's peers; reads and changes nothing.

Standard library only, Python 3.9 and newer.
"""

import csv
import json
import re
import socket
import time

from host_facts import output, read
from host_looks import lines_of

HAPROXY = "/run/haproxy/admin.sock"
STATE = re.compile(r"Entering (MASTER|BACKUP|FAULT) STATE")
SAME = 3
"""Seconds by which the time of a server's last change may wander: HAProxy tells its age in whole seconds."""


def is_local(address, fib=None, six=None):
    """Whether this host has an address; from the kernel's routes, so without a program to start."""
    if ":" in address:
        wanted = socket.inet_pton(socket.AF_INET6, address).hex()
        return any(line.startswith(wanted) for line in (six or read("/proc/net/if_inet6")).splitlines())
    found = r"\|-- " + re.escape(address) + r"\n\s+/32 host LOCAL"
    return bool(re.search(found, fib or read("/proc/net/fib_trie")))


def last_transition(journal):
    """(MASTER, BACKUP or FAULT, seconds since 1970) out of keepalived's journal, newest line first."""
    for line in journal.splitlines():
        try:
            entry = json.loads(line)
            found = STATE.search(entry["MESSAGE"])
            if found:
                return found[1], int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue
    return "", 0.0


class Vip:
    """Whether this host holds the VIP, and since when."""

    def __init__(self, address):
        self.address = address
        self.held = None
        self.since = 0.0

    def look(self):
        """Holder or not, and since when it is what it is; 0 when that is not known."""
        held = bool(self.address) and is_local(self.address)
        if self.held is None:
            self.since = self.from_journal(held)
        elif held != self.held:
            self.since = time.time()
        self.held = held
        return {"held": held, "since": round(self.since, 3)}

    def from_journal(self, held):
        """When keepalived came into the state that fits; 0 when its journal does not say."""
        words = ("journalctl", "-u", "keepalived", "-r", "-n", "1000", "-o", "json", "--no-pager")
        state, when = last_transition(output(*words, "--output-fields=MESSAGE"))
        return when if (state == "MASTER") == held else 0.0


def ask_haproxy(question, path=HAPROXY):
    """HAProxy's answer on its socket; `OSError` when it does not run."""
    with socket.socket(socket.AF_UNIX) as haproxy:
        haproxy.settimeout(2)
        haproxy.connect(path)
        haproxy.sendall(question.encode() + b"\n")
        answer = b""
        while True:
            got = haproxy.recv(65536)
            if not got:
                return answer.decode(errors="replace")
            answer += got


def servers_in(text, now):
    """The servers of `show stat`, which is CSV with a header that begins with `# `."""
    found = []
    for row in csv.DictReader(text.lstrip("# ").splitlines()):
        if row.get("svname") in (None, "FRONTEND", "BACKEND"):
            continue
        status = row.get("status") or ""
        words = [(row.get("check_desc") or "").strip(), (row.get("last_chk") or "").strip()]
        code = row.get("check_code") or ""
        told = ": ".join(dict.fromkeys(word for word in words if word)) + (f" (status {code})" if code else "")
        found.append(
            {
                "proxy": row.get("pxname") or "",
                "server": row["svname"],
                "up": status.startswith(("UP", "no check", "DRAIN")),
                "changed": now - int(row.get("lastchg") or 0),
                "check": (told or status) if not status.startswith("MAINT") else f"in maintenance ({status})",
            }
        )
    return found


class HAProxy:
    """Whether HAProxy answers, and its servers."""

    def __init__(self, path=HAPROXY):
        self.path = path
        self.changed = {}

    def look(self):
        """`up`, and the servers with the time of their last change."""
        try:
            servers = servers_in(ask_haproxy("show stat", self.path), int(time.time()))
        except OSError:
            return {"up": False, "servers": []}
        for server in servers:
            key = server["proxy"], server["server"], server["up"]
            before = self.changed.get(key, 0)
            if abs(before - server["changed"]) <= SAME:
                server["changed"] = before
            self.changed[key] = server["changed"]
        return {"up": True, "servers": servers}


def peers():
    """WireGuard's peers: by these two questions no key but public ones is told."""
    seen = lines_of("wg", "show", "all", "latest-handshakes")
    moved = {(row[0], row[1]): row[2:] for row in lines_of("wg", "show", "all", "transfer") if len(row) == 4}
    found = []
    for tunnel, key, handshake in (row for row in seen if len(row) == 3):
        received, sent = moved.get((tunnel, key), ("0", "0"))
        found.append(
            {"tunnel": tunnel, "key": key, "handshake": int(handshake), "received": int(received), "sent": int(sent)}
        )
    return found
