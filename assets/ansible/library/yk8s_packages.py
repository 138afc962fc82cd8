#!/usr/bin/python
# Part of yk8s-tui, Apache-2.0.
"""Ansible module: install Debian packages that are missing, and nothing else."""

from __future__ import annotations

import fnmatch
import os
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.yk8s_host import RECEIPTS, STEP_OPTION, Receipt

DOCUMENTATION = r"""
module: yk8s_packages
short_description: Install the packages that are missing
description:
  - Asks dpkg what is there; apt and the network are only used when something is missing, so that an unchanged host
    needs no package mirror, and no C(python3-apt).
  - Package lists are only fetched when the installation does not work with those at hand.
  - Ends first what an installation left that was cut off, be it of this step or another one; apt refuses until then.
  - Waits for another apt or dpkg (unattended upgrades, cloud-init) to end.
  - Configuration files that exist already are kept.
options:
  packages:
    description: Names, or C(name=version); a version may be a pattern, as apt takes it (C(1.36.3-*)).
    type: list
    elements: str
    required: true
  hold:
    description: Keep apt from changing these packages later; held packages are changed by this module only.
    type: bool
    default: false
  lock_timeout:
    description: How long to wait for another apt or dpkg, seconds.
    type: int
    default: 300
  receipt:
    description: The variable C(yk8s_step); C(started) is written first, and the packages are added to the claims.
    type: dict
  directory:
    description: Where receipts are kept.
    type: path
    default: /var/lib/yk8s/receipts
attributes:
  check_mode:
    description: Nothing is installed in check mode; the result says what is missing.
    support: full
author: yk8s-tui
"""

EXAMPLES = r"""
- name: Install the packages of the trampoline
  yk8s_packages:
    packages: [haproxy, keepalived, nftables]
    receipt: "{{ yk8s_step }}"
"""

RETURN = r"""
installed:
  description: What was (or in check mode would be) installed.
  returned: always
  type: list
  elements: str
"""

DPKG = ("--force-confdef", "--force-confold")
LOCKED = ("Could not get lock", "lock was locked by another process")
"""What apt and dpkg say of a lock that somebody holds."""
APT = (
    "apt-get",
    "--quiet",
    "--yes",
    "--no-install-recommends",
    "--allow-downgrades",
    "--allow-change-held-packages",
    *("-oDpkg::Options::=" + option for option in DPKG),
    "-oAcquire::Retries=3",
)


class Refused(Exception):
    """Packages cannot be installed; the text says why."""


def status_of(packages):
    """Name -> (installed, version, held), as dpkg says."""
    names = [package.split("=", 1)[0] for package in packages]
    form = "${Package}\t${db:Status-Want}\t${db:Status-Status}\t${Version}\n"
    done = _run(["dpkg-query", "--show", "--showformat", form, *names])
    found = {}
    for line in done.stdout.splitlines():
        parts = line.split("\t")
        if len(parts) == 4:
            found[parts[0]] = (parts[2] == "installed", parts[3], parts[1] == "hold")
    return found


def missing_of(packages):
    """The packages that are not installed, or not in the wanted version."""
    found = status_of(packages)
    missing = []
    for package in packages:
        name, _, version = package.partition("=")
        installed, now, _held = found.get(name, (False, "", False))
        if not installed or (version and not fnmatch.fnmatchcase(now, version)):
            missing.append(package)
    return missing


def mend(lock_timeout):
    """End what an installation left that was cut off: configure what is unpacked, then fetch what that needs."""
    if _run(["dpkg", "--audit"]).stdout.strip():
        # This may fail for lack of what is fetched next; what cannot be configured, apt names then.
        _patiently(["dpkg", *DPKG, "--configure", "--pending"], time.monotonic() + lock_timeout)
        _apt(["--fix-broken", "install"], lock_timeout, "apt cannot mend packages that are half installed")


def install(packages, lock_timeout):
    """Install with the lists at hand, else fetch them and try again."""
    _apt(["install", *packages], lock_timeout, "apt cannot install " + ", ".join(packages))


def _apt(arguments, lock_timeout, failed):
    deadline = time.monotonic() + lock_timeout
    words = [*APT, f"-oDPkg::Lock::Timeout={lock_timeout}", *arguments]
    done = _patiently(words, deadline)
    if done.returncode:
        update = _patiently(["apt-get", "--quiet", "-oAcquire::Retries=3", "update"], deadline)
        done = _patiently(words, deadline)
        if done.returncode:
            raise Refused(failed + ": " + _evidence(done, update))


def _patiently(words, deadline):
    """Run apt or dpkg; when another one holds a lock, wait for it."""
    while True:
        done = _run(words)
        locked = any(text in done.stdout for text in LOCKED)
        if done.returncode == 0 or not locked or time.monotonic() > deadline:
            return done
        time.sleep(1)


def _evidence(*results):
    lines = []
    for done in results:
        lines += [line for line in done.stdout.splitlines() if line.startswith(("E:", "Err:", "W: Failed"))][:3]
    return "; ".join(lines) or results[0].stdout[-500:]


def _run(words):
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive", NEEDRESTART_SUSPEND="1")
    environment["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        errors="replace",
        check=False,
    )


def hold(packages, check_mode):
    """Put packages on hold; returns those that were not."""
    found = status_of(packages)
    loose = [name for name in found if not found[name][2]]
    if loose and not check_mode:
        done = _run(["apt-mark", "hold", *loose])
        if done.returncode:
            raise Refused("apt-mark cannot hold " + ", ".join(loose) + ": " + done.stdout.strip())
    return loose


def main():
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "required": True},
            "hold": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 300},
            "receipt": STEP_OPTION,
            "directory": {"type": "path", "default": RECEIPTS},
        },
        supports_check_mode=True,
    )
    options = module.params
    receipt = Receipt(options["receipt"], options["directory"]) if options["receipt"] else None
    if receipt and not module.check_mode:
        receipt.start()
    missing = missing_of(options["packages"])
    loose = []
    try:
        if missing and not module.check_mode:
            mend(options["lock_timeout"])
            install(missing, options["lock_timeout"])
        if options["hold"]:
            loose = hold(options["packages"], module.check_mode)
    except Refused as error:
        module.fail_json(msg=str(error))
    if receipt and not module.check_mode:
        claimed = (package.partition("=") for package in options["packages"])
        receipt.add("packages", {name: version for name, _, version in claimed})
        if options["hold"]:
            receipt.add("holds", {package.partition("=")[0]: "" for package in options["packages"]})
        receipt.save()
    module.exit_json(changed=bool(missing or loose), installed=missing)


if __name__ == "__main__":
    main()
