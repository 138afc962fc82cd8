"""Bundles: making, verifying and finding them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from yk8s_tui.backends import bundle as bundles
from yk8s_tui.backends.bundle import Bundle, BundleError
from yk8s_tui.cli import main
from yk8s_tui.layers.artifacts import Source


def archive(path: Path, reference: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        data = json.dumps([{"RepoTags": [reference], "Layers": []}]).encode()
        member = tarfile.TarInfo("manifest.json")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    (root / "bin").mkdir(parents=True)
    for name in bundles.REQUIRED_BINARIES:
        (root / "bin" / name).write_bytes(f"#!{name}".encode())
    for name in bundles.REQUIRED_IMAGES:
        archive(root / "images" / f"{name}.tar", f"registry.k8s.io/{name}:v1")
    return root


@pytest.fixture
def made(source: Path, tmp_path: Path) -> Bundle:
    return bundles.create("1.36.3", source, tmp_path / "home" / "v1.36.3", architecture="amd64", note=lambda _: None)


def test_a_made_bundle_verifies_and_is_found(made: Bundle, tmp_path: Path) -> None:
    assert made.verify() == ()
    found = Bundle.find("1.36.3", tmp_path / "home")
    assert found is not None
    assert found.root == made.root
    etcd = found.image("etcd")
    assert etcd is not None
    assert etcd.references == ("registry.k8s.io/etcd:v1",)
    assert Bundle.find("1.35.0", tmp_path / "home") is None


def test_a_flipped_bit_is_named_and_never_sent(made: Bundle) -> None:
    kubelet = made.binary("kubelet")
    assert kubelet is not None
    path = made.local(kubelet)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    assert [p for p in made.verify() if p.startswith("bin/kubelet: SHA-256")]
    with pytest.raises(BundleError, match="bin/kubelet"):
        made.checked(kubelet)


def test_missing_and_foreign_files_are_named(made: Bundle) -> None:
    (made.root / "bin" / "kubectl").unlink()
    (made.root / "bin" / "extra").write_text("x")
    assert set(made.verify()) == {
        "bin/kubectl: listed, but not there",
        "bin/extra: not listed in bundle.toml",
    }


def test_a_file_that_goes_after_the_plan_was_made_is_named(made: Bundle) -> None:
    source = Source(made, [file.sha256 for file in made.files])
    gone = next(file for file in source.files if file.name == "kubectl")
    assert source.size(gone) == made.local(gone).stat().st_size
    made.local(gone).unlink()
    with pytest.raises(BundleError, match="kubectl"):
        source.size(gone)


def test_everything_that_lacks_is_named_at_once(source: Path, tmp_path: Path) -> None:
    (source / "bin" / "kubeadm").unlink()
    (source / "images" / "pause.tar").unlink()
    with pytest.raises(BundleError, match="bin/kubeadm, image pause"):
        bundles.create("1.36.3", source, tmp_path / "out", architecture="amd64", note=lambda _: None)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_making_leaves_no_bundle_also_over_an_older_one(made: Bundle, source: Path) -> None:
    (source / "bin" / "kubelet").write_text("newer")

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt(text)

    with pytest.raises(KeyboardInterrupt):
        bundles.create("1.36.3", source, made.root, architecture="amd64", note=interrupt)
    with pytest.raises(BundleError):
        Bundle(made.root)
    again = bundles.create("1.36.3", source, made.root, architecture="amd64", note=lambda _: None)
    assert again.verify() == ()


@pytest.mark.parametrize("version", ["v1.36.3", "1.36", "latest", "1.36.3-rc.1"])
def test_a_manifest_with_another_kind_of_version_is_refused(made: Bundle, version: str) -> None:
    path = made.root / "bundle.toml"
    path.write_text(path.read_text().replace('kubernetes = "1.36.3"', f'kubernetes = "{version}"'))
    with pytest.raises(BundleError, match="not a bundle manifest") as caught:
        bundles.available(made.root.parent)
    assert "kubernetes" in caught.value.why


def test_a_file_that_is_no_archive_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "images" / "etcd.tar").write_text("not a tar")
    with pytest.raises(BundleError, match="is not an image archive"):
        bundles.create("1.36.3", source, tmp_path / "out", architecture="amd64", note=lambda _: None)


@pytest.mark.parametrize(
    "text", ["format = 1\nkubernetes =", "format = 7\nkubernetes = '1.36.3'\narchitecture = 'amd64'", ""]
)
def test_a_torn_or_foreign_manifest_is_an_error_with_the_file(made: Bundle, text: str) -> None:
    (made.root / "bundle.toml").write_text(text)
    with pytest.raises(BundleError) as caught:
        Bundle(made.root)
    assert caught.value.where.endswith("bundle.toml")


def test_commands(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YK8S_BUNDLE_DIR", str(tmp_path / "bundles"))
    assert main(["bundle", "verify"]) == 1
    assert (
        main(
            [
                "bundle",
                "create",
                "--kubernetes",
                "1.36.3",
                "--from-dir",
                str(source),
                "--architecture",
                "amd64",
            ]
        )
        == 0
    )
    assert main(["bundle", "verify"]) == 0
    capsys.readouterr()
    assert main(["bundle", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["bundles"]
    assert [(b["version"], b["missing"]) for b in listed] == [("1.36.3", [])]
    (tmp_path / "bundles/v1.36.3/bin/ctr").write_text("other")
    assert main(["bundle", "verify", "1.36.3"]) == 1
    assert "bin/ctr" in capsys.readouterr().err
    assert main(["bundle", "verify", "1.36.3", "--json"]) == 1
    verified = json.loads(capsys.readouterr().out)["bundles"]
    assert [p.partition(":")[0] for p in verified[0]["problems"]] == ["bin/ctr"]
    assert main(["bundle", "create", "--kubernetes", "1.12.0", "--from-dir", str(source)]) == 2
