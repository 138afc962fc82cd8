"""A real kube-apiserver with its etcd on loopback, from a Kubernetes bundle; for tests and benchmarks.

`YK8S_TEST_CONTROL_PLANE` may name a folder with `kube-apiserver`, `etcd` and `kubectl` instead.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from tests.pki import Authority, write_kubeconfig
from yk8s_tui import paths
from yk8s_tui.backends.bundle import Bundle, available
from yk8s_tui.status import kubeconfig

FOLDER = "YK8S_TEST_CONTROL_PLANE"
LOOPBACK = "127.0.0.1"
START_SECONDS = 90.0


@dataclass(frozen=True)
class Programs:
    """What it takes."""

    apiserver: Path
    etcd: Path
    kubectl: Path
    version: str


def lacking() -> str:
    """What is missing to start an API server; empty when nothing."""
    if os.environ.get(FOLDER) or _bundle():
        return ""
    return f"missing: a Kubernetes bundle in {paths.bundle_home()} ($YK8S_BUNDLE_DIR)"


def _bundle() -> Bundle | None:
    whole = [b for b in available() if b.image("kube-apiserver") and b.image("etcd") and b.binary("kubectl")]
    return whole[-1] if whole else None


def programs(folder: Path) -> Programs:
    """The programs; those that are in images are put into `folder`."""
    given = os.environ.get(FOLDER)
    if given:
        names = [Path(given) / name for name in ("kube-apiserver", "etcd", "kubectl")]
        return Programs(*names, version=_version(names[2]))
    bundle = _bundle()
    assert bundle is not None, lacking()
    found = []
    for name in ("kube-apiserver", "etcd"):
        file = bundle.image(name)
        assert file is not None
        found.append(_extract(bundle.local(file), name, folder / name))
    kubectl = bundle.binary("kubectl")
    assert kubectl is not None
    return Programs(*found, kubectl=bundle.local(kubectl), version=bundle.version)


def _version(kubectl: Path) -> str:
    told = subprocess.run([kubectl, "version", "--client", "-o", "json"], capture_output=True, check=True)
    return str(json.loads(told.stdout)["clientVersion"]["gitVersion"]).removeprefix("v")


def _extract(archive: Path, name: str, target: Path) -> Path:
    """The program of that name out of the layers of an image; docker-archive or OCI archive."""
    with tarfile.open(archive) as image:
        for layer in _layers(image):
            with tarfile.open(fileobj=layer) as files:
                for member in files:
                    if member.isfile() and member.name.rpartition("/")[2] == name:
                        source = files.extractfile(member)
                        assert source is not None
                        with target.open("wb") as out:
                            shutil.copyfileobj(source, out)
                        target.chmod(0o755)
                        return target
    raise AssertionError(f"{archive} has no {name}")


def _layers(image: tarfile.TarFile) -> Iterator[IO[bytes]]:
    for name in reversed(_layer_names(image)):
        raw = image.extractfile(name)
        assert raw is not None
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        yield io.BytesIO(gzip.decompress(raw.read())) if packed else raw


def _layer_names(image: tarfile.TarFile) -> list[str]:
    def read(name: str) -> Any:
        member = image.extractfile(name)
        assert member is not None
        return json.load(member)

    def blob(digest: str) -> str:
        return f"blobs/{digest.replace(':', '/')}"

    if "manifest.json" in image.getnames():
        return list(read("manifest.json")[0]["Layers"])
    document = read("index.json")
    while "manifests" in document:
        document = read(blob(document["manifests"][0]["digest"]))
    return [blob(layer["digest"]) for layer in document["layers"]]


class RealApi:
    """An API server in a folder of its own; use it as a context manager. It ends with it, and leaves nothing."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="yk8s-api-"))
        self.programs = programs(self.folder)
        self.authority = Authority()
        self.port, self._etcd, self._peer = free_port(), free_port(), free_port()
        self._running: list[subprocess.Popen[bytes]] = []
        client = self.authority.issue("admin", organization="system:masters")
        self.kubeconfig = write_kubeconfig(
            self.folder / "secrets" / "kubeconfig", self.authority, f"https://{LOOPBACK}:{self.port}", *client
        )
        self._writer = HTTPSConnectionPool(LOOPBACK, self.port, ssl_context=self.context(), maxsize=16)

    def __enter__(self) -> RealApi:
        try:
            self._start_etcd()
            self.start_server()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            end(process)
        shutil.rmtree(self.folder)

    @property
    def server(self) -> subprocess.Popen[bytes]:
        """The API server's process."""
        return self._running[-1]

    def context(self) -> ssl.SSLContext:
        """A TLS context of the admin."""
        return kubeconfig.load(self.kubeconfig).context()

    def start_server(self) -> None:
        """Start the API server, and wait until it is ready."""
        certificate, private, service = (self.folder / name for name in ("server.crt", "server.key", "service.key"))
        if not certificate.exists():
            (self.folder / "ca.crt").write_text(self.authority.pem)
            made = self.authority.issue("kube-apiserver", LOOPBACK)
            for path, text in zip((certificate, private), made, strict=True):
                path.write_text(text)
            service.write_text(self.authority.issue("service-accounts")[1])
        self._run(
            self.programs.apiserver,
            f"--etcd-servers=http://{LOOPBACK}:{self._etcd}",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={self.port}",
            f"--client-ca-file={self.folder}/ca.crt",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={private}",
            f"--service-account-key-file={service}",
            f"--service-account-signing-key-file={service}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            # Nobody makes service accounts here.
            "--disable-admission-plugins=ServiceAccount",
        )
        self._await_ready()

    def stop_server(self) -> None:
        """Stop the API server; etcd stays."""
        end(self._running.pop())

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the admin."""
        command = [str(self.programs.kubectl), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(command, text=True, capture_output=True, check=False)

    def send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Write something, as the admin; may be used by several threads. PATCH is a merge patch."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        raw = None if body is None else json.dumps(body).encode()
        answer = self._writer.urlopen(method, path, body=raw, headers={"Content-Type": kind}, timeout=30)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.data[:500]!r}"
        found: dict[str, Any] = json.loads(answer.data)
        return found

    def _start_etcd(self) -> None:
        client, peer = f"http://{LOOPBACK}:{self._etcd}", f"http://{LOOPBACK}:{self._peer}"
        self._run(
            self.programs.etcd,
            f"--data-dir={self.folder}/data",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        until = time.monotonic() + START_SECONDS
        while not _answers(self._etcd):
            assert self._running[-1].poll() is None, (self.folder / "etcd.log").read_text()[-2000:]
            assert time.monotonic() < until, "etcd does not answer"
            time.sleep(0.05)

    def _run(self, program: Path, *arguments: str) -> None:
        with (self.folder / f"{program.name}.log").open("ab") as log:
            command = [str(program), *arguments]
            self._running.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder))

    def _await_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self.server.poll() is None, f"it ended:\n{self.log()}"
            try:
                if self._writer.urlopen("GET", "/readyz", retries=False, timeout=2).status == 200:
                    return
            except HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the API server was not ready within {START_SECONDS:g} s\n{self.log()}")

    def log(self) -> str:
        """The last that the API server said."""
        return (self.folder / "kube-apiserver.log").read_text(errors="replace")[-3000:]


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
        return True
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and wait for it."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port on loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
