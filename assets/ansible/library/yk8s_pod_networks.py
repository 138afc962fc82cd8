#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: which pod network every node was given; waits for those that just joined."""

from __future__ import annotations

import json
import os
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: yk8s_pod_networks
short_description: Ask the API for the pod networks of the nodes
description:
  - Pod networks are allocated a moment after a node has joined, so this waits for the named nodes.
options:
  nodes:
    description: Nodes that must have one.
    type: list
    elements: str
    required: true
  seconds:
    description: How long to wait.
    type: int
    default: 60
  kubectl:
    description: The program.
    type: path
    default: /usr/local/bin/kubectl
attributes:
  check_mode:
    description: Only reads, and does not wait; nodes without a network (or without a cluster) are left out.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Ask for pod networks
  yk8s_pod_networks:
    nodes: [worker1, worker2]
"""

RETURN = r"""
nodes:
  description: Name, address and pod networks of every node of the cluster.
  returned: always
  type: list
  elements: dict
"""


def ask(module):
    """Every node that the API knows, and what went wrong when it did not answer."""
    words = [module.params["kubectl"], "--kubeconfig", "/etc/kubernetes/admin.conf", "--request-timeout=10s"]
    code, out, err = module.run_command([*words, "get", "nodes", "-o", "json"])
    if code:
        return [], err.strip()
    found = []
    for item in json.loads(out)["items"]:
        addresses = item.get("status", {}).get("addresses", ())
        internal = [a["address"] for a in addresses if a["type"] == "InternalIP"]
        networks = item["spec"].get("podCIDRs", [])
        found.append(
            {
                "name": item["metadata"]["name"],
                "address": internal[0] if internal else "",
                "networks": networks,
            }
        )
    return found, ""


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "seconds": {"type": "int", "default": 60},
            "kubectl": {"type": "path", "default": "/usr/local/bin/kubectl"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.exists(module.params["kubectl"]):
        module.exit_json(changed=False, nodes=[])
    deadline = time.monotonic() + module.params["seconds"]
    while True:
        nodes, problem = ask(module)
        ready = {n["name"] for n in nodes if n["networks"] and n["address"]}
        waiting = sorted(set(module.params["nodes"]) - ready)
        if not waiting or module.check_mode:
            module.exit_json(changed=False, nodes=sorted(nodes, key=lambda n: n["name"]))
        if time.monotonic() > deadline:
            why = problem or "the controller manager has allocated none"
            module.fail_json(msg=f"no pod network for {', '.join(waiting)}: {why}")
        time.sleep(0.3)


if __name__ == "__main__":
    main()
