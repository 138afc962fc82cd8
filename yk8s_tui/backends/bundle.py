"""Bundles: a folder with everything a Kubernetes version needs to install without Internet."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from yk8s_tui import paths
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.base import Section

MANIFEST = "bundle.toml"
FORMAT = 1
REQUIRED_BINARIES = ("kubeadm", "kubelet", "kubectl", "containerd", "containerd-shim-runc-v2", "ctr")
REQUIRED_IMAGES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "etcd",
    "coredns",
    "pause",
)
"""Last part of the repository name of every image that kubeadm starts."""

Kind = Literal["binary", "image", "chart", "manifest"]
Architecture = Literal["amd64", "arm64"]
KINDS: dict[str, Kind] = {"bin": "binary", "images": "image", "charts": "chart", "manifests": "manifest"}
"""Folder of a bundle -> kind of its files."""


class BundleFile(Section):
    """One file of a bundle."""

    path: str
    """Relative to the bundle, `/`-separated."""
    sha256: str
    """Hexadecimal digest of the content."""
    kind: Kind
    references: tuple[str, ...] = ()
    """For images: the names they are known by."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Manifest(Section):
    """`bundle.toml`."""

    format: Literal[1]
    kubernetes: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """Kubernetes version, X.Y.Z."""
    architecture: Architecture
    file: tuple[BundleFile, ...] = ()


class BundleError(Yk8sError):
    """A bundle is missing, incomplete or damaged."""


class Bundle:
    """A bundle on this machine; opening one reads its manifest only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest = _read_manifest(root)

    @property
    def version(self) -> str:
        """Kubernetes version, X.Y.Z."""
        return self.manifest.kubernetes

    @property
    def architecture(self) -> str:
        """`amd64` or `arm64`."""
        return self.manifest.architecture

    @property
    def files(self) -> tuple[BundleFile, ...]:
        """Every file, in the manifest's order."""
        return self.manifest.file

    @property
    def size(self) -> int:
        """Bytes of the files that are there."""
        return sum(self.local(f).stat().st_size for f in self.files if self.local(f).is_file())

    def of_kind(self, kind: Kind) -> tuple[BundleFile, ...]:
        """The files of one kind."""
        return tuple(f for f in self.files if f.kind == kind)

    def binary(self, name: str) -> BundleFile | None:
        """The binary of that name, or None."""
        return next((f for f in self.of_kind("binary") if f.name == name), None)

    def image(self, name: str) -> BundleFile | None:
        """The image whose repository ends in `name`, or None."""
        return next((f for f in self.of_kind("image") if name in _image_names(f)), None)

    def local(self, file: BundleFile) -> Path:
        """Where a file of the bundle lies on this machine."""
        return self.root / file.path

    def missing(self) -> tuple[str, ...]:
        """What kubeadm needs and the bundle does not name."""
        return lacking(self.files)

    def verify(self) -> tuple[str, ...]:
        """Every file that is missing, altered or not listed, and what is incomplete; empty when all is well."""
        with ThreadPoolExecutor(2) as pool:
            found = [p for p in pool.map(self._check_file, self.files) if p]
        listed = {f.path for f in self.files} | {MANIFEST}
        extra = [
            f"{path.relative_to(self.root)}: not listed in {MANIFEST}"
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and str(path.relative_to(self.root)) not in listed
        ]
        return (*found, *(f"{name}: missing from the bundle" for name in self.missing()), *extra)

    def _check_file(self, file: BundleFile) -> str:
        path = self.local(file)
        if not path.is_file():
            return f"{file.path}: listed, but not there"
        actual = sha256_of(path)
        if actual != file.sha256:
            return f"{file.path}: SHA-256 is {actual[:16]}…, expected {file.sha256[:16]}…"
        return ""

    def checked(self, file: BundleFile) -> Path:
        """The local path, after its digest was verified; `BundleError` when it was altered."""
        problem = self._check_file(file)
        if problem:
            raise BundleError(
                f"the bundle is damaged: {problem}",
                where=str(self.root),
                hint="run `yk8s-tui bundle verify` and copy the bundle again; nothing of this file was sent",
            )
        return self.local(file)

    @classmethod
    def find(cls, version: str, home: Path | None = None) -> Bundle | None:
        """The bundle of a version in `$YK8S_BUNDLE_DIR` or the default folder, or None."""
        for place in looked_in(version, home):
            if (place / MANIFEST).is_file():
                bundle = cls(place)
                if bundle.version == version:
                    return bundle
        return None


def looked_in(version: str, home: Path | None = None) -> tuple[Path, ...]:
    """The folders in which a bundle of this version is looked for, in order."""
    base = home or paths.bundle_home()
    return (base / f"v{version}", base)


def available(home: Path | None = None) -> tuple[Bundle, ...]:
    """Every readable bundle of the default folder, oldest version first."""
    base = home or paths.bundle_home()
    roots = [base, *(sorted(base.iterdir()) if base.is_dir() else [])]
    found = [Bundle(root) for root in roots if (root / MANIFEST).is_file()]
    return tuple(sorted(found, key=lambda b: tuple(int(part) for part in b.version.split("."))))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def image_references(archive: Path) -> tuple[str, ...]:
    """The names in a docker-archive or OCI archive; `BundleError` when it is neither."""
    try:
        with tarfile.open(archive) as tar:
            return tuple(_references_in(tar))
    except (tarfile.TarError, KeyError, json.JSONDecodeError, OSError) as error:
        raise BundleError(
            "is not an image archive",
            where=str(archive),
            why=str(error),
            hint="use what `docker save` or `ctr images export` writes",
        ) from error


def _references_in(tar: tarfile.TarFile) -> Iterator[str]:
    names = tar.getnames()
    if "manifest.json" in names:
        for image in json.load(_member(tar, "manifest.json")):
            yield from image.get("RepoTags") or ()
    elif "index.json" in names:
        for manifest in json.load(_member(tar, "index.json")).get("manifests", ()):
            annotations = manifest.get("annotations", {})
            name = annotations.get("io.containerd.image.name") or annotations.get("org.opencontainers.image.ref.name")
            if name:
                yield name
    else:
        raise KeyError("neither manifest.json nor index.json")


def _member(tar: tarfile.TarFile, name: str) -> Any:
    stream = tar.extractfile(name)
    if stream is None:
        raise KeyError(name)
    return stream


def _image_names(file: BundleFile) -> set[str]:
    return {reference.rpartition("/")[2].partition("@")[0].partition(":")[0] for reference in file.references}


def lacking(files: Iterable[BundleFile]) -> tuple[str, ...]:
    """What kubeadm needs and is not among these files."""
    there = list(files)
    binaries = {file.name for file in there if file.kind == "binary"}
    images = {name for file in there if file.kind == "image" for name in _image_names(file)}
    names = [f"bin/{name}" for name in REQUIRED_BINARIES if name not in binaries]
    return tuple(names + [f"image {name}" for name in REQUIRED_IMAGES if name not in images])


def _read_manifest(root: Path) -> Manifest:
    path = root / MANIFEST
    try:
        content = tomllib.loads(path.read_text())
        return Manifest.model_validate(content)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BundleError(
            "cannot be read",
            where=str(path),
            why=str(error),
            hint="make the bundle again with `yk8s-tui bundle create`",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BundleError(
            "is not a bundle manifest of this release", where=str(path), why=f"{key}: {first['msg']}"
        ) from error


def create(
    version: str,
    source: Path,
    target: Path,
    *,
    architecture: Architecture,
    note: Callable[[str], None],
) -> Bundle:
    """Make a bundle from files at hand: `bin/`, `images/`, `charts/`, `manifests/` below `source`.

    Nothing is copied before everything that kubeadm needs is there; else `BundleError` names all that is
    missing. The manifest of an earlier bundle goes first and the new one comes last, so an interrupted run
    leaves no bundle.
    """
    from yk8s_tui.repository.atomic import write_atomic

    found = [(folder, path) for folder in KINDS for path in sorted((source / folder).glob("*")) if path.is_file()]
    if not found:
        raise BundleError(
            "has no files for a bundle",
            where=str(source),
            hint="put them into bin/, images/, charts/, manifests/",
        )
    entries = [_entry(folder, path) for folder, path in found]
    if absent := lacking(entries):
        raise BundleError(
            f"is not complete: {', '.join(absent)}",
            where=str(source),
            hint="add them and run the command again",
        )
    manifest = Manifest(format=FORMAT, kubernetes=version, architecture=architecture, file=tuple(entries))
    (target / MANIFEST).unlink(missing_ok=True)
    for entry, (_, path) in zip(entries, found, strict=True):
        _copy(entry, path, target / entry.path)
        note(entry.path)
    write_atomic(target / MANIFEST, render(manifest))
    return Bundle(target)


def _entry(folder: str, path: Path) -> BundleFile:
    references = image_references(path) if folder == "images" else ()
    return BundleFile(path=f"{folder}/{path.name}", sha256=sha256_of(path), kind=KINDS[folder], references=references)


def _copy(entry: BundleFile, path: Path, destination: Path) -> None:
    """Copy a file unless it is there already; `BundleError` when it changed since its digest was taken."""
    if not (destination.is_file() and sha256_of(destination) == entry.sha256):
        destination.parent.mkdir(parents=True, exist_ok=True)
        partial = destination.with_name(f".{destination.name}.partial")
        shutil.copyfile(path, partial)
        if sha256_of(partial) != entry.sha256:
            raise BundleError("changed while it was copied", where=str(path), hint="run the command again")
        partial.chmod(0o755 if entry.kind == "binary" else 0o644)
        os.replace(partial, destination)


def render(manifest: Manifest) -> str:
    """The text of `bundle.toml`."""
    import tomlkit

    document = tomlkit.document()
    document.update(
        {"format": manifest.format, "kubernetes": manifest.kubernetes, "architecture": manifest.architecture}
    )
    tables = tomlkit.aot()
    for file in manifest.file:
        entry = file.model_dump(exclude_defaults=True)
        tables.append(tomlkit.item({**entry, **({"references": list(file.references)} if file.references else {})}))
    document["file"] = tables
    return tomlkit.dumps(document)
