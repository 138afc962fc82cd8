"""`yk8s-tui vpn`: who may come in by the VPN, and the files they need for it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from yk8s_tui.commands.common import cluster_directory, print_json
from yk8s_tui.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from yk8s_tui.layers.wireguard_ipam import Ipam
    from yk8s_tui.models.config import Config
    from yk8s_tui.repository.repository import Repository

APPLY = "run `yk8s-tui apply --layer trampoline --yes` to let the frontends know"


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `vpn` with its sub-commands."""
    vpn = commands.add_parser("vpn", help="peers of the VPN: list, add, show, remove")
    actions = vpn.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="peers with their addresses and client files")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    listing.set_defaults(run=_list)
    add = actions.add_parser("add", help="let somebody in; writes the client file")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--public-key", default="", metavar="K", help="the peer's own key; without it, one is made")
    add.set_defaults(run=_add)
    show = actions.add_parser("show", help="print a peer's client file; it contains the private key")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--qr", action="store_true", help="as a QR code, for phones")
    show.add_argument("--tunnel", default="wg0", metavar="wgN", help="which tunnel [wg0]")
    show.set_defaults(run=_show)
    remove = actions.add_parser("remove", help="shut a peer out; its address stays reserved")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove)


def _open(args: argparse.Namespace) -> tuple[Repository, Config]:
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    return repository, repository.load()


def _prepare(repository: Repository, config: Config) -> Ipam:
    """Addresses, keys and client files of every peer, as `apply` would make them."""
    from yk8s_tui.layers import wireguard
    from yk8s_tui.repository.secrets import SecretStore

    return wireguard.prepare(config, repository.root, SecretStore(repository.secrets_dir))


def _list(args: argparse.Namespace) -> int:
    from yk8s_tui.layers import wireguard, wireguard_ipam
    from yk8s_tui.repository.secrets import SecretStore

    repository, config = _open(args)
    ipam = wireguard_ipam.load(repository.root)
    store = SecretStore(repository.secrets_dir)
    rows: list[dict[str, Any]] = []
    for tunnel in wireguard.tunnels(config):
        for peer in config.trampoline.wireguard.peers:
            path = store.path(wireguard.client_file(peer.name, tunnel.name))
            rows.append(
                {
                    "peer": peer.name,
                    "tunnel": tunnel.name,
                    "addresses": list(ipam.get(tunnel.name, {}).get(peer.name, ())),
                    "own_key": bool(peer.public_key),
                    "client_file": str(path) if path.exists() else "",
                }
            )
    if args.json:
        print_json({"enabled": config.trampoline.wireguard.enabled, "peers": rows})
        return ExitCode.DONE
    if not config.trampoline.wireguard.enabled:
        print("the VPN is off; `yk8s-tui vpn add NAME` switches it on")
    elif not rows:
        print("nobody yet; `yk8s-tui vpn add NAME` lets somebody in")
    for row in rows:
        addresses = ", ".join(row["addresses"]) or "(not allocated yet)"
        key = "own key" if row["own_key"] else "key made here"
        print(f"{row['peer']:<24} {row['tunnel']}  {addresses:<32} {key:<14} {row['client_file']}")
    return ExitCode.DONE


def _add(args: argparse.Namespace) -> int:
    from yk8s_tui.layers import wireguard
    from yk8s_tui.repository.secrets import SecretStore

    repository, config = _open(args)
    peers = [_plain(peer.name, peer.public_key) for peer in config.trampoline.wireguard.peers]
    if any(peer["name"] == args.name for peer in peers):
        raise UsageError(f"there is a peer {args.name} already", hint=f"see `yk8s-tui vpn show {args.name}`")
    changes: dict[str, Any] = {"trampoline.wireguard.peers": [*peers, _plain(args.name, args.public_key)]}
    if not config.trampoline.wireguard.enabled:
        changes["trampoline.wireguard.enabled"] = True
    config = repository.update(changes)
    ipam = _prepare(repository, config)
    store = SecretStore(repository.secrets_dir)
    for tunnel in wireguard.tunnels(config):
        path = store.path(wireguard.client_file(args.name, tunnel.name))
        print(f"{args.name} has {', '.join(ipam[tunnel.name][args.name])} on {tunnel.name}: {path}")
    print(APPLY)
    return ExitCode.DONE


def _show(args: argparse.Namespace) -> int:
    from yk8s_tui.layers import wireguard
    from yk8s_tui.repository.secrets import SecretStore

    repository, config = _open(args)
    _require(config, args.name)
    names = [tunnel.name for tunnel in wireguard.tunnels(config)]
    if args.tunnel not in names:
        raise UsageError(f"there is no tunnel {args.tunnel}", hint=f"there are: {', '.join(names) or 'none'}")
    _prepare(repository, config)
    text = SecretStore(repository.secrets_dir).require(wireguard.client_file(args.name, args.tunnel))
    if args.qr:
        import segno

        # Comments would make the picture larger than a terminal is wide.
        settings = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        segno.make(settings, error="l").terminal(out=sys.stdout, compact=True)
    else:
        sys.stdout.write(text)
    return ExitCode.DONE


def _remove(args: argparse.Namespace) -> int:
    repository, config = _open(args)
    _require(config, args.name)
    rest = [_plain(p.name, p.public_key) for p in config.trampoline.wireguard.peers if p.name != args.name]
    config = repository.update({"trampoline.wireguard.peers": rest or None})
    _prepare(repository, config)
    print(f"{args.name} is removed, and so are its client files; {APPLY}")
    return ExitCode.DONE


def _require(config: Config, name: str) -> None:
    known = [peer.name for peer in config.trampoline.wireguard.peers]
    if name not in known:
        raise UsageError(f"there is no peer {name}", hint=f"there are: {', '.join(known) or 'none'}")


def _plain(name: str, public_key: str) -> dict[str, str]:
    """A peer as it stands in the file."""
    return {"name": name, "public_key": public_key} if public_key else {"name": name}
