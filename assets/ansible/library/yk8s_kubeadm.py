#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: kubeadm init and join that look before they act, and never show a token."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import ssl
import string
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import MADE, RECEIPTS, STEP_OPTION, Receipt, configuration_digest, write_atomic

DOCUMENTATION = r"""
module: yk8s_kubeadm
short_description: Initialise a cluster, or join it
description:
  - V(look) says whether this host is part of the cluster.
  - V(init) makes the first control plane. A host whose API answers is left alone. What an interrupted run of ours left
    is reset and made again; the data of a cluster that has worked is never touched.
  - V(admit) makes a short-lived token (and, for control planes, a certificate key) on a control plane.
  - V(join) joins this host. What an interrupted join left is reset first.
  - Configuration with secrets is in memory (C(/run)), readable for root only, and removed afterwards.
options:
  action:
    description: What is done.
    type: str
    choices: [look, init, admit, join]
    required: true
  name:
    description: Name of the node.
    type: str
  address:
    description: Address of the node on the node network.
    type: str
  documents:
    description: kubeadm configuration without secrets, name and address.
    type: list
    elements: dict
    default: []
  admission:
    description: What V(admit) answered.
    type: dict
  control_plane:
    description: Whether the node is (or is to be) a control plane.
    type: bool
    default: false
  endpoint:
    description: C(host:port) of the API for everybody.
    type: str
  ignore:
    description: Names of kubeadm's own checks that are left out.
    type: list
    elements: str
    default: []
  binaries:
    description: Folder of kubeadm and kubectl.
    type: path
    default: /usr/local/bin
  stale:
    description: Names of control planes that are about to join (again); what they left in etcd is removed.
    type: list
    elements: str
    default: []
  receipt:
    description: The variable C(yk8s_step).
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
    description: Nothing is changed in check mode.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Initialise the cluster
  yk8s_kubeadm:
    action: init
    name: "{{ inventory_hostname }}"
    address: "{{ yk8s_address }}"
    documents: "{{ kubeadm_init_documents }}"
"""

RETURN = r"""
state:
  description: What this host was found to be.
  returned: with look
  type: str
seconds:
  description: How long kubeadm took.
  returned: with init and join, when it ran
  type: float
"""

KUBERNETES = "/etc/kubernetes"
ADMIN = KUBERNETES + "/admin.conf"
KUBELET = KUBERNETES + "/kubelet.conf"
KUBELET_CERTIFICATE = "/var/lib/kubelet/pki/kubelet-client-current.pem"
ETCD_DATA = "/var/lib/etcd/member"
MEMBER = KUBERNETES + "/yk8s/member.json"
"""Says that this host was once a working part of a cluster; written after kubeadm succeeded."""
TOKEN_TTL = "15m0s"
SECRETS = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b|\b[0-9a-f]{64}\b")
LOCAL_API_SECONDS = 60


class Refused(Exception):
    """It cannot be done; the text says why."""


class Host:
    """What kubeadm and kubectl say and do on this host."""

    def __init__(self, module):
        self.module = module
        self.options = module.params

    def run(self, program, *arguments, timeout=20, check=False):
        """Output of a Kubernetes program; `timeout` in seconds."""
        path = os.path.join(self.options["binaries"], program)
        environment = {"PATH": self.options["binaries"] + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        words = ["/usr/bin/timeout", "--kill-after=5", str(timeout), path, *arguments]
        code, out, err = self.module.run_command(words, environ_update=environment)
        if check and code:
            raise Refused(f"{program} {arguments[0]}: " + told(out, err, code))
        return code, out, err

    def kubectl(self, *arguments, kubeconfig=ADMIN, server="", check=False):
        """Output of kubectl with the credentials of this host."""
        words = [
            "--kubeconfig",
            kubeconfig,
            "--request-timeout=10s",
            *(["--server", server] if server else []),
        ]
        return self.run("kubectl", *words, *arguments, check=check)

    @property
    def local(self):
        """URL of the API server on this host."""
        address = self.options["address"]
        return f"https://[{address}]:6443" if ":" in address else f"https://{address}:6443"

    def api_ready(self, server=""):
        """Whether the API answers that it is ready; the one of this host, or any."""
        return os.path.exists(ADMIN) and self.kubectl("get", "--raw", "/readyz", server=server)[0] == 0

    def registered(self):
        """Whether the API knows this node, asked with the node's own certificate; None when it does not answer."""
        try:
            with open(KUBELET, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return False
        server = re.search(r"server: (\S+)", text)
        authority = re.search(r"certificate-authority-data: (\S+)", text)
        if not server or not authority:
            return False
        try:
            trust = ssl.create_default_context(cadata=base64.b64decode(authority.group(1)).decode())
            trust.load_cert_chain(KUBELET_CERTIFICATE)
            url = f"{server.group(1)}/api/v1/nodes/{self.options['name']}"
            with urllib.request.urlopen(url, context=trust, timeout=10) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            return None if error.code >= 500 else False
        except urllib.error.URLError as error:
            return False if isinstance(error.reason, ssl.SSLCertVerificationError) else None
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return None

    def whole(self, registered):
        """Whether this node does its part: kubelet registered, and on a control plane the API server, too."""
        return bool(registered) and (not self.options["control_plane"] or self.api_ready(self.local))

    def refuse_when_used(self):
        """A cluster that other nodes have joined is not half-done, whatever the receipt says."""
        if not self.options["control_plane"] or not self.api_ready(self.local):
            return
        names = self.kubectl("get", "nodes", "-o", "name", server=self.local)[1].split()
        others = [name for name in names if name != "node/" + self.options["name"]]
        if others and self.options["action"] == "init":
            raise Refused(
                f"{self.options['name']} was being initialised when a run ended, but {len(others)} other nodes are in "
                "its cluster; nothing was changed. Look at the cluster before anything else"
            )

    def touched(self):
        """Whether kubeadm has left anything here."""
        manifests = os.path.join(KUBERNETES, "manifests")
        static = os.listdir(manifests) if os.path.isdir(manifests) else []
        return any(name.endswith(".yaml") for name in static) or any(
            os.path.exists(path) for path in (ADMIN, KUBELET, ETCD_DATA, KUBERNETES + "/pki/ca.crt")
        )

    def reset(self):
        """Undo what an interrupted kubeadm left."""
        self.run("kubeadm", "reset", "--force", "--cleanup-tmp-dir", timeout=180, check=True)
        if os.path.exists(MEMBER):
            os.unlink(MEMBER)

    def kubelet_says(self):
        """The last errors of kubelet: kubeadm itself only knows that it does not answer."""
        words = ["journalctl", "--unit", "kubelet", "--lines", "40", "--output", "cat", "--no-pager"]
        errors = [line for line in self.module.run_command(words)[1].splitlines() if re.match(r"E\d{4} |.*error", line)]
        return "".join("\nkubelet: " + SECRETS.sub("***", line)[:240] for line in errors[-3:])

    def kubeadm(self, verb, documents):
        """Run kubeadm with a configuration that nobody else can read; seconds it took."""
        path = f"/run/yk8s-kubeadm-{secrets.token_hex(4)}.yaml"
        text = "".join("---\n" + json.dumps(document) + "\n" for document in documents)
        arguments = [verb, "--config", path]
        if verb == "init":
            arguments.append("--skip-token-print")
        if self.options["ignore"]:
            arguments += ["--ignore-preflight-errors", ",".join(self.options["ignore"])]
        begun = time.monotonic()
        try:
            write_atomic(path, text.encode(), mode=0o600)
            code, out, err = self.run("kubeadm", *arguments, timeout=900)
            if code:
                raise Refused(f"kubeadm {verb}: " + told(out, err, code) + self.kubelet_says())
        finally:
            if os.path.exists(path):
                os.unlink(path)
        mark = {"name": self.options["name"], "endpoint": self.options["endpoint"], "time": time.time()}
        os.makedirs(os.path.dirname(MEMBER), mode=0o700, exist_ok=True)
        write_atomic(MEMBER, json.dumps(mark).encode() + b"\n", mode=0o600, durable=True)
        return round(time.monotonic() - begun, 1)


def told(out, err, code):
    """The end of what a program said, without tokens and keys."""
    if code in (124, 137):
        return "did not end in time; " + told(out, err, 1)
    lines = [line for line in (out + "\n" + err).splitlines() if line.strip() and "[WARNING" not in line]
    errors = [line for line in lines if re.search(r"error|fail|\[ERROR", line, re.IGNORECASE)]
    chosen = (errors or lines)[-12:]
    return SECRETS.sub("***", "\n".join(chosen)) or f"ended with {code}"


def identify(document, options, **extra):
    """A configuration document with the name and the address of this node."""
    registration = dict(document["nodeRegistration"])
    arguments = [a for a in registration.get("kubeletExtraArgs", ()) if a["name"] != "node-ip"]
    registration["name"] = options["name"]
    registration["kubeletExtraArgs"] = [*arguments, {"name": "node-ip", "value": options["address"]}]
    return {**document, "nodeRegistration": registration, **extra}


def random_token():
    """A bootstrap token; it is for this run only."""
    letters = string.ascii_lowercase + string.digits
    return ".".join("".join(secrets.choice(letters) for _ in range(length)) for length in (6, 16))


def look(host, receipt):
    """`member`, `absent`, `broken` (an interrupted run of ours), or an error when it is somebody's cluster."""
    options = host.options
    if not host.touched():
        return "absent"
    ours = bool(receipt and receipt.old)
    begun = ours and receipt.old.get("state") == "started" and not os.path.exists(MEMBER)
    if begun:
        host.refuse_when_used()
        return "broken"
    deadline = time.monotonic() + LOCAL_API_SECONDS
    registered = host.registered()
    while not host.whole(registered) and os.path.exists(MEMBER) and time.monotonic() < deadline:
        time.sleep(1)
        registered = host.registered()
    if host.whole(registered):
        return "member"
    if os.path.exists(MEMBER) and registered is not False:
        raise Refused(
            f"{options['name']} belongs to a cluster that does not answer now, so nothing was changed; look at "
            "`journalctl -u kubelet` and `crictl ps -a` on the host" + host.kubelet_says()
        )
    if os.path.exists(ETCD_DATA):
        raise Refused(
            f"{options['name']} has etcd data of a cluster that does not know it any more; nothing was changed. "
            "Run `kubeadm reset` on the host when that data is not needed, then apply again"
        )
    if not ours and not os.path.exists(MEMBER):
        raise Refused(
            f"{options['name']} has parts of a cluster that yk8s-tui did not make ({KUBERNETES}); nothing was changed. "
            "Run `kubeadm reset` on the host when they are not needed, then apply again"
        )
    return "broken"


def init(host, receipt):
    """Make the first control plane."""
    options = host.options
    state = look(host, receipt)
    if state == "member":
        return {"changed": False}
    if host.module.check_mode:
        return {"changed": True}
    if receipt:
        receipt.start()
    if state == "broken":
        host.reset()
    token = {
        "token": random_token(),
        "ttl": TOKEN_TTL,
        "usages": ["signing", "authentication"],
        "groups": ["system:bootstrappers:kubeadm:default-node-token"],
    }
    documents = []
    for document in options["documents"]:
        if document["kind"] == "InitConfiguration":
            endpoint = {**document["localAPIEndpoint"], "advertiseAddress": options["address"]}
            document = identify(document, options, localAPIEndpoint=endpoint, bootstrapTokens=[token])
        documents.append(document)
    seconds = host.kubeadm("init", documents)
    write_atomic(MADE, configuration_digest(options["documents"]).encode(), mode=0o600)
    return {"changed": True, "seconds": seconds}


def join(host, receipt):
    """Join this host."""
    options = host.options
    state = look(host, receipt)
    if state == "member":
        return {"changed": False}
    if host.module.check_mode:
        return {"changed": True}
    if receipt:
        receipt.start()
    if state == "broken":
        host.reset()
    documents = []
    for document in options["documents"]:
        discovery = dict(document["discovery"])
        discovery["bootstrapToken"] = {
            **discovery["bootstrapToken"],
            "token": options["admission"]["token"],
            "caCertHashes": options["admission"]["ca_hashes"],
        }
        extra = {"discovery": discovery}
        if options["control_plane"]:
            endpoint = {
                **document["controlPlane"]["localAPIEndpoint"],
                "advertiseAddress": options["address"],
            }
            key = options["admission"]["certificate_key"]
            extra["controlPlane"] = {"localAPIEndpoint": endpoint, "certificateKey": key}
        documents.append(identify(document, options, **extra))
    return {"changed": True, "seconds": host.kubeadm("join", documents)}


def admit(host, _receipt):
    """Let nodes in for a quarter of an hour."""
    if host.module.check_mode:
        return {"changed": False, "admission": {}}
    _, out, _ = host.run(
        "kubeadm",
        "token",
        "create",
        "--kubeconfig",
        ADMIN,
        "--ttl",
        TOKEN_TTL,
        "--print-join-command",
        timeout=60,
        check=True,
    )
    words = out.split()
    admission = {
        "token": words[words.index("--token") + 1],
        "ca_hashes": [words[words.index("--discovery-token-ca-cert-hash") + 1]],
    }
    if host.options["control_plane"]:
        _, out, _ = host.run(
            "kubeadm",
            "init",
            "phase",
            "upload-certs",
            "--upload-certs",
            "--kubeconfig",
            ADMIN,
            timeout=60,
            check=True,
        )
        admission["certificate_key"] = re.findall(r"^[0-9a-f]{64}$", out, re.MULTILINE)[-1]
        forget_stale_members(host)
    return {"changed": True, "admission": admission}


def etcdctl(host, *arguments):
    """Output of etcdctl against the etcd of this host: the host's own program, else that of etcd's container."""
    pki = KUBERNETES + "/pki/etcd/"
    keys = (
        "--cacert",
        pki + "ca.crt",
        "--cert",
        pki + "healthcheck-client.crt",
        "--key",
        pki + "healthcheck-client.key",
    )
    words = ["--endpoints", "https://127.0.0.1:2379", *keys, *arguments]
    if os.path.exists(os.path.join(host.options["binaries"], "etcdctl")):
        return host.run("etcdctl", *words, check=True)
    running = host.run("crictl", "ps", "--name", "^etcd$", "--state", "running", "--quiet", check=True)[1].split()
    if not running:
        raise Refused("etcd does not run here; look at `crictl ps -a` on the host")
    return host.run("crictl", "exec", running[0], "etcdctl", *words, check=True)


def forget_stale_members(host):
    """Remove what nodes that are about to join have left in etcd: it would keep them out."""
    if not host.options["stale"]:
        return
    _, out, _ = etcdctl(host, "member", "list", "--write-out", "json")
    for member in json.loads(out).get("members", ()):
        if member.get("name") in host.options["stale"]:
            etcdctl(host, "member", "remove", format(member["ID"], "x"))


def main():
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": ["look", "init", "admit", "join"], "required": True},
            "name": {"type": "str"},
            "address": {"type": "str"},
            "documents": {"type": "list", "elements": "dict", "default": []},
            "admission": {"type": "dict", "no_log": True},
            "control_plane": {"type": "bool", "default": False},
            "endpoint": {"type": "str"},
            "ignore": {"type": "list", "elements": "str", "default": []},
            "binaries": {"type": "path", "default": "/usr/local/bin"},
            "stale": {"type": "list", "elements": "str", "default": []},
            "receipt": STEP_OPTION,
            "done": {"type": "bool", "default": False},
            "directory": {"type": "path", "default": RECEIPTS},
        },
        supports_check_mode=True,
    )
    options = module.params
    receipt = Receipt(options["receipt"], options["directory"]) if options["receipt"] else None
    host = Host(module)
    actions = {"init": init, "admit": admit, "join": join}
    try:
        if options["action"] == "look":
            result = {"changed": False, "state": look(host, receipt)}
        else:
            result = actions[options["action"]](host, receipt)
    except Refused as error:
        module.fail_json(msg=str(error))
    if receipt and options["done"] and not module.check_mode:
        receipt.add("units", {"kubelet.service": "active", "containerd.service": "active"})
        receipt.done()
    module.exit_json(**result)


if __name__ == "__main__":
    main()
