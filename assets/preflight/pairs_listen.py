# Part of yk8s-tui, Apache-2.0.
"""Listens on TCP ports of a host until its standard input ends, at most 60 s. Python 3.9 and newer."""

import json
import select
import socket
import sys
import time

LONGEST = 60.0


def main(arguments):
    """Ports that are taken already are left alone: whoever has them answers."""
    wanted = json.loads(arguments[0])
    family = socket.AF_INET6 if ":" in wanted["address"] else socket.AF_INET
    sockets = []
    for port in wanted["ports"]:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((wanted["address"], port))
            listener.listen(64)
        except OSError:
            listener.close()
            continue
        sockets.append(listener)
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        ready = select.select([sys.stdin.buffer, *sockets], [], [], 1.0)[0]
        for source in ready:
            if source is sys.stdin.buffer:
                print("{}")
                return
            source.accept()[0].close()
