# Part of yk8s-tui, Apache-2.0.
"""What the modules of yk8s-tui share on a host: atomic writes, hashes and receipts.

Standard library only; Python 3.9 and newer, the oldest of the supported distributions' is 3.10.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import stat
import tempfile
import time

FORMAT = 1
RECEIPTS = "/var/lib/yk8s/receipts"
MADE = "/run/yk8s-control-plane-made"
"""The digest of the configuration that kubeadm init has just used, until it is asked for."""
STEP_OPTION = {
    "type": "dict",
    "options": {
        "id": {"type": "str", "required": True},
        "digest": {"type": "str", "required": True},
        "run": {"type": "str", "required": True},
    },
}


def sha256_of(path):
    """SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def configuration_digest(documents):
    """SHA-256 of what kubeadm makes a control plane from, hexadecimal."""
    kinds = ("InitConfiguration", "ClusterConfiguration", "KubeProxyConfiguration")
    chosen = [document for kind in kinds for document in documents if document["kind"] == kind]
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def mode_of(path):
    """Permission bits as four octal digits."""
    return f"{stat.S_IMODE(os.lstat(path).st_mode):04o}"


def sync_directory(path):
    """Make a rename inside this directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path, data, mode=0o644, uid=-1, gid=-1, durable=False, check=None):
    """Write bytes beside `path`, let `check(temporary)` look at them, and rename; all or nothing."""
    directory = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=".yk8s-", suffix="-" + os.path.basename(path)[-40:], dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        os.replace(temporary, path)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
    if durable:
        sync_directory(directory)


class Receipt:
    """The receipt of one step on this host; a missing or torn file counts as no receipt."""

    def __init__(self, step, directory=RECEIPTS):
        self.step = step
        self.path = os.path.join(directory, step["id"] + ".json")
        self.old = _load(self.path)
        self.claims = {}
        self.times_run = self.old.get("times_run", 0)
        self.interrupted = self.old.get("state") == "started"
        """An earlier run of the step did not end: what it changed may not be in force yet."""
        if self.begun:
            self.interrupted = bool(self.old.get("interrupted"))
            self.claims = copy.deepcopy(self.old.get("claims") or {})

    @property
    def begun(self):
        """This very run of the step has said that it started, and has not ended."""
        same = all(self.old.get(key) == self.step[key] for key in ("run", "digest"))
        return same and self.old.get("state") == "started"

    def start(self):
        """Write `started`, durably, unless this run did so already."""
        if self.begun:
            return
        self.times_run += 1
        self._write("started")

    def done(self):
        """Write `done`, durably."""
        if not self.begun:
            self.times_run += 1
        self._write("done")

    def add(self, kind, claims):
        """Merge claims of one kind: `files`, `units`, `sysctls`, `packages`, `holds` (dicts) or `absent` (list)."""
        if kind == "absent":
            self.claims[kind] = sorted(set(self.claims.get(kind, ())) | set(claims))
        else:
            self.claims.setdefault(kind, {}).update(claims)

    def save(self):
        """Write the claims of a step that goes on."""
        if self.claims != (self.old.get("claims") or {}):
            self._write("started")

    def _write(self, state):
        receipt = {
            "format": FORMAT,
            "step": self.step["id"],
            "digest": self.step["digest"],
            "run": self.step["run"],
            "state": state,
            "time": time.time(),
            "times_run": self.times_run,
            "claims": self.claims,
        }
        if self.interrupted and state == "started":
            receipt["interrupted"] = True
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        data = json.dumps(receipt, indent=1, sort_keys=True).encode() + b"\n"
        write_atomic(self.path, data, mode=0o600, durable=True)
        self.old = json.loads(data)


def _load(path):
    try:
        with open(path, encoding="utf-8") as file:
            receipt = json.load(file)
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) and receipt.get("format") == FORMAT else {}
