#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: load firewall rules that take themselves back unless a new connection confirms them."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import RECEIPTS, STEP_OPTION, Receipt, mode_of, sha256_of, write_atomic

DOCUMENTATION = r"""
module: yk8s_firewall
short_description: Load nftables rules with automatic rollback
description:
  - V(loaded) checks the rules as a whole, arms a timer that restores those in force, and loads the new ones
    in one transaction. Files in C(/etc) are not touched yet, so a reboot brings the former rules, too.
  - V(confirmed) must come over a new connection. It disarms the timer and puts the files in place.
  - When nothing confirms, the former rules are back after O(rollback_seconds).
  - Steps that come at once take turns: rules of one are confirmed or taken back before those of another are loaded.
  - Only the table C(inet yk8s) is ever replaced; tables of others are left alone.
options:
  state:
    description: The phase.
    type: str
    choices: [loaded, confirmed]
    required: true
  main:
    description: Content of C(/etc/nftables.conf), which includes every C(/etc/nftables.d/*.nft).
    type: str
  fragments:
    description: Content of fragments by file name, for example C(yk8s-trampoline.nft); null removes one.
    type: dict
    default: {}
  service:
    description: Content of a drop-in for C(nftables.service), which loads the rules at boot; it is enabled and started.
    type: str
  rollback_seconds:
    description: How long the rules may stay without being confirmed.
    type: int
    default: 30
  receipt:
    description: The variable C(yk8s_step); C(started) is written first, and the files are added to the claims.
    type: dict
  done:
    description: Write the receipt as C(done), in the phase that is the last.
    type: bool
    default: false
  directory:
    description: Where receipts are kept.
    type: path
    default: /var/lib/yk8s/receipts
attributes:
  check_mode:
    description: Nothing is loaded in check mode; rules are checked when nft is there.
    support: full
  diff_mode:
    description: One entry for each file that changes.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Load the rules
  yk8s_firewall:
    state: loaded
    main: "{{ lookup('ansible.builtin.template', 'nftables.conf.j2') }}"
    fragments: {yk8s-trampoline.nft: "{{ lookup('ansible.builtin.template', 'fragment.nft.j2') }}"}
"""

RETURN = r"""
rollback_at:
  description: When the former rules come back (seconds since the epoch), unless they are confirmed.
  returned: when rules were loaded
  type: float
"""

MAIN = "/etc/nftables.conf"
FRAGMENTS = "/etc/nftables.d"
DROPIN = "/etc/systemd/system/nftables.service.d/yk8s.conf"
SERVICE = "nftables.service"
WORK = "/run/yk8s-firewall"
FORMER = WORK + "/former.nft"
LOCK = WORK + ".lock"
UNIT = "yk8s-firewall-rollback"
TABLE = "inet yk8s"
FINGERPRINT = "/var/lib/yk8s/firewall.json"


class Refused(Exception):
    """The rules cannot be loaded; the text says why."""


def nft(*words):
    """Run nft; returns its result, output as text."""
    return _run("nft", *words)


def _run(*words):
    environment = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise Refused(f"{words[0]} is not installed") from None


def fingerprint():
    """Identity of our table as the kernel has it now; empty when it is not loaded."""
    listed = nft("--stateless", "list", "table", *TABLE.split())
    return hashlib.sha256(listed.stdout.strip().encode()).hexdigest() if listed.returncode == 0 else ""


def wanted_files(options):
    """Path -> content (None: must not exist) of everything this execution decides."""
    files = {os.path.join(FRAGMENTS, name): text for name, text in options["fragments"].items()}
    if options["main"] is not None:
        files[MAIN] = options["main"]
    if options["service"] is not None:
        files[DROPIN] = options["service"]
    return files


def differences(files):
    """The paths whose content is not as wanted."""
    return [path for path, text in files.items() if read(path) != text]


def read(path):
    """Content of a file, None when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def stage(files, staged):
    """The whole rule set as it would be, in a folder of its own; returns its main file."""
    shutil.rmtree(staged, ignore_errors=True)
    os.makedirs(os.path.join(staged, "d"), mode=0o700)
    everything = {path: read(path) for path in glob.glob(FRAGMENTS + "/*.nft")}
    everything.update({path: text for path, text in files.items() if path.startswith(FRAGMENTS + "/")})
    for path, text in everything.items():
        if text is not None:
            with open(os.path.join(staged, "d", os.path.basename(path)), "w", encoding="utf-8") as file:
                file.write(text)
    main = files.get(MAIN) or read(MAIN) or ""
    name = os.path.join(staged, "nftables.conf")
    with open(name, "w", encoding="utf-8") as file:
        file.write(main.replace(FRAGMENTS + "/", os.path.join(staged, "d") + "/"))
    return name


@contextlib.contextmanager
def locked(seconds):
    """Nobody else loads, confirms or takes back meanwhile."""
    deadline = time.monotonic() + seconds
    with open(LOCK, "w", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused("another process has been at the firewall rules for too long") from None
                time.sleep(0.05)
        yield


@contextlib.contextmanager
def turn(owner, seconds):
    """The lock, and no rules that wait for their proof: those of another step have until they take themselves back."""
    deadline = time.monotonic() + seconds + 10
    while True:
        with locked(seconds + 10):
            if armed() and os.path.exists(FORMER) and read(os.path.join(WORK, "owner")) == owner:
                roll_back()
            if not armed():
                yield
                return
        if time.monotonic() > deadline:
            raise Refused("rules of another step are still waiting to be confirmed")
        time.sleep(0.2)


def armed():
    """Whether a rollback is waiting, or at work."""
    return _run("systemctl", "is-active", "--quiet", UNIT + ".timer", UNIT + ".service").returncode == 0


def arm(seconds, owner):
    """Start the timer that loads the rules in force again, then keep them: only who has the timer writes the file."""
    listed = nft("list", "table", *TABLE.split())
    former = f"table {TABLE}\ndelete table {TABLE}\n" + (listed.stdout if listed.returncode == 0 else "")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(FORMER)
    _run("systemctl", "reset-failed", UNIT + ".service", UNIT + ".timer")
    program = shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or "nft"
    restoring = WORK + "/restoring.nft"
    done = _run(
        "systemd-run",
        f"--unit={UNIT}",
        f"--on-active={seconds}s",
        "--timer-property=AccuracySec=200ms",
        "--description=Restore the former firewall rules",
        "flock",
        LOCK,
        "/bin/sh",
        "-c",
        f"test ! -e {FORMER} || {{ mv {FORMER} {restoring} && {program} -f {restoring}; }}",
    )
    if done.returncode:
        raise Refused("the rollback timer cannot be armed, nothing was loaded: " + done.stdout.strip())
    write_atomic(os.path.join(WORK, "owner"), owner.encode(), mode=0o600)
    write_atomic(FORMER, former.encode(), mode=0o600)


def disarm():
    """The former rules are not needed any more; a timer that fires now finds none."""
    os.unlink(FORMER)
    _run("systemctl", "stop", UNIT + ".timer")


def roll_back():
    """Load the rules that were in force before."""
    must("nft", "-f", FORMER)
    disarm()


def load(module, files, result):
    """Check, arm, load; the former rules stay in force when anything is wrong."""
    options = module.params
    os.makedirs(WORK, mode=0o700, exist_ok=True)
    name = stage(files, os.path.join(WORK, "new"))
    checked = nft("--check", "-f", name)
    if checked.returncode:
        raise Refused("the rules are not valid, nothing was loaded; nft says: " + _short(checked.stdout))
    arm(options["rollback_seconds"], owner_of(options))
    result["rollback_at"] = time.time() + options["rollback_seconds"]
    loaded = nft("-f", name)
    if loaded.returncode:
        disarm()
        raise Refused("the rules cannot be loaded, the former ones are in force; nft says: " + _short(loaded.stdout))
    with open(os.path.join(WORK, "loaded"), "w", encoding="utf-8") as file:
        file.write(fingerprint())


def owner_of(options):
    """Whose rules these are."""
    return options["receipt"]["id"] if options["receipt"] else "manual"


def confirm(files, owner):
    """Disarm, put the files in place, and remember what the kernel has."""
    if not os.path.exists(FORMER) or read(os.path.join(WORK, "owner")) != owner:
        raise Refused(
            "the new rules were not confirmed in time, the former ones are in force again: they cut SSH off "
            "from the machine that runs this (see trampoline.ssh_allowed_sources), or it was too slow to come back"
        )
    disarm()
    different = differences(files)
    for path in different:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if files[path] is None:
            os.unlink(path)
        else:
            write_atomic(path, files[path].encode(), mode=0o755 if path == MAIN else 0o644, durable=True)
    if fingerprint() != read(os.path.join(WORK, "loaded")):
        nft("-f", MAIN)
    if DROPIN in different:
        must("systemctl", "daemon-reload")
    if DROPIN in files and not served():
        must("systemctl", "enable", "--quiet", "--now", SERVICE)
    remember()
    shutil.rmtree(WORK, ignore_errors=True)


def served():
    """Whether the rules are loaded at boot."""
    done = _run("systemctl", "show", "--property", "ActiveState,UnitFileState", "--value", SERVICE)
    return set(done.stdout.split()) == {"active", "enabled"}


def must(*words):
    """Run a command that has to succeed."""
    done = _run(*words)
    if done.returncode:
        raise Refused(f"{' '.join(words)}: {_short(done.stdout)}")


def remember():
    """Keep the fingerprint, so that rules changed by hand are seen."""
    os.makedirs(os.path.dirname(FINGERPRINT), mode=0o755, exist_ok=True)
    write_atomic(FINGERPRINT, json.dumps({"table": fingerprint()}).encode() + b"\n", mode=0o600)


def in_force():
    """Whether the kernel has the rules that were confirmed last; no when nft is not there yet."""
    if not shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        return False
    try:
        known = json.loads(read(FINGERPRINT) or "{}")
    except ValueError:
        known = {}
    return bool(known.get("table")) and known["table"] == fingerprint()


def check_only(files):
    """In check mode: the rules as a whole, in a folder that is removed again."""
    if shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        with tempfile.TemporaryDirectory(prefix="yk8s-firewall-") as folder:
            checked = nft("--check", "-f", stage(files, os.path.join(folder, "new")))
        if checked.returncode:
            raise Refused("the rules are not valid; nft says: " + _short(checked.stdout))


def _short(text):
    return "; ".join(line.strip() for line in text.strip().splitlines()[:6])


def claim(options, files):
    """Add the files and the service to the claims of the receipt."""
    if not options["receipt"]:
        return
    receipt = Receipt(options["receipt"], options["directory"])
    present = {path for path, text in files.items() if text is not None}
    receipt.add("files", {path: {"sha256": sha256_of(path), "mode": mode_of(path)} for path in present})
    receipt.add("absent", [path for path, text in files.items() if text is None])
    receipt.add("tables", {TABLE: ""})
    if DROPIN in files:
        receipt.add("units", {SERVICE: "active"})
    if options["done"]:
        receipt.done()
    else:
        receipt.start()
        receipt.save()


def act(module, files):
    """Do what the phase asks for; returns the result."""
    options = module.params
    if options["state"] == "confirmed":
        if not module.check_mode:
            with locked(options["rollback_seconds"]):
                confirm(files, owner_of(options))
            claim(options, files)
        return {"changed": False}
    if module.check_mode:
        result = compare(files)
        if result["changed"]:
            check_only(files)
        return result
    if options["receipt"]:
        Receipt(options["receipt"], options["directory"]).start()
    with turn(owner_of(options), options["rollback_seconds"]):
        result = compare(files)
        if result["changed"]:
            load(module, files, result)
    if not result["changed"]:
        claim(options, files)
    return result


def compare(files):
    """Whether the rules are not as wanted, and how the files differ."""
    different = differences(files)
    diff = [
        {"before_header": p, "after_header": p, "before": read(p) or "", "after": files[p] or ""} for p in different
    ]
    changed = bool(different) or not in_force() or (DROPIN in files and not served())
    return {"changed": changed, "diff": diff}


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["loaded", "confirmed"], "required": True},
            "main": {"type": "str"},
            "fragments": {"type": "dict", "default": {}},
            "service": {"type": "str"},
            "done": {"type": "bool", "default": False},
            "rollback_seconds": {"type": "int", "default": 30},
            "receipt": STEP_OPTION,
            "directory": {"type": "path", "default": RECEIPTS},
        },
        supports_check_mode=True,
    )
    try:
        result = act(module, wanted_files(module.params))
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
