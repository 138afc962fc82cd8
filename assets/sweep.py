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
    return {pid: told[2] for pid in found for told in [stat(pid)] if told}


def alive(found):
    now = {pid: stat(pid) for pid in found}  # asked once: any of them may be gone the next moment
    return {pid: start for pid, start in found.items() if now[pid] and now[pid][2] == start and now[pid][0] != b"Z"}


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


def status(pid, key):
    for line in read("/proc/%d/status" % pid).splitlines():
        name, _, value = line.partition(b":")
        if name == key:
            return value.strip()
    return b""


def modules(left):
    """Those that run Python and do not ignore an interrupt."""
    return {
        pid: start
        for pid, start in left.items()
        if os.path.basename(program(pid)).startswith("python")
        and not int(status(pid, b"SigIgn") or b"0", 16) & 1 << signal.SIGINT - 1
    }


def program(pid):
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return ""


def end(pids, number, seconds):
    """Returns those that are left after that time."""
    send(pids, number)
    send(pids, signal.SIGCONT)
    return wait(pids, seconds)


def wait(pids, seconds):
    until = time.time() + seconds
    while alive(pids) and time.time() < until:
        time.sleep(0.05)
    return alive(pids)


def interrupt(pids, rounds, seconds):
    """An interrupted module removes its folder in /tmp, which a terminated one does not.

    Python can lose an interrupt, as when it comes while it forks: who has only slept since is interrupted again.
    Who cleans up does not sleep, and is left in peace.
    """
    left = end(pids, signal.SIGINT, seconds)
    slept = {}
    for _ in range(rounds):
        others = set(left) - set(modules(left))
        send(others, signal.SIGSTOP)  # had forked, and run another program by now
        left = {pid: start for pid, start in left.items() if pid not in others}
        asleep = {pid: status(pid, b"voluntary_ctxt_switches") for pid in left if (stat(pid) or b"?")[0] == b"S"}
        send([pid for pid in asleep if asleep[pid] == slept.get(pid)], signal.SIGINT)
        slept = asleep
        left = wait(left, seconds)


def main():
    left = freeze({})
    ended = {pid: command(pid) for pid in left}
    # All others stay stopped meanwhile: a shell whose command was interrupted would go on.
    interrupt(modules(left), 15, 0.3)
    for number, seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0)):
        left = freeze(left)
        for pid in left:
            ended[pid] = ended.get(pid) or command(pid)
        left = end(left, number, seconds)
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
