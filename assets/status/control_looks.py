# Part of yk8s-tui, Apache-2.0.
"""The API server and the etcd member of this host, asked on loopback; only questions that change nothing.

Standard library only, Python 3.9 and newer.
"""

import http.client
import json
import os
import re
import socket
import ssl
import time

from host_facts import read

PKI = "/etc/kubernetes/pki"
MANIFESTS = "/etc/kubernetes/manifests"
QUOTA = 2 << 30
"""etcd's default of --quota-backend-bytes."""
TIMEOUT = 3
CHECK = re.compile(r"^\[-\](\S+)", re.MULTILINE)
ALARM = re.compile(r"memberID:(\d+)\s+alarm:(\w+)")
CALM = 0.3
"""An answer that is this much faster or slower than the last one told is no news."""


def flag(manifest, name, default):
    """The number that a static pod's manifest gives to a flag."""
    found = re.search(r"--" + re.escape(name) + r"=[\"']?(\d+)", manifest)
    return int(found[1]) if found else default


class Door:
    """A connection to a server on loopback that is kept; its certificate is checked for `name`."""

    def __init__(self, port, name, authority, certificate="", key=""):
        self.port, self.name, self.authority, self.pair = port, name, authority, (certificate, key)
        self.connection = None

    def ask(self, method, path, body=None):
        """Status and text; `OSError` (also of TLS) or `HTTPException` when there is no answer."""
        fresh = self.connection is None
        try:
            return self.once(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if fresh or isinstance(error, socket.timeout):
                raise
        try:
            return self.once(method, path, body)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def once(self, method, path, body):
        """Ask over the connection there is, or a new one."""
        if self.connection is None:
            self.connection = self.connect()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")

    def connect(self):
        """A new connection: kubeadm's certificates name the host and the service, not always loopback."""
        context = ssl.create_default_context(cafile=self.authority)
        if self.pair[0]:
            context.load_cert_chain(*self.pair)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        plain = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        try:
            connection.sock = context.wrap_socket(plain, server_hostname=self.name)
        except (OSError, ValueError):
            plain.close()
            raise
        return connection

    def close(self):
        """Forget the connection."""
        if self.connection:
            self.connection.close()
        self.connection = None


def why(error, manifest):
    """A failed question in words; what is missing on this host is named."""
    missing = [path for path in (MANIFESTS + "/" + manifest, PKI + "/ca.crt") if not os.path.exists(path)]
    told = failure(error)
    return f"{told} ({' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing)" if missing else told


def failure(error):
    """An error in words."""
    if isinstance(error, socket.timeout):
        return f"no answer within {TIMEOUT} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


class ApiServer:
    """This host's API server, by /readyz."""

    def __init__(self):
        self.doors = []
        self.seconds = 0.0

    def look(self):
        """Whether it is ready, the checks that fail, the seconds it took, or why there was no answer."""
        started = time.monotonic()
        try:
            status, text = self.readyz()
        except (OSError, http.client.HTTPException) as error:
            self.doors = []
            return {"ready": False, "failing": [], "seconds": 0.0, "error": why(error, "kube-apiserver.yaml")}
        self.calm(time.monotonic() - started)
        error = "" if status in (200, 500) else f"/readyz answers {status}"
        return {"ready": status == 200, "failing": CHECK.findall(text), "seconds": self.seconds, "error": error}

    def readyz(self):
        """Anonymously, as is allowed by default; with the API server's own client certificate where it is not."""
        if not self.doors:
            port = flag(read(MANIFESTS + "/kube-apiserver.yaml"), "secure-port", 6443)
            client = PKI + "/apiserver-kubelet-client"
            self.doors = [
                Door(port, "kubernetes", PKI + "/ca.crt"),
                Door(port, "kubernetes", PKI + "/ca.crt", client + ".crt", client + ".key"),
            ]
        while True:
            status, text = self.doors[0].ask("GET", "/readyz?verbose")
            if status not in (401, 403) or len(self.doors) == 1:
                return status, text
            self.doors.pop(0).close()

    def calm(self, seconds):
        """Take over how long it took when that is news."""
        if abs(seconds - self.seconds) > max(0.005, CALM * self.seconds):
            self.seconds = round(seconds, 3)


class Etcd:
    """This host's etcd member, over its JSON gateway.

    Alarms are taken from the status: the alarm question itself would be a proposal to all members.
    """

    def __init__(self):
        self.door = None
        self.quota = QUOTA

    def look(self):
        """What model.EtcdMember wants, or why there was no answer."""
        try:
            if self.door is None:
                manifest = read(MANIFESTS + "/etcd.yaml")
                self.quota = flag(manifest, "quota-backend-bytes", 0) or QUOTA
                pki = PKI + "/etcd/"
                client = pki + "healthcheck-client"
                self.door = Door(2379, "localhost", pki + "ca.crt", client + ".crt", client + ".key")
            status = self.ask("/v3/maintenance/status")
            members = self.ask("/v3/cluster/member/list")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.door = None
            return {"error": why(error, "etcd.yaml")}
        return member(status, members, self.quota)

    def ask(self, path):
        """One question; `ValueError` when the answer is none."""
        code, text = self.door.ask("POST", path, "{}")
        if code != 200:
            raise ValueError(f"{path} answers {code}: {text[:200]}")
        return json.loads(text)


def member(status, listed, quota):
    """The answers of etcd in one; numbers are strings in its JSON, and those that are 0 are left out."""
    header = status.get("header", {})
    me = int(header.get("member_id", 0))
    troubles = [text for text in status.get("errors", ()) if isinstance(text, str)]
    return {
        "id": format(me, "x"),
        "leader": bool(me) and int(status.get("leader", 0)) == me,
        "led": int(status.get("leader", 0)) != 0,
        "learner": bool(status.get("isLearner", False)),
        "revision": int(header.get("revision", 0)),
        "raft_term": int(header.get("raft_term", 0)),
        "size": int(status.get("dbSize", 0)),
        "used": int(status.get("dbSizeInUse", 0)),
        "quota": int(status.get("dbSizeQuota", 0)) or quota,
        "version": status.get("version", ""),
        "alarms": sorted({alarm for text in troubles for _, alarm in ALARM.findall(text)}),
        "members": sorted(m.get("name") or format(int(m.get("ID", 0)), "x") for m in listed.get("members", ())),
        "error": "",
    }
