"""Scanning host keys: servers that are really there, on this machine."""

from __future__ import annotations

from pathlib import Path

import asyncssh

from yk8s_tui.backends.hostkeys import scan_host_keys
from yk8s_tui.models.nodes import Node


async def serve(kind: str, **options: int) -> asyncssh.SSHAcceptor:
    key = asyncssh.generate_private_key(kind, **options)
    return await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key])


async def test_a_host_with_other_kinds_of_keys_is_told_and_the_others_are_scanned(tmp_path: Path) -> None:
    ours, odd = await serve("ssh-ed25519"), await serve("ecdsa-sha2-nistp521")
    nodes = [
        Node(name=name, address="127.0.0.1", roles=("worker",), ssh_port=server.get_port())
        for name, server in (("w1", ours), ("w2", odd))
    ]
    try:
        found = await scan_host_keys(nodes, known_hosts=tmp_path / "known_hosts", secrets_dir=tmp_path, timeout=5)
    finally:
        for server in (ours, odd):
            server.close()
            await server.wait_closed()
    assert [key.algorithm for key in found["w1"].keys] == ["ssh-ed25519"]
    assert (found["w1"].state, found["w2"].state) == ("new", "unreachable")
    assert "no host key of a kind that is used here" in found["w2"].error
