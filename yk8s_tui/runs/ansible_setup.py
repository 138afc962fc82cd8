"""What Ansible is given for a run: inventory, environment, and arguments of SSH."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from yk8s_tui import paths
from yk8s_tui.models.nodes import Node
from yk8s_tui.models.plan import Plan
from yk8s_tui.repository.ansible_files import jump_command, strict

RUN_MARK = "LC_YK8S_RUN"
"""Environment variable of everything a run starts on a host; `LC_*` is what sshd accepts and sudo keeps."""
BECOME_PASSWORDS = "yk8s_become_passwords"
"""Secret variable: node -> sudo password."""
ACCELERATOR_CORES = ((2, 10), (2, 22))
"""Releases of ansible-core the accelerator is used with: from, up to but without."""

POLL_SECONDS = 0.01
"""How often ansible-playbook looks for results; its default, 1 ms, takes a tenth of a core while modules work."""


def inventory(plan: Plan, root: Path, known_hosts: Path) -> dict[str, Any]:
    """The inventory of a run, as Ansible reads it from JSON."""
    hosts = {node.name: _host(node, plan, root, known_hosts) for node in plan.inventory.nodes}
    groups = {
        "frontends": plan.inventory.frontends,
        "control_plane": plan.inventory.control_planes,
        "workers": plan.inventory.workers,
        "kubernetes": plan.inventory.kubernetes,
    }
    children: dict[str, Any] = {name: {"hosts": {node.name: {} for node in nodes}} for name, nodes in groups.items()}
    return {"all": {"hosts": hosts, "children": children}}


def _host(node: Node, plan: Plan, root: Path, known_hosts: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ansible_host": node.host,
        "ansible_port": node.ssh_port,
        "ansible_user": node.ssh_user,
        "ansible_python_interpreter": "/usr/bin/python3",
        "yk8s_address": node.address,
        "yk8s_facts": plan.facts.get(node.name, {}),
        "yk8s_roles": list(node.roles),
    }
    if node.ssh_key:
        found["ansible_ssh_private_key_file"] = str(root / Path(node.ssh_key).expanduser())
    if node.ssh_user != "root":
        found["ansible_become"] = True
    if node.sudo_password_secret:
        found["ansible_become_password"] = f"{{{{ {BECOME_PASSWORDS}[inventory_hostname] }}}}"
    if node.jump:
        found["ansible_ssh_common_args"] = shlex.join(["-o", f"ProxyCommand={jump_command(node, root, known_hosts)}"])
    return found


def ssh_arguments(known_hosts: Path, sockets: Path, run: str) -> str:
    """Arguments of every SSH connection: only pinned keys, one shared connection per host and run."""
    words = [
        *strict(known_hosts),
        "-o",
        "ControlMaster=auto",
        "-o",
        "ControlPersist=600",
        "-o",
        f"ControlPath={sockets}/%C",
        "-o",
        "ConnectTimeout=10",
        "-o",
        "ServerAliveInterval=10",
        "-o",
        "ServerAliveCountMax=3",
        "-o",
        f"SetEnv={RUN_MARK}={run}",
    ]
    return shlex.join(words)


def environment(root: Path, known_hosts: Path, workspace: Path, sockets: Path, run: str, forks: int) -> dict[str, str]:
    """Settings of Ansible as environment; whatever `ansible.cfg` the operator has is not read."""
    ansible = paths.assets() / "ansible"
    settings = workspace / "ansible.cfg"
    if not settings.exists():
        settings.write_text(f"[defaults]\ninternal_poll_interval = {POLL_SECONDS}\n")
    roles = [ansible / "roles", root / "k8s-custom" / "roles"]
    return {
        "PATH": f"{ansible / 'bin'}:{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_FORKS": str(max(1, forks)),
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_ROLES_PATH": ":".join(str(path) for path in roles),
        "ANSIBLE_LIBRARY": str(ansible / "library"),
        "ANSIBLE_MODULE_UTILS": str(ansible / "module_utils"),
        "ANSIBLE_FILTER_PLUGINS": str(ansible / "filter_plugins"),
        "ANSIBLE_LOCAL_TEMP": str(workspace / "tmp"),
        "ANSIBLE_SSH_ARGS": ssh_arguments(known_hosts, sockets, run),
        "ANSIBLE_SSH_RETRIES": "2",
        # Until Python is up on a host, which takes long on a busy one; ConnectTimeout finds the dead.
        "ANSIBLE_TIMEOUT": "30",
        # Modules would write their arguments, contents of files among them, to the journal of the host.
        "ANSIBLE_NO_TARGET_SYSLOG": "True",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "False",
        "ANSIBLE_COMMAND_WARNINGS": "False",
        "ANSIBLE_ANY_ERRORS_FATAL": "False",
        "ANSIBLE_INJECT_FACT_VARS": "False",
    }


def shared_modules(workspace: Path) -> dict[str, str]:
    """Settings with which playbooks share packed modules; only for those that have the same modules by the same names.

    See `assets/ansible/callback_plugins/yk8s_shared_modules.py`.
    """
    folder = workspace / "modules"
    folder.mkdir(mode=0o700, exist_ok=True)
    return {
        "ANSIBLE_CALLBACK_PLUGINS": str(paths.assets() / "ansible" / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "yk8s_shared_modules",
        "YK8S_SHARED_MODULES": str(folder),
    }


def accelerator(workspace: Path) -> dict[str, str]:
    """Settings that switch the accelerator (Mitogen) on; empty when it is not there, not wanted, or too old or new.

    `YK8S_ACCELERATOR=off` switches it off. Its sockets are in the workspace, as a playbook that is killed leaves them.
    """
    if os.environ.get("YK8S_ACCELERATOR", "").lower() in ("off", "0", "false", "no"):
        return {}
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or not found.submodule_search_locations:
        return {}
    release = importlib.metadata.version("ansible-core").split(".")[:2]
    low, high = ACCELERATOR_CORES
    if not low <= (int(release[0]), int(release[1])) < high:
        return {}
    plugins = Path(found.submodule_search_locations[0]) / "plugins" / "strategy"
    return {
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_STRATEGY_PLUGINS": str(plugins),
        "TMPDIR": str(workspace),
    }


def write_private(path: Path, value: object) -> None:
    """Write JSON that only this user may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(value, file)
