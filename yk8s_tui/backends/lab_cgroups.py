"""A cgroup of its own per host, in every hierarchy: nspawn without a host systemd makes none."""

from __future__ import annotations

import contextlib
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids", "hugetlb")


def unified() -> bool:
    """Whether this machine has cgroup v2 only."""
    return (ROOT / "cgroup.controllers").exists()


def hierarchies() -> tuple[Path, ...]:
    """The mounted hierarchies: one on cgroup v2, one per controller on v1."""
    if unified():
        return (ROOT,)
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] in {"cgroup", "cgroup2"}:
            found.append(Path(before.split()[4]))
    return tuple(found)


def directories(tag: str, node: str) -> tuple[Path, ...]:
    """The host's directory in each hierarchy, whether it exists or not."""
    return tuple(h / f"yk8s-lab-{tag}" / node for h in hierarchies())


def create(tag: str, node: str) -> tuple[Path, ...]:
    """Make the host's cgroups, ready for processes to join."""
    made = directories(tag, node)
    for directory in made:
        directory.mkdir(parents=True, exist_ok=True)
        for level in (directory.parent, directory):
            _ready(level)
    return made


def _ready(level: Path) -> None:
    """Hand controllers on (v2), or fill an empty cpuset and let children inherit it (v1)."""
    subtree = level.parent / "cgroup.subtree_control"
    if subtree.exists():
        for controller in CONTROLLERS:
            with contextlib.suppress(OSError):
                subtree.write_text(f"+{controller}")
    for name in ("cpuset.cpus", "cpuset.mems"):
        own, above = level / name, level.parent / name
        if own.exists() and above.exists() and not own.read_text().strip():
            own.write_text(above.read_text())
    clone = level / "cgroup.clone_children"
    if clone.exists() and (level / "cpuset.cpus").exists():
        clone.write_text("1")


def freeze(tag: str, node: str, *, frozen: bool) -> None:
    """Stop every process of a running host where it is, or let them go on; a frozen one cannot even be killed."""
    values = {"freezer.state": ("THAWED", "FROZEN"), "cgroup.freeze": ("0", "1")}
    for directory in directories(tag, node):
        for name, choice in values.items():
            if (directory / name).exists():
                (directory / name).write_text(choice[frozen])


def processes(tag: str, node: str) -> frozenset[int]:
    """Every process in the host's cgroups: only what was started as this host, and what that started, is there."""
    found: set[int] = set()
    for directory in directories(tag, node):
        for path in directory.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in path.read_text().split())
    return frozenset(found)


def remove(tag: str, node: str) -> None:
    """Remove the host's cgroups and the lab's when it was the last; they are empty once its init is gone."""
    for directory in directories(tag, node):
        for path in sorted(directory.rglob("*"), key=lambda p: len(p.parts), reverse=True):
            if path.is_dir():
                with contextlib.suppress(OSError):
                    path.rmdir()
        for path in (directory, directory.parent):
            with contextlib.suppress(OSError):
                path.rmdir()


def memory_mb(tag: str, node: str) -> int:
    """MiB of anonymous memory of the host's processes (no page cache); 0 when it does not run."""
    names = {"anon", "total_rss"}
    for directory in directories(tag, node):
        with contextlib.suppress(OSError):
            for line in (directory / "memory.stat").read_text().splitlines():
                name, _, value = line.partition(" ")
                if name in names:
                    return int(value) // 2**20
    return 0
