#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: switch swap off now and for the next boot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import write_atomic

DOCUMENTATION = r"""
module: yk8s_swap
short_description: Switch swap off for good
description:
  - Comments swap out of C(/etc/fstab) (the former file stays beside it), and switches off what is in use.
  - Units that systemd generates for swap partitions are masked.
attributes:
  check_mode:
    description: Nothing is changed in check mode.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Switch swap off
  yk8s_swap:
"""

RETURN = r"""
swaps:
  description: What was in use.
  returned: always
  type: list
  elements: str
"""

FSTAB = "/etc/fstab"
ENTRY = re.compile(r"^\s*[^#\s]\S*\s+\S+\s+swap\s", re.MULTILINE)


def in_use():
    """Devices and files that the kernel swaps to."""
    try:
        with open("/proc/swaps", encoding="utf-8") as file:
            return [line.split()[0] for line in file.read().splitlines()[1:]]
    except OSError:
        return []


def without_swap(text):
    """fstab with its swap entries commented out."""
    return ENTRY.sub(lambda match: "# yk8s-tui: no swap on Kubernetes nodes # " + match.group(0).lstrip("\n"), text)


def main():
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    swaps = in_use()
    text = ""
    if os.path.isfile(FSTAB):
        with open(FSTAB, encoding="utf-8") as file:
            text = file.read()
    changed = bool(swaps) or without_swap(text) != text
    if changed and not module.check_mode:
        if without_swap(text) != text:
            shutil.copy2(FSTAB, FSTAB + ".before-yk8s")
            write_atomic(FSTAB, without_swap(text).encode(), durable=True)
        if swaps:
            module.run_command(["swapoff", "--all"], check_rc=True)
            units = subprocess.run(
                ["systemctl", "list-units", "--type=swap", "--all", "--plain", "--no-legend"],
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            names = [line.split()[0] for line in units.stdout.splitlines() if line.strip()]
            if names:
                module.run_command(["systemctl", "mask", "--quiet", *names], check_rc=True)
    module.exit_json(changed=changed, swaps=swaps)


if __name__ == "__main__":
    main()
