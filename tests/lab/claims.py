"""A package that a receipt claims, made for the tests: its version and its hold can be changed without harm."""

from __future__ import annotations

import json
from typing import Any

STEP = "trampoline.watched"
RECEIPT = f"/var/lib/yk8s/receipts/{STEP}.json"
INSTALL = (
    "set -e; for v in 1.0 1.1; do d=/root/watched-$v; mkdir -p $d/DEBIAN; "
    "printf 'Package: watched\\nVersion: %s\\nArchitecture: all\\nMaintainer: t <t@t>\\nDescription: t\\n' $v "
    "> $d/DEBIAN/control; dpkg-deb --build $d >/dev/null; done; "
    "dpkg -i /root/watched-1.0.deb; apt-mark hold watched"
)
ANOTHER_VERSION = "dpkg -i /root/watched-1.1.deb; apt-mark hold watched"
FIRST_VERSION = "dpkg -i --force-downgrade /root/watched-1.0.deb; apt-mark hold watched"
REMOVE = f"rm -f {RECEIPT}; dpkg --force-all --purge watched; rm -rf /root/watched-*"
WATCHED = {"packages": {"watched": "1.0"}, "holds": {"watched": ""}}


def claim(**claims: Any) -> str:
    """The command that writes a receipt with these claims."""
    receipt = {
        "format": 1, "step": STEP, "digest": "d", "run": "r", "state": "done", "time": 1764000000.0, "claims": claims,
    }  # fmt: skip
    return f"cat > {RECEIPT} <<'E'\n{json.dumps(receipt)}\nE"
