# Part of yk8s-tui, Apache-2.0.
"""Measures what the preflight checks judge: runs once on a host, as `python3 - JSON`, and writes one JSON object.

The argument has `measure` (names of measurements), and what those need: `address`, `interface`, `vip`.
Measurements run at the same time; one that breaks says so under its name as `{"error": …}`.
"""

import concurrent.futures
import json
import sys
import time

import host_kernel
import host_network
import host_packages
import host_state

MODULES = (host_state, host_kernel, host_packages, host_network)


def main(arguments):
    """Print name -> measurement, and the time of this host's clock at the end."""
    wanted = json.loads(arguments[0])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        # fsync goes first: it and the two that listen take the longest.
        slow = ("fsync", "vrrp", "vip", "apt_sources")
        names = sorted(wanted["measure"], key=lambda name: name not in slow)
        futures = {name: pool.submit(measure, name, wanted) for name in names}
        found = {name: future.result() for name, future in futures.items()}
    found["time"] = time.time()
    json.dump(found, sys.stdout)


def measure(name, wanted):
    """One measurement by name."""
    try:
        function = next(getattr(m, "measure_" + name) for m in MODULES if hasattr(m, "measure_" + name))
        return function(wanted)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
