# Part of yk8s-tui, Apache-2.0.
"""Facts of the host this runs on; it reads and changes nothing. Standard library only, Python 3.9 and newer."""

import json
import os
import platform
import socket
import subprocess

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def read(path, default=""):
    """The text of a small file, stripped; the default when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return default


def output(*command):
    """Standard output of a program; empty when it is missing or takes longer than 10 s."""
    environment = dict(os.environ, LC_ALL="C")
    environment["PATH"] = environment.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=10,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip()


def os_release():
    """The fields of /etc/os-release."""
    lines = (line.partition("=") for line in read("/etc/os-release").splitlines())
    return {key: value.strip("\"'") for key, _, value in lines}


def interface_of(address):
    """The name of the interface that has an address; empty when none has."""
    try:
        found = json.loads(output("ip", "-json", "address", "show", "to", address) or "[]")
    except ValueError:
        return ""
    return next((link["ifname"] for link in found if link.get("addr_info")), "")


def kernel_has(module):
    """Whether a kernel module is built in, loaded, or can be loaded."""
    if os.path.isdir("/sys/module/" + module):
        return True
    folder = "/lib/modules/" + platform.release()
    lists = read(folder + "/modules.builtin") + "\n" + read(folder + "/modules.dep")
    names = (line.partition(":")[0].rpartition("/")[2].partition(".ko")[0] for line in lists.splitlines())
    return module in {name.replace("-", "_") for name in names}


def may_lower_oom_score():
    """Whether oom_score_adj can be lowered here (CAP_SYS_RESOURCE); tried on this process, and put back."""
    path = "/proc/self/oom_score_adj"
    now = int(read(path, "0"))
    if now <= -1000:
        return True
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(now - 1))
        with open(path, "w", encoding="ascii") as file:
            file.write(str(now))
    except OSError:
        return False
    return True


def in_container():
    """Whether this host is a container: no modules to load, no clock to set."""
    if read("/run/systemd/container") or os.path.exists("/.dockerenv"):
        return True
    return "container=" in read("/proc/1/environ").replace("\0", "\n")


def memory_mb():
    """Memory of the machine, MiB."""
    for line in read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def facts(address):
    """Everything the layers want to know of a host."""
    release = os_release()
    return {
        "os_id": release.get("ID", ""),
        "os_version": release.get("VERSION_ID", ""),
        "os_codename": release.get("VERSION_CODENAME", ""),
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "kernel": platform.release(),
        "cgroup": 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        "interface": interface_of(address),
        "wireguard": "kernel" if kernel_has("wireguard") else "userspace",
        "oom_score_adj": may_lower_oom_score(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": memory_mb(),
        "python": platform.python_version(),
        "hostname": socket.gethostname(),
        "machine_id": read("/etc/machine-id"),
        "container": in_container(),
    }
