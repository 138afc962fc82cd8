# Part of yk8s-tui, Apache-2.0.
"""What the network around a host is like: ports, routes, the VIP, VRRP. Python 3.9 and newer.

The VIP is asked for with one ARP probe (RFC 5227: sender address zero, so no neighbour learns anything).
"""

import fcntl
import glob
import ipaddress
import json
import os
import re
import select
import socket
import struct
import time

from host_facts import interface_of, output, read

LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
VRRP = 112
VRRP_GROUP = "224.0.0.18"
ETH_P_ARP, ETH_P_IP, SIOCGIFHWADDR = 0x0806, 0x0800, 0x8927
PROBE_SECONDS = 0.8
LISTEN_SECONDS = 1.2


def measure_ports(wanted):
    """Every listening socket, with the name of its process."""
    found = {}
    for protocol, state in LISTENING.items():
        for line in read("/proc/net/" + protocol).splitlines()[1:]:
            fields = line.split()
            if fields[3] == state:
                port = int(fields[1].rpartition(":")[2], 16)
                found[fields[9]] = {"protocol": protocol[:3], "port": port, "local": _local(fields[1])}
    owners = _owners(set(found))
    return [dict(entry, process=owners.get(inode, "")) for inode, entry in found.items()]


def _local(field):
    """Whether a socket is bound to loopback only."""
    address = field.partition(":")[0]
    return address in ("0100007F", "00000000000000000000000001000000") or address.endswith("7F")


def _owners(inodes):
    owners = {}
    for folder in glob.glob("/proc/[0-9]*/fd"):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(os.path.join(folder, name))
            except OSError:
                continue
            if target.startswith("socket:[") and target[8:-1] in inodes:
                owners[target[8:-1]] = read(os.path.join(os.path.dirname(folder), "comm"))
    return owners


def measure_routes(wanted):
    """Networks that this host reaches by routes of its own, each with its device and who made it."""
    found = []
    for family in ("-4", "-6"):
        for route in json.loads(output("ip", family, "-json", "route") or "[]"):
            if route.get("dst") not in (None, "default"):
                entry = {
                    "network": route["dst"],
                    "device": route.get("dev", ""),
                    "by": route.get("protocol", ""),
                }
                found.append(dict(entry, gateway=route.get("gateway", "")))
    return found


def measure_vip(wanted):
    """Hardware addresses that answer for the VIP, other than this host's; whether this host has it."""
    vip, interface = wanted.get("vip"), wanted.get("interface") or interface_of(wanted["address"])
    if not vip or not interface:
        return None
    here = bool(interface_of(vip))
    if here:
        return {"here": True, "answers": []}
    if ipaddress.ip_address(vip).version == 6:
        return {"here": False, "answers": _neighbours(vip)}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)) as link:
        link.bind((interface, 0))
        own = fcntl.ioctl(link.fileno(), SIOCGIFHWADDR, struct.pack("256s", interface.encode()[:15]))[18:24]
        target = socket.inet_aton(vip)
        body = struct.pack("!HHBBH6s4s6s4s", 1, ETH_P_IP, 6, 4, 1, own, b"\0" * 4, b"\0" * 6, target)
        link.send(b"\xff" * 6 + own + struct.pack("!H", ETH_P_ARP) + body)
        answers = set()
        for frame in _frames(link, PROBE_SECONDS):
            if len(frame) >= 42 and frame[20:22] == b"\0\2" and frame[28:32] == target:
                answers.add(":".join(f"{byte:02x}" for byte in frame[22:28]))
    return {"here": False, "answers": sorted(answers)}


def _neighbours(vip):
    """For IPv6: let the kernel resolve the address, and read what it found."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.sendto(b"", (vip, 9))
        except OSError:
            return []
    end = time.monotonic() + PROBE_SECONDS
    while time.monotonic() < end:
        found = re.findall(r"lladdr (\S+)", output("ip", "-6", "neigh", "show", vip))
        if found:
            return sorted(set(found))
        select.select([], [], [], 0.1)
    return []


def measure_macs(wanted):
    """Hardware addresses of this host."""
    return sorted({read(path) for path in glob.glob("/sys/class/net/*/address")} - {"", "00:00:00:00:00:00"})


def measure_vrrp(wanted):
    """VRRP advertisements that arrive within a little more than a second: source, id, priority."""
    interface = wanted.get("interface") or interface_of(wanted["address"])
    if not interface:
        return None
    heard = {}
    group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with group, socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as link:
        link.bind((interface, ETH_P_IP))
        request = struct.pack("4s4si", socket.inet_aton(VRRP_GROUP), b"\0" * 4, socket.if_nametoindex(interface))
        group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        for packet in _frames(link, LISTEN_SECONDS):
            header = (packet[0] & 15) * 4
            if len(packet) >= header + 8 and packet[9] == VRRP:
                source = socket.inet_ntoa(packet[12:16])
                heard[source, packet[header + 1]] = packet[header + 2]
    return [{"source": s, "id": i, "priority": p} for (s, i), p in sorted(heard.items())]


def _frames(link, seconds):
    """What arrives on a socket within a time."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([link], [], [], left)[0]:
            yield link.recv(65535)
