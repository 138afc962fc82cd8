#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: say on the host that a step started or is done, and what it claims."""

from __future__ import annotations

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import RECEIPTS, STEP_OPTION, Receipt, mode_of, sha256_of

DOCUMENTATION = r"""
module: yk8s_receipt
short_description: Write the receipt of a step
description:
  - Writes C(/var/lib/yk8s/receipts/<step>.json), mode 0600, atomically and synced to disk.
  - What a receipt claims can be read again at any time without changing anything; that is how a repeated
    run knows that a host is unchanged.
  - A receipt is a record, not a configuration, so writing one never counts as a change.
options:
  step:
    description: The variable C(yk8s_step) that the engine passes.
    type: dict
    required: true
  state:
    description: V(started) before anything is changed, V(done) after everything is.
    type: str
    choices: [started, done]
    required: true
  units:
    description: systemd units that must be in a state, for example C({haproxy.service: active}).
    type: dict
    default: {}
  sysctls:
    description: Kernel parameters and their values.
    type: dict
    default: {}
  packages:
    description: Packages that must be installed, with a version or an empty string for any.
    type: dict
    default: {}
  files:
    description: Paths whose content and mode are recorded as they are now.
    type: list
    elements: path
    default: []
  directory:
    description: Where receipts are kept.
    type: path
    default: /var/lib/yk8s/receipts
attributes:
  check_mode:
    description: Nothing is written in check mode.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Record what this step has made
  yk8s_receipt:
    step: "{{ yk8s_step }}"
    state: done
    units: {haproxy.service: active}
"""

RETURN = r"""
path:
  description: The receipt.
  returned: always
  type: str
times_run:
  description: How often the step has run on this host.
  returned: always
  type: int
"""


def main():
    module = AnsibleModule(
        argument_spec={
            "step": dict(STEP_OPTION, required=True),
            "state": {"type": "str", "choices": ["started", "done"], "required": True},
            "units": {"type": "dict", "default": {}},
            "sysctls": {"type": "dict", "default": {}},
            "packages": {"type": "dict", "default": {}},
            "files": {"type": "list", "elements": "path", "default": []},
            "directory": {"type": "path", "default": RECEIPTS},
        },
        supports_check_mode=True,
    )
    options = module.params
    receipt = Receipt(options["step"], options["directory"])
    for kind in ("units", "sysctls", "packages"):
        if options[kind]:
            receipt.add(kind, {name: str(value) for name, value in options[kind].items()})
    if not module.check_mode:
        missing = [path for path in options["files"] if not os.path.isfile(path)]
        if missing:
            module.fail_json(msg="cannot claim files that do not exist: " + ", ".join(missing))
        if options["files"]:
            receipt.add("files", {p: {"sha256": sha256_of(p), "mode": mode_of(p)} for p in options["files"]})
        if options["state"] == "started":
            receipt.start()
            receipt.save()
        else:
            receipt.done()
    module.exit_json(changed=False, path=receipt.path, times_run=receipt.times_run)


if __name__ == "__main__":
    main()
