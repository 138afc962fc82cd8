"""Mirrors on this machine, made of a bundle: a signed package repository laid out as pkgs.k8s.io, a real registry."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.lab.conftest import LabCluster, wait_until
from yk8s_tui.backends.bundle import Bundle
from yk8s_tui.backends.lab_names import gateway_of

PROGRAMS = ("docker-registry", "skopeo", "gpg", "dpkg-deb")
KUBELET_UNIT = """\
[Unit]
After=network-online.target
[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10
[Install]
WantedBy=multi-user.target
"""
KUBEADM_DROP_IN = """\
[Service]
Environment="BOOT=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf"
Environment="KUBELET_KUBECONFIG_ARGS=--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $BOOT $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""
CONTAINERD_UNIT = """\
[Unit]
After=network.target local-fs.target
[Service]
ExecStart=/usr/bin/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
LimitNOFILE=infinity
[Install]
WantedBy=multi-user.target
"""


def lacking() -> list[str]:
    """Programs that mirrors need and that are not here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def run(*words: str | Path) -> str:
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def package(
    target: Path, name: str, version: str, bundle: Bundle, programs: tuple[str, ...], *, depends: str = "",
    files: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """One Debian package with programs of the bundle in /usr/bin, as the upstream packages have them."""
    root = target / f".{name}"
    for program in programs:
        (root / "usr/bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(bundle.root / "bin" / program, root / "usr/bin" / program)
    for path, content in (files or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: {bundle.architecture}\nMaintainer: test <root@localhost>\n"
        f"{f'Depends: {depends}' if depends else 'Priority: optional'}\nDescription: made by a test from a bundle\n"
    )
    run("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", root, target / f"{name}_{version}.deb")
    shutil.rmtree(root)


def index(folder: Path, home: Path | None) -> None:
    """Packages and Release of a flat repository; signed with the key in a GnuPG home, when there is one."""
    entries = []
    for deb in sorted(folder.glob("*.deb")):
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        control = run("dpkg-deb", "--field", deb).strip()
        entries.append(f"{control}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    packages = "\n".join(entries).encode()
    (folder / "Packages").write_bytes(packages)
    release = folder / "Release"
    release.write_text(f"Origin: test\nSHA256:\n {hashlib.sha256(packages).hexdigest()} {len(packages)} Packages\n")
    if home:
        gpg = ("gpg", "--homedir", home, "--batch", "--yes", "--armor")
        run(*gpg, "--output", folder / "InRelease", "--clearsign", release)
        run(*gpg, "--output", folder / "Release.key", "--export")


def packages(folder: Path, bundle: Bundle) -> None:
    """The tree that is served: the Kubernetes minor under its upstream path, and containerd.io beside it."""
    version = bundle.version
    minor = version.rpartition(".")[0]
    kubernetes = folder / f"core:/stable:/v{minor}/deb"
    kubernetes.mkdir(parents=True)
    build = f"{version}-1.1"
    package(kubernetes, "cri-tools", build, bundle, ("crictl",))
    package(kubernetes, "kubectl", build, bundle, ("kubectl",))
    package(kubernetes, "kubelet", build, bundle, ("kubelet",),
            files={"usr/lib/systemd/system/kubelet.service": KUBELET_UNIT})  # fmt: skip
    package(kubernetes, "kubeadm", build, bundle, ("kubeadm",), depends="cri-tools (>= 1.30.0)",
            files={"usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": KUBEADM_DROP_IN})  # fmt: skip
    home = folder.parent / "gnupg"
    home.mkdir(mode=0o700)
    run("gpg", "--homedir", home, "--batch", "--passphrase", "", "--quick-generate-key", "test@localhost", "rsa3072")
    index(kubernetes, home)
    run("gpgconf", "--homedir", home, "--kill", "gpg-agent")
    containerd = folder / "containerd"
    containerd.mkdir()
    package(containerd, "containerd.io", "2.1.0-1", bundle, ("containerd", "containerd-shim-runc-v2", "ctr", "runc"),
            files={"usr/lib/systemd/system/containerd.service": CONTAINERD_UNIT})  # fmt: skip
    index(containerd, None)


@contextmanager
def served(folder: Path, address: str) -> Iterator[str]:
    """Serve a folder over HTTP; its base URL."""
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer((address, 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{address}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and writes nothing about it."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def registry(folder: Path, address: str, bundle: Bundle) -> Iterator[str]:
    """A registry with the images of the bundle, each under the path it has upstream; `address:port`."""
    place = f"{address}:5055"
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\nhttp: {{addr: '{place}'}}\n"
    )
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(place), 30, "the registry answers")
        for file in bundle.of_kind("image"):
            for reference in file.references:
                path = reference.partition("/")[2]
                if reference.startswith("registry.k8s.io/"):
                    source = f"docker-archive:{bundle.local(file)}:{reference}"
                    run(
                        "skopeo",
                        "copy",
                        "--insecure-policy",
                        "--dest-tls-verify=false",
                        source,
                        f"docker://{place}/{path}",
                    )
        yield place
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def of(bundle: Bundle, folder: Path, cluster: LabCluster) -> Iterator[dict[str, object]]:
    """Both mirrors on the bridge of a lab that is up; the settings that name them."""
    address = str(gateway_of(cluster.config.harbour.lab.subnet))
    packages(folder / "packages", bundle)
    with served(folder / "packages", address) as url, registry(folder, address, bundle) as place:
        yield {
            "kubernetes.version": bundle.version,
            "kubernetes.source": "packages",
            "kubernetes.package_mirror": url,
            "kubernetes.containerd_package_mirror": f"deb [trusted=yes] {url}/containerd ./",
            "kubernetes.registry_mirrors": [{"registry": "registry.k8s.io", "endpoint": f"http://{place}"}],
        }


def answers(place: str) -> bool:
    done = subprocess.run(["curl", "-sf", f"http://{place}/v2/"], capture_output=True)
    return done.returncode == 0
