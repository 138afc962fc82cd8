"""What the machine needs that this tool runs on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from yk8s_tui.preflight.model import Check, Subject, Verdict, bad, doubtful, good

ANSIBLE = (2, 19)
LEAST_MIB, COMFORTABLE_MIB = 100, 500


def ansible(subject: Subject) -> Iterable[Verdict]:
    """ansible-core, and the program that runs playbooks."""
    state = subject.operator["ansible"]
    limit = "ansible-core 2.19 or newer"
    remedy = "install yk8s-tui anew, with its dependencies"
    if not state["version"] or not state["playbook"]:
        yield bad("none", limit, "ansible-playbook is not installed beside this tool", remedy)
    elif tuple(int(n) for n in state["version"].split(".")[:2]) < ANSIBLE:
        yield bad(state["version"], limit, "ansible-core is too old", remedy)
    else:
        yield good(state["version"], limit)


def ssh_client(subject: Subject) -> Iterable[Verdict]:
    """Ansible uses the SSH client of the system."""
    path = subject.operator["ssh"]
    if path:
        yield good(path, "ssh in the path")
    else:
        yield bad("none", "ssh in the path", "there is no SSH client", "apt-get install openssh-client")


def disk(subject: Subject) -> Iterable[Verdict]:
    """Room for journals and artifacts of runs in the cluster repository, and the right to write there."""
    state = subject.operator["disk"]
    measured, limit = (
        f"{state['free_mib']} MiB free at {state['path']}",
        f"at least {LEAST_MIB} MiB, writable",
    )
    if not state["writable"]:
        yield bad("not writable", limit, f"{state['path']} cannot be written", "make it writable for you")
    elif state["free_mib"] < LEAST_MIB:
        yield bad(measured, limit, "too little space for the records of runs", "make room")
    elif state["free_mib"] < COMFORTABLE_MIB:
        yield doubtful(measured, f"{COMFORTABLE_MIB} MiB or more", "space is short", "make room")
    else:
        yield good(measured, limit)


def bundle(subject: Subject) -> Iterable[Verdict]:
    """The bundle of the wanted version is on this machine, complete, and for the hosts' architecture.

    None at all is no failure: the plan says what it leaves out, and everything that needs no download is done.
    """
    state = subject.operator["bundle"]
    limit = f"bundle of {subject.config.kubernetes.version}"
    if state["error"]:
        yield bad("damaged", limit, state["error"], "make the bundle anew: `yk8s-tui bundle create`")
    elif not state["path"]:
        places, remedy = ", ".join(state["looked_in"]), "`yk8s-tui bundle create`, or set YK8S_BUNDLE_DIR"
        text = "there is no bundle of this version; only what needs no download will be done"
        yield doubtful(f"not in {places}", limit, text, remedy)
    elif state["missing"]:
        yield bad(f"without {', '.join(state['missing'])}", limit, "the bundle is incomplete", "make it anew")
    elif others := _other_architectures(subject, state["architecture"]):
        remedy = "make a bundle for it"
        yield bad(others, state["architecture"], "the bundle is for another architecture", remedy)
    else:
        yield good(f"{state['path']} ({state['architecture']})", limit)


def _other_architectures(subject: Subject, architecture: str) -> str:
    found: dict[str, Any] = {
        node.name: subject.measured[node.name]["facts"]["architecture"]
        for node in subject.inventory.kubernetes
        if node.name in subject.measured
    }
    return ", ".join(f"{name} is {what}" for name, what in found.items() if what != architecture)


CHECKS = (
    Check("op.ansible", "Ansible", "operator", ("ansible",), cluster=ansible),
    Check("op.ssh-client", "SSH client", "operator", ("ssh",), cluster=ssh_client),
    Check("op.disk", "Disk space here", "operator", ("disk",), cluster=disk),
)

BUNDLE = Check("artifacts.bundle", "Bundle", "cluster", ("facts",), cluster=bundle)
"""Only for `source = "bundle"`."""
