"""The Debian tree that lab hosts are overlays of: built once, never changed afterwards."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from yk8s_tui import paths
from yk8s_tui.backends.lab_system import file_lock, read_json, run, write_json
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.plan import digest_of

PACKAGES = (
    "ca-certificates", "dbus", "iproute2", "kmod", "netbase", "openssh-server", "procps", "python3", "python3-apt",
    "sudo", "systemd", "systemd-sysv",
)  # fmt: skip
"""What an operator finds on a freshly installed small server, and no more: the layers bring the rest."""

MASKED_UNITS = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "console-getty.service",
    "getty@tty1.service", "systemd-pstore.service", "e2scrub_reap.service",
)  # fmt: skip
"""Units that would act on the machine's disks, download unasked, or want a console."""

FOREIGN_SYSCTLS = ("50-pid-max.conf", "99-protect-links.conf")
"""Debian's sysctl files that are not about net.*: a host would set them for the whole machine."""

MIRROR = "YK8S_DEBIAN_MIRROR"
"""Environment variable with the Debian mirror of lab hosts, where this machine's apt names none."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""Debian's keys; the package debian-archive-keyring has them, on Ubuntu, too."""

RECIPE = 1
"""Raised when a change of this module makes other trees; hosts keep the tree they were made from."""


def lab_cache() -> Path:
    """Where trees and downloaded packages are kept."""
    return paths.cache_home() / "lab"


def base_path(image: str) -> Path:
    """The tree of this release, made by this recipe, whether it exists or not."""
    recipe = digest_of([RECIPE, PACKAGES, MASKED_UNITS, FOREIGN_SYSCTLS])[:8]
    return lab_cache() / f"base-{image}-{recipe}"


def base_id(base: Path) -> str:
    """The id of a finished tree; empty when there is none."""
    return str(read_json(base.with_suffix(".json")).get("id", "")) if base.is_dir() else ""


def archives_path(image: str) -> Path:
    """Packages that hosts of this release downloaded, to be linked into new hosts."""
    return lab_cache() / f"archives-{image}"


async def ensure_base(image: str, note: Callable[[str], None]) -> Path:
    """The tree of this release, built when it is missing (about a minute and 350 MB).

    Two processes at once: the second waits for the first. An interrupted build leaves a temporary
    tree that the next build removes; a tree under its final name is always whole.
    """
    base = base_path(image)
    if base_id(base):
        return base
    async with file_lock(lab_cache() / f"base-{image}.lock"):
        if base_id(base):
            return base
        if not shutil.which("debootstrap"):
            raise Yk8sError("debootstrap is missing", hint="apt-get install debootstrap")
        for stale in lab_cache().glob(f".building-{image}-*"):
            remove_tree(stale)
        note(f"building the base image of Debian {image}: once, about a minute")
        building = Path(tempfile.mkdtemp(prefix=f".building-{image}-", dir=lab_cache()))
        building.chmod(0o755)
        await _debootstrap(image, building)
        _finish(image, building)
        if base.exists():
            remove_tree(base)
        write_json(base.with_suffix(".json"), {"id": uuid.uuid4().hex, "image": image, "packages": PACKAGES})
        building.rename(base)
    return base


def remove_tree(path: Path) -> None:
    """Remove a tree; refused while something is mounted below it, because that would be emptied, too."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    for line in mounts:
        if Path(line.split()[4]).is_relative_to(path):
            raise Yk8sError("something is mounted below it", where=str(path), hint=f"umount {line.split()[4]}")
    shutil.rmtree(path)


async def _debootstrap(image: str, target: Path) -> None:
    # In namespaces of its own: whatever ends the build, its mounts and processes end with it.
    await run(
        "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
        "debootstrap", "--variant=minbase", "--force-check-gpg", f"--keyring={KEYRING}",
         f"--include={','.join(PACKAGES)}", image, target, mirror(),
    )  # fmt: skip


def _finish(image: str, tree: Path) -> None:
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for unit in MASKED_UNITS:
        _link(tree / "etc/systemd/system" / unit, "/dev/null")
    for name in FOREIGN_SYSCTLS:
        _link(tree / "etc/sysctl.d" / name, "/dev/null")
    (tree / "etc/machine-id").write_text("")
    archives = tree / "var/cache/apt/archives"
    keep_archives(archives, image)
    for package in archives.glob("*.deb"):
        package.unlink()


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def keep_archives(source: Path, image: str) -> None:
    """Keep the packages that were downloaded below `source`, for hosts that are made later."""
    _share(source, archives_path(image))


def seed_archives(target: Path, image: str) -> None:
    """Give a host the packages that other hosts downloaded before; apt checks each one's digest."""
    _share(archives_path(image), target)


def _share(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for package in source.glob("*.deb"):
        copy = target / package.name
        if copy.exists():
            continue
        try:
            copy.hardlink_to(package)
        except FileExistsError:
            continue
        except OSError:  # another file system
            partial = target / f".{package.name}.new"
            shutil.copy2(package, partial)
            partial.replace(copy)


def mirror() -> str:
    """The Debian mirror of `$YK8S_DEBIAN_MIRROR`, else the one this machine's apt uses; raises `Yk8sError`."""
    if named := os.environ.get(MIRROR):
        return named
    for line in _source_lines():
        found = re.search(r"(?:^URIs:|^deb\s.*?)\s*(https?://\S+/debian/?)(?:\s|$)", line)
        if found:
            return found.group(1)
    raise Yk8sError(
        "no Debian mirror is known for the lab hosts",
        why="the apt sources of this machine name none",
        hint=f"set {MIRROR} to the address of one",
    )


def _source_lines() -> Iterator[str]:
    folder = Path("/etc/apt/sources.list.d")
    for path in (
        Path("/etc/apt/sources.list"),
        *sorted(folder.glob("*.sources")),
        *sorted(folder.glob("*.list")),
    ):
        if path.is_file():
            yield from path.read_text(errors="replace").splitlines()
