# Part of yk8s-tui, Apache-2.0.
"""Tries to reach other hosts: echo requests, small and of the interface's MTU, and TCP. Python 3.9 and newer.

Runs as `python3 - JSON` with `address`, `mtu` and `peers` (name -> `address`, `ports`); writes name ->
`ping`, `mtu` (true, false, or null when not tried) and `tcp` (port -> `ok` or why not).
"""

import concurrent.futures
import errno
import json
import os
import select
import socket
import struct
import sys
import time

TCP_SECONDS = 2.5
PING_SECONDS = 1.0
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
IPV6_MTU_DISCOVER, IPV6_DONTFRAG = 23, 62


def main(arguments):
    """All peers and ports at once."""
    wanted = json.loads(arguments[0])
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        found = {
            name: {
                "ping": pool.submit(ping, peer["address"], 84),
                "mtu": pool.submit(ping, peer["address"], wanted["mtu"]) if wanted["mtu"] else None,
                "tcp": {port: pool.submit(connect, peer["address"], port) for port in peer["ports"]},
            }
            for name, peer in wanted["peers"].items()
        }
        answer = {
            name: {
                "ping": entry["ping"].result(),
                "mtu": entry["mtu"].result() if entry["mtu"] else None,
                "tcp": {port: future.result() for port, future in entry["tcp"].items()},
            }
            for name, entry in found.items()
        }
    json.dump(answer, sys.stdout)


def connect(address, port):
    """`ok`, or why a TCP connection did not open; the other side may need a moment to listen."""
    end = time.monotonic() + TCP_SECONDS
    while True:
        try:
            with socket.create_connection((address, port), timeout=max(0.1, end - time.monotonic())):
                return "ok"
        except TimeoutError:
            return "no answer"
        except OSError as error:
            if error.errno != errno.ECONNREFUSED or time.monotonic() > end:
                return error.strerror or str(error)
        select.select([], [], [], 0.1)


def ping(address, size):
    """Whether an echo request whose packet has `size` bytes comes back unfragmented; tried twice."""
    v6 = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if v6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    kind, headers = (128, 48) if v6 else (8, 28)
    identity = int.from_bytes(os.urandom(2), "big")
    with socket.socket(family, socket.SOCK_RAW, protocol) as link:
        if v6:
            link.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_PROBE)
            link.setsockopt(socket.IPPROTO_IPV6, IPV6_DONTFRAG, 1)
        else:
            link.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        link.connect((address, 0))
        for number in (1, 2):
            body = struct.pack("!BBHHH", kind, 0, 0, identity, number) + b"y" * (size - headers)
            if not v6:
                body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
            try:
                link.send(body)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    return False
                continue
            if answered(link, identity, v6):
                return True
    return False


def answered(link, identity, v6):
    """Whether the reply to our request arrives in time."""
    end = time.monotonic() + PING_SECONDS
    while (left := end - time.monotonic()) > 0:
        if not select.select([link], [], [], left)[0]:
            return False
        try:
            packet = link.recv(65535)
        except OSError:
            return False
        reply = packet if v6 else packet[(packet[0] & 15) * 4 :]
        if reply[0] == (129 if v6 else 0) and struct.unpack("!H", reply[4:6])[0] == identity:
            return True
    return False


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
