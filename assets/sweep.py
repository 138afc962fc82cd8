"""Runs on a host, with nothing but its Python: ends what a cancelled run left there, and reads its receipts.

Sent on the standard input of `python3 - RUN`. A process belongs to the run when its environment carries the
run's mark, or when it descends from one that does. Services that a step started on purpose are left alone: their
standard streams go nowhere, those of a module go to the connection it was started by.
"""

import glob
import json
import os
import signal
import sys
import time

RUN = sys.argv[1]
MARK = ("LC_YK8S_RUN=" + RUN).encode()
RECEIPTS = "/var/lib/yk8s/receipts/*.json"


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def stat(pid):
    fields = read("/proc/%d/stat" % pid).rpartition(b")")[2].split()
    return (fields[0], int(fields[1]), fields[19]) if len(fields) > 19 else None


def detached(pid):
    targets = []
    for number in (0, 1, 2):
        try:
            targets.append(os.readlink("/proc/%d/fd/%d" % (pid, number)))
        except OSError:
            targets.append("")
    return not any(target.startswith(("pipe:", "socket:", "/dev/pts")) for target in targets)


def find():
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    parents = {}
    for pid in pids:
        told = stat(pid)
        if told and told[0] != b"Z":
            parents[pid] = told[1]
    own = os.getpid()
    mine = set()
    while own in parents:
        mine.add(own)
        own = parents[own]
    found = {
        p for p in parents if p not in mine and MARK in read("/proc/%d/environ" % p).split(b"\0") and not detached(p)
    }
    growing = True
    while growing:
        more = {p for p, parent in parents.items() if parent in found and p not in mine} - found
        growing = bool(more)
        found |= more
    return {pid: stat(pid)[2] for pid in found if stat(pid)}


def alive(found):
    return {pid: start for pid, start in found.items() if stat(pid) and stat(pid)[2] == start and stat(pid)[0] != b"Z"}


def command(pid):
    return read("/proc/%d/cmdline" % pid).replace(b"\0", b" ").decode("utf-8", "replace").strip()[:120]


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def freeze(left):
    """Stops all of them, also those that appear meanwhile: a shell whose command ends first goes on to its next one."""
    stopped = set()
    while True:
        left = {**alive(left), **find()}
        if not set(left) - stopped:
            return left
        send(set(left) - stopped, signal.SIGSTOP)
        stopped |= set(left)


def modules(left):
    """Those that run Python: an interrupted module removes its folder in /tmp, which a terminated one does not.

    All others stay stopped meanwhile: a shell whose command was interrupted would go on.
    """
    return {pid: start for pid, start in left.items() if os.path.basename(program(pid)).startswith("python")}


def program(pid):
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return ""


def main():
    ended = {}
    left = {}
    for number, seconds, meant in (
        (signal.SIGINT, 1.0, modules),
        (signal.SIGTERM, 3.0, dict),
        (signal.SIGKILL, 2.0, dict),
    ):
        left = freeze(left)
        for pid in left:
            ended[pid] = ended.get(pid) or command(pid)
        ending = meant(left)
        send(ending, number)
        send(ending, signal.SIGCONT)
        until = time.time() + seconds
        while alive(ending) and time.time() < until:
            time.sleep(0.05)
        left = alive(left)
        if not left:
            break
    receipts = {}
    for path in glob.glob(RECEIPTS):
        try:
            receipt = json.loads(read(path).decode())
        except ValueError:
            continue
        if isinstance(receipt, dict) and receipt.get("run") == RUN:
            receipts[str(receipt.get("step"))] = str(receipt.get("state"))
    print(json.dumps({"ended": sorted(ended.values()), "left": [command(pid) for pid in left], "receipts": receipts}))


main()
