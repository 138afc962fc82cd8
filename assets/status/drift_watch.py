# Part of yk8s-tui, Apache-2.0.
"""Drift seen again and again at small cost: what cannot have changed is not read again.

Standard library only, Python 3.9 and newer; reads and changes nothing.
"""

import glob
import socket
import struct

import probe
from host_looks import signature

PATIENCE = 3
"""Looks until a firewall table is listed again where the kernel does not number its changes."""

NETLINK_NETFILTER = 12
NFT_MSG_NEWGEN = (10 << 8) | 15
NFT_MSG_GETGEN = (10 << 8) | 16
NLM_F_REQUEST = 1
"""From linux/netlink.h, linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h."""


def rules_generation():
    """A number that moves with every change of any nftables rule; None when the kernel does not tell it."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(1)
            kernel.bind((0, 0))
            kernel.sendto(struct.pack("=LHHLLBBH", 20, NFT_MSG_GETGEN, NLM_F_REQUEST, 1, 0, 0, 0, 0), (0, 0))
            answer = kernel.recv(4096)
    except OSError:
        return None
    if len(answer) < 28 or struct.unpack_from("=H", answer, 4)[0] != NFT_MSG_NEWGEN:
        return None
    return struct.unpack_from(">L", answer, 24)[0]


class DriftWatch:
    """Remembers files, packages and tables, and what was found of them."""

    def __init__(self, units):
        self.units = units
        self.receipts = {}
        self.files = {}
        self.tables = {}
        self.packages = {}
        self.looks = 0
        self.marks = {}

    def moved(self, name, mark):
        """Whether a mark is another than at the last look."""
        before = self.marks.get(name, self)
        self.marks[name] = mark
        return before != mark

    def look(self):
        """Step -> what is not as its receipt claims; steps without drift are left out."""
        self.looks += 1
        self.refresh()
        found = {}
        for step, receipt in self.receipts.items():
            if receipt.get("state") == "done":
                texts = probe.drift(receipt, self.units.states, self.packages, self.of_file, self.of_table)
                if texts:
                    found[step] = texts
        return found

    def refresh(self):
        """Read receipts, packages and the firewall's number again where they moved."""
        paths = sorted(glob.glob(probe.RECEIPTS))
        if self.moved("receipts", [(path, signature(path)) for path in paths]):
            self.receipts = probe.receipts()
            self.files, self.marks["packages"] = {}, self
            self.units.also = tuple(probe.claimed(self.receipts, "units"))
            self.units.look()
        if self.moved("packages", signature("/var/lib/dpkg/status")):
            names = {*probe.claimed(self.receipts, "packages"), *probe.claimed(self.receipts, "holds")}
            self.packages = probe.package_states(sorted(names))
        generation = rules_generation()
        mark = self.looks // PATIENCE if generation is None else generation
        if self.moved("tables", [mark, signature(probe.FIREWALL)]):
            self.tables = {}

    def of_file(self, path, claim, since):
        """`probe.file_drift`, asked again only when the file's status moved."""
        marked = signature(path)
        before = self.files.get((path, since))
        if before is None or before[0] != marked:
            before = self.files[path, since] = (marked, probe.file_drift(path, claim, since))
        return before[1]

    def of_table(self, name):
        """`probe.table_drift`, asked again only when some rule changed."""
        if name not in self.tables:
            self.tables[name] = probe.table_drift(name)
        return self.tables[name]

    def firewall(self):
        """`ours`, `changed` or `missing`; empty when no run has loaded any rules."""
        claimed = probe.claimed(self.receipts, "tables")
        if not claimed:
            return ""
        texts = [text for text in map(self.of_table, claimed) if text]
        if any(text.endswith("is not loaded") for text in texts):
            return "missing"
        return "changed" if texts else "ours"
