#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: bring a running control plane node to what kubeadm would make of its configuration now."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import ssl
import time
from ipaddress import ip_address

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import (
    MADE,
    RECEIPTS,
    STEP_OPTION,
    Receipt,
    configuration_digest,
    sha256_of,
    write_atomic,
)

DOCUMENTATION = r"""
module: yk8s_kubeadm_configure
short_description: Apply a changed configuration to a running control plane node
description:
  - Lets kubeadm make the static pods and the API certificate beside those there are, compares, and replaces what
    differs, each file in one step. Waits until the new pods run and the API server of this host is ready.
  - With O(leader) it also keeps kubeadm's configuration in the cluster, for nodes that join later, and the mode of
    kube-proxy.
  - A manifest of etcd that is gone is made again when the data of the member is there; one that is there is left as
    it is.
  - Another version is refused, and so is switching off encryption of Secrets, which would make them unreadable.
options:
  name:
    description: Name of the node.
    type: str
    required: true
  address:
    description: Address of the node on the node network.
    type: str
    required: true
  documents:
    description: InitConfiguration, ClusterConfiguration and KubeProxyConfiguration, without name and address.
    type: list
    elements: dict
    required: true
  leader:
    description: Whether this node speaks for the whole cluster.
    type: bool
    default: false
  binaries:
    description: Folder of kubeadm and kubectl.
    type: path
    default: /usr/local/bin
  seconds:
    description: How long the new pods may take.
    type: int
    default: 180
  receipt:
    description: The variable C(yk8s_step); the manifests are added to the claims.
    type: dict
  directory:
    description: Where receipts are kept.
    type: path
    default: /var/lib/yk8s/receipts
attributes:
  check_mode:
    description: Compares, and changes nothing; a host without a cluster is left out.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Apply the configuration of the control plane
  yk8s_kubeadm_configure:
    name: "{{ inventory_hostname }}"
    address: "{{ yk8s_address }}"
    documents: "{{ kubeadm_configure_documents }}"
"""

RETURN = r"""
replaced:
  description: What was (or in check mode would be) replaced.
  returned: always
  type: list
  elements: str
"""

KUBERNETES = "/etc/kubernetes"
ADMIN = KUBERNETES + "/admin.conf"
MANIFESTS = KUBERNETES + "/manifests"
PKI = KUBERNETES + "/pki"
ETCD_MANIFEST = MANIFESTS + "/etcd.yaml"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CERTIFICATE = "certificate of the API server"
SIGNED_FOR = re.compile(r"signed for DNS names \[(.*?)\] and IPs \[(.*?)\]")


class Refused(Exception):
    """It cannot be done; the text says why."""


class Node:
    """This control plane node, and a private folder in memory for what kubeadm makes."""

    def __init__(self, module):
        self.module = module
        self.options = module.params
        self.folder = f"/run/yk8s-configure-{secrets.token_hex(4)}"

    def run(self, program, *arguments, check=True, timeout=60, **environment):
        """Output of a Kubernetes program; `timeout` in seconds."""
        folder = self.options["binaries"]
        environment = {"PATH": folder + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **environment}
        words = ["/usr/bin/timeout", "--kill-after=5", str(timeout), os.path.join(folder, program), *arguments]
        code, out, err = self.module.run_command(words, environ_update=environment)
        if check and code:
            lines = [line for line in (out + "\n" + err).splitlines() if line.strip()]
            raise Refused(f"{program} {' '.join(arguments[:3])}: " + ("\n".join(lines[-8:]) or f"ended with {code}"))
        return out if code == 0 else ""

    def kubectl(self, *arguments, **rest):
        """Output of kubectl as the admin of this node, at its own API server."""
        address = self.options["address"]
        server = f"https://[{address}]:6443" if ":" in address else f"https://{address}:6443"
        words = ["--kubeconfig", ADMIN, "--server", server, "--request-timeout=10s", *arguments]
        return self.run("kubectl", *words, **rest)

    def phase(self, *words, pki=PKI, **environment):
        """Run a phase of `kubeadm init` with our documents; what it said."""
        documents = [identified(document, self.options, pki) for document in self.options["documents"]]
        path = os.path.join(self.folder, "kubeadm.yaml")
        write_atomic(path, "".join("---\n" + json.dumps(d) + "\n" for d in documents).encode(), mode=0o600)
        return self.run("kubeadm", "init", "phase", *words, "--config", path, timeout=120, **environment)

    def containers(self):
        """Component -> id of its running container, asked with one command."""
        told = json.loads(self.run("crictl", "ps", "--state", "running", "--output", "json") or "{}")
        return {c["metadata"]["name"]: c["id"] for c in told.get("containers", ())}

    def wait(self, done, what):
        """Poll until `done()`; refuses with `what` when it takes too long."""
        deadline = time.monotonic() + self.options["seconds"]
        while not done():
            if time.monotonic() > deadline:
                raise Refused(f"not within {self.options['seconds']} s: {what}; see `crictl ps -a` and `crictl logs`")
            time.sleep(0.5)


def identified(document, options, pki):
    """A document with the name and the address of this node, and the folder of certificates."""
    if document["kind"] == "InitConfiguration":
        endpoint = {**document["localAPIEndpoint"], "advertiseAddress": options["address"]}
        registration = {**document["nodeRegistration"], "name": options["name"]}
        return {**document, "localAPIEndpoint": endpoint, "nodeRegistration": registration}
    return {**document, "certificatesDir": pki} if document["kind"] == "ClusterConfiguration" else document


def canonical(name):
    """A name or an address in one way of writing."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower()


def served_names(address):
    """The names in the certificate that the API server of this host shows now; None while it does not answer."""
    trust = ssl.create_default_context(cafile=PKI + "/ca.crt")
    trust.check_hostname = False
    try:
        with socket.create_connection((address, 6443), 5) as plain, trust.wrap_socket(plain) as connection:
            return {canonical(name) for _kind, name in connection.getpeercert()["subjectAltName"]}
    except OSError:
        return None


def new_certificate(node):
    """Let kubeadm make a certificate with the cluster's CA in our folder; the names in it."""
    folder = os.path.join(node.folder, "pki")
    os.mkdir(folder, 0o700)
    for name in ("ca.crt", "ca.key"):
        os.symlink(os.path.join(PKI, name), os.path.join(folder, name))
    found = SIGNED_FOR.search(node.phase("certs", "apiserver", pki=folder))
    if not found:
        raise Refused("kubeadm did not say what the new certificate is for")
    return {canonical(name) for name in " ".join(found.groups()).split()}


def new_manifests(node):
    """Component -> (manifest in force, manifest that kubeadm would write), those that differ."""
    folder = os.path.join(node.folder, "manifests")
    os.mkdir(folder, 0o700)
    node.phase("control-plane", "all", "--dry-run", KUBEADM_INIT_DRYRUN_DIR=folder)
    differing = {}
    for name in COMPONENTS:
        pair = [read(os.path.join(place, name + ".yaml")) for place in (MANIFESTS, folder)]
        if pair[0] != pair[1]:
            differing[name] = pair
    return differing


def read(path):
    """Content of a file; empty when there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def refuse_dangerous(differing):
    """Refuse what a restart of a pod must not do by the way."""
    for name, (now, wanted) in differing.items():
        images = [re.findall(rb"image: (\S+):(\S+)", text) for text in (now, wanted)]
        if images[0] and images[0][0][1] != images[1][0][1]:
            versions = [image[0][1].decode() for image in images]
            raise Refused(
                f"{name} is {versions[0]}, and {versions[1]} is configured: another version is installed by an "
                "upgrade, node by node; set kubernetes.version back"
            )
        flag = b"--encryption-provider-config="
        if flag in now and flag not in wanted:
            raise Refused(
                "kubernetes.encryption_at_rest was switched off, but Secrets in etcd are encrypted and could not be "
                "read any more; set it back to true"
            )


def restore_etcd(node):
    """Make the manifest of etcd again when it is gone: the member goes on with its data, whatever the manifest says.

    Without data it would begin a cluster of its own, so that is refused.
    """
    cluster = next(d for d in node.options["documents"] if d["kind"] == "ClusterConfiguration")
    data = cluster.get("etcd", {}).get("local", {}).get("dataDir", "/var/lib/etcd")
    if not os.path.isdir(os.path.join(data, "member")):
        raise Refused(
            f"{ETCD_MANIFEST} is gone, and so is the data in {data}: bring both back, or remove this member from etcd "
            "and join this node anew"
        )
    if node.module.check_mode:
        return
    node.phase("etcd", "local")
    # An API server without etcd lets kubelet wait for a minute at each question before it starts etcd; one that is
    # stopped does not. A kubelet that begins anew starts what had crashed without the pause it had come to.
    stale = node.containers().get("kube-apiserver")
    if stale:
        node.run("crictl", "stop", "--timeout", "2", stale, check=False)
    node.module.run_command(["/usr/bin/systemctl", "restart", "kubelet.service"], check_rc=True)
    node.wait(lambda: node.kubectl("get", "--raw", "/readyz", check=False) == "ok", "the API server is ready")


def replace_certificate(node, wanted):
    """Put the new pair in place, and wait until it is shown; the API server reads it again by itself."""
    for name, mode in (("apiserver.key", 0o600), ("apiserver.crt", 0o644)):
        data = read(os.path.join(node.folder, "pki", name))
        write_atomic(os.path.join(PKI, name), data, mode=mode, durable=True)
    address = node.options["address"]
    node.wait(lambda: served_names(address) == wanted, "the API server shows its new certificate")


def replace_manifests(node, differing):
    """Put new manifests in place one by one, the API server's first, and wait until kubelet has replaced each pod.

    Those that lead hand over only to an API server that answers, and a failure leaves the rest as it was.
    """
    for name, (_now, wanted) in differing.items():
        before = node.containers().get(name)
        write_atomic(os.path.join(MANIFESTS, name + ".yaml"), wanted, mode=0o600, durable=True)
        node.wait(lambda n=name, b=before: node.containers().get(n, b) != b, f"kubelet runs the new {name}")
        node.wait(lambda: node.kubectl("get", "--raw", "/readyz", check=False) == "ok", "the API server is ready")


def set_proxy_mode(node):
    """Whether the mode of kube-proxy is another one; if it may be, change it and restart kube-proxy."""
    wanted = next(d["mode"] for d in node.options["documents"] if d["kind"] == "KubeProxyConfiguration")
    place = ("--namespace=kube-system", "configmap/kube-proxy", "--output=jsonpath={.data.config\\.conf}")
    found = re.search(r'^mode: "?(\w*)', node.kubectl("get", *place), re.MULTILINE)
    if found and found.group(1) == wanted:
        return False
    if not node.module.check_mode:
        node.phase("addon", "kube-proxy")
        node.kubectl("rollout", "restart", "--namespace=kube-system", "daemonset/kube-proxy")
        words = ("status", "--namespace=kube-system", "daemonset/kube-proxy", "--timeout=150s", "--request-timeout=0")
        node.kubectl("rollout", *words, timeout=160)
    return True


def just_made(node):
    """Whether kubeadm has made this control plane from this configuration a moment ago; asked once."""
    made = read(MADE).decode()
    if not node.module.check_mode and os.path.exists(MADE):
        os.unlink(MADE)
    return made == configuration_digest(node.options["documents"])


def configure(node):
    """Compare, and replace what differs; names of what did."""
    if just_made(node):
        return []
    bare = not os.path.exists(ETCD_MANIFEST)
    if bare:
        restore_etcd(node)
    wanted = new_certificate(node)
    differing = new_manifests(node)
    refuse_dangerous(differing)
    another = served_names(node.options["address"]) != wanted
    check = node.module.check_mode
    if another and not check:
        replace_certificate(node, wanted)
    if differing and not check:
        replace_manifests(node, differing)
    changed = [*(["etcd"] if bare else []), *([CERTIFICATE] if another else []), *differing]
    if node.options["leader"]:
        if not check:
            node.phase("upload-config", "kubeadm")
        changed += ["kube-proxy"] if set_proxy_mode(node) else []
    return changed


def claims():
    """What is held against the manifests in force; that of etcd, which others may tune, only has to be there."""
    paths = [os.path.join(MANIFESTS, name + ".yaml") for name in COMPONENTS]
    return {ETCD_MANIFEST: {}, **{path: {"sha256": sha256_of(path)} for path in paths}}


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "documents": {"type": "list", "elements": "dict", "required": True},
            "leader": {"type": "bool", "default": False},
            "binaries": {"type": "path", "default": "/usr/local/bin"},
            "seconds": {"type": "int", "default": 180},
            "receipt": STEP_OPTION,
            "directory": {"type": "path", "default": RECEIPTS},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not os.path.exists(ADMIN):
        module.exit_json(changed=False, replaced=[], msg="there is no cluster on this host yet")
    receipt = Receipt(module.params["receipt"], module.params["directory"]) if module.params["receipt"] else None
    if receipt and not module.check_mode:
        receipt.start()
    node = Node(module)
    os.mkdir(node.folder, 0o700)
    try:
        replaced = configure(node)
    except Refused as error:
        module.fail_json(msg=str(error))
    finally:
        shutil.rmtree(node.folder, ignore_errors=True)
    if receipt and not module.check_mode:
        receipt.add("files", claims())
        receipt.done()
    module.exit_json(changed=bool(replaced), replaced=replaced)


if __name__ == "__main__":
    main()
