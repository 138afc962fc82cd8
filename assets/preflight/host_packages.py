# Part of yk8s-tui, Apache-2.0.
"""Whether packages can be installed on a host; it reads, and takes no lock. Python 3.9 and newer."""

import fcntl
import glob
import json
import os
import re
import struct
import urllib.error
import urllib.request

from host_facts import output, read

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")
FLOCK = "hhqqi4x"


def measure_apt_lock(wanted):
    """Lock file -> process that holds it."""
    held = {}
    for path in LOCKS:
        try:
            handle = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
        finally:
            os.close(handle)
        if kind != fcntl.F_UNLCK:
            held[path] = f"{read(f'/proc/{pid}/comm', 'a process')} ({pid})"
    return held


def measure_apt_state(wanted):
    """Packages that are held, packages that are not wholly installed, and steps of ours that were cut off."""
    half = []
    rows = output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Want} ${db:Status-Status}\n").splitlines()
    held = []
    for row in rows:
        name, want, status = ([*row.split(), "", ""])[:3]
        if want == "hold":
            held.append(name)
        if status in ("unpacked", "half-installed", "half-configured", "triggers-awaited"):
            half.append(name)
    return {"held": sorted(held), "half": sorted(half), "cut_off": _cut_off()}


def _cut_off():
    found = []
    for path in sorted(glob.glob("/var/lib/yk8s/receipts/*.json")):
        try:
            receipt = json.loads(read(path))
        except ValueError:
            continue
        if isinstance(receipt, dict) and receipt.get("state") == "started":
            found.append(str(receipt.get("step")))
    return found


def measure_apt_sources(wanted):
    """Package source -> `ok`, or why it does not answer; asked as apt asks, through apt's proxy."""
    proxy = re.search(r'^Acquire::http::Proxy "([^"]+)"', output("apt-config", "dump"), re.MULTILINE)
    proxies = {"http": proxy[1], "https": proxy[1]} if proxy else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    return {url: _answer(opener, url) for url in _sources()[:3]}


def measure_artifacts(wanted):
    """The same for the sources of Kubernetes packages and images; a registry that wants a login answers, too."""
    proxies = urllib.request.getproxies()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    told = {url: _answer(opener, url) for url in wanted["urls"]}
    return {url: "ok" if answer == "HTTP 401" else answer for url, answer in told.items()}


def _answer(opener, url):
    try:
        with opener.open(urllib.request.Request(url, method="HEAD"), timeout=3):
            return "ok"
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return getattr(reason, "strerror", None) or str(reason)


def _sources():
    """URLs of the release files of the configured sources."""
    found = []
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*.list"))]:
        for line in read(path).splitlines():
            entry = re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(https?://\S+)\s+(\S+)(.*)", line.strip())
            if entry:
                found.append(_release(entry[1], entry[2], entry[3].strip()))
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        for block in read(path).split("\n\n"):
            fields = dict(re.findall(r"^([\w-]+):\s*(.+)$", block, re.MULTILINE))
            for uri in fields.get("URIs", "").split():
                if uri.startswith("http") and fields.get("Enabled", "yes") != "no":
                    for suite in fields.get("Suites", "").split():
                        found.append(_release(uri, suite, fields.get("Components", "")))
    return list(dict.fromkeys(found))


def _release(uri, suite, components):
    folder = suite if suite.endswith("/") and not components else f"dists/{suite}/"
    return f"{uri.rstrip('/')}/{folder.lstrip('/')}InRelease"
