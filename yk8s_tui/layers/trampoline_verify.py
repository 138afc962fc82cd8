"""Proves that the frontends do what they are for: nothing is assumed from what was configured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers import wireguard
from yk8s_tui.layers.base import ActionContext, NodeOutcome
from yk8s_tui.models.networks import effective_vip
from yk8s_tui.models.plan import Step

PROBE = """\
import json, socket, subprocess, sys
def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.returncode == 0, done.stdout.decode(errors="replace")
def haproxy():
    try:
        with socket.create_connection(("127.0.0.1", 6669), 2) as s:
            s.sendall(b"GET /healthz HTTP/1.0\\r\\n\\r\\n")
            return b" 200 " in s.recv(200)
    except OSError:
        return False
vip = sys.argv[1]
addresses = run("ip", "-o", "address", "show")[1].split()
tunnels = {name: run("wg", "show", name)[0] for name in sys.argv[2:]}
print(json.dumps({"haproxy": haproxy(), "firewall": run("nft", "list", "table", "inet", "yk8s")[0],
    "vip": any(a.split("/")[0] == vip for a in addresses), "tunnels": tunnels,
    "passwords": "passwordauthentication no" not in run("/usr/sbin/sshd", "-T")[1],
    "keepalived": run("systemctl", "is-active", "keepalived.service")[0]}))
"""
"""Runs on the host with its python3 (3.9 or newer); only reads."""


@dataclass(frozen=True)
class Frontend:
    """What one frontend answered."""

    haproxy: bool
    firewall: bool
    vip: bool
    keepalived: bool
    tunnels: Mapping[str, bool]
    passwords: bool = False

    def problems(self, *, needs_keepalived: bool) -> tuple[str, ...]:
        """What does not work here, in words."""
        found = []
        if not self.haproxy:
            found.append("HAProxy does not answer its health check on 127.0.0.1:6669")
        if not self.firewall:
            found.append("the firewall table `inet yk8s` is not loaded")
        if self.passwords:
            found.append("sshd accepts passwords: /etc/ssh/sshd_config does not include /etc/ssh/sshd_config.d")
        if needs_keepalived and not self.keepalived:
            found.append("keepalived does not run")
        found += [f"tunnel {name} is not up" for name, up in self.tunnels.items() if not up]
        return tuple(found)


async def verify(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Ask every frontend until all is well, or the time that an election of the VIP may take is over.

    Also those that the step is not for: one of them may hold the VIP.
    """
    if context.check_only:
        return {name: NodeOutcome("ok", "not asked in check mode") for name in step.nodes}
    config = context.config
    vip = effective_vip(config)
    shared = vip not in {n.address for n in context.inventory.frontends}
    everyone = tuple(n.name for n in context.inventory.frontends)
    for name in step.nodes:
        context.task(name, "Ask HAProxy, keepalived, firewall and VPN")
    patience = 10 + 4 * config.trampoline.vrrp.interval_seconds
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        answers = await asyncio.gather(*(_ask(context, name, vip) for name in everyone))
        judged = judge(dict(zip(everyone, answers, strict=True)), vip if shared else "")
        outcomes = {name: judged[name] for name in step.nodes}
        if all(o.result == "ok" for o in outcomes.values()):
            return outcomes
        if asyncio.get_running_loop().time() > deadline:
            return outcomes
        await asyncio.sleep(0.3)


def judge(answers: Mapping[str, Frontend | Yk8sError], vip: str) -> dict[str, NodeOutcome]:
    """One outcome for each frontend; `vip` is empty when there is none to share."""
    reached = {name: a for name, a in answers.items() if isinstance(a, Frontend)}
    holders = [name for name, a in reached.items() if a.vip]
    outcomes = {}
    for name, answer in answers.items():
        if isinstance(answer, Yk8sError):
            outcomes[name] = NodeOutcome("unreachable", answer.what, answer.hint)
            continue
        problems = list(answer.problems(needs_keepalived=bool(vip)))
        if vip and len(holders) > 1 and answer.vip:
            problems.append(f"the VIP {vip} is held by {' and '.join(holders)} at once")
        if vip and not holders and len(reached) == len(answers):
            problems.append(f"nobody holds the VIP {vip}")
        hint = "see `journalctl -u keepalived -u haproxy -u nftables` on the host" if problems else ""
        holds = "holds the VIP" if vip and answer.vip else "answers"
        outcomes[name] = NodeOutcome("failed" if problems else "ok", "; ".join(problems) or holds, hint)
    return outcomes


async def _ask(context: ActionContext, name: str, vip: str) -> Frontend | Yk8sError:
    words = " ".join([vip or "-", *(t.name for t in wireguard.tunnels(context.config))])
    try:
        done = await context.ssh.run(name, f"python3 - {words}", input=PROBE.encode(), timeout=20)
    except Yk8sError as error:
        return error
    if done.exit:
        return Yk8sError("the check did not run", where=name, why=done.stderr.decode(errors="replace")[-300:])
    return Frontend(**json.loads(done.stdout))
