"""Sending files to nodes: verified, atomic, and not at all when the node has them."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.errors import Yk8sError

if TYPE_CHECKING:
    from yk8s_tui.backends.ssh import SshPool

RECEIVE = """\
set -eu
umask 077
target={target}
directory=$(dirname -- "$target")
mkdir -p -m 0755 -- "$directory"
part=$(mktemp -- "$directory/.yk8s-XXXXXXXX")
trap 'rm -f -- "$part"' EXIT
cat > "$part"
got=$(sha256sum < "$part" | cut -c1-64)
[ "$got" = {digest} ] || {{ echo "digest is $got" >&2; exit 65; }}
chmod {mode} "$part"
sync "$part"
mv -f -- "$part" "$target"
"""


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


async def send(
    pool: SshPool,
    node: str,
    local: Path,
    remote: str,
    *,
    mode: int,
    sha256: str | None,
    progress: Callable[[int, int], None] | None,
) -> bool:
    """See `SshPool.put`."""
    digest = sha256 or await asyncio.to_thread(digest_of_file, local)
    target, wanted = shlex.quote(remote), f"{mode:o}"
    have = f"test -f {target} && sha256sum < {target} && stat -c %a {target}"
    told = (await pool.run(node, have, timeout=600)).text.split()
    if told[:1] == [digest]:
        if told[-1] != wanted:
            await pool.run(node, f"chmod {wanted} {target}")
        return False
    total = local.stat().st_size
    report = progress or (lambda done, of: None)
    command = RECEIVE.format(target=target, digest=digest, mode=wanted)
    done = await pool.stream(node, command, local, progress=lambda sent: report(sent, total))
    if not done.ok:
        raise Yk8sError(f"sending {local.name} failed", where=node, why=done.error_text)
    return True
