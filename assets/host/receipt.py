# Part of yk8s-tui, Apache-2.0.
"""Write the receipt of a step that is no playbook. Runs as `python3 - JSON`; standard library only."""

import json
import os

from yk8s_host import Receipt, mode_of


def main(arguments):
    """Write `started` or `done`, with claims."""
    wanted = json.loads(arguments[0])
    receipt = Receipt(wanted["step"])
    for path, digest in wanted["files"].items():
        status = os.stat(path)
        claim = {
            "sha256": digest,
            "mode": mode_of(path),
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
        }
        receipt.add("files", {path: claim})
    receipt.add("units", wanted["units"])
    if wanted["state"] == "started":
        receipt.start()
    else:
        receipt.done()
