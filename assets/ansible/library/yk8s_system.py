#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: kernel modules, kernel parameters and systemd units of a step, in one execution."""

from __future__ import annotations

import os
import shutil
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import RECEIPTS, STEP_OPTION, Receipt

DOCUMENTATION = r"""
module: yk8s_system
short_description: Load kernel modules, set kernel parameters, and bring systemd units into their state
description:
  - One execution does what a step needs from the running system, after M(yk8s_files) has written the files.
  - Kernel modules that are built in, or that this kernel does not have, are left alone.
  - A unit that does not come up fails with the last lines of its journal.
options:
  modules:
    description: Kernel modules to load where they exist and are not there yet.
    type: list
    elements: str
    default: []
  sysctls:
    description: Kernel parameters, set now; write a file in /etc/sysctl.d for the next boot.
    type: dict
    default: {}
  daemon_reload:
    description: Make systemd read its unit files again; it also does when systemd itself says that it is needed.
    type: bool
    default: false
  units:
    description: Units in order.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name with suffix, for example C(haproxy.service).
        type: str
        required: true
      state:
        description: What is wanted; the unit's state is left alone when it is not given.
        type: str
        choices: [started, stopped]
      enabled:
        description: Whether it starts at boot; left alone when it is not given.
        type: bool
      restart:
        description: Restart it when it runs; its configuration changed.
        type: bool
        default: false
      reload:
        description: Reload it when it runs; its configuration changed.
        type: bool
        default: false
      missing_ok:
        description: It does not matter when there is no such unit.
        type: bool
        default: false
  packages:
    description: Packages to be added to the claims.
    type: list
    elements: str
    default: []
  receipt:
    description: The variable C(yk8s_step); units and parameters are added to the claims.
    type: dict
  done:
    description: Write the receipt as C(done) afterwards.
    type: bool
    default: false
  directory:
    description: Where receipts are kept.
    type: path
    default: /var/lib/yk8s/receipts
attributes:
  check_mode:
    description: Nothing is changed in check mode; units of packages that are not installed yet count as changed.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Run HAProxy
  yk8s_system:
    sysctls: {net.ipv4.ip_forward: "1"}
    units:
      - {name: haproxy.service, state: started, enabled: true, reload: "{{ haproxy_files is changed }}"}
    receipt: "{{ yk8s_step }}"
    done: true
"""

RETURN = r"""
actions:
  description: What was (or in check mode would be) done, one line each.
  returned: always
  type: list
  elements: str
unavailable:
  description: Kernel modules that this kernel does not have as modules.
  returned: always
  type: list
  elements: str
"""

UNIT_OPTIONS = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"]},
    "enabled": {"type": "bool"},
    "restart": {"type": "bool", "default": False},
    "reload": {"type": "bool", "default": False},
    "missing_ok": {"type": "bool", "default": False},
}
SHOWN = ("Id", "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")


class Refused(Exception):
    """Something cannot be brought into its state; the text says why."""


class System:
    """The running system, with a record of what was done to it."""

    def __init__(self, check_mode):
        self.check_mode = check_mode
        self.actions = []
        self.unavailable = []

    def load(self, name):
        """Load one kernel module, when this kernel has it as a module."""
        if os.path.isdir("/sys/module/" + name.replace("-", "_")):
            return
        if not shutil.which("modprobe") or _run("modprobe", "--dry-run", "--quiet", name).returncode:
            self.unavailable.append(name)
            return
        builtin = _run("modprobe", "--show-depends", name).stdout.decode(errors="replace")
        if builtin.strip().startswith("builtin"):
            return
        if self._act("load " + name):
            _must("modprobe", name)

    def set(self, name, value):
        """Set one kernel parameter."""
        path = "/proc/sys/" + name.replace(".", "/")
        try:
            with open(path, encoding="utf-8") as file:
                now = file.read().split()
        except OSError as error:
            if self.check_mode:  # The module that brings it may not be loaded yet.
                self._act(f"{name} = {value}")
                return
            raise Refused(f"{name}: this kernel has no such parameter ({error.strerror})") from None
        if now != str(value).split() and self._act(f"{name} = {value}"):
            try:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(str(value))
            except OSError as error:
                raise Refused(f"{name} = {value}: {error.strerror}") from None

    def units(self, wanted, daemon_reload):
        """Bring units into their state, in order."""
        states = _show([unit["name"] for unit in wanted])
        stale = any(state.get("NeedDaemonReload") == "yes" for state in states.values())
        if (daemon_reload or stale) and self._act("daemon-reload"):
            _must("systemctl", "daemon-reload")
            states = _show([unit["name"] for unit in wanted])
        for unit in wanted:
            self._unit(unit, states[unit["name"]])

    def _unit(self, unit, state):
        name = unit["name"]
        to_come = self.check_mode and unit["state"] in ("started", None)
        if state["LoadState"] in ("not-found", "masked") and not to_come:
            if unit["missing_ok"] or unit["state"] == "stopped":
                return
            raise Refused(f"{name}: systemd says it is {state['LoadState']}")
        enabled = state["UnitFileState"] in ("enabled", "static", "alias", "indirect", "generated")
        if unit["enabled"] is not None and unit["enabled"] != enabled:
            verb = "enable" if unit["enabled"] else "disable"
            if self._act(f"{verb} {name}"):
                _must("systemctl", verb, "--quiet", name)
        active = state["ActiveState"] in ("active", "reloading", "activating")
        if active and unit["state"] == "stopped":
            self._systemctl("stop", name)
        elif active and (unit["restart"] or unit["reload"]):
            self._systemctl("restart" if unit["restart"] else "reload", name)
        elif not active and unit["state"] == "started":
            if state["ActiveState"] == "failed" and not self.check_mode:
                _run("systemctl", "reset-failed", name)
            self._systemctl("start", name)

    def _systemctl(self, verb, name):
        if not self._act(f"{verb} {name}"):
            return
        done = _run("systemctl", verb, name)
        if done.returncode:
            journal = _run("journalctl", "--unit", name, "--lines", "12", "--output", "cat", "--no-pager")
            said = done.stdout.decode(errors="replace").strip().splitlines()[:1]
            evidence = journal.stdout.decode(errors="replace").strip().splitlines()
            raise Refused(f"{name}: does not {verb}: " + "; ".join(said + evidence))

    def _act(self, text):
        self.actions.append(text)
        return not self.check_mode


def _run(*words):
    environment = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment,
        check=False,
    )


def _must(*words):
    done = _run(*words)
    if done.returncode:
        raise Refused(f"{' '.join(words)}: " + done.stdout.decode(errors="replace").strip())


def _show(names):
    """systemd's view of these units, in one call; the names are those that were asked for."""
    if not names:
        return {}
    done = _run("systemctl", "show", "--property", ",".join(SHOWN), "--", *names)
    blocks = done.stdout.decode(errors="replace").strip().split("\n\n")
    if done.returncode or len(blocks) != len(names):
        raise Refused("systemd does not answer: " + done.stdout.decode(errors="replace").strip())
    return {
        name: dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for name, block in zip(names, blocks)  # noqa: B905 - Python 3.9 knows no strict
    }


def write_receipt(options):
    """Add what was reached to the claims."""
    receipt = Receipt(options["receipt"], options["directory"])
    states = {"started": "active", "stopped": "inactive"}
    claimed = [u for u in options["units"] if u["state"] and not u["missing_ok"]]
    receipt.add("units", {unit["name"]: states[unit["state"]] for unit in claimed})
    receipt.add("sysctls", {name: str(value) for name, value in options["sysctls"].items()})
    receipt.add("packages", dict.fromkeys(options["packages"], ""))
    if options["done"]:
        receipt.done()
    else:
        receipt.start()
        receipt.save()


def main():
    module = AnsibleModule(
        argument_spec={
            "modules": {"type": "list", "elements": "str", "default": []},
            "sysctls": {"type": "dict", "default": {}},
            "daemon_reload": {"type": "bool", "default": False},
            "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT_OPTIONS},
            "packages": {"type": "list", "elements": "str", "default": []},
            "receipt": STEP_OPTION,
            "done": {"type": "bool", "default": False},
            "directory": {"type": "path", "default": RECEIPTS},
        },
        supports_check_mode=True,
    )
    options = module.params
    system = System(module.check_mode)
    try:
        for name in options["modules"]:
            system.load(name)
        for name, value in options["sysctls"].items():
            system.set(name, value)
        system.units(options["units"], options["daemon_reload"])
    except Refused as error:
        module.fail_json(msg=str(error), actions=system.actions)
    if options["receipt"] and not module.check_mode:
        write_receipt(options)
    module.exit_json(changed=bool(system.actions), actions=system.actions, unavailable=system.unavailable)


if __name__ == "__main__":
    main()
