# Part of yk8s-tui, Apache-2.0.
"""Tells what is true of this host for as long as standard input stays open; it reads and changes nothing.

Its argument is one JSON object: `roles`, and `vip` (or an empty text). It writes one JSON object a line:

- {"section", "value"} when something is told for the first time, or changed; {"section", "error"} when a look broke;
- {"whole": true} when everything was told once;
- {"pong", "clock"} at once for each word on standard input, and {"clock"} when there was nothing for a second.

It ends when standard input ends or is quiet for half a minute, and when its parent is gone.
Standard library only, Python 3.9 and newer.
"""

import glob
import json
import os
import select
import signal
import sys
import threading
import time

from control_looks import ApiServer, Etcd
from drift_watch import DriftWatch
from frontend_looks import HAProxy, Vip, peers
from host_facts import read
from host_looks import Certificates, Facts, Units

BEAT = 1.0
SILENCE = 30.0


class Teller:
    """Writes lines; a section only when it is another than it was."""

    def __init__(self, handle):
        self.handle = handle
        self.told = {}
        self.lock = threading.Lock()
        self.unheard = threading.Event()

    def write(self, line):
        """One line, whole; when nobody reads any more, `unheard` is set."""
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with self.lock:
            try:
                while data:
                    data = data[os.write(self.handle, data) :]
            except OSError:
                self.unheard.set()

    def tell(self, section, **told):
        """A section's value or error."""
        text = json.dumps(told, sort_keys=True)
        if self.told.get(section) != text:
            self.told[section] = text
            self.write({"section": section, **told})


class Lane(threading.Thread):
    """Looks that follow one another: (section, seconds between two looks, function)."""

    def __init__(self, looks, teller):
        super().__init__(daemon=True)
        self.looks = looks
        self.teller = teller
        self.whole = threading.Event()
        self.ended = threading.Event()

    def run(self):
        """Look until it is ended."""
        due = dict.fromkeys(range(len(self.looks)), 0.0)
        while not self.ended.is_set():
            for number, (section, seconds, look) in enumerate(self.looks):
                if time.monotonic() >= due[number] and not self.ended.is_set():
                    due[number] = time.monotonic() + seconds
                    self.tell(section, look)
            self.whole.set()
            self.ended.wait(max(0.05, min(due.values()) - time.monotonic()))

    def tell(self, section, look):
        """Look once; one that breaks is told, and does not end the others."""
        try:
            self.teller.tell(section, value=look())
        except Exception as error:
            self.teller.tell(section, error=f"{type(error).__name__}: {error}"[:300])


def lanes(options, teller):
    """What is looked at: what may have to be waited for goes beside the rest."""
    units = Units()
    drift = DriftWatch(units)
    local = [
        ("units", 2, units.look),
        ("drift", 2, drift.look),
        ("firewall", 2, drift.firewall),
        ("facts", 3, Facts().look),
        ("certificates", 2, Certificates().look),
    ]
    found = []
    if "frontend" in options["roles"]:
        haproxy, vip = HAProxy(), Vip(options["vip"])
        found.append(Lane([("vip", 1, vip.look), ("haproxy", 1, haproxy.look), ("peers", 5, peers)], teller))
    if "control-plane" in options["roles"]:
        found += [Lane([("apiserver", 2, ApiServer().look)], teller), Lane([("etcd", 2, Etcd().look)], teller)]
    return [Lane(local, teller), *found]


def converse(teller, working):
    """Answer and beat until nobody listens any more."""
    parent, heard, whole = os.getppid(), time.monotonic(), False
    while not teller.unheard.is_set() and os.getppid() == parent:
        if select.select([0], [], [], BEAT)[0]:
            data = os.read(0, 65536)
            if not data:
                return
            heard = time.monotonic()
            for word in data.split():
                teller.write({"pong": word.decode(errors="replace"), "clock": time.time()})
        else:
            teller.write({"clock": time.time()})
            if time.monotonic() - heard > SILENCE:
                return
        if not whole and all(lane.whole.is_set() for lane in working):
            whole = True
            teller.write({"whole": True})


def end_children():
    """End what a look has started and is still waiting for."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        words = read(path).rpartition(")")[2].split()
        if len(words) > 1 and int(words[1]) == os.getpid():
            try:
                os.kill(int(path.split("/")[2]), signal.SIGKILL)
            except OSError:
                continue


def main(arguments):
    """See above; it always ends at once, whatever its looks are waiting for."""
    teller = Teller(1)
    working = lanes(json.loads(arguments[0]), teller)
    try:
        for lane in working:
            lane.start()
        converse(teller, working)
    finally:
        for lane in working:
            lane.ended.set()
        end_children()
        sys.stderr.flush()
        os._exit(0)
