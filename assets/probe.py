# Part of yk8s-tui, Apache-2.0.
"""What a host is and whether what its receipts claim still holds; it reads and changes nothing.

Runs as `python3 - ADDRESS` and writes one JSON object. Standard library only, Python 3.9 and newer.
"""

import fnmatch
import glob
import hashlib
import json
import os
import stat
import sys

from host_facts import facts, output, read

RECEIPTS = "/var/lib/yk8s/receipts/*.json"
LARGE = 1 << 20
FIREWALL = "/var/lib/yk8s/firewall.json"


def receipts():
    """Step id -> receipt; a torn one counts as state `torn`."""
    found = {}
    for path in sorted(glob.glob(RECEIPTS)):
        name = os.path.basename(path)[: -len(".json")]
        try:
            receipt = json.loads(read(path))
            found[str(receipt["step"])] = receipt
        except (ValueError, KeyError, TypeError):
            found[name] = {"step": name, "state": "torn"}
    return found


def digest(path):
    """SHA-256 of a file, hexadecimal."""
    value = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            value.update(block)
    return value.hexdigest()


def file_drift(path, claim, since):
    """How a file differs from what was claimed at a time; None when it does not.

    A large file whose status has not changed since (ctime, which nobody can set) is not read again.
    """
    try:
        status = os.stat(path)
        mode = format(stat.S_IMODE(status.st_mode), "04o")
        if claim.get("mode") and int(claim["mode"], 8) != int(mode, 8):
            return f"{path} has mode {mode} instead of {claim['mode']}"
        if status.st_size >= LARGE and status.st_ctime < since:
            return None
        if claim.get("sha256") and digest(path) != claim["sha256"]:
            return path + " differs"
    except FileNotFoundError:
        return path + " is missing"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return None


def sysctl_drift(name, wanted):
    """How a kernel parameter differs from what was claimed."""
    is_ = " ".join(read("/proc/sys/" + name.replace(".", "/"), "missing").split())
    wanted = " ".join(str(wanted).split())
    return None if is_ == wanted else f"{name} is {is_} instead of {wanted}"


def unit_states(names):
    """Unit -> the states it is in (`active`, `enabled`, …), asked with one command."""
    if not names:
        return {}
    told = output("systemctl", "show", "-p", "Id,Names,ActiveState,SubState,UnitFileState,LoadState", *names)
    states = {}
    for block in told.split("\n\n"):
        fields = dict(line.partition("=")[::2] for line in block.splitlines())
        for name in [fields.get("Id", ""), *fields.get("Names", "").split()]:
            states[name] = fields
    return states


def unit_drift(name, wanted, states):
    """How a unit differs from what was claimed: `active`, `inactive`, `enabled`, `disabled`, `masked`."""
    fields = states.get(name if "." in name else name + ".service", {})
    is_ = [fields.get(key, "") for key in ("ActiveState", "UnitFileState", "SubState", "LoadState")]
    if wanted in is_ or (wanted in ("inactive", "absent", "stopped") and fields.get("LoadState") == "not-found"):
        return None
    return f"{name} is {is_[0] or 'missing'} instead of {wanted}"


def package_states(names):
    """Installed package -> (version, whether it is on hold), asked with one command."""
    if not names:
        return {}
    form = "${binary:Package} ${Version} ${db:Status-Status} ${db:Status-Want}\n"
    rows = (line.split() for line in output("dpkg-query", "-W", "-f", form, *names).splitlines())
    return {
        row[0].partition(":")[0]: (row[1], row[3] == "hold") for row in rows if len(row) == 4 and row[2] == "installed"
    }


def package_drift(name, wanted, packages):
    """How a package differs from what was claimed; an empty version means any, and it may be a pattern."""
    is_ = packages.get(name, ("", False))[0]
    if is_ and (not wanted or fnmatch.fnmatchcase(is_, wanted)):
        return None
    return f"package {name} is {is_ or 'missing'} instead of {wanted or 'installed'}"


def hold_drift(name, packages):
    """Whether a package that was put on hold is not any more; one that is missing is no matter of a hold."""
    held = packages.get(name, ("", True))[1]
    return None if held else f"package {name} is no longer on hold"


def table_drift(name):
    """How a firewall table differs from the rules that were confirmed last; None when it does not."""
    listed = output("nft", "--stateless", "list", "table", *name.split())
    if not listed.strip():
        return f"firewall table {name} is not loaded"
    try:
        confirmed = json.loads(read(FIREWALL, "{}")).get("table")
    except ValueError:
        return FIREWALL + " is torn"
    differs = confirmed and hashlib.sha256(listed.encode()).hexdigest() != confirmed
    return f"firewall table {name} was changed by hand" if differs else None


def drift(receipt, states, packages, of_file=file_drift, of_table=table_drift):
    """Everything that is not as one receipt claims.

    Who looks again and again gives an `of_file` and an `of_table` that remember.
    """
    claims, since = receipt.get("claims", {}), receipt.get("time", 0)
    found = [of_file(path, claim, since) for path, claim in claims.get("files", {}).items()]
    found += [path + " is there again" for path in claims.get("absent", ()) if os.path.lexists(path)]
    found += [sysctl_drift(name, value) for name, value in claims.get("sysctls", {}).items()]
    found += [unit_drift(name, value, states) for name, value in claims.get("units", {}).items()]
    found += [of_table(name) for name in claims.get("tables", {})]
    found += [package_drift(name, value, packages) for name, value in claims.get("packages", {}).items()]
    found += [hold_drift(name, packages) for name in claims.get("holds", {})]
    return [text for text in found if text]


def claimed(found, kind):
    """All names of one kind of claim, over all receipts."""
    return sorted({name for receipt in found.values() for name in receipt.get("claims", {}).get(kind, {})})


def main(arguments):
    """Print the facts, the receipts without their claims, and the drift."""
    found = receipts()
    states = unit_states(claimed(found, "units"))
    packages = package_states(claimed(found, "packages"))
    drifted = {
        step: drift(receipt, states, packages) for step, receipt in found.items() if receipt.get("state") == "done"
    }
    shown = ("digest", "state", "run", "time", "times_run")
    answer = {
        "facts": facts(arguments[0]),
        "receipts": {step: {key: r[key] for key in shown if key in r} for step, r in found.items()},
        "drift": {step: texts for step, texts in drifted.items() if texts},
    }
    json.dump(answer, sys.stdout)
