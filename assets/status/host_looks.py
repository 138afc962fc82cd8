# Part of yk8s-tui, Apache-2.0.
"""What is true of any host: facts, units, certificates; each function looks once and changes nothing.

Standard library only, Python 3.9 and newer.
"""

import base64
import glob
import os
import platform
import re

from host_facts import in_container, output, read
from probe import unit_states

UNITS = ("kubelet", "containerd", "haproxy", "keepalived", "chrony", "ssh")
DISKS = ("/", "/var/lib/etcd", "/var/lib/containerd", "/var/lib/kubelet")
GRAIN = 16 << 20
"""Bytes; smaller changes of memory and disks are not worth a line."""

CERTIFICATE_FILES = (
    "/etc/kubernetes/pki/*.crt",
    "/etc/kubernetes/pki/etcd/*.crt",
    "/var/lib/kubelet/pki/kubelet-client-current.pem",
    "/var/lib/kubelet/pki/kubelet-server-current.pem",
    "/var/lib/kubelet/pki/kubelet.crt",
    "/etc/kubernetes/*.conf",
)
BLOCK = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
EMBEDDED = re.compile(r"client-certificate-data: *(\S+)")


def boot_time():
    """When the first process of this host started, seconds since 1970: right for containers, too."""
    match = re.search(r"^btime (\d+)", read("/proc/stat"), re.MULTILINE)
    ticks = read("/proc/1/stat").rpartition(")")[2].split()
    if not match or len(ticks) < 20:
        return 0
    return int(match[1]) + int(ticks[19]) // os.sysconf("SC_CLK_TCK")


def kernel_key(release):
    """Orders kernel releases of one flavour: `6.1.0-9-amd64` before `6.1.0-25-amd64`."""
    return [int(word) if word.isdigit() else -1 for word in re.split(r"[^0-9a-z]+", release)]


def newest_kernel(running, images):
    """The newest installed kernel of the flavour that runs; empty when none is newer than that one."""
    flavour = running.rpartition("-")[2]
    found = [name for name in images if name.rpartition("-")[2] == flavour]
    newest = max(found, key=kernel_key, default="")
    return newest if newest and kernel_key(newest) > kernel_key(running) else ""


def pending_reboot():
    """Why this host should be rebooted; empty when it need not be."""
    if os.path.exists("/run/reboot-required"):
        packages = sorted(set(read("/run/reboot-required.pkgs").split()))
        return "wanted by " + (", ".join(packages) or "an installed package")
    if in_container():
        return ""
    images = [path.partition("vmlinuz-")[2] for path in glob.glob("/boot/vmlinuz-*")]
    newest = newest_kernel(platform.release(), images)
    return f"kernel {newest} is installed, {platform.release()} runs" if newest else ""


def memory():
    """Bytes of memory in all, and available without swapping."""
    fields = dict(line.split(":", 1) for line in read("/proc/meminfo").splitlines() if ":" in line)
    total, free = (int(fields.get(name, "0").split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total, free // GRAIN * GRAIN


def disks(paths=DISKS):
    """Size and free bytes of the file systems of these paths, each file system once."""
    found, seen = [], set()
    for path in paths:
        try:
            device, held = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        if device not in seen:
            seen.add(device)
            size, free = held.f_blocks * held.f_frsize, held.f_bfree * held.f_frsize
            grain = max(4096, min(GRAIN, size // 1000))
            found.append({"path": path, "size": size, "free": free // grain * grain})
    return found


class Facts:
    """Kernel, boot, reboot, load, processors, memory, disks."""

    def __init__(self):
        self.boot = boot_time()

    def look(self):
        """The facts as they are now."""
        total, free = memory()
        return {
            "kernel": platform.release(),
            "boot": self.boot,
            "reboot": pending_reboot(),
            "load": round(os.getloadavg()[0], 1),
            "cpus": len(os.sched_getaffinity(0)),
            "memory": total,
            "memory_free": free,
            "disks": disks(),
        }


class Units:
    """States of the units that matter and of those that receipts claim, asked with one command."""

    def __init__(self):
        self.also = ()
        self.states = {}

    def look(self):
        """Unit -> ActiveState, of the units that matter and are installed."""
        names = [unit + ".service" for unit in UNITS]
        self.states = unit_states(sorted({*names, *self.also}))
        found = {}
        for unit in UNITS:
            fields = self.states.get(unit + ".service", {})
            if fields.get("LoadState") not in (None, "", "not-found"):
                found[unit] = fields.get("ActiveState", "")
        return found


def certificates_in(text):
    """The CERTIFICATE blocks of a file, also of one embedded in a kubeconfig; never anything else of it."""
    embedded = EMBEDDED.search(text)
    if embedded:
        try:
            text = base64.b64decode(embedded[1]).decode("ascii", "replace")
        except ValueError:
            return ""
    return "\n".join(BLOCK.findall(text))


def signature(path):
    """Changes whenever a file does (its ctime cannot be set); None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_ino, status.st_size, status.st_ctime_ns, status.st_mtime_ns, status.st_mode]


class Certificates:
    """The certificates of this host; files are read again only when they changed."""

    def __init__(self, patterns=CERTIFICATE_FILES):
        self.patterns = patterns
        self.known = {}

    def look(self):
        """A list of path and PEM text (certificates only)."""
        paths = sorted(path for pattern in self.patterns for path in glob.glob(pattern))
        now = {}
        for path in paths:
            marked = signature(path)
            before = self.known.get(path)
            now[path] = before if before and before[0] == marked else (marked, certificates_in(read(path)))
        self.known = now
        return [{"path": path, "pem": pem} for path, (_, pem) in now.items() if pem]


def lines_of(*command):
    """The words of each line that a program writes."""
    return [line.split() for line in output(*command).splitlines()]
